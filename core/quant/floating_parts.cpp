// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/floating_parts.h"

#include "core/graph/kernels_backward.h"
#include "core/tensor/half.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <type_traits>
#include <utility>

namespace gradus {

namespace {

float roundTo(DType dtype, float value)
{
    switch (dtype) {
    case DType::F16:
        return roundToHalf(value);
    case DType::BF16:
        return roundToBfloat16(value);
    default:
        return value;
    }
}

/// The weight that a layer of this operator quantizes; none for most.
std::string layerWeightOf(const Operator& op)
{
    if (const auto* linear = std::get_if<op::Linear>(&op))
        return linear->weight;
    if (const auto* convolution = std::get_if<op::Convolution>(&op))
        return convolution->weight;
    return {};
}

std::string biasOf(const Operator& op)
{
    if (const auto* linear = std::get_if<op::Linear>(&op))
        return linear->bias;
    if (const auto* convolution = std::get_if<op::Convolution>(&op))
        return convolution->bias;
    return {};
}

/// Weight and bias of a norm. Means and variances of a batch norm are what was measured.
std::vector<std::string> normParametersOf(const Operator& op)
{
    std::vector<std::string> names;
    std::visit(
        [&](const auto& norm) {
            using O = std::decay_t<decltype(norm)>;
            if constexpr (std::is_same_v<O, op::RmsNorm>)
                names = {norm.weight};
            else if constexpr (std::is_same_v<O, op::LayerNorm> ||
                               std::is_same_v<O, op::BatchNorm> ||
                               std::is_same_v<O, op::InstanceNorm>)
                names = {norm.weight, norm.bias};
        },
        op);
    std::erase(names, "");
    return names;
}

/// All tensors that an operator names, as far as any of them may be trained.
std::vector<std::string> parametersOf(const Operator& op)
{
    std::vector<std::string> names = normParametersOf(op);
    names.push_back(layerWeightOf(op));
    names.push_back(biasOf(op));
    if (const auto* embedding = std::get_if<op::Embedding>(&op))
        names.push_back(embedding->weight);
    return names;
}

bool contains(const NodeRange& range, int node)
{
    return node >= range.first && node < range.first + range.count;
}

} // namespace

FloatingParts::FloatingParts(const Model& model, const Weights& below,
                             const std::vector<TrainedLayer>& layers, int first, int count,
                             const TrainingOptions& options)
    : m_model(model)
    , m_overlay(Weights::over(below))
{
    std::map<std::string, int> readers; // of a tensor: one that two nodes share is left alone
    for (const Node& node : model.graph.nodes)
        for (const std::string& tensor : parametersOf(node.op))
            ++readers[tensor];
    for (const auto& [value, constant] : model.graph.constants)
        ++readers[constant.tensor];
    const NodeRange range{first, count, 0, 0, {}};
    for (const TrainedLayer& layer : layers) {
        LayerParts parts;
        parts.start = layer.weight;
        parts.tensor = layer.layer->weight;
        const int node = layer.layer->node;
        if (contains(range, node) && readers[parts.tensor] == 1 &&
            !layerWeightOf(model.graph.nodes[static_cast<std::size_t>(node)].op).empty()) {
            parts.node = node;
            parts.weight = layer.weight->scheme.levels == Levels::Uniform
                               ? trainUniform(layer)
                               : trainPower(layer, options);
            m_layerOf[node] = m_layers.size();
        }
        m_layers.push_back(std::move(parts));
    }
    for (int n = first; n < first + count; ++n) {
        const Operator& op = model.graph.nodes[static_cast<std::size_t>(n)].op;
        if (options.norms)
            for (const std::string& tensor : normParametersOf(op))
                if (readers[tensor] == 1)
                    addVector(n, tensor, VectorKind::Norm);
        if (const std::string bias = biasOf(op); options.biases && !bias.empty())
            addVector(n, bias, VectorKind::Bias);
    }
}

void FloatingParts::addVector(int node, const std::string& tensor, VectorKind kind)
{
    // Those that the graph itself computes lie in no file that they could go back to.
    const TensorInfo* info = m_model.source.tensors->find(tensor);
    if (!info || info->shape.size() != 1 || !isFloating(info->dtype))
        return;
    VectorParts parts;
    parts.node = node;
    parts.tensor = tensor;
    parts.dtype = info->dtype;
    const auto value = m_overlay.get(tensor);
    parts.values.set({value->floats().begin(), value->floats().end()});
    if (kind == VectorKind::Norm)
        m_normOf[{node, tensor}] = m_vectors.size();
    else
        m_biasOf[node] = m_vectors.size();
    m_vectors.push_back(std::move(parts));
}

bool FloatingParts::empty() const
{
    return m_layerOf.empty() && m_vectors.empty();
}

std::set<int> FloatingParts::wanted(const NodeRange& range) const
{
    std::set<int> nodes;
    for (const auto* map : {&m_layerOf, &m_biasOf})
        for (const auto& [node, index] : *map)
            if (contains(range, node))
                nodes.insert(node);
    for (const auto& [norm, index] : m_normOf)
        if (contains(range, norm.first))
            nodes.insert(norm.first);
    return nodes;
}

std::shared_ptr<Tensor> FloatingParts::buffer(const Shape& shape)
{
    const auto found = std::find_if(m_spare.begin(), m_spare.end(),
                                    [&](const auto& spare) { return spare->shape() == shape; });
    if (found == m_spare.end())
        return std::make_shared<Tensor>(shape);
    auto tensor = std::move(*found);
    m_spare.erase(found);
    return tensor;
}

void FloatingParts::enter(const NodeRange& range, Form form)
{
    const auto place = [&](const std::string& name, const Shape& shape) -> Tensor& {
        auto& tensor = m_entered[name];
        if (!tensor) {
            tensor = buffer(shape);
            m_overlay.replace(name, std::shared_ptr<const Tensor>(tensor));
        }
        return *tensor;
    };
    for (const LayerParts& layer : m_layers) {
        if (!contains(range, layer.node))
            continue;
        Tensor& out = place(layer.tensor, {layer.start->rows, layer.start->cols});
        if (form == Form::Masters)
            layer.weight->writeMasters(out.matrix());
        else if (m_steps == 0)
            dequantize(*layer.start, out.matrix());
        else
            dequantize(layer.weight->stored(), out.matrix());
    }
    for (const VectorParts& vector : m_vectors) {
        if (!contains(range, vector.node))
            continue;
        const auto& values = vector.values.value;
        Tensor& out = place(vector.tensor, {static_cast<std::int64_t>(values.size())});
        std::transform(values.begin(), values.end(), out.floats().begin(), [&](float value) {
            return form == Form::Masters ? value : roundTo(vector.dtype, value);
        });
    }
}

void FloatingParts::leave(const NodeRange& range)
{
    const auto release = [&](int node, const std::string& name) {
        const auto found = m_entered.find(name);
        if (!contains(range, node) || found == m_entered.end())
            return;
        m_overlay.restore(name);
        m_spare.push_back(std::move(found->second));
        m_entered.erase(found);
    };
    for (const LayerParts& layer : m_layers)
        release(layer.node, layer.tensor);
    for (const VectorParts& vector : m_vectors)
        release(vector.node, vector.tensor);
}

MatrixView FloatingParts::gradientBuffer(std::int64_t rows, std::int64_t cols)
{
    if (m_weightGradient.count() < rows * cols)
        m_weightGradient = Tensor({rows * cols});
    return {m_weightGradient.floats().data(), rows, cols};
}

GradientSink FloatingParts::sink(const Monitor& monitor)
{
    GradientSink sink;
    sink.linear = [this, &monitor](int node, ConstMatrixView x, ConstMatrixView delta) {
        if (const auto found = m_layerOf.find(node); found != m_layerOf.end()) {
            const MatrixView gradient = gradientBuffer(delta.cols, x.cols);
            multiplyLeftTransposed(delta, x, gradient, false, &monitor);
            m_layers[found->second].weight->addGradient(gradient);
        }
        if (const auto found = m_biasOf.find(node); found != m_biasOf.end())
            kernel::addColumnSums(delta, m_vectors[found->second].values.gradient);
    };
    sink.convolution = [this](int node, ConstMatrixView weight, std::span<const float> bias) {
        if (const auto found = m_layerOf.find(node); found != m_layerOf.end()) {
            // Which works in the gradient's memory
            const MatrixView gradient = gradientBuffer(weight.rows, weight.cols);
            for (std::int64_t r = 0; r < weight.rows; ++r)
                std::copy(weight.row(r).begin(), weight.row(r).end(), gradient.row(r).begin());
            m_layers[found->second].weight->addGradient(gradient);
        }
        if (const auto found = m_biasOf.find(node); found != m_biasOf.end() && !bias.empty()) {
            auto& own = m_vectors[found->second].values.gradient;
            assert(own.size() == bias.size());
            for (std::size_t i = 0; i < own.size(); ++i)
                own[i] += bias[i];
        }
    };
    sink.norm = [this](int node, const std::string& tensor, std::span<const float> gradient) {
        const auto found = m_normOf.find({node, tensor});
        if (found == m_normOf.end())
            return;
        auto& own = m_vectors[found->second].values.gradient;
        assert(own.size() == gradient.size());
        for (std::size_t i = 0; i < own.size(); ++i)
            own[i] += gradient[i];
    };
    return sink;
}

template <class Body>
void FloatingParts::forEachWeight(const Body& body)
{
    for (LayerParts& layer : m_layers)
        if (layer.weight)
            body(*layer.weight);
}

void FloatingParts::clearGradients()
{
    forEachWeight([](TrainedWeight& weight) { weight.clearGradients(); });
    for (VectorParts& vector : m_vectors)
        vector.values.clearGradient();
}

void FloatingParts::step(const AdamRates& rates, double done)
{
    const TrainingStep now{rates, ++m_steps, done};
    forEachWeight([&](TrainedWeight& weight) { weight.step(now); });
    for (VectorParts& vector : m_vectors)
        vector.values.step(rates, m_steps);
}

void FloatingParts::keep()
{
    m_hasKept = true;
    forEachWeight([](TrainedWeight& weight) { weight.keep(); });
    for (VectorParts& vector : m_vectors)
        vector.values.keep();
}

std::vector<std::shared_ptr<const QuantizedWeight>> FloatingParts::keptWeights() const
{
    std::vector<std::shared_ptr<const QuantizedWeight>> weights;
    for (const LayerParts& layer : m_layers)
        weights.push_back(layer.weight && m_hasKept
                              ? std::make_shared<const QuantizedWeight>(layer.weight->kept())
                              : layer.start);
    return weights;
}

std::map<std::string, std::shared_ptr<const Tensor>> FloatingParts::keptParameters() const
{
    std::map<std::string, std::shared_ptr<const Tensor>> parameters;
    if (!m_hasKept)
        return parameters;
    for (const VectorParts& vector : m_vectors) {
        auto tensor =
            std::make_shared<Tensor>(Shape{static_cast<std::int64_t>(vector.values.kept.size())});
        std::transform(vector.values.kept.begin(), vector.values.kept.end(),
                       tensor->floats().begin(),
                       [&](float value) { return roundTo(vector.dtype, value); });
        parameters[vector.tensor] = std::move(tensor);
    }
    return parameters;
}

void FloatingParts::measureMovement(TuningOutcome& outcome) const
{
    if (!m_hasKept)
        return;
    TrainingMovement m;
    for (const LayerParts& layer : m_layers)
        if (layer.weight)
            layer.weight->addMovement(m);
    outcome.scaleChange = m.startSquares > 0 ? std::sqrt(m.scaleSquares / m.startSquares) : 0;
    outcome.zeroChange = m.zeros > 0 ? std::sqrt(m.zeroSquares / static_cast<double>(m.zeros)) : 0;
    outcome.codeChange =
        m.codes > 0 ? static_cast<double>(m.changedCodes) / static_cast<double>(m.codes) : 0;
    outcome.exponentChange = m.exponents > 0 ? m.exponentSum / static_cast<double>(m.exponents) : 0;
}

} // namespace gradus
