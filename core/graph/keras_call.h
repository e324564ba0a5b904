// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"
#include "core/graph/config_reader.h"
#include "core/graph/network_builder.h"
#include "core/io/keras_description.h"

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

/// A value of a Keras network: the shape as Keras has it, batch in front, −1 for what is not fixed.
struct KerasValue
{
    ValueId id = noValue;
    Shape shape;
    bool moved = false;    ///< lies as batch × C × …, where Keras has the channels last
    bool integers = false; ///< int64
};

/// The graph that the layers are put into: who asks for a value in one order gets it, moved at most
/// once.
class KerasGraph
{
public:
    explicit KerasGraph(Model& model)
        : m_builder(model)
        , m_file(*kerasDescription(*model.source.tensors))
    {
    }
    [[nodiscard]] NetworkBuilder& builder() { return m_builder; }
    [[nodiscard]] const KerasDescription& file() const { return m_file; }

    /// As Keras has it.
    [[nodiscard]] KerasValue plain(KerasValue value, const std::string& name);
    /// Channels, which Keras has last, behind the batch. At least batch × positions × channels.
    [[nodiscard]] KerasValue moved(KerasValue value, const std::string& name);

private:
    KerasValue turned(KerasValue value, const std::string& name);

    NetworkBuilder m_builder;
    const KerasDescription& m_file;
    std::map<ValueId, ValueId> m_other; ///< the same value in the other order
};

/// Planes of an image, or lines: how spatial layers see their input.
struct KerasPlanes
{
    ValueId id = noValue;
    std::int64_t batch = -1;
    std::int64_t channels = -1;
    std::vector<std::int64_t> sizes; ///< height and width, or length
    bool channelsFirst = false;      ///< in Keras's own order
};

/// One call of a layer: its configuration and inputs, the weights by name, and what translators put
/// into the graph.
class KerasCall
{
public:
    /// owner: the model inside the model that holds the layer's weights, or the layer itself.
    KerasCall(KerasGraph& graph, std::string kind, std::string name, std::string owner,
              const nlohmann::json& config, std::vector<KerasValue> inputs);

    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] const std::string& kind() const { return m_kind; }
    [[nodiscard]] const nlohmann::json& config() const { return m_config; }
    [[nodiscard]] const ConfigReader& reader() const { return m_reader; }
    [[nodiscard]] bool isOfKeras3() const;
    [[nodiscard]] Error failure(ErrorCode code, const std::string& what) const;

    /// Numbers of the configuration, one that stands for `count` equal ones too.
    [[nodiscard]] std::vector<std::int64_t> integers(const char* key, std::size_t count,
                                                     std::int64_t fallback, std::int64_t low,
                                                     std::int64_t high) const;
    [[nodiscard]] std::vector<double> reals(const nlohmann::json& json) const;
    /// "channels_last" is the default.
    [[nodiscard]] bool channelsFirst() const;

    [[nodiscard]] std::size_t inputCount() const { return m_inputs.size(); }
    /// As floats, in whatever order they lie.
    [[nodiscard]] KerasValue input(std::size_t i = 0) const;
    /// As it came, integers too.
    [[nodiscard]] const KerasValue& rawInput() const { return m_inputs.front(); }
    /// As Keras has it.
    [[nodiscard]] KerasValue plainInput() const;
    /// The input as planes; axes: 1 for lines, 2 for images.
    [[nodiscard]] KerasPlanes planes(std::size_t axes) const;
    [[nodiscard]] static KerasValue valueOf(const KerasPlanes& planes);

    /// Name of the tensor that is the layer's weight of one of these names; "" when there is none.
    [[nodiscard]] std::string find(std::initializer_list<std::string_view> parts) const;
    /// The same, which must be there, floating and of that shape, −1 for any size.
    [[nodiscard]] std::string weight(std::initializer_list<std::string_view> parts,
                                     const Shape& shape) const;
    [[nodiscard]] const Shape& shapeOfTensor(const std::string& tensor) const;

    [[nodiscard]] KerasGraph& graph() const { return m_graph; }
    /// A node called after the layer, or LAYER/suffix.
    ValueId add(Operator op, std::vector<ValueId> inputs, std::string_view suffix = {}) const;
    [[nodiscard]] ValueId constant(Tensor tensor) const;
    [[nodiscard]] ValueId constant(const std::vector<std::int64_t>& values) const;
    [[nodiscard]] ValueId constant(float value) const;

private:
    KerasGraph& m_graph;
    std::string m_kind;
    std::string m_name;
    std::string m_owner;
    const nlohmann::json& m_config;
    ConfigReader m_reader;
    std::vector<KerasValue> m_inputs;
};

/// Puts a layer's nodes into the graph and gives its output.
using KerasTranslator = KerasValue (*)(const KerasCall& call);
/// Null for a class that cannot be run.
[[nodiscard]] KerasTranslator kerasTranslator(std::string_view kind);

/// By class, what each file of translators has.
using KerasTranslators = std::map<std::string_view, KerasTranslator>;
[[nodiscard]] const KerasTranslators& kerasProducts();
[[nodiscard]] const KerasTranslators& kerasActivations();
[[nodiscard]] const KerasTranslators& kerasShapes();

/// What an `activation` of a configuration does: a name, or an object; null does nothing.
[[nodiscard]] KerasValue activated(const KerasCall& call, KerasValue value,
                                   const nlohmann::json& activation);

} // namespace gradus
