// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/placed_model_file.h"

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace gradus {

/// Another file with other values in some of its tensors, of the same types and shapes. Everything
/// else, where the tensors lie included, is that file's.
class ChangedModelFile : public PlacedModelFile
{
public:
    /// By the name of a tensor of the file: its values, given the file's as F32. They are made at
    /// every read.
    using Changes = std::map<std::string, std::function<Tensor(Tensor original)>>;

    ChangedModelFile(std::shared_ptr<const ModelFile> file, Changes changes);

    [[nodiscard]] const std::shared_ptr<const ModelFile>& original() const { return m_file; }
    [[nodiscard]] const Changes& changes() const { return m_changes; }
    [[nodiscard]] std::vector<FilePiece> piecesOf(std::string_view tensor) const override;

private:
    [[nodiscard]] Tensor readTensor(std::size_t index) const override;
    [[nodiscard]] Tensor readTensorFloat(std::size_t index) const override;

    std::shared_ptr<const ModelFile> m_file;
    Changes m_changes;
};

} // namespace gradus
