// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"
#include "core/graph/builders.h"
#include "core/graph/container_graph.h"
#include "core/graph/fusion.h"
#include "core/graph/graph_passes.h"
#include "core/graph/keras_call.h"
#include "core/io/strict_json.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

namespace gradus {

namespace {

using Json = nlohmann::json;

/// Networks inside networks that are called again and again could grow without end.
constexpr int mostCalls = 1 << 16;

/// What a call of a layer reads: the output of another one's call.
struct KerasSource
{
    std::string layer;
    std::int64_t call = 0;
    std::int64_t tensor = 0;
    friend auto operator<=>(const KerasSource&, const KerasSource&) = default;
};

Error malformed(const std::string& what)
{
    return {ErrorCode::Format, "the model's configuration " + what};
}

std::string textOf(const Json& json, const char* key)
{
    const auto found = json.is_object() ? json.find(key) : json.end();
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const Json& objectOf(const Json& json, const char* key)
{
    const auto found = json.is_object() ? json.find(key) : json.end();
    if (found == json.end() || !found->is_object())
        throw malformed(concat("has no ", quoted(key), " where it is expected"));
    return *found;
}

const Json& layersOf(const Json& config)
{
    const auto found = config.find("layers");
    if (found == config.end() || !found->is_array())
        throw malformed("lists no layers");
    return *found;
}

std::string nameOf(const Json& layer)
{
    std::string name = textOf(objectOf(layer, "config"), "name");
    if (name.empty())
        name = textOf(layer, "name");
    if (name.empty())
        throw malformed("has a layer without a name");
    return name;
}

bool isNetwork(const Json& layer)
{
    const std::string kind = textOf(layer, "class_name");
    return kind == "Functional" || kind == "Model" || kind == "Sequential";
}

/// ["conv1", 0, 0] of Keras 2, keras_history of tensors in the arguments of Keras 3.
void collectSources(const Json& json, std::vector<KerasSource>& sources)
{
    if (json.is_array() && json.size() >= 3 && json[0].is_string() && json[1].is_number_integer() &&
        json[2].is_number_integer()) {
        sources.push_back({json[0], json[1], json[2]});
        return;
    }
    if (textOf(json, "class_name") == "__keras_tensor__") {
        const Json& config = objectOf(json, "config");
        if (!config.contains("keras_history"))
            throw malformed("has a tensor without a keras_history");
        collectSources(config["keras_history"], sources);
        return;
    }
    if (json.is_structured())
        for (const Json& inner : json)
            collectSources(inner, sources);
}

/// Layers that cannot be run, by class; nothing when all can.
void requireKnown(const Json& config, std::map<std::string, std::vector<std::string>>& unknown)
{
    for (const Json& layer : layersOf(config)) {
        const std::string kind = textOf(layer, "class_name");
        if (isNetwork(layer))
            requireKnown(objectOf(layer, "config"), unknown);
        else if (kind != "InputLayer" && !kerasTranslator(kind))
            unknown[kind].push_back(nameOf(layer));
    }
}

void refuseUnknown(const Json& config)
{
    std::map<std::string, std::vector<std::string>> unknown;
    requireKnown(config, unknown);
    if (unknown.empty())
        return;
    std::string text;
    std::size_t named = 0;
    for (const auto& [kind, layers] : unknown) {
        if (named++ == 8) {
            text += concat(", and of ", unknown.size() - 8, " more classes");
            break;
        }
        text += text.empty() ? "" : ", ";
        text += layers.size() == 1
                    ? concat("layer ", quoted(layers.front()))
                    : concat(layers.size(), " layers, ", quoted(layers.front()), " the first,");
        text += concat(" of class ", quoted(kind));
    }
    throw Error(ErrorCode::Unsupported,
                concat("the Keras model cannot be run yet because of ", text,
                       "; its weights can be inspected and quantized without calibration"));
}

class KerasNetwork
{
public:
    explicit KerasNetwork(Model& model)
        : m_graph(model)
    {
    }

    void build(const Json& root)
    {
        const Json& config = objectOf(root, "config");
        refuseUnknown(config);
        std::vector<std::string> names;
        const std::vector<KerasValue> outputs = textOf(root, "class_name") == "Sequential"
                                                    ? sequential(config, nullptr, {}, names)
                                                    : functional(config, nullptr, {}, names);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            KerasValue value = m_graph.plain(outputs[i], names[i]);
            if (value.integers)
                value.id =
                    m_graph.builder().add(op::Cast{DType::F32}, {value.id}, names[i] + "/cast");
            m_graph.builder().addOutput(value.id, names[i], value.shape);
        }
    }

private:
    /// A network's outputs and the names of the layers that make them. given: null for the whole
    /// model, whose inputs become the graph's.
    std::vector<KerasValue> functional(const Json& config, const std::vector<KerasValue>* given,
                                       const std::string& owner, std::vector<std::string>& names);
    std::vector<KerasValue> sequential(const Json& config, const std::vector<KerasValue>* given,
                                       const std::string& owner, std::vector<std::string>& names);
    std::vector<KerasValue> call(const Json& layer, std::vector<KerasValue> inputs,
                                 const std::string& owner);
    /// Those of a network that is called once more, whether they are called themselves or not.
    void countLayers(const Json& layers);
    KerasValue addInput(const std::string& name, const Json& config);

    KerasGraph m_graph;
    int m_calls = 0;
    std::size_t m_layers = 0;
};

/// batch_input_shape of Keras 2, batch_shape of Keras 3.
const Json* inputShapeOf(const Json& config)
{
    for (const char* key : {"batch_shape", "batch_input_shape"})
        if (const auto found = config.find(key); found != config.end() && found->is_array())
            return &*found;
    return nullptr;
}

KerasValue KerasNetwork::addInput(const std::string& name, const Json& config)
{
    const Json* sizes = inputShapeOf(config);
    if (!sizes || sizes->empty() || sizes->size() > 8)
        throw malformed(concat("gives the input ", quoted(name), " no shape"));
    KerasValue value;
    for (const Json& size : *sizes) {
        if (!size.is_null() && (!size.is_number_integer() || size < 1 || size > (1 << 30)))
            throw malformed(
                concat("gives the input ", quoted(name), " the size ", quoted(size.dump())));
        value.shape.push_back(size.is_null() ? -1 : size.get<std::int64_t>());
    }
    value.shape.front() = -1; // a batch that was fixed for training binds nobody
    const std::string dtype = textOf(config, "dtype");
    value.integers = dtype == "int32" || dtype == "int64";
    value.id =
        m_graph.builder().addInput(name, value.integers ? DType::I64 : DType::F32, value.shape);
    return value;
}

std::vector<KerasValue> KerasNetwork::call(const Json& layer, std::vector<KerasValue> inputs,
                                           const std::string& owner)
{
    const std::string name = nameOf(layer);
    if (++m_calls > mostCalls)
        throw Error(ErrorCode::Unsupported,
                    concat("the model calls more than ", mostCalls, " layers"));
    const std::string kind = textOf(layer, "class_name");
    const Json& config = objectOf(layer, "config");
    const std::string top = owner.empty() ? name : owner;
    if (inputs.empty())
        throw malformed(concat("gives the layer ", quoted(name), " no input"));
    if (isNetwork(layer)) {
        std::vector<std::string> names;
        return kind == "Sequential" ? sequential(config, &inputs, top, names)
                                    : functional(config, &inputs, top, names);
    }
    const KerasCall one(m_graph, kind, name, top, config, std::move(inputs));
    return {kerasTranslator(kind)(one)};
}

void KerasNetwork::countLayers(const Json& layers)
{
    m_layers += layers.size();
    if (m_layers > static_cast<std::size_t>(mostCalls))
        throw Error(ErrorCode::Unsupported,
                    concat("the model lists more than ", mostCalls,
                           " layers, those of networks that it calls again counted again"));
}

std::vector<KerasValue> KerasNetwork::sequential(const Json& config,
                                                 const std::vector<KerasValue>* given,
                                                 const std::string& owner,
                                                 std::vector<std::string>& names)
{
    std::vector<KerasValue> values = given ? *given : std::vector<KerasValue>();
    std::string last;
    countLayers(layersOf(config));
    for (const Json& layer : layersOf(config)) {
        const Json& inner = objectOf(layer, "config");
        last = nameOf(layer);
        const bool isInput = textOf(layer, "class_name") == "InputLayer";
        if (values.empty() && (isInput || inputShapeOf(inner))) {
            values.push_back(addInput(isInput ? last : last + "_input", inner));
        } else if (values.empty()) { // of Keras 2: the shape it was built with
            const auto built = config.find("build_input_shape");
            if (built == config.end())
                throw malformed("states no shape of the input");
            values.push_back(addInput(last + "_input", Json{{"batch_shape", *built}}));
        }
        if (!isInput)
            values = call(layer, std::move(values), owner);
    }
    if (values.empty())
        throw malformed("has no layers");
    names.assign(values.size(), last);
    return values;
}

/// Calls of layers in an order that their inputs allow, else that of the configuration.
class KerasSchedule
{
public:
    struct Call
    {
        const Json* layer = nullptr;
        std::string name;
        std::int64_t number = 0;
        std::vector<KerasSource> sources;
    };

