// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/alloc/sensitivity_table.h"
#include "core/base/monitor.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

/// Where both programs keep sensitivities unless they are told otherwise: "gradus/sensitivity" in
/// $XDG_CACHE_HOME, or in ~/.cache; empty when neither is known.
[[nodiscard]] std::filesystem::path sensitivityCacheFolder();

/// What is known of one layer under one candidate.
struct KnownSensitivity
{
    Sensitivity values;
    /// The last metric that was measured, or found not to be had; nothing: only bytes are known.
    std::optional<SensitivityMetric> reached;
};

/// Sensitivities that were measured before, in a folder, by content: a file for each identity (what
/// all entries depend on: model, data, seed, folding), an entry for each layer and candidate,
/// whatever tables they were measured for. The file is written at its end only, by records with
/// checksums: a killed program loses at most the entry in flight. Programs that write one file at
/// the same time take turns; each sees what the others wrote once it writes itself.
class SensitivityStore
{
public:
    /// Nothing is kept without a folder. What cannot be used of a file is noted: behind a damaged
    /// record nothing is read, and a file whose head is damaged starts anew. Throws Error(Io). When
    /// writing fails later that is noted once, and nothing more is kept. monitor outlives this.
    SensitivityStore(const std::filesystem::path& folder, const std::string& identity,
                     Monitor& monitor);
    /// For reading alone: a file that is not there is not made, a damaged one is left as it is.
    [[nodiscard]] static SensitivityStore reading(const std::filesystem::path& folder,
                                                  const std::string& identity, Monitor& monitor);
    SensitivityStore(SensitivityStore&& other) noexcept;
    SensitivityStore& operator=(SensitivityStore&&) = delete;
    ~SensitivityStore();

    /// Null when nothing is known.
    [[nodiscard]] const KnownSensitivity* find(const std::string& layer,
                                               const LayerChoice& candidate) const;
    /// Replaces what is known, unless that goes further.
    void put(const std::string& layer, const LayerChoice& candidate, const KnownSensitivity& known);

    /// Two layers quantized together.
    [[nodiscard]] std::optional<double> findPair(const std::string& firstLayer,
                                                 const LayerChoice& first,
                                                 const std::string& secondLayer,
                                                 const LayerChoice& second) const;
    void putPair(const std::string& firstLayer, const LayerChoice& first,
                 const std::string& secondLayer, const LayerChoice& second, double together);

    /// The file of an identity.
    [[nodiscard]] static std::filesystem::path path(const std::filesystem::path& folder,
                                                    const std::string& identity);

private:
    SensitivityStore() = default;
    void open(const std::filesystem::path& folder, const std::string& identity, bool forReading,
              Monitor& monitor);
    void take(std::string_view payload);
    void append(std::string_view payload);
    void write(std::string_view payload);
    /// Whoever measured more is right.
    void learn(const std::string& key, KnownSensitivity known);

    std::filesystem::path m_path;
    int m_descriptor = -1;
    Monitor* m_monitor = nullptr;
    std::string m_header;
    std::uint64_t m_end = 0; ///< of what has been read or written
    std::map<std::string, KnownSensitivity> m_known;
    std::map<std::string, double> m_pairs;
};

} // namespace gradus
