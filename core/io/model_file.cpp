// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/model_file.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <unordered_set>

namespace gradus {

std::string storedName(const TensorInfo& info)
{
    return info.stored.empty() ? std::string(dtypeName(info.dtype)) : info.stored;
}

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
    if (!info) {
        for (const UnreadTensor& tensor : m_unread)
            if (tensor.name == name)
                throw Error(ErrorCode::Unsupported,
                            concat("tensor ", gradus::quoted(name), ": ", tensor.why));
    }
    if (!info)
        throw Error(ErrorCode::Format, concat("the model has no tensor ", gradus::quoted(name)));
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

void addOtherUses(const std::vector<TensorInfo>& tensors, std::vector<WeightUse>& uses)
{
    std::unordered_set<std::string> known;
    std::unordered_set<std::string> names;
    for (const WeightUse& use : uses) {
        known.insert(use.tensor);
        names.insert(use.name);
    }
    for (const TensorInfo& info : tensors) {
        if (!isFloating(info.dtype) || info.shape.size() < 2 || elementCount(info.shape) == 0 ||
            known.contains(info.name))
            continue;
        WeightUse use;
        use.tensor = info.name;
        use.name = info.name;
        while (!names.insert(use.name).second)
            use.name += '\''; // a layer has that name: rare, and told apart
        use.rows = info.shape[0];
        use.cols = elementCount(info.shape) / use.rows;
        uses.push_back(std::move(use));
    }
}

std::vector<std::span<const std::byte>> gapsBetween(std::span<const std::byte> whole,
                                                    std::vector<std::span<const std::byte>> pieces)
{
    const std::less<const std::byte*> before;
    const std::byte* const end = whole.data() + whole.size();
    std::sort(pieces.begin(), pieces.end(),
              [&](const auto& a, const auto& b) { return before(a.data(), b.data()); });
    std::vector<std::span<const std::byte>> gaps;
    const std::byte* at = whole.data();
    for (const auto& piece : pieces) {
        if (before(piece.data(), whole.data()) || !before(piece.data(), end))
            continue;
        if (before(at, piece.data()))
            gaps.emplace_back(at, piece.data());
        at = std::max(at, piece.data() + piece.size(), before);
    }
    if (before(at, end))
        gaps.emplace_back(at, end);
    return gaps;
}

std::optional<std::uint64_t> tensorBytes(const Shape& shape, DType dtype)
{
    std::uint64_t count = 1;
    for (const std::int64_t size : shape) {
        const auto product =
            size < 0 ? std::nullopt : checkedMultiply(count, static_cast<std::uint64_t>(size));
        if (!product || *product > std::numeric_limits<std::uint64_t>::max() >> 4)
            return std::nullopt;
        count = *product;
    }
    return count * dtypeSize(dtype);
}

} // namespace gradus