    explicit KerasSchedule(const Json& layers)
    {
        for (const Json& layer : layers)
            addCallsOf(layer);
        std::map<std::pair<std::string, std::int64_t>, std::vector<std::size_t>> readers;
        std::vector<std::size_t> missing(m_calls.size(), 0);
        for (std::size_t i = 0; i < m_calls.size(); ++i)
            for (const KerasSource& source : m_calls[i].sources) {
                readers[{source.layer, source.call}].push_back(i);
                ++missing[i];
            }
        std::set<std::size_t> ready;
        for (std::size_t i = 0; i < m_calls.size(); ++i)
            if (missing[i] == 0)
                ready.insert(i);
        while (!ready.empty()) {
            const std::size_t next = *ready.begin();
            ready.erase(ready.begin());
            m_order.push_back(next);
            for (const std::size_t reader : readers[{m_calls[next].name, m_calls[next].number}])
                if (--missing[reader] == 0)
                    ready.insert(reader);
        }
    }

    [[nodiscard]] const Call& at(std::size_t i) const { return m_calls[m_order[i]]; }
    [[nodiscard]] std::size_t size() const { return m_order.size(); }
    /// The first call that waits for what never comes; null when there is none.
    [[nodiscard]] const Call* stuck() const
    {
        const std::set<std::size_t> done(m_order.begin(), m_order.end());
        for (std::size_t i = 0; i < m_calls.size(); ++i)
            if (!done.contains(i))
                return &m_calls[i];
        return nullptr;
    }

private:
    void addCallsOf(const Json& layer)
    {
        const std::string name = nameOf(layer);
        if (!m_names.insert(name).second)
            throw malformed(concat("has two layers ", quoted(name)));
        const auto inbound = layer.find("inbound_nodes");
        if (inbound == layer.end() || !inbound->is_array() || inbound->empty()) {
            if (textOf(layer, "class_name") == "InputLayer")
                m_calls.push_back({&layer, name, 0, {}});
            return; // a layer that nobody calls
        }
        for (std::size_t i = 0; i < inbound->size(); ++i) {
            std::vector<KerasSource> sources;
            collectSources((*inbound)[i], sources);
            if (sources.empty() && textOf(layer, "class_name") != "InputLayer")
                throw malformed(concat("gives the layer ", quoted(name), " no input"));
            m_calls.push_back({&layer, name, static_cast<std::int64_t>(i), std::move(sources)});
        }
        if (m_calls.size() > static_cast<std::size_t>(mostCalls))
            throw malformed(concat("calls more than ", mostCalls, " layers"));
    }

