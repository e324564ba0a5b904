// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/fold_batch_norms.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/container_graph.h"
#include "core/graph/graph_passes.h"
#include "core/graph/shape_inference.h"
#include "core/graph/transposed_weight.h"
#include "core/io/changed_model_file.h"

#include <cmath>
#include <map>
#include <type_traits>
#include <utility>

namespace gradus {

namespace {

using Numbers = std::vector<double>;

/// The model's tensors as folding leaves them, and where that began.
class FoldedModelFile final : public ChangedModelFile
{
public:
    FoldedModelFile(std::shared_ptr<const Model> model, Changes changes, FoldedNorms norms)
        : ChangedModelFile(model->source.tensors, std::move(changes))
        , m_model(std::move(model))
        , m_norms(std::move(norms))
    {
    }

    [[nodiscard]] const std::shared_ptr<const Model>& model() const { return m_model; }
    [[nodiscard]] const FoldedNorms& norms() const { return m_norms; }

private:
    std::shared_ptr<const Model> m_model;
    FoldedNorms m_norms;
};

const FoldedModelFile* foldedFile(const Model& model)
{
    return dynamic_cast<const FoldedModelFile*>(model.source.tensors.get());
}

/// What is to happen to one norm.
struct Fold
{
    std::size_t norm = 0;    ///< index of the node
    std::size_t product = 0; ///< of the node before it
    const Layer* layer = nullptr;
    Numbers factor; ///< by output channel
    Numbers bias;
    std::string biasTensor; ///< that holds the bias from now on; "": the graph keeps it
};

std::vector<float> rounded(const Numbers& values)
{
    std::vector<float> result;
    result.reserve(values.size());
    for (const double value : values)
        result.push_back(static_cast<float>(value));
    return result;
}

class Folding
{
public:
    explicit Folding(const Model& model)
        : m_model(model)
        , m_shapes(model)
    {
        const Graph& graph = model.graph;
        for (std::size_t n = 0; n < graph.nodes.size(); ++n)
            for (const ValueId output : graph.nodes[n].outputs)
                if (output != noValue)
                    m_makers[output] = n;
        for (const Node& node : graph.nodes)
            forEachRead(node, [&](ValueId value) { ++m_valueReaders[value]; });
        for (const GraphPort& port : graph.outputs)
            ++m_valueReaders[port.value];
        countTensors(graph.nodes);
        for (const auto& [value, constant] : graph.constants)
            if (!constant.tensor.empty())
                ++m_tensorReaders[constant.tensor];
        for (const Layer& layer : model.layers)
            m_layers.emplace(layer.weight, &layer);
        look();
    }

    [[nodiscard]] const std::vector<Fold>& folds() const { return m_folds; }
    [[nodiscard]] const FoldedNorms& norms() const { return m_norms; }

private:
    void countTensors(const std::vector<Node>& nodes)
    {
        for (const Node& node : nodes) {
            for (const std::string& name : parametersOf(node.op))
                ++m_tensorReaders[name];
            if (const auto* branches = std::get_if<op::If>(&node.op))
                for (const auto& branch : {branches->thenBranch, branches->elseBranch})
                    countTensors(branch->nodes);
        }
    }

    void look()
    {
        const auto& nodes = m_model.graph.nodes;
        for (std::size_t n = 0; n < nodes.size(); ++n) {
            const auto* norm = std::get_if<op::BatchNorm>(&nodes[n].op);
            if (!norm)
                continue;
            Fold fold;
            fold.norm = n;
            std::string why;
            try {
                why = whyNot(*norm, fold);
            } catch (const Error& error) { // a tensor that cannot be read
                why = error.what();
            }
            if (why.empty()) {
                m_norms.folded.push_back(fold.layer ? fold.layer->name : nodes[fold.product].name);
                m_folds.push_back(std::move(fold));
            } else {
                m_norms.kept.push_back({nodes[n].name, std::move(why)});
            }
        }
    }

