// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/model_file.h"

#include "core/base/error.h"
#include "core/base/text.h"

namespace gradus {

void ModelFile::setTensors(std::vector<TensorInfo> tensors)
{
    m_tensors = std::move(tensors);
    for (std::size_t i = 0; i < m_tensors.size(); ++i)
        m_index.emplace(m_tensors[i].name, i);
}

const TensorInfo* ModelFile::find(std::string_view name) const
{
    const auto found = m_index.find(std::string(name));
    return found == m_index.end() ? nullptr : &m_tensors[found->second];
}

std::size_t ModelFile::indexOf(std::string_view name) const
{
    const TensorInfo* info = find(name);
    if (!info)
        throw Error(ErrorCode::Format, concat("the model has no tensor ", quoted(name)));
    return static_cast<std::size_t>(info - m_tensors.data());
}

Tensor ModelFile::read(std::string_view name) const
{
    return readTensor(indexOf(name));
}
Tensor ModelFile::readFloat(std::string_view name) const
{
    return readTensorFloat(indexOf(name));
}

Tensor ModelFile::readTensorFloat(std::size_t index) const
{
    Tensor tensor = readTensor(index);
    return tensor.dtype() == DType::F32 ? std::move(tensor) : toFloat(tensor.view());
}

} // namespace gradus