    std::vector<Call> m_calls;
    std::vector<std::size_t> m_order;
    std::set<std::string> m_names;
};

std::vector<KerasValue> KerasNetwork::functional(const Json& config,
                                                 const std::vector<KerasValue>* given,
                                                 const std::string& owner,
                                                 std::vector<std::string>& names)
{
    std::vector<KerasSource> inputs;
    std::vector<KerasSource> outputs;
    for (const auto& [key, ports] :
         {std::pair{"input_layers", &inputs}, {"output_layers", &outputs}})
        if (const auto found = config.find(key); found != config.end())
            collectSources(*found, *ports);
    if (inputs.empty() || outputs.empty())
        throw malformed("names no input_layers or no output_layers");
    if (given && given->size() != inputs.size())
        throw malformed(
            concat("calls a network of ", inputs.size(), " inputs with ", given->size()));

    const Json& layers = layersOf(config);
    countLayers(layers);
    std::map<std::string, const Json*> named;
    for (const Json& layer : layers)
        named.emplace(nameOf(layer), &layer);
    std::map<KerasSource, KerasValue> values;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (given) {
            values.emplace(inputs[i], (*given)[i]);
            continue;
        }
        const auto layer = named.find(inputs[i].layer);
        if (layer == named.end())
            throw malformed(concat("has no input layer ", quoted(inputs[i].layer)));
        if (values.contains(inputs[i]))
            throw malformed(concat("names the input ", quoted(inputs[i].layer), " twice"));
        values.emplace(inputs[i], addInput(inputs[i].layer, objectOf(*layer->second, "config")));
    }

