// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/run.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>

namespace gradus {

/// Finished layers of a run in progress, beside the run file as "RUN.gradus.journal": a header that
/// fingerprints what is computed, then one record per layer with its length and a checksum. A
/// record is written whole and synced; a torn last record is ignored (and cut off) when the journal
/// is opened again, so a kill at any moment loses at most the layer in flight.
class Journal
{
public:
    /// fingerprint: hash of everything that determines the results (model, recipe, data, program).
    /// resume: keep the records of an existing journal with the same fingerprint; a journal with
    /// another one throws Error(Usage) that says so. Without resume an existing journal is
    /// replaced.
    Journal(std::filesystem::path runPath, std::string fingerprint, bool resume);
    ~Journal();

    /// Layers read from an earlier session, by name.
    [[nodiscard]] const std::map<std::string, LayerResult>& finished() const { return m_finished; }
    void append(const LayerResult& result);
    /// Deletes the journal: the run file is written.
    void remove();

private:
    std::filesystem::path m_path;
    std::map<std::string, LayerResult> m_finished;
    int m_descriptor = -1;
    std::uint64_t m_end = 0; ///< of the last whole record
};

[[nodiscard]] std::filesystem::path journalPath(const std::filesystem::path& runPath);

} // namespace gradus
