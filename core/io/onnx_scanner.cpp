// SPDX-License-Identifier: GPL-3.0-or-later
//
// Field numbers are those of onnx.proto3. The messages are walked in the mapped file: what protobuf
// would make of them is several copies of every weight.
#include "core/io/onnx_scanner.h"

#include "core/base/error.h"
#include "core/base/text.h"
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

constexpr std::size_t maximumRank = 64; // as in safetensors
constexpr std::size_t maximumTensors = std::size_t(1) << 20;
constexpr std::size_t maximumNameBytes = std::size_t(256) << 20;
constexpr int maximumDepth = 64;

struct Attribute
{
    std::string_view name;
    std::int64_t integer = 0;
    std::vector<std::int64_t> integers;
    Bytes tensor;
    bool hasTensor = false;
    std::vector<Bytes> graphs;
};

struct ParsedNode
{
    std::string_view op;
    std::string_view domain;
    std::string_view name;
    std::vector<std::string_view> inputs;
    std::vector<std::string_view> outputs;
    std::vector<Attribute> attributes;

    [[nodiscard]] const Attribute* attribute(std::string_view wanted) const
    {
        for (const Attribute& each : attributes)
            if (each.name == wanted)
                return &each;
        return nullptr;
    }
    [[nodiscard]] std::int64_t integer(std::string_view wanted, std::int64_t otherwise) const
    {
        const Attribute* found = attribute(wanted);
        return found ? found->integer : otherwise;
    }
};

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
            if (!fields.is(7, WireReader::Bytes))
                continue;
            if (std::exchange(found, true))
                throw fail("holds two graphs");
            graph(fields.bytes(), nullptr, {}, 0);
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

    void graph(Bytes bytes, const Scope* around, const std::string& path, int depth);
    void sparse(Bytes bytes);
    void addTensor(Scope& scope, Bytes message, std::string_view name, const std::string& path);
    [[nodiscard]] OnnxTensor parseTensor(Bytes message) const;
    [[nodiscard]] ParsedNode parseNode(Bytes message) const;
    [[nodiscard]] Attribute parseAttribute(Bytes message) const;
    void carry(Scope& scope, const ParsedNode& node);
    void weights(const Scope& scope, const ParsedNode& node);
    void convolution(const View& view, const ParsedNode& node, bool transposed);
    void use(const View& view, Shape sizes, std::vector<int> order, std::size_t rowAxes,
             WeightRole role, const ParsedNode& node);
    void nameUses();
    [[nodiscard]] std::vector<std::int64_t> smallIntegers(const Scope& scope,
                                                          std::string_view name) const;

    const std::string& m_file;
    OnnxContents m_contents;
    std::unordered_map<std::string, std::size_t> m_names; ///< how often a name came
    std::size_t m_nameBytes = 0;            ///< of names that nested graphs made longer
    std::unordered_set<std::size_t> m_used; ///< tensors that have a use
    std::vector<std::string_view> m_nodeOfUse;
};

// -------------------------------------------------------------------------------- messages

/// A repeated int64, packed or one by one; false when a pack is damaged.
bool addIntegers(const WireReader& field, std::uint32_t number, std::size_t limit,
                 std::vector<std::int64_t>& values)
{
    if (field.is(number, WireReader::Varint)) {
        values.push_back(field.integer());
        return values.size() <= limit;
    }
    if (!field.is(number, WireReader::Bytes))
        return true;
    Bytes left = field.bytes();
    while (!left.empty()) {
        std::uint64_t value = 0;
        if (!WireReader::takeVarint(left, value) || values.size() == limit)
            return false;
        values.push_back(static_cast<std::int64_t>(value));
    }
    return true;
}