    const KerasSchedule schedule(layers);
    const auto valueOf = [&](const KerasSource& source, const std::string& reader) {
        const auto found = values.find(source);
        if (found == values.end())
            throw malformed(concat("feeds ", quoted(reader), " with output ", source.tensor,
                                   " of call ", source.call, " of ", quoted(source.layer),
                                   ", which is not there"));
        return found->second;
    };
    for (std::size_t i = 0; i < schedule.size(); ++i) {
        const KerasSchedule::Call& next = schedule.at(i);
        if (textOf(*next.layer, "class_name") == "InputLayer")
            continue;
        std::vector<KerasValue> read;
        for (const KerasSource& source : next.sources)
            read.push_back(valueOf(source, next.name));
        const std::vector<KerasValue> made = call(*next.layer, std::move(read), owner);
        for (std::size_t t = 0; t < made.size(); ++t)
            values.emplace(KerasSource{next.name, next.number, static_cast<std::int64_t>(t)},
                           made[t]);
    }
    if (const auto* stuck = schedule.stuck())
        throw malformed(concat("feeds ", quoted(stuck->name),
                               " with itself or with a layer that is not there"));
    std::vector<KerasValue> result;
    for (const KerasSource& output : outputs) {
        result.push_back(valueOf(output, "the output"));
        names.push_back(output.layer);
    }
    return result;
}

/// Ends in a softmax: scores of classes, whatever is classified.
bool endsInSoftmax(const Model& model)
{
    for (const Node& node : model.graph.nodes)
        if (node.output() == model.graph.output)
            return std::holds_alternative<op::Softmax>(node.op);
    return false;
}

} // namespace

void buildKeras(Model& model)
{
    const KerasDescription* file = kerasDescription(*model.source.tensors);
    if (!file || file->config.empty())
        throw Error(ErrorCode::Unsupported,
                    "the file holds weights without the model's configuration, so that they cannot "
                    "be run; they can be inspected and quantized without calibration");
    const Json root = parseStrictJson(file->config, "the model's configuration");
    if (!isNetwork(root))
        throw Error(ErrorCode::Unsupported,
                    concat("the Keras model is of class ", quoted(textOf(root, "class_name")),
                           ", expected Sequential or Functional; its weights can be inspected and "
                           "quantized without calibration"));
    KerasNetwork(model).build(root);
    fusePadding(model);
    placeIntoGraph(model, layersOfUses(model));
    const GraphPort& output = model.graph.outputs.front();
    if (model.graph.inputs.size() == 1)
        model.image = imageInputOf(model.graph.inputs.front());
    if (givesClasses(output) && (model.image || endsInSoftmax(model)))
        model.task = ModelTask::Classification;
    model.architecture = "Keras model";
}

} // namespace gradus