    /// Empty, and the fold is filled in, when the norm can be folded.
    std::string whyNot(const op::BatchNorm& norm, Fold& fold) const
    {
        const ValueId input = m_model.graph.nodes[fold.norm].inputs.front();
        const auto maker = m_makers.find(input);
        if (maker == m_makers.end())
            return "its input is an input of the model";
        fold.product = maker->second;
        const Node& product = m_model.graph.nodes[maker->second];
        std::string weight;
        std::string bias;
        std::int64_t channels = 0;
        if (const auto* convolution = std::get_if<op::Convolution>(&product.op)) {
            weight = convolution->weight;
            bias = convolution->bias;
        } else if (const auto* transpose = std::get_if<op::ConvolutionTranspose>(&product.op)) {
            weight = transpose->weight;
            bias = transpose->bias;
            channels = transpose->outChannels;
        } else if (const auto* linear = std::get_if<op::Linear>(&product.op)) {
            // Channels are axis 1 to the norm and the last one to the product.
            const SymbolicShape* shape = m_shapes.shape(input);
            if (!shape || shape->size() != 2)
                return concat("its input, of ", product.name, ", is not batch × channels");
            weight = linear->weight;
            bias = linear->bias;
        } else {
            return concat("its input comes from ", operatorName(product.op),
                          ", expected a convolution or a linear layer");
        }
        if (m_valueReaders.at(input) > 1)
            return concat("the output of ", product.name, " is read by other nodes, too");
        if (channels == 0) {
            const auto layer = m_layers.find(weight);
            if (layer == m_layers.end())
                return concat("the weight of ", product.name, " is computed by the graph");
            fold.layer = layer->second;
            channels = fold.layer->rows;
        }
        for (const std::string& name :
             {weight, bias, norm.weight, norm.bias, norm.mean, norm.variance}) {
            if (name.empty())
                continue;
            const TensorInfo* info = m_model.source.tensors->find(name);
            if (!info || !isFloating(info->dtype))
                return concat("the model's file has no float tensor ", quoted(name));
            if (m_tensorReaders.at(name) > 1)
                return concat("the tensor ", quoted(name), " is read by other nodes, too");
            if (name != weight && elementCount(info->shape) != channels)
                return concat("the tensor ", quoted(name), " is ", shapeText(info->shape),
                              ", expected ", channels, " values");
        }
        return numbers(norm, bias, channels, fold);
    }

    std::string numbers(const op::BatchNorm& norm, const std::string& bias, std::int64_t channels,
                        Fold& fold) const
    {
        const auto epsilon = static_cast<double>(norm.epsilon);
        if (!(epsilon < 1)) // or no variance makes it the identity
            return concat("its epsilon is ", epsilon, ", expected below 1");
        const Numbers mean = read(norm.mean, channels, 0);
        const Numbers variance = read(norm.variance, channels, 1);
        const Numbers gamma = read(norm.weight, channels, 1);
        const Numbers beta = read(norm.bias, channels, 0);
        const Numbers before = read(bias, channels, 0);
        fold.biasTensor = bias.empty() ? norm.bias : bias;
        for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
            const double factor = gamma[c] / std::sqrt(variance[c] + epsilon);
            const double shift = (before[c] - mean[c]) * factor + beta[c];
            if (!std::isfinite(static_cast<float>(factor)) ||
                !std::isfinite(static_cast<float>(shift)))
                return concat("channel ", c, " has the variance ", variance[c],
                              ", which makes no finite weights");
            fold.factor.push_back(factor);
            fold.bias.push_back(shift);
        }
        return {};
    }

    Numbers read(const std::string& tensor, std::int64_t channels, double otherwise) const
    {
        if (tensor.empty())
            return Numbers(static_cast<std::size_t>(channels), otherwise);
        const Tensor values = m_model.source.tensors->readFloat(tensor);
        return {values.floats().begin(), values.floats().end()};
    }