OnnxTensor Scanner::parseTensor(Bytes message) const
{
    OnnxTensor tensor;
    tensor.message = message;
    for (WireReader fields(message, m_file); fields.next();) {
        if (!addIntegers(fields, 1, maximumRank, tensor.shape))
            throw fail("a tensor has damaged dimensions, or more than ", maximumRank);
        if (fields.is(2, WireReader::Varint))
            tensor.dataType = fields.integer();
        else if (fields.is(8, WireReader::Bytes))
            tensor.storedName = fields.text();
        else if (fields.is(9, WireReader::Bytes))
            tensor.raw = fields.bytes();
        else if (fields.is(14, WireReader::Varint))
            tensor.isExternal = fields.varint() == 1;
        else if (fields.is(13, WireReader::Bytes)) {
            std::string_view key;
            std::string_view value;
            for (WireReader entry(fields.bytes(), m_file); entry.next();) {
                if (entry.is(1, WireReader::Bytes))
                    key = entry.text();
                else if (entry.is(2, WireReader::Bytes))
                    value = entry.text();
            }
            if (key == "location")
                tensor.location = value;
            else if (key == "offset")
                tensor.offset = value;
            else if (key == "length")
                tensor.length = value;
        }
    }
    return tensor;
}

Attribute Scanner::parseAttribute(Bytes message) const
{
    Attribute attribute;
    for (WireReader fields(message, m_file); fields.next();) {
        // Longer lists are no axes; they are not kept.
        if (!addIntegers(fields, 8, maximumRank, attribute.integers))
            attribute.integers.resize(maximumRank);
        if (fields.is(1, WireReader::Bytes)) {
            attribute.name = fields.text();
        } else if (fields.is(3, WireReader::Varint)) {
            attribute.integer = fields.integer();
        } else if (fields.is(5, WireReader::Bytes)) {
            attribute.tensor = fields.bytes();
            attribute.hasTensor = true;
        } else if (fields.is(6, WireReader::Bytes) || fields.is(11, WireReader::Bytes)) {
            attribute.graphs.push_back(fields.bytes());
        }
    }
    return attribute;
}

ParsedNode Scanner::parseNode(Bytes message) const
{
    ParsedNode node;
    for (WireReader fields(message, m_file); fields.next();) {
        if (fields.is(1, WireReader::Bytes))
            node.inputs.push_back(fields.text());
        else if (fields.is(2, WireReader::Bytes))
            node.outputs.push_back(fields.text());
        else if (fields.is(3, WireReader::Bytes))
            node.name = fields.text();
        else if (fields.is(4, WireReader::Bytes))
            node.op = fields.text();
        else if (fields.is(5, WireReader::Bytes))
            node.attributes.push_back(parseAttribute(fields.bytes()));
        else if (fields.is(7, WireReader::Bytes))
            node.domain = fields.text();
    }
    return node;
}

// ---------------------------------------------------------------------------------- tensors

void Scanner::addTensor(Scope& scope, Bytes message, std::string_view name, const std::string& path)
{
    OnnxTensor tensor = parseTensor(message);
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
}

