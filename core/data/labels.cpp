// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/labels.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/io/array_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace gradus {

namespace {

constexpr std::int64_t largestLabel = std::numeric_limits<std::int32_t>::max();

std::vector<std::int32_t> readLines(const std::filesystem::path& path,
                                    const std::vector<std::string>& classes)
{
    std::unordered_map<std::string_view, std::int32_t> names;
    for (std::size_t i = 0; i < classes.size(); ++i)
        names.emplace(classes[i], static_cast<std::int32_t>(i));
    const std::string text = readTextFile(path, std::size_t(1) << 28);
    std::vector<std::int32_t> labels;
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto end = rest.find('\n');
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
        while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
            line.remove_suffix(1);
        long long value = 0;
        if (const auto name = names.find(line); name != names.end())
            labels.push_back(name->second);
        else if (parseInteger(line, value) && value >= -largestLabel && value <= largestLabel)
            labels.push_back(static_cast<std::int32_t>(value));
        else
            throw Error(ErrorCode::Format,
                        concat(path.string(), ", line ", labels.size() + 1, ": ", quoted(line, 40),
                               " is neither a number nor a class of the model"));
    }
    return labels;
}

} // namespace

std::vector<std::int32_t> labelsOf(const StoredArray& array)
{
    const Shape& shape = array.shape();
    const bool isColumn = shape.size() == 2 && shape[1] == 1;
    if ((shape.size() != 1 && !isColumn) || isFloating(array.dtype()))
        throw Error(ErrorCode::Format,
                    concat(array.name(), " holds ", dtypeName(array.dtype()), " of the shape ",
                           shapeText(shape), "; labels are a list of whole numbers"));
    const Tensor values = array.readAll();
    std::vector<std::int32_t> labels(static_cast<std::size_t>(values.count()));
    const std::size_t size = dtypeSize(array.dtype());
    const bool isSigned = array.dtype() != DType::U8 && array.dtype() != DType::Bool;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        std::uint64_t bits = 0;
        std::memcpy(&bits, values.bytes().data() + i * size, size);
        const auto unused = static_cast<int>(64 - 8 * size);
        const std::int64_t value = isSigned ? static_cast<std::int64_t>(bits << unused) >> unused
                                            : static_cast<std::int64_t>(bits);
        if (value > largestLabel || value < -largestLabel)
            throw Error(ErrorCode::Format,
                        concat(array.name(), " holds the label ", value, " at ", i));
        labels[i] = static_cast<std::int32_t>(value);
    }
    return labels;
}

std::vector<std::int32_t> readLabels(const std::filesystem::path& path,
                                     const std::vector<std::string>& classes)
{
    if (!ArrayFile::isArrayFile(path))
        return readLines(path, classes);
    return labelsOf(ArrayFile(path).openAny(
        {"labels", "label", "y", "y_test", "y_val", "y_train", "targets", "target"}));
}

std::vector<std::int32_t> fittedLabels(std::vector<std::int32_t> labels, std::int64_t samples,
                                       std::int64_t classes, std::vector<std::string>& warnings)
{
    if (labels.empty())
        return labels;
    const auto given = static_cast<std::int64_t>(labels.size());
    if (given != samples)
        warnings.push_back(concat(
            formatCount(given), " labels for ", formatCount(samples), " samples: ",
            given < samples ? "the last samples have none" : "the last labels are not used"));
    labels.resize(static_cast<std::size_t>(samples), -1);
    std::int64_t outside = 0;
    std::int32_t largest = 0;
    for (std::int32_t& label : labels) {
        if (classes > 0 && label >= classes) {
            ++outside;
            largest = std::max(largest, label);
            label = -1;
        }
    }
    if (outside > 0)
        warnings.push_back(concat(formatCount(outside), " labels, up to ", largest,
                                  ", lie outside of the model's ", formatCount(classes),
                                  " classes; their samples count as not labeled"));
    return labels;
}

} // namespace gradus
