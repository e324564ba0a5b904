// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/keras_call.h"

#include "core/base/text.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <numeric>

namespace gradus {

KerasValue KerasGraph::turned(KerasValue value, const std::string& name)
{
    const auto found = m_other.find(value.id);
    if (found != m_other.end()) {
        value.id = found->second;
    } else {
        // From channels last: batch, channels, others. From channels first: batch, others,
        // channels.
        op::Transpose transpose;
        transpose.permutation.resize(value.shape.size());
        std::iota(transpose.permutation.begin(), transpose.permutation.end(), 0);
        const auto second = transpose.permutation.begin() + 1;
        if (value.moved)
            std::rotate(second, second + 1, transpose.permutation.end());
        else
            std::rotate(second, transpose.permutation.end() - 1, transpose.permutation.end());
        const ValueId id = m_builder.add(
            transpose, {value.id}, name + (value.moved ? "/channels_last" : "/channels_first"));
        m_other.emplace(value.id, id);
        m_other.emplace(id, value.id);
        value.id = id;
    }
    value.moved = !value.moved;
    return value;
}

KerasValue KerasGraph::plain(KerasValue value, const std::string& name)
{
    return value.moved ? turned(std::move(value), name) : value;
}

KerasValue KerasGraph::moved(KerasValue value, const std::string& name)
{
    return value.moved ? value : turned(std::move(value), name);
}

KerasCall::KerasCall(KerasGraph& graph, std::string kind, std::string name, std::string owner,
                     const nlohmann::json& config, std::vector<KerasValue> inputs)
    : m_graph(graph)
    , m_kind(std::move(kind))
    , m_name(std::move(name))
    , m_owner(std::move(owner))
    , m_config(config)
    , m_reader(config, concat("layer ", quoted(m_name)))
    , m_inputs(std::move(inputs))
{
}

bool KerasCall::isOfKeras3() const
{
    const std::string& version = m_graph.file().version;
    return !version.empty() && version[0] >= '3';
}

Error KerasCall::failure(ErrorCode code, const std::string& what) const
{
    return {code, concat("layer ", quoted(m_name), " (", quoted(m_kind), ") ", what)};
}

std::vector<std::int64_t> KerasCall::integers(const char* key, std::size_t count,
                                              std::int64_t fallback, std::int64_t low,
                                              std::int64_t high) const
{
    const auto found = m_config.find(key);
    if (found == m_config.end() || !found->is_array())
        return std::vector<std::int64_t>(count, m_reader.integer(key, low, high, fallback));
    std::vector<std::int64_t> values;
    for (const auto& value : *found)
        if (value.is_number_integer() && value >= low && value <= high)
            values.push_back(value.get<std::int64_t>());
    if (values.size() != count || found->size() != count)
        throw failure(ErrorCode::Format,
                      concat("has ", quoted(std::string(key)), " of ", quoted(found->dump()),
                             ", expected ", count, " integers from ", low, " to ", high));
    return values;
}

std::vector<double> KerasCall::reals(const nlohmann::json& json) const
{
    std::vector<double> values;
    const auto add = [&](const nlohmann::json& value) {
        const double real = value.is_number() ? value.get<double>() : NAN;
        if (!std::isfinite(real))
            throw failure(ErrorCode::Format,
                          concat("has ", quoted(value.dump()), " where a number is expected"));
        values.push_back(real);
    };
    // Keras 3 writes arrays as objects.
    const nlohmann::json* from = &json;
    if (json.is_object() && json.contains("config") && json["config"].contains("value"))
        from = &json["config"]["value"];
    if (!from->is_array()) {
        add(*from);
        return values;
    }
    for (const auto& value : *from) {
        if (!value.is_array()) {
            add(value);
            continue;
        }
        for (const double inner : reals(value)) // [[[0.5, 0.5, 0.5]]]
            values.push_back(inner);
    }
    return values;
}

bool KerasCall::channelsFirst() const
{
    const std::string format = m_reader.text("data_format", "channels_last");
    if (format != "channels_last" && format != "channels_first")
        throw failure(ErrorCode::Format, concat("has the data_format ", quoted(format)));
    return format == "channels_first";
}

KerasValue KerasCall::input(std::size_t i) const
{
    if (i >= m_inputs.size())
        throw failure(ErrorCode::Format, concat("has ", m_inputs.size(), " inputs, expected more"));
    KerasValue value = m_inputs[i];
    if (value.integers) {
        value.id = add(op::Cast{DType::F32}, {value.id}, "cast");
        value.integers = false;
    }
    return value;
}

KerasValue KerasCall::plainInput() const
{
    return m_graph.plain(input(), m_name);
}

KerasPlanes KerasCall::planes(std::size_t axes) const
{
    KerasValue value = input();
    if (value.shape.size() != axes + 2)
        throw failure(ErrorCode::Shape, concat("has an input of ", shapeText(value.shape),
                                               ", expected ", axes + 2, " axes"));
    KerasPlanes planes;
    planes.channelsFirst = channelsFirst();
    value = planes.channelsFirst ? m_graph.plain(std::move(value), m_name)
                                 : m_graph.moved(std::move(value), m_name);
    planes.id = value.id;
    planes.batch = value.shape.front();
    planes.channels = planes.channelsFirst ? value.shape[1] : value.shape.back();
    const auto first = value.shape.begin() + (planes.channelsFirst ? 2 : 1);
    planes.sizes.assign(first, first + static_cast<std::ptrdiff_t>(axes));
    return planes;
}

KerasValue KerasCall::valueOf(const KerasPlanes& planes)
{
    KerasValue value;
    value.id = planes.id;
    value.moved = !planes.channelsFirst;
    value.shape = {planes.batch};
    if (planes.channelsFirst)
        value.shape.push_back(planes.channels);
    value.shape.insert(value.shape.end(), planes.sizes.begin(), planes.sizes.end());
    if (!planes.channelsFirst)
        value.shape.push_back(planes.channels);
    return value;
}

std::string KerasCall::find(std::initializer_list<std::string_view> parts) const
{
    const auto& weights = m_graph.file().weights;
    const auto found = weights.find(m_owner);
    if (found == weights.end())
        return {};
    for (const std::string_view part : parts)
        for (const KerasWeight& weight : found->second) {
            const std::string_view path = weight.path;
            const auto slash = path.rfind('/');
            if (path.substr(slash == path.npos ? 0 : slash + 1) != part)
                continue;
            if (m_owner == m_name)
                return weight.tensor;
            // Of a model inside the model: "inner/kernel", or "outer/inner/kernel".
            const std::string_view owner = path.substr(0, slash == path.npos ? 0 : slash);
            const auto before = owner.rfind('/');
            if (owner.substr(before == owner.npos ? 0 : before + 1) == m_name)
                return weight.tensor;
        }
    return {};
}

const Shape& KerasCall::shapeOfTensor(const std::string& tensor) const
{
    return m_graph.builder().model().source.tensors->find(tensor)->shape;
}

std::string KerasCall::weight(std::initializer_list<std::string_view> parts,
                              const Shape& shape) const
{
    const std::string tensor = find(parts);
    if (tensor.empty())
        throw failure(ErrorCode::Format,
                      concat("has no weight ", quoted(*parts.begin()), " in the file"));
    const TensorInfo& info = *m_graph.builder().model().source.tensors->find(tensor);
    bool fits = info.shape.size() == shape.size();
    for (std::size_t i = 0; fits && i < shape.size(); ++i)
        fits = shape[i] < 0 || shape[i] == info.shape[i];
    if (!fits)
        throw failure(ErrorCode::Shape,
                      concat("has a weight ", quoted(tensor), " of ", shapeText(info.shape),
                             ", expected ", shapeText(shape)));
    if (!isFloating(info.dtype))
        throw failure(ErrorCode::Unsupported,
                      concat("has a weight ", quoted(tensor), " of ", dtypeName(info.dtype),
                             ", expected floating point"));
    return tensor;
}

ValueId KerasCall::add(Operator op, std::vector<ValueId> inputs, std::string_view suffix) const
{
    std::string name = m_name;
    if (!suffix.empty())
        name.append("/").append(suffix);
    return m_graph.builder().add(std::move(op), std::move(inputs), std::move(name));
}

ValueId KerasCall::constant(Tensor tensor) const
{
    return m_graph.builder().addConstant(std::move(tensor));
}

ValueId KerasCall::constant(const std::vector<std::int64_t>& values) const
{
    Tensor tensor(DType::I64, {static_cast<std::int64_t>(values.size())});
    std::memcpy(tensor.bytes().data(), values.data(), tensor.bytes().size());
    return constant(std::move(tensor));
}

ValueId KerasCall::constant(float value) const
{
    Tensor tensor(Shape{});
    tensor.floats()[0] = value;
    return constant(std::move(tensor));
}

KerasTranslator kerasTranslator(std::string_view kind)
{
    for (const KerasTranslators* some : {&kerasProducts(), &kerasActivations(), &kerasShapes()})
        if (const auto found = some->find(kind); found != some->end())
            return found->second;
    return nullptr;
}

} // namespace gradus
