// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/array_dataset.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace gradus {

namespace {

/// The port's shape for these samples of an array; nothing when it does not fit.
std::optional<Shape> fittedShape(const Shape& array, const Shape& port)
{
    Shape shape = array;
    bool fits = array.size() == port.size();
    for (std::size_t axis = 1; fits && axis < port.size(); ++axis)
        fits = port[axis] < 0 || port[axis] == array[axis];
    if (fits || port.empty())
        return fits || array.size() == 1 ? std::make_optional(shape) : std::nullopt;
    // Another arrangement of as many numbers; one size that is open follows from the others.
    const auto inner = [](const Shape& sizes) {
        return elementCount(Shape(sizes.begin() + 1, sizes.end()));
    };
    Shape wanted = port;
    const std::int64_t have = inner(array);
    const auto open = std::count_if(port.begin() + 1, port.end(), [](auto s) { return s < 0; });
    if (open > 1)
        return std::nullopt;
    const auto free = std::find_if(wanted.begin() + 1, wanted.end(), [](auto s) { return s < 0; });
    if (open == 1) {
        *free = 1;
        const std::int64_t rest = inner(wanted);
        if (rest == 0 || have % rest != 0)
            return std::nullopt;
        *free = have / rest;
    }
    wanted[0] = array[0];
    return inner(wanted) == have ? std::make_optional(wanted) : std::nullopt;
}

class ArrayDataset final : public Dataset
{
public:
    ArrayDataset(std::vector<ArrayInput> inputs, std::vector<std::int32_t> labels,
                 std::vector<std::string> warnings)
        : m_inputs(std::move(inputs))
        , m_labels(std::move(labels))
        , m_warnings(std::move(warnings))
    {
        for (const ArrayInput& input : m_inputs)
            add(input);
    }

    std::int64_t count() const override { return m_count; }
    std::span<const std::int32_t> labels() const override { return m_labels; }
    std::vector<std::string> warnings() const override { return m_warnings; }

    std::vector<Tensor> batch(std::span<const std::int64_t> samples) const override
    {
        std::vector<Tensor> tensors;
        for (std::size_t i = 0; i < m_inputs.size(); ++i) {
            const ArrayInput& input = m_inputs[i];
            Tensor values = asPort(input.array.rows(samples), input.port, input.array.name());
            Shape shape = m_shapes[i];
            shape[0] = static_cast<std::int64_t>(samples.size());
            values.reshape(shape);
            if (!input.mean.empty() || !input.deviation.empty())
                normalize(values, input.mean, input.deviation);
            tensors.push_back(std::move(values));
        }
        return tensors;
    }

    std::string description() const override
    {
        std::string text = concat(formatCount(m_count), " samples");
        for (std::size_t i = 0; i < m_inputs.size(); ++i) {
            const Shape inner(m_shapes[i].begin() + 1, m_shapes[i].end());
            text += concat(", ", quoted(m_inputs[i].port.name), ": ", shapeText(inner));
            const std::string how = normalizationText(m_inputs[i].mean, m_inputs[i].deviation);
            if (!how.empty())
                text += ", " + how;
        }
        return text;
    }

private:
    void add(const ArrayInput& input)
    {
        const StoredArray& array = input.array;
        const auto fail = [&](const auto&... what) {
            return Error(ErrorCode::Shape, concat(array.name(), " has the shape ",
                                                  shapeText(array.shape()), what...));
        };
        if (array.shape().empty() || array.shape()[0] == 0)
            throw fail("; samples along the first axis are expected");
        const auto shape = fittedShape(array.shape(), input.port.shape);
        if (!shape) {
            const Shape& wanted = input.port.shape;
            std::string sizes;
            for (std::size_t axis = 1; axis < wanted.size(); ++axis)
                sizes += concat(" × ", wanted[axis] < 0 ? "any" : std::to_string(wanted[axis]));
            throw fail("; the model's input ", quoted(input.port.name), " wants samples", sizes);
        }
        if (!m_shapes.empty() && array.shape()[0] != m_count)
            throw fail(", but ", m_inputs.front().array.name(), " has ", m_count, " samples");
        if (*shape != array.shape())
            m_warnings.push_back(concat(array.name(), " is ", shapeText(array.shape()),
                                        ", read as ", shapeText(*shape)));
        if (!input.mean.empty() || !input.deviation.empty()) {
            if (input.port.dtype != DType::F32)
                throw Error(ErrorCode::Usage,
                            concat("the model's input ", quoted(input.port.name),
                                   " takes no floats; a mean and a deviation are for those"));
            checkNormalization(input.mean, input.deviation, shape->back(), array.name());
        }
        m_count = array.shape()[0];
        m_shapes.push_back(*shape);
    }

