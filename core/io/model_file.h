// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gradus {

struct TensorInfo
{
    std::string name;
    DType dtype = DType::F32; ///< as stored
    Shape shape;
    std::uint64_t bytes = 0; ///< as stored
    std::string file;        ///< path of the file that holds it
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

    /// The tensor in its own dtype. Throws Error(Format) when there is no such tensor.
    [[nodiscard]] Tensor read(std::string_view name) const;
    /// The tensor as F32.
    [[nodiscard]] Tensor readFloat(std::string_view name) const;

protected:
    ModelFile() = default;
    /// Called once by the derived constructor.
    void setTensors(std::vector<TensorInfo> tensors);
    /// Reads tensors()[index].
    [[nodiscard]] virtual Tensor readTensor(std::size_t index) const = 0;
    /// As readTensor, converted; the default goes through readTensor.
    [[nodiscard]] virtual Tensor readTensorFloat(std::size_t index) const;

private:
    [[nodiscard]] std::size_t indexOf(std::string_view name) const;

    std::vector<TensorInfo> m_tensors;
    std::unordered_map<std::string, std::size_t> m_index;
};

} // namespace gradus