    const Model& m_model;
    ShapeInference m_shapes;
    std::map<ValueId, std::size_t> m_makers;
    std::map<ValueId, int> m_valueReaders;
    std::map<std::string, int> m_tensorReaders;
    std::map<std::string, const Layer*> m_layers; ///< by tensor
    std::vector<Fold> m_folds;
    FoldedNorms m_norms;
};

std::function<Tensor(Tensor)> filledWith(float value)
{
    return [value](Tensor tensor) {
        for (float& each : tensor.floats())
            each = value;
        return tensor;
    };
}

std::function<Tensor(Tensor)> filledWith(std::vector<float> values)
{
    return [values = std::move(values)](Tensor tensor) {
        std::copy(values.begin(), values.end(), tensor.floats().begin());
        return tensor;
    };
}

/// Each row of the weight as a matrix times its factor.
std::function<Tensor(Tensor)> rowsTimes(const Layer& layer, Numbers factor)
{
    return [layout = layer.layout, shape = layer.shape, rows = layer.rows, cols = layer.cols,
            factor = std::move(factor)](Tensor stored) {
        Tensor matrix = matrixOfStored(std::move(stored), layout, rows, cols);
        float* value = matrix.floats().data();
        for (const double each : factor)
            for (std::int64_t c = 0; c < cols; ++c, ++value)
                *value = static_cast<float>(static_cast<double>(*value) * each);
        Tensor result = storedOfMatrix(std::move(matrix), layout, shape);
        result.reshape(shape);
        return result;
    };
}

/// C × out/groups × kh × kw, or kh × kw × out × C: the first channels of the output belong to the
/// first of the input.
std::function<Tensor(Tensor)> transposeTimes(const op::ConvolutionTranspose& op,
                                             const Shape& stored, Numbers factor)
{
    const bool kernelFirst = liesKernelFirst(op, stored);
    const std::int64_t perGroup = op.outChannels / op.geometry.groups;
    const std::int64_t inputsOfGroup = op.geometry.channels / op.geometry.groups;
    const std::int64_t taps = op.geometry.kernel[0] * op.geometry.kernel[1];
    return [=, channels = op.geometry.channels, factor = std::move(factor)](Tensor tensor) {
        float* value = tensor.floats().data();
        if (kernelFirst) {
            for (std::int64_t i = 0; i < tensor.count(); ++i, ++value)
                *value =
                    static_cast<float>(static_cast<double>(*value) *
                                       factor[static_cast<std::size_t>(i / channels % perGroup)]);
            return tensor;
        }
        for (std::int64_t c = 0; c < channels; ++c)
            for (std::int64_t o = 0; o < perGroup; ++o) {
                const double each =
                    factor[static_cast<std::size_t>(c / inputsOfGroup * perGroup + o)];
                for (std::int64_t t = 0; t < taps; ++t, ++value)
                    *value = static_cast<float>(static_cast<double>(*value) * each);
            }
        return tensor;
    };
}

/// The tensors that a fold changes.
void addChanges(const Model& model, const Fold& fold, ChangedModelFile::Changes& changes)
{
    const Operator& product = model.graph.nodes[fold.product].op;
    const auto& norm = std::get<op::BatchNorm>(model.graph.nodes[fold.norm].op);
    if (const auto* transpose = std::get_if<op::ConvolutionTranspose>(&product))
        changes[transpose->weight] = transposeTimes(
            *transpose, model.source.tensors->find(transpose->weight)->shape, fold.factor);
    else
        changes[fold.layer->weight] = rowsTimes(*fold.layer, fold.factor);
    if (!norm.weight.empty())
        changes[norm.weight] = filledWith(1.0F);
    if (!norm.variance.empty())
        changes[norm.variance] = filledWith(1.0F - norm.epsilon);
    if (!norm.bias.empty())
        changes[norm.bias] = filledWith(0.0F);
    if (!norm.mean.empty())
        changes[norm.mean] = filledWith(0.0F);
    if (!fold.biasTensor.empty()) {
        changes[fold.biasTensor] = filledWith(rounded(fold.bias));
    } else if (!norm.mean.empty()) { // x − mean alone is left
        Numbers negated = fold.bias;
        for (double& value : negated)
            value = -value;
        changes[norm.mean] = filledWith(rounded(negated));
    }
}

/// The product makes the norm's output by itself from now on.
void replace(Graph& graph, const Fold& fold)
{
    Node& product = graph.nodes[fold.product];
    std::string bias = fold.biasTensor;
    if (bias.empty()) {
        bias = concat(product.name, ".folded_bias");
        while (graph.computed.contains(bias))
            bias += '\'';
        const auto count = static_cast<std::int64_t>(fold.bias.size());
        graph.computed[bias] =
            std::make_shared<const Tensor>(fromFloat(rounded(fold.bias), DType::F32, {count}));
    }
    std::visit(
        [&](auto& each) {
            using T = std::decay_t<decltype(each)>;
            if constexpr (std::is_same_v<T, op::Convolution> ||
                          std::is_same_v<T, op::ConvolutionTranspose> ||
                          std::is_same_v<T, op::Linear>)
                each.bias = bias;
        },
        product.op);
    product.outputs = graph.nodes[fold.norm].outputs;
    graph.nodes[fold.norm].outputs = {noValue}; // and nobody reads it
}

} // namespace

FoldedNorms foldableNorms(const Model& model)
{
    if (const FoldedModelFile* file = foldedFile(model))
        return file->norms();
    return Folding(model).norms();
}

std::shared_ptr<const Model> foldBatchNorms(std::shared_ptr<const Model> model)
{
    if (hasFoldedNorms(*model) || !model->canRun())
        return model;
    const Folding folding(*model);
    if (folding.folds().empty())
        return model;
    auto folded = std::make_shared<Model>(*model);
    ChangedModelFile::Changes changes;
    for (const Fold& fold : folding.folds()) {
        addChanges(*model, fold, changes);
        replace(folded->graph, fold);
    }
    forgetUnread(folded->graph);
    folded->source.tensors =
        std::make_shared<const FoldedModelFile>(model, std::move(changes), folding.norms());
    std::vector<Layer> layers = std::move(folded->layers);
    for (Layer& layer : layers) {
        layer.node = -1;
        layer.input = -1;
    }
    placeIntoGraph(*folded, std::move(layers));
    return folded;
}

std::shared_ptr<const Model> unfolded(std::shared_ptr<const Model> model)
{
    const FoldedModelFile* file = foldedFile(*model);
    return file ? file->model() : model;
}

bool hasFoldedNorms(const Model& model)
{
    return foldedFile(model) != nullptr;
}

bool hasBatchNorms(const Model& model)
{
    const auto& nodes = model.graph.nodes;
    return hasFoldedNorms(model) || std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
               return std::holds_alternative<op::BatchNorm>(node.op);
           });
}

} // namespace gradus