    std::vector<ArrayInput> m_inputs;
    std::vector<Shape> m_shapes;
    std::vector<std::int32_t> m_labels;
    std::vector<std::string> m_warnings;
    std::int64_t m_count = 0;
};

class JoinedDataset final : public Dataset
{
public:
    JoinedDataset(std::shared_ptr<const Dataset> first, std::shared_ptr<const Dataset> others)
        : m_first(std::move(first))
        , m_others(std::move(others))
    {
        if (m_first->count() != m_others->count())
            throw Error(ErrorCode::Shape, concat("the first input has ", m_first->count(),
                                                 " samples, the others ", m_others->count()));
    }
    std::int64_t count() const override { return m_first->count(); }
    std::span<const std::int32_t> labels() const override { return m_first->labels(); }
    std::vector<Tensor> batch(std::span<const std::int64_t> samples) const override
    {
        std::vector<Tensor> tensors = m_first->batch(samples);
        for (Tensor& other : m_others->batch(samples))
            tensors.push_back(std::move(other));
        return tensors;
    }
    std::string description() const override
    {
        return concat(m_first->description(), "; ", m_others->description());
    }
    std::vector<std::string> warnings() const override
    {
        std::vector<std::string> all = m_first->warnings();
        const std::vector<std::string> more = m_others->warnings();
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }

private:
    std::shared_ptr<const Dataset> m_first;
    std::shared_ptr<const Dataset> m_others;
};

template <class T>
void toIntegers(const Tensor& from, std::int64_t* to)
{
    for (std::int64_t i = 0; i < from.count(); ++i) {
        T value;
        std::memcpy(&value, from.bytes().data() + static_cast<std::size_t>(i) * sizeof value,
                    sizeof value);
        to[i] = static_cast<std::int64_t>(value);
    }
}

} // namespace

Tensor asPort(Tensor values, const GraphPort& port, const std::string& name)
{
    if (values.dtype() == port.dtype)
        return values;
    if (port.dtype == DType::F32)
        return toFloat(values.view());
    if (isFloating(values.dtype()))
        throw Error(ErrorCode::Unsupported,
                    concat(name, " holds floats; the model's input ", quoted(port.name), " takes ",
                           port.dtype == DType::Bool ? "booleans" : "whole numbers"));
    Tensor integers(DType::I64, values.shape());
    auto* to = reinterpret_cast<std::int64_t*>(integers.bytes().data());
    switch (values.dtype()) {
    case DType::I64:
        toIntegers<std::int64_t>(values, to);
        break;
    case DType::I32:
        toIntegers<std::int32_t>(values, to);
        break;
    case DType::I16:
        toIntegers<std::int16_t>(values, to);
        break;
    case DType::I8:
        toIntegers<std::int8_t>(values, to);
        break;
    default:
        toIntegers<std::uint8_t>(values, to);
        break;
    }
    if (port.dtype != DType::Bool)
        return integers;
    Tensor truths(DType::Bool, values.shape());
    for (std::int64_t i = 0; i < truths.count(); ++i)
        truths.bytes()[static_cast<std::size_t>(i)] = std::byte{to[i] != 0};
    return truths;
}

void normalize(Tensor& values, std::span<const float> mean, std::span<const float> deviation)
{
    const MatrixView rows = values.matrix();
    const auto of = [](std::span<const float> list, std::int64_t channel, float otherwise) {
        if (list.empty())
            return otherwise;
        return list.size() == 1 ? list[0] : list[static_cast<std::size_t>(channel)];
    };
    std::vector<float> means, deviations;
    for (std::int64_t c = 0; c < rows.cols; ++c) {
        means.push_back(of(mean, c, 0));
        deviations.push_back(of(deviation, c, 1));
    }
    for (std::int64_t r = 0; r < rows.rows; ++r) {
        float* row = rows.data + r * rows.stride;
        for (std::size_t c = 0; c < means.size(); ++c)
            row[c] = (row[c] - means[c]) / deviations[c];
    }
}

void checkNormalization(std::span<const float> mean, std::span<const float> deviation,
                        std::int64_t channels, const std::string& name)
{
    for (const auto& [list, what] :
         {std::pair(mean, "means"), std::pair(deviation, "deviations")}) {
        if (list.size() > 1 && static_cast<std::int64_t>(list.size()) != channels)
            throw Error(ErrorCode::Usage, concat(list.size(), " ", what, " for ", name,
                                                 ", which has ", channels, " channels"));
        for (const float value : list)
            if (!std::isfinite(value) || (list.data() == deviation.data() && !(value > 0)))
                throw Error(ErrorCode::Usage,
                            concat("the ", what, " for ", name, " hold ", value,
                                   "; finite numbers are expected, deviations above 0"));
    }
}

std::string normalizationText(std::span<const float> mean, std::span<const float> deviation)
{
    const auto list = [](std::span<const float> values) {
        if (std::all_of(values.begin(), values.end(), [&](float v) { return v == values[0]; }))
            values = values.first(1); // one for all channels is said once
        std::string text;
        for (const float value : values)
            text += concat(text.empty() ? "" : ", ", formatReal(static_cast<double>(value)));
        return values.size() == 1 ? text : "[" + text + "]";
    };
    std::string text = mean.empty() ? "x" : "x − " + list(mean);
    if (deviation.empty())
        return mean.empty() ? "" : text;
    return concat(mean.empty() ? text : "(" + text + ")", " / ", list(deviation));
}

std::shared_ptr<const Dataset> makeArrayDataset(std::vector<ArrayInput> inputs,
                                                std::vector<std::int32_t> labels,
                                                std::vector<std::string> warnings)
{
    return std::make_shared<ArrayDataset>(std::move(inputs), std::move(labels),
                                          std::move(warnings));
}

std::shared_ptr<const Dataset> joinInputs(std::shared_ptr<const Dataset> first,
                                          std::vector<ArrayInput> others)
{
    if (others.empty())
        return first;
    return std::make_shared<JoinedDataset>(std::move(first),
                                           makeArrayDataset(std::move(others), {}, {}));
}

} // namespace gradus
