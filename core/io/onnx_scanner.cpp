// SPDX-License-Identifier: GPL-3.0-or-later
//
// The messages are walked in the mapped file: what protobuf would make of them is several copies of
// every weight.
#include "core/io/onnx_scanner.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/onnx_messages.h"
#include "core/io/wire_format.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace gradus {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t maximumTensors = std::size_t(1) << 20;
constexpr std::size_t maximumNameBytes = std::size_t(256) << 20;
constexpr int maximumDepth = 64;
constexpr std::size_t maximumKept = std::size_t(1) << 22;

/// A value that is a stored tensor with its axes moved or its sizes changed.
struct View
{
    std::size_t tensor = 0;
    Shape sizes;            ///< of the stored elements
    std::vector<int> order; ///< of the axes of sizes; always complete
    bool exact = true;      ///< false behind Slice, Concat and the like: parts of the tensor, in
                            ///< whatever order, but rows are still rows
    [[nodiscard]] std::int64_t size(std::size_t axis) const
    {
        return sizes[static_cast<std::size_t>(order[axis])];
    }
};

std::vector<int> upTo(std::size_t count)
{
    std::vector<int> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

/// Names of one graph; those of the graphs around it are seen too.
struct Scope
{
    const Scope* around = nullptr;
    std::unordered_map<std::string_view, View> values;

    [[nodiscard]] const View* find(std::string_view name) const
    {
        for (const Scope* scope = this; scope; scope = scope->around)
            if (const auto found = scope->values.find(name); found != scope->values.end())
                return &found->second;
        return nullptr;
    }
};

class Scanner
{
public:
    explicit Scanner(const std::string& file)
        : m_file(file)
    {
    }

    OnnxContents scan(Bytes model)
    {
        bool found = false;
        for (WireReader fields(model, m_file); fields.next();) {
            if (!fields.is(7, WireReader::Bytes)) {
                aboutModel(fields);
                continue;
            }
            if (std::exchange(found, true))
                throw fail("holds two graphs");
            graph(fields.bytes(), nullptr, {}, 0, m_contents.graph);
        }
        if (!found)
            throw fail("holds no graph; an ONNX model is expected");
        nameUses();
        return std::move(m_contents);
    }

private:
    template <class... Parts>
    [[nodiscard]] Error fail(const Parts&... parts) const
    {
        return Error(ErrorCode::Format, concat(m_file, ": ", parts...));
    }

    void aboutModel(const WireReader& field);
    void graph(Bytes bytes, const Scope* around, const std::string& path, int depth,
               OnnxGraph& kept);
    [[nodiscard]] bool keeps(std::size_t items);
    void keep(const OnnxNodeMessage& node, std::vector<OnnxWeight> weights, OnnxGraph& kept);
    [[nodiscard]] OnnxAttribute kept(const OnnxAttributeMessage& attribute);
    [[nodiscard]] std::shared_ptr<const Tensor> smallTensor(const OnnxTensor& tensor) const;
    void keepValue(Bytes message, std::vector<OnnxValue>& values);
    void sparse(Bytes bytes);
    /// Its name among m_contents.tensors.
    const std::string& addTensor(Scope& scope, Bytes message, std::string_view name,
                                 const std::string& path);
    void carry(Scope& scope, const OnnxNodeMessage& node);
    [[nodiscard]] std::vector<OnnxWeight> weights(const Scope& scope, const OnnxNodeMessage& node);
    void convolution(const View& view, const OnnxNodeMessage& node, bool transposed);
    void use(const View& view, Shape sizes, std::vector<int> order, std::size_t rowAxes,
             WeightRole role, const OnnxNodeMessage& node, std::size_t input);
    void nameUses();
    [[nodiscard]] std::vector<std::int64_t> smallIntegers(const Scope& scope,
                                                          std::string_view name) const;

    const std::string& m_file;
    OnnxContents m_contents;
    std::unordered_map<std::string, std::size_t> m_names; ///< how often a name came
    std::size_t m_nameBytes = 0;            ///< of names that nested graphs made longer
    std::unordered_set<std::size_t> m_used; ///< tensors that have a use
    std::vector<std::string_view> m_nodeOfUse;
    std::vector<OnnxWeight> m_found; ///< of the node that is looked at
    std::size_t m_kept = 0;          ///< items of the graph
};

// ---------------------------------------------------------------------------------- tensors

const std::string& Scanner::addTensor(Scope& scope, Bytes message, std::string_view name,
                                      const std::string& path)
{
    OnnxTensor tensor = parseOnnxTensor(message, m_file);
    if (name.empty())
        name = tensor.storedName;
    if (name.empty())
        throw fail("an initializer has no name");
    if (!isValidUtf8(name))
        throw fail("the name of tensor ", gradus::quoted(name), " is not valid UTF-8");
    if (m_contents.tensors.size() == maximumTensors)
        throw fail("more than ", maximumTensors, " tensors");
    if (tensor.isExternal && tensor.location.empty())
        throw fail("tensor ", gradus::quoted(name), ": its external data has no location");
    for (const std::int64_t size : tensor.shape)
        if (size < 0)
            throw fail("tensor ", gradus::quoted(name), ": a dimension of size ", size);
    const auto [entry, isNew] = scope.values.emplace(name, View{});
    if (!isNew)
        throw fail("tensor ", gradus::quoted(name), " is defined twice in one graph");
    entry->second.tensor = m_contents.tensors.size();
    entry->second.sizes = tensor.shape;
    entry->second.order = upTo(tensor.shape.size());
    tensor.name = name;
    if (m_names[tensor.name]++ > 0) {
        m_nameBytes += path.size() + tensor.name.size();
        if (m_nameBytes > maximumNameBytes)
            throw fail("its nested graphs make names of more than ", maximumNameBytes, " bytes");
        tensor.name = path + tensor.name;
        while (const std::size_t again = m_names[tensor.name]++)
            tensor.name += concat("#", again + 1);
    }
    m_contents.tensors.push_back(std::move(tensor));
    return m_contents.tensors.back().name;
}

void Scanner::sparse(Bytes bytes)
{
    for (WireReader fields(bytes, m_file); fields.next();)
        if (fields.is(1, WireReader::Bytes)) {
            const OnnxTensor values = parseOnnxTensor(fields.bytes(), m_file);
            if (m_contents.unread.size() < maximumTensors && isValidUtf8(values.storedName))
                m_contents.unread.push_back(
                    {std::string(values.storedName), "it is stored as a sparse tensor"});
        }
}

std::vector<std::int64_t> Scanner::smallIntegers(const Scope& scope, std::string_view name) const
{
    const View* view = scope.find(name);
    if (!view || !view->exact)
        return {};
    const OnnxTensor& tensor = m_contents.tensors[view->tensor];
    const auto count = static_cast<std::size_t>(tensor.shape.size() == 1 ? tensor.shape[0] : 0);
    // A long message of few integers is padded, and would be read again and again.
    if (tensor.dataType != 7 || tensor.isExternal || count == 0 || count > maximumOnnxRank ||
        tensor.message.size() > 4096)
        return {};
    std::vector<std::int64_t> values(count);
    if (tensor.raw.size() == count * 8) {
        std::memcpy(values.data(), tensor.raw.data(), count * 8);
    } else if (tensor.raw.empty() && countTypedElements(tensor, DType::I64, m_file) == count) {
        const Tensor read = readTypedElements(tensor, DType::I64, m_file);
        std::memcpy(values.data(), read.bytes().data(), count * 8);
    } else {
        return {};
    }
    return values;
}

// ------------------------------------------------------------------------------------ nodes

void Scanner::graph(Bytes bytes, const Scope* around, const std::string& path, int depth,
                    OnnxGraph& kept)
{
    if (depth == maximumDepth)
        throw fail("graphs are nested more than ", maximumDepth, " deep");
    Scope scope;
    scope.around = around;
    for (WireReader fields(bytes, m_file); fields.next();) {
        if (fields.is(5, WireReader::Bytes)) {
            const std::string& name = addTensor(scope, fields.bytes(), {}, path);
            if (keeps(2))
                kept.initializers.emplace_back(m_contents.tensors.back().storedName, name);
        } else if (fields.is(15, WireReader::Bytes)) {
            sparse(fields.bytes());
        } else if (fields.is(11, WireReader::Bytes)) {
            keepValue(fields.bytes(), kept.inputs);
        } else if (fields.is(12, WireReader::Bytes)) {
            keepValue(fields.bytes(), kept.outputs);
        } else if (fields.is(13, WireReader::Bytes)) {
            keepValue(fields.bytes(), kept.values);
        }
    }
    std::size_t number = 0;
    for (WireReader fields(bytes, m_file); fields.next();) {
        if (!fields.is(1, WireReader::Bytes))
            continue;
        const OnnxNodeMessage node = parseOnnxNode(fields.bytes(), m_file);
        ++number;
        const bool standard =
            node.domain.empty() || node.domain == "ai.onnx" || node.domain == "com.microsoft";
        if (standard && node.op == "Constant") {
            const OnnxAttributeMessage* value = node.attribute("value");
            const std::string* name = nullptr;
            if (value && value->hasTensor && !node.outputs.empty())
                name = &addTensor(scope, value->tensor, node.outputs.front(), path);
            keep(node, {}, kept);
            if (name && !kept.nodes.empty())
                for (OnnxAttribute& attribute : kept.nodes.back().attributes)
                    if (attribute.name == "value")
                        attribute.tensor = *name;
        } else if (standard) {
            keep(node, weights(scope, node), kept);
            carry(scope, node);
        } else {
            keep(node, {}, kept);
        }
        const std::size_t own = kept.nodes.size();
        for (std::size_t a = 0; a < node.attributes.size(); ++a)
            for (const Bytes inner : node.attributes[a].graphs) {
                const OnnxAttributeMessage& attribute = node.attributes[a];
                if (!isValidUtf8(node.name) || !isValidUtf8(node.op) ||
                    !isValidUtf8(attribute.name))
                    throw fail("the name of a node with graphs inside is not valid UTF-8");
                OnnxGraph insideKept;
                graph(inner, &scope,
                      concat(path, node.name.empty() ? node.op : node.name,
                             node.name.empty() ? concat(number) : std::string(), "/",
                             attribute.name, "/"),
                      depth + 1, insideKept);
                if (m_contents.graph.whyIncomplete.empty())
                    kept.nodes[own - 1].attributes[a].graphs.push_back(std::move(insideKept));
            }
    }
}

/// What the model's message says besides its graph.
void Scanner::aboutModel(const WireReader& field)
{
    OnnxGraph& graph = m_contents.graph;
    if (field.is(2, WireReader::Bytes)) {
        graph.producer = field.text();
    } else if (field.is(8, WireReader::Bytes)) {
        std::string domain;
        std::int64_t version = 0;
        for (WireReader fields(field.bytes(), m_file); fields.next();) {
            if (fields.is(1, WireReader::Bytes))
                domain = fields.text();
            else if (fields.is(2, WireReader::Varint))
                version = fields.integer();
        }
        if (keeps(1))
            graph.opsets[domain == "ai.onnx" ? std::string() : domain] = version;
    } else if (field.is(14, WireReader::Bytes)) {
        const OnnxEntryMessage entry = parseOnnxEntry(field.bytes(), m_file);
        if (keeps(2))
            graph.metadata[std::string(entry.key)] = entry.value;
    } else if (field.is(25, WireReader::Bytes)) {
        for (WireReader fields(field.bytes(), m_file); fields.next();)
            if (fields.is(1, WireReader::Bytes) && keeps(1))
                graph.functions.emplace_back(fields.text());
    }
}

/// Whether so many items more may be kept: messages of a few bytes must not become a lot of memory.
bool Scanner::keeps(std::size_t items)
{
    m_kept += items;
    if (m_kept > maximumKept)
        m_contents.graph.whyIncomplete =
            concat("its graph has more than ", maximumKept, " nodes, names and numbers");
    return m_kept <= maximumKept;
}

OnnxAttribute Scanner::kept(const OnnxAttributeMessage& attribute)
{
    OnnxAttribute result;
    result.name = attribute.name;
    result.type = attribute.type;
    result.integer = attribute.integer;
    result.real = attribute.real;
    result.text = attribute.text;
    result.integers = attribute.integers;
    result.reals = attribute.reals;
    result.texts.assign(attribute.texts.begin(), attribute.texts.end());
    return result;
}

void Scanner::keep(const OnnxNodeMessage& node, std::vector<OnnxWeight> weights, OnnxGraph& kept)
{
    std::size_t items = 8 + node.inputs.size() + node.outputs.size() + 8 * weights.size();
    for (const OnnxAttributeMessage& each : node.attributes)
        items += 8 + each.integers.size() + each.reals.size() + each.texts.size();
    if (!keeps(items))
        return;
    OnnxNode added;
    added.op = node.op;
    added.domain = node.domain == "ai.onnx" ? std::string_view() : node.domain;
    added.name = node.name;
    added.inputs.assign(node.inputs.begin(), node.inputs.end());
    added.outputs.assign(node.outputs.begin(), node.outputs.end());
    added.weights = std::move(weights);
    for (const OnnxAttributeMessage& each : node.attributes) {
        added.attributes.push_back(this->kept(each));
        if (each.hasTensor && node.op != "Constant")
            added.attributes.back().value = smallTensor(parseOnnxTensor(each.tensor, m_file));
        if (each.hasUnread && m_contents.graph.whyIncomplete.empty())
            m_contents.graph.whyIncomplete =
                concat("attribute ", gradus::quoted(each.name), " of node ",
                       gradus::quoted(added.label()), " (", gradus::quoted(node.op),
                       ") is of a kind or length that Gradus does not read");
    }
    kept.nodes.push_back(std::move(added));
}

/// The elements of a tensor that lies in an attribute; null when it is not small.
std::shared_ptr<const Tensor> Scanner::smallTensor(const OnnxTensor& tensor) const
{
    constexpr std::uint64_t smallBytes = 4096;
    const auto dtype = dtypeOfOnnx(tensor.dataType);
    const auto bytes = dtype ? tensorBytes(tensor.shape, *dtype) : std::nullopt;
    if (!bytes || *bytes > smallBytes || tensor.isExternal)
        return nullptr;
    if (tensor.raw.size() == *bytes && *bytes > 0)
        return std::make_shared<const Tensor>(Tensor::copyOf({*dtype, tensor.shape, tensor.raw}));
    if (!tensor.raw.empty() ||
        countTypedElements(tensor, *dtype, m_file) * dtypeSize(*dtype) != *bytes)
        return nullptr;
    return std::make_shared<const Tensor>(readTypedElements(tensor, *dtype, m_file));
}

void Scanner::keepValue(Bytes message, std::vector<OnnxValue>& values)
{
    OnnxValueMessage value = parseOnnxValue(message, m_file);
    if (!keeps(4 + value.shape.size()))
        return;
    values.push_back({std::string(value.name), value.type, std::nullopt});
    if (value.hasShape)
        values.back().shape = std::move(value.shape);
}

/// Values that are a tensor in another shape, for the nodes that come after.
void Scanner::carry(Scope& scope, const OnnxNodeMessage& node)
{
    static constexpr std::string_view keeping[] = {"Identity", "Cast", "Dropout"};
    static constexpr std::string_view loosening[] = {"Slice", "Concat", "Split", "Squeeze",
                                                     "Unsqueeze"};
    const auto among = [&](const auto& names) {
        return std::find(std::begin(names), std::end(names), node.op) != std::end(names);
    };
    const bool keeps = among(keeping);
    const bool loosens = among(loosening);
    const bool turns = node.op == "Transpose";
    const bool reshapes = node.op == "Reshape" || node.op == "Flatten";
    if (node.inputs.empty() || node.outputs.empty() || !(keeps || loosens || turns || reshapes))
        return;
    const View* from = scope.find(node.inputs.front());
    if (!from)
        return;
    View view = *from;
    if (turns && view.exact) {
        const std::size_t rank = view.order.size();
        const OnnxAttributeMessage* perm = node.attribute("perm");
        std::vector<int> order(rank);
        std::vector<bool> seen(rank, false);
        for (std::size_t i = 0; i < rank; ++i) {
            const std::int64_t axis = perm && perm->integers.size() == rank
                                          ? perm->integers[i]
                                          : static_cast<std::int64_t>(rank - 1 - i);
            if (axis < 0 || axis >= static_cast<std::int64_t>(rank) ||
                seen[static_cast<std::size_t>(axis)])
                return;
            seen[static_cast<std::size_t>(axis)] = true;
            order[i] = view.order[static_cast<std::size_t>(axis)];
        }
        view.order = std::move(order);
    } else if (reshapes && view.exact) {
        Shape sizes = node.inputs.size() > 1 ? smallIntegers(scope, node.inputs[1]) : Shape{};
        const auto fits = [&] {
            const auto bytes = tensorBytes(sizes, DType::U8);
            const auto expected = tensorBytes(view.sizes, DType::U8);
            return bytes && expected && *bytes == *expected;
        };
        // −1 and 0 are rare in the shapes of weights, and not worth more than this.
        view.exact = weightLayout(view.sizes, view.order).isPlain() && !sizes.empty() && fits();
        if (view.exact) {
            view.order = upTo(sizes.size());
            view.sizes = std::move(sizes);
        }
    } else if (loosens) {
        view.exact = false;
    }
    const std::size_t outputs = node.op == "Split" ? node.outputs.size() : 1;
    for (std::size_t i = 0; i < outputs; ++i)
        scope.values.emplace(node.outputs[i], view);
}

/// What a node makes of its inputs, when one is a tensor.
std::vector<OnnxWeight> Scanner::weights(const Scope& scope, const OnnxNodeMessage& node)
{
    m_found.clear();
    const auto input = [&](std::size_t index) -> const View* {
        const View* view = index < node.inputs.size() ? scope.find(node.inputs[index]) : nullptr;
        if (!view)
            return nullptr;
        const OnnxTensor& tensor = m_contents.tensors[view->tensor];
        const auto dtype = dtypeOfOnnx(tensor.dataType);
        const auto bytes = dtype ? tensorBytes(tensor.shape, *dtype) : std::nullopt;
        const bool isWeight = dtype && isFloating(*dtype) && tensor.shape.size() >= 2 && bytes &&
                              *bytes > 0 && view->sizes.size() >= 2;
        return isWeight ? view : nullptr;
    };
    const auto swapped = [](std::size_t rank) {
        std::vector<int> order = upTo(rank);
        std::swap(order[rank - 1], order[rank - 2]);
        return order;
    };
    if (node.op == "Conv" || node.op == "FusedConv" || node.op == "ConvTranspose") {
        const View* view = input(1);
        if (view && view->exact)
            convolution(*view, node, node.op == "ConvTranspose");
    } else if (node.op == "MatMul") {
        for (const std::size_t index : {std::size_t(1), std::size_t(0)}) {
            const View* view = input(index);
            if (!view || !view->exact)
                continue;
            const std::size_t rank = view->order.size(); // all but the last two count matrices
            use(*view, view->sizes, index == 1 ? swapped(rank) : upTo(rank), rank - 1,
                WeightRole::Linear, node, index);
        }
    } else if (node.op == "Gemm" || node.op == "FusedGemm") {
        const View* view = input(1);
        if (view && view->exact && view->order.size() == 2)
            use(*view, view->sizes, node.integer("transB", 0) != 0 ? upTo(2) : swapped(2), 1,
                WeightRole::Linear, node, 1);
    } else if (node.op == "Gather") {
        const View* view = input(0);
        if (view && view->exact && view->order.size() == 2 && node.integer("axis", 0) == 0 &&
            view->size(0) > 1)
            use(*view, view->sizes, upTo(2), 1, WeightRole::Embedding, node, 0);
    } else if (node.op == "LSTM" || node.op == "GRU" || node.op == "RNN") {
        for (const std::size_t index : {std::size_t(1), std::size_t(2)}) {
            const View* view = input(index);
            if (!view)
                continue;
            // directions × gates × inputs. Behind slices and joins the stored tensor is taken
            // as it lies: exporters reorder gates, which are rows.
            View whole = *view;
            if (!whole.exact) {
                whole.sizes = m_contents.tensors[whole.tensor].shape;
                whole.order = upTo(whole.sizes.size());
            }
            use(whole, whole.sizes, upTo(whole.order.size()), whole.order.size() - 1,
                WeightRole::Linear, node, index);
        }
    }
    return std::move(m_found);
}

/// W is out × in/groups × kernel, and in × out/groups × kernel when transposed.
void Scanner::convolution(const View& view, const OnnxNodeMessage& node, bool transposed)
{
    const std::size_t rank = view.order.size();
    const std::int64_t groups = node.integer("group", 1);
    std::vector<int> order = upTo(rank);
    if (!transposed) {
        use(view, view.sizes, std::move(order), 1, WeightRole::Convolution, node, 1);
    } else if (groups == 1) {
        std::swap(order[0], order[1]);
        use(view, view.sizes, std::move(order), 1, WeightRole::Convolution, node, 1);
    } else if (groups > 1 && view.sizes[0] % groups == 0 &&
               weightLayout(view.sizes, view.order).isPlain()) {
        View split = view;
        split.sizes[0] /= groups;
        split.sizes.insert(split.sizes.begin(), groups);
        split.order = upTo(rank + 1);
        order = upTo(rank + 1);
        std::swap(order[1], order[2]);
        use(split, split.sizes, std::move(order), 2, WeightRole::Convolution, node, 1);
    }
}

/// order: of the view's axes; the first rowAxes of them are rows.
void Scanner::use(const View& view, Shape sizes, std::vector<int> order, std::size_t rowAxes,
                  WeightRole role, const OnnxNodeMessage& node, std::size_t input)
{
    OnnxWeight weight;
    weight.input = input;
    weight.tensor = m_contents.tensors[view.tensor].name;
    weight.role = role;
    weight.rows = weight.cols = 1;
    for (std::size_t axis = 0; axis < view.order.size(); ++axis)
        weight.shape.push_back(view.size(axis));
    for (std::size_t i = 0; i < order.size(); ++i) {
        (i < rowAxes ? weight.rows : weight.cols) *= view.size(static_cast<std::size_t>(order[i]));
        order[i] = view.order[static_cast<std::size_t>(order[i])];
    }
    weight.layout = weightLayout(std::move(sizes), std::move(order));
    // The first use decides.
    if (m_used.insert(view.tensor).second) {
        m_contents.uses.push_back(
            {weight.tensor, {}, role, weight.layout, weight.rows, weight.cols});
        m_nodeOfUse.push_back(node.name);
    }
    m_found.push_back(std::move(weight));
}

/// "/encoder/layer.0/query/MatMul" → "encoder.layer.0.query"
std::string layerOfNode(std::string_view node)
{
    while (node.starts_with('/'))
        node.remove_prefix(1);
    if (const auto slash = node.rfind('/'); slash != std::string_view::npos)
        node = node.substr(0, slash);
    std::string name(node);
    std::replace(name.begin(), name.end(), '/', '.');
    return name;
}

/// Layers are called like their tensors, or like the node where an exporter has only numbered them.
void Scanner::nameUses()
{
    std::unordered_set<std::string> taken;
    for (std::size_t i = 0; i < m_contents.uses.size(); ++i) {
        WeightUse& use = m_contents.uses[i];
        const std::string& tensor = use.tensor;
        const bool numbered =
            tensor.starts_with("onnx::") || tensor.find_first_not_of("0123456789") == tensor.npos;
        use.name = tensor;
        if (tensor.ends_with(".weight") && tensor.size() > 7)
            use.name = tensor.substr(0, tensor.size() - 7);
        else if (numbered && isValidUtf8(m_nodeOfUse[i]))
            use.name = layerOfNode(m_nodeOfUse[i]);
        if (use.name.empty() || taken.contains(use.name))
            use.name = tensor;
        while (!taken.insert(use.name).second)
            use.name += '\'';
    }
}

} // namespace

OnnxContents scanOnnx(std::span<const std::byte> model, const std::string& name)
{
    return Scanner(name).scan(model);
}

bool looksLikeOnnx(std::span<const std::byte> bytes)
{
    constexpr int maximumFields = 100'000;
    try {
        bool graph = false;
        bool version = false;
        int count = 0;
        for (WireReader fields(bytes, "");
             count < maximumFields && fields.field() < 1000 && fields.next(); ++count) {
            version = version || fields.is(1, WireReader::Varint);
            graph = graph || fields.is(7, WireReader::Bytes);
        }
        return graph && version;
    } catch (const Error&) {
        return false;
    }
}

} // namespace gradus