void Scanner::sparse(Bytes bytes)
{
    for (WireReader fields(bytes, m_file); fields.next();)
        if (fields.is(1, WireReader::Bytes)) {
            const OnnxTensor values = parseTensor(fields.bytes());
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
    if (tensor.dataType != 7 || tensor.isExternal || count == 0 || count > maximumRank ||
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

void Scanner::graph(Bytes bytes, const Scope* around, const std::string& path, int depth)
{
    if (depth == maximumDepth)
        throw fail("graphs are nested more than ", maximumDepth, " deep");
    Scope scope;
    scope.around = around;
    for (WireReader fields(bytes, m_file); fields.next();) {
        if (fields.is(5, WireReader::Bytes))
            addTensor(scope, fields.bytes(), {}, path);
        else if (fields.is(15, WireReader::Bytes))
            sparse(fields.bytes());
    }
    std::size_t number = 0;
    for (WireReader fields(bytes, m_file); fields.next();) {
        if (!fields.is(1, WireReader::Bytes))
            continue;
        const ParsedNode node = parseNode(fields.bytes());
        ++number;
        const bool standard =
            node.domain.empty() || node.domain == "ai.onnx" || node.domain == "com.microsoft";
        if (standard && node.op == "Constant") {
            const Attribute* value = node.attribute("value");
            if (value && value->hasTensor && !node.outputs.empty())
                addTensor(scope, value->tensor, node.outputs.front(), path);
        } else if (standard) {
            weights(scope, node);
            carry(scope, node);
        }
        for (const Attribute& attribute : node.attributes)
            for (const Bytes inner : attribute.graphs) {
                if (!isValidUtf8(node.name) || !isValidUtf8(node.op) ||
                    !isValidUtf8(attribute.name))
                    throw fail("the name of a node with graphs inside is not valid UTF-8");
                graph(inner, &scope,
                      concat(path, node.name.empty() ? node.op : node.name,
                             node.name.empty() ? concat(number) : std::string(), "/",
                             attribute.name, "/"),
                      depth + 1);
            }
    }
}

/// Values that are a tensor in another shape, for the nodes that come after.
void Scanner::carry(Scope& scope, const ParsedNode& node)
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
        const Attribute* perm = node.attribute("perm");
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
void Scanner::weights(const Scope& scope, const ParsedNode& node)
{
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
                WeightRole::Linear, node);
        }
    } else if (node.op == "Gemm" || node.op == "FusedGemm") {
        const View* view = input(1);
        if (view && view->exact && view->order.size() == 2)
            use(*view, view->sizes, node.integer("transB", 0) != 0 ? upTo(2) : swapped(2), 1,
                WeightRole::Linear, node);
    } else if (node.op == "Gather") {
        const View* view = input(0);
        if (view && view->exact && view->order.size() == 2 && node.integer("axis", 0) == 0 &&
            view->size(0) > 1)
            use(*view, view->sizes, upTo(2), 1, WeightRole::Embedding, node);
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
                WeightRole::Linear, node);
        }
    }
}

/// W is out × in/groups × kernel, and in × out/groups × kernel when transposed.
void Scanner::convolution(const View& view, const ParsedNode& node, bool transposed)
{
    const std::size_t rank = view.order.size();
    const std::int64_t groups = node.integer("group", 1);
    std::vector<int> order = upTo(rank);
    if (!transposed) {
        use(view, view.sizes, std::move(order), 1, WeightRole::Convolution, node);
    } else if (groups == 1) {
        std::swap(order[0], order[1]);
        use(view, view.sizes, std::move(order), 1, WeightRole::Convolution, node);
    } else if (groups > 1 && view.sizes[0] % groups == 0 &&
               weightLayout(view.sizes, view.order).isPlain()) {
        View split = view;
        split.sizes[0] /= groups;
        split.sizes.insert(split.sizes.begin(), groups);
        split.order = upTo(rank + 1);
        order = upTo(rank + 1);
        std::swap(order[1], order[2]);
        use(split, split.sizes, std::move(order), 2, WeightRole::Convolution, node);
    }
}

/// order: of the view's axes; the first rowAxes of them are rows.
void Scanner::use(const View& view, Shape sizes, std::vector<int> order, std::size_t rowAxes,
                  WeightRole role, const ParsedNode& node)
{
    if (!m_used.insert(view.tensor).second)
        return; // the first use decides
    WeightUse added;
    added.tensor = m_contents.tensors[view.tensor].name;
    added.role = role;
    added.rows = added.cols = 1;
    for (std::size_t i = 0; i < order.size(); ++i) {
        (i < rowAxes ? added.rows : added.cols) *= view.size(static_cast<std::size_t>(order[i]));
        order[i] = view.order[static_cast<std::size_t>(order[i])];
    }
    added.layout = weightLayout(std::move(sizes), std::move(order));
    m_contents.uses.push_back(std::move(added));
    m_nodeOfUse.push_back(node.name);
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
