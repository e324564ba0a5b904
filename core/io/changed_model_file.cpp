// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/changed_model_file.h"

#include "core/tensor/tensor.h"

#include <utility>

namespace gradus {

ChangedModelFile::ChangedModelFile(std::shared_ptr<const ModelFile> file, Changes changes)
    : m_file(std::move(file))
    , m_changes(std::move(changes))
{
    setTensors(m_file->tensors());
    setUses(m_file->weightUses());
    setUnread(m_file->unread());
}

std::vector<FilePiece> ChangedModelFile::piecesOf(std::string_view tensor) const
{
    const auto* placed = dynamic_cast<const PlacedModelFile*>(m_file.get());
    return placed ? placed->piecesOf(tensor) : std::vector<FilePiece>();
}

Tensor ChangedModelFile::readTensor(std::size_t index) const
{
    const TensorInfo& info = tensors()[index];
    if (!m_changes.contains(info.name))
        return m_file->read(info.name);
    const Tensor values = readTensorFloat(index);
    return fromFloat(values.floats(), info.dtype, info.shape);
}

Tensor ChangedModelFile::readTensorFloat(std::size_t index) const
{
    const TensorInfo& info = tensors()[index];
    Tensor original = m_file->readFloat(info.name);
    const auto change = m_changes.find(info.name);
    return change == m_changes.end() ? std::move(original) : change->second(std::move(original));
}

} // namespace gradus
