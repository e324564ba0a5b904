// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/io/hdf5_file.h"
#include "core/io/keras_description.h"
#include "core/io/keras_file.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gradus {

/// No model has more tensors, nor names of more parts.
inline constexpr std::size_t maximumKerasTensors = std::size_t(1) << 16;
inline constexpr std::ptrdiff_t maximumKerasDepth = 64;

/// "a/b/c" as group by group; no link on the way may lead out of the file.
[[nodiscard]] Hdf5Group openBelow(const Hdf5Group& group, std::string_view path);
void requireShallow(const Hdf5Group& group, const std::string& name);

/// Gathers the tensors of a Keras model, with what the names and classes of layers tell of their
/// use, and makes the container of them.
class KerasTensors
{
public:
    /// config: null, or the model's configuration.
    KerasTensors(std::shared_ptr<const ByteSource> source, const nlohmann::json& config);

    /// The dataset at a path below group. weight: how Keras calls it ("conv1/kernel:0"); layer: the
    /// name in the description.
    void add(const Hdf5Group& group, const std::string& path, const std::string& weight,
             const std::string& layer);
    [[nodiscard]] OpenedContainer finish(std::string config, std::string version);

private:
    [[nodiscard]] std::string classOf(const std::string& layer) const;
    void collectClasses(const nlohmann::json& json);
    [[nodiscard]] TensorInfo infoOf(const std::string& name, const Hdf5Place& place) const;
    void addUse(const TensorInfo& info, const std::string& weight, const std::string& layer);

    std::shared_ptr<const ByteSource> m_source;
    std::unordered_map<std::string, std::string> m_classes; ///< by layer
    std::vector<TensorInfo> m_infos;
    std::vector<std::uint64_t> m_offsets;
    std::vector<UnreadTensor> m_unread;
    std::vector<WeightUse> m_uses;
    std::unordered_set<std::string> m_names;
    std::unordered_set<std::string> m_useNames;
    std::map<std::string, std::vector<KerasWeight>> m_weights;
};

} // namespace gradus
