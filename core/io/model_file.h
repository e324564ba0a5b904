// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/weight_layout.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gradus {

struct TensorInfo
{
    std::string name;
    DType dtype = DType::F32; ///< as stored; F32 when stored says more
    Shape shape;
    std::uint64_t bytes = 0; ///< as stored
    std::string file;        ///< path of the file that holds it
    std::string stored = {}; ///< the name of a type that no dtype is: "Q4_K"; else ""
};

/// How the elements are stored, for people: "F16", "Q4_K".
[[nodiscard]] std::string storedName(const TensorInfo& info);

/// What a network does with a weight, as far as its container tells.
enum class WeightRole
{
    Linear,
    Embedding,
    Convolution,
    Other
};

/// A weight by its use in the container's own description of the network.
struct WeightUse
{
    std::string tensor;
    std::string name; ///< of the layer, unlike every other
    WeightRole role = WeightRole::Other;
    WeightLayout layout;
    std::int64_t rows = 0; ///< out
    std::int64_t cols = 0; ///< in (· kh · kw)
};

/// A tensor that is there but cannot be read.
struct UnreadTensor
{
    std::string name;
    std::string why; ///< "dtype UINT4 is not among those that Gradus reads (…)"
};

/// A lazy directory of named tensors: opening reads headers only, read() touches one tensor.
/// Immutable and safe to read from several threads.
class ModelFile
{
public:
    ModelFile(const ModelFile&) = delete;
    ModelFile& operator=(const ModelFile&) = delete;
    virtual ~ModelFile() = default;

    /// In the order of the file.
    [[nodiscard]] const std::vector<TensorInfo>& tensors() const { return m_tensors; }
    /// nullptr when there is no such tensor.
    [[nodiscard]] const TensorInfo* find(std::string_view name) const;
    /// Floating tensors of two or more dimensions by their use, in the order of the network; empty
    /// when the container holds tensors and nothing else.
    [[nodiscard]] const std::vector<WeightUse>& weightUses() const { return m_uses; }
    /// Tensors that are not among tensors().
    [[nodiscard]] const std::vector<UnreadTensor>& unread() const { return m_unread; }

    /// The tensor in its own dtype. Throws Error(Format) when there is no such tensor, and
    /// Error(Unsupported) for one of unread().
    [[nodiscard]] Tensor read(std::string_view name) const;
    /// The tensor as F32.
    [[nodiscard]] Tensor readFloat(std::string_view name) const;

protected:
    ModelFile() = default;
    /// Called once by the derived constructor.
    void setTensors(std::vector<TensorInfo> tensors);
    void setUses(std::vector<WeightUse> uses) { m_uses = std::move(uses); }
    void setUnread(std::vector<UnreadTensor> unread) { m_unread = std::move(unread); }
    /// Reads tensors()[index].
    [[nodiscard]] virtual Tensor readTensor(std::size_t index) const = 0;
    /// As readTensor, converted; the default goes through readTensor.
    [[nodiscard]] virtual Tensor readTensorFloat(std::size_t index) const;

private:
    [[nodiscard]] std::size_t indexOf(std::string_view name) const;

    std::vector<TensorInfo> m_tensors;
    std::unordered_map<std::string, std::size_t> m_index;
    std::vector<WeightUse> m_uses;
    std::vector<UnreadTensor> m_unread;
};

/// A container that was opened, and what its fingerprint is made of.
struct OpenedContainer
{
    std::shared_ptr<const ModelFile> tensors;
    /// The first file's bytes besides tensors, in order; they live as long as tensors.
    std::vector<std::span<const std::byte>> header;
    std::vector<std::filesystem::path> otherFiles; ///< that hold tensors too
};

/// Adds uses for floating tensors of two or more dimensions that have none yet: role Other, as they
/// lie in the file.
void addOtherUses(const std::vector<TensorInfo>& tensors, std::vector<WeightUse>& uses);

/// What lies around pieces of whole, in order. Pieces may overlap, and lie elsewhere.
[[nodiscard]] std::vector<std::span<const std::byte>>
gapsBetween(std::span<const std::byte> whole, std::vector<std::span<const std::byte>> pieces);

/// The bytes of a tensor of that shape, as elementCount() bounds it; nothing when it has too many
/// elements to be one.
[[nodiscard]] std::optional<std::uint64_t> tensorBytes(const Shape& shape, DType dtype);

} // namespace gradus
