// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/floating_parts.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/graph/kernels_backward.h"
#include "core/quant/grid.h"
#include "core/tensor/half.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

float middleOf(const Scheme& scheme)
{
    return static_cast<float>(1 << (scheme.bits - 1));
}

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

/// Where in the arrays of scales the granules of a row stand.
struct RowGranules
{
    explicit RowGranules(const QuantizedWeight& weight)
        : cols(weight.cols)
        , run(effectiveGroup(weight.scheme, weight.cols))
        , perRow(weight.scheme.granularity == Granularity::Tensor ? 0 : weight.groups())
        , index(perRow > 0 ? std::span<const std::int32_t>(weight.groupIndex)
                           : std::span<const std::int32_t>())
    {
    }
    std::int64_t cols;
    std::int64_t run;    ///< consecutive columns of one granule, without an index
    std::int64_t perRow; ///< 0: one for all rows
    std::span<const std::int32_t> index;
};

/// Σ g·(code − shift) and Σ g of a run of columns: equation (4) of the reference, section 7. Lanes
/// in float, which are added up in double.
std::pair<double, double> granuleSums(const float* g, const std::uint8_t* codes, float shift,
                                      std::int64_t count)
{
    constexpr std::int64_t lanes = 16;
    std::array<float, lanes> weighted{};
    std::array<float, lanes> plain{};
    std::int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            const float value = g[i + lane];
            plain[static_cast<std::size_t>(lane)] += value;
            weighted[static_cast<std::size_t>(lane)] +=
                value * (static_cast<float>(codes[i + lane]) - shift);
        }
    for (; i < count; ++i) {
        plain[0] += g[i];
        weighted[0] += g[i] * (static_cast<float>(codes[i]) - shift);
    }
    const auto total = [](const std::array<float, lanes>& sums) {
        return std::accumulate(sums.begin(), sums.end(), 0.0,
                               [](double a, float b) { return a + static_cast<double>(b); });
    };
    return {total(weighted), total(plain)};
}

/// Turns the codes of some granules around: code → largest − code.
void turnCodes(QuantizedWeight& weight, const std::vector<bool>& turned)
{
    const int most = weight.scheme.maximumCode();
    for (std::int64_t r = 0; r < weight.rows; ++r)
        for (std::int64_t c = 0; c < weight.cols; ++c)
            if (turned[weight.parameterIndex(r, c)]) {
                auto& code = weight.codes[static_cast<std::size_t>(r * weight.cols + c)];
                code = static_cast<std::uint8_t>(most - code);
            }
}

bool contains(const NodeRange& range, int node)
{
    return node >= range.first && node < range.first + range.count;
}

} // namespace

void FloatingParts::Trained::set(std::vector<float> values)
{
    start = std::move(values);
    value = start;
    gradient.assign(start.size(), 0.0F);
}

FloatingParts::FloatingParts(const Model& model, const Weights& below,
                             std::vector<TrainedLayer> layers, int first, int count,
                             const TrainingOptions& options)
    : m_model(model)
    , m_overlay(Weights::over(below))
{
    std::map<std::string, int> readers; // of a tensor: one that two nodes share is left alone
    for (const Node& node : model.graph.nodes) {
        if (const auto* linear = std::get_if<op::Linear>(&node.op)) {
            ++readers[linear->weight];
            ++readers[linear->bias];
        } else if (const auto* embedding = std::get_if<op::Embedding>(&node.op))
            ++readers[embedding->weight];
        else if (const auto* norm = std::get_if<op::RmsNorm>(&node.op))
            ++readers[norm->weight];
    }
    const NodeRange range{first, count, 0, 0};
    for (TrainedLayer& layer : layers) {
        LayerParts parts;
        parts.start = std::move(layer.weight);
        parts.tensor = layer.layer->weight;
        const QuantizedWeight& weight = *parts.start;
        const int node = layer.layer->node;
        if (contains(range, node) && readers[parts.tensor] == 1 &&
            std::holds_alternative<op::Linear>(
                model.graph.nodes[static_cast<std::size_t>(node)].op)) {
            parts.node = node;
            parts.scales.set(weight.scales);
            if (weight.scheme.floatZeros) {
                const float middle = middleOf(weight.scheme);
                std::vector<float> offsets(weight.zeros.size());
                for (std::size_t i = 0; i < offsets.size(); ++i)
                    offsets[i] = weight.scales[i] * (middle - weight.zeros[i]);
                parts.offsets.set(std::move(offsets));
                parts.shifts.assign(weight.zeros.size(), middle);
            } else {
                parts.shifts = weight.zeros;
            }
            m_layerOf[node] = m_layers.size();
        }
        m_layers.push_back(std::move(parts));
    }
    for (int n = first; n < first + count; ++n) {
        const Operator& op = model.graph.nodes[static_cast<std::size_t>(n)].op;
        if (const auto* norm = std::get_if<op::RmsNorm>(&op);
            norm && options.norms && readers[norm->weight] == 1)
            addVector(n, norm->weight, m_normOf);
        if (const auto* linear = std::get_if<op::Linear>(&op);
            linear && options.biases && !linear->bias.empty())
            addVector(n, linear->bias, m_biasOf);
    }
}

void FloatingParts::addVector(int node, const std::string& tensor,
                              std::map<int, std::size_t>& byNode)
{
    VectorParts parts;
    parts.node = node;
    parts.tensor = tensor;
    parts.dtype = m_model.source.tensors->find(tensor)->dtype;
    const auto value = m_overlay.get(tensor);
    parts.values.set({value->floats().begin(), value->floats().end()});
    byNode[node] = m_vectors.size();
    m_vectors.push_back(std::move(parts));
}

template <class Body>
void FloatingParts::forEachTrained(const Body& body)
{
    for (LayerParts& layer : m_layers) {
        body(layer.scales);
        body(layer.offsets);
    }
    for (VectorParts& vector : m_vectors)
        body(vector.values);
}

bool FloatingParts::empty() const
{
    return m_layerOf.empty() && m_vectors.empty();
}

std::set<int> FloatingParts::wanted(const NodeRange& range) const
{
    std::set<int> nodes;
    for (const auto* map : {&m_layerOf, &m_normOf, &m_biasOf})
        for (const auto& [node, index] : *map)
            if (contains(range, node))
                nodes.insert(node);
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
            writeMasters(layer, out.matrix());
        else if (m_steps == 0)
            dequantize(*layer.start, out.matrix());
        else
            dequantize(stored(layer, layer.scales.value, layer.offsets.value), out.matrix());
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

void FloatingParts::writeMasters(const LayerParts& layer, MatrixView out) const
{
    const QuantizedWeight& weight = *layer.start;
    const RowGranules granules(weight);
    const bool moving = !layer.offsets.value.empty();
    const float* scales = layer.scales.value.data();
    const float* offsets = layer.offsets.value.data();
    const float* shifts = layer.shifts.data();
    parallelFor(
        weight.rows, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, weight.cols)),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r) {
                const std::uint8_t* codes = weight.codes.data() + r * weight.cols;
                float* to = out.data + r * out.stride;
                const auto write = [&](std::int64_t p, std::int64_t from, std::int64_t until) {
                    const float scale = scales[p];
                    const float shift = shifts[p];
                    const float offset = moving ? offsets[p] : 0.0F;
                    for (std::int64_t c = from; c < until; ++c)
                        to[c] = scale * (static_cast<float>(codes[c]) - shift) + offset;
                };
                const std::int64_t base = r * granules.perRow;
                if (!granules.index.empty())
                    for (std::int64_t c = 0; c < granules.cols; ++c)
                        write(base + granules.index[static_cast<std::size_t>(c)], c, c + 1);
                else
                    for (std::int64_t c = 0, g = 0; c < granules.cols; c += granules.run, ++g)
                        write(base + g, c, std::min(c + granules.run, granules.cols));
            }
        });
}

QuantizedWeight FloatingParts::stored(const LayerParts& layer, const std::vector<float>& scales,
                                      const std::vector<float>& offsets) const
{
    QuantizedWeight weight = *layer.start;
    const Scheme& scheme = weight.scheme;
    const double middle = static_cast<double>(middleOf(scheme));
    // Zeros that are far off need a scale: beyond this they leave their type.
    const double farthest = scheme.scaleType == DType::F16 ? 60000.0 : 1e38;
    std::vector<bool> turned(scales.size(), false);
    bool any = false;
    for (std::size_t i = 0; i < scales.size(); ++i) {
        double scale = static_cast<double>(scales[i]);
        double offset = offsets.empty() ? 0 : static_cast<double>(offsets[i]);
        if (scale < 0 && !scheme.symmetric) {
            // With C' = −1 − C: s·C + z = −s·C' + (z − s).
            turned[i] = any = true;
            offset -= scale;
            scale = -scale;
            if (offsets.empty())
                weight.zeros[i] = static_cast<float>(scheme.maximumCode()) - weight.zeros[i];
        }
        if (!offsets.empty())
            scale = std::max(scale, std::abs(offset) / farthest);
        weight.scales[i] = storedScale(scale, scheme.scaleType);
        if (!offsets.empty())
            weight.zeros[i] = roundTo(
                scheme.scaleType,
                static_cast<float>(middle - offset / static_cast<double>(weight.scales[i])));
    }
    if (any)
        turnCodes(weight, turned);
    return weight;
}

void FloatingParts::addWeightGradient(LayerParts& layer, ConstMatrixView gradient) const
{
    const QuantizedWeight& weight = *layer.start;
    const RowGranules granules(weight);
    const std::int64_t groups = std::max<std::int64_t>(1, granules.perRow);
    const auto size = static_cast<std::size_t>(weight.rows * groups);
    std::vector<double> scales(size); // by row, also where all rows share one scale
    std::vector<double> offsets(size);
    const auto shift = [&](std::int64_t row, std::int64_t group) {
        return layer.shifts[static_cast<std::size_t>(row * granules.perRow + group)];
    };
    parallelFor(
        weight.rows, std::max<std::int64_t>(1, 65536 / std::max<std::int64_t>(1, weight.cols)),
        [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t r = begin; r < end; ++r) {
                const std::uint8_t* codes = weight.codes.data() + r * weight.cols;
                const float* g = gradient.row(r).data();
                const auto add = [&](std::int64_t group, std::int64_t c, std::int64_t count) {
                    const auto [s, z] = granuleSums(g + c, codes + c, shift(r, group), count);
                    scales[static_cast<std::size_t>(r * groups + group)] += s;
                    offsets[static_cast<std::size_t>(r * groups + group)] += z;
                };
                if (!granules.index.empty())
                    for (std::int64_t c = 0; c < weight.cols; ++c)
                        add(granules.index[static_cast<std::size_t>(c)], c, 1);
                else
                    for (std::int64_t c = 0, group = 0; c < weight.cols; c += granules.run, ++group)
                        add(group, c, std::min(granules.run, weight.cols - c));
            }
        });
    const auto give = [&](const std::vector<double>& from, std::vector<float>& to) {
        if (granules.perRow == 0 && !to.empty())
            to[0] += static_cast<float>(std::accumulate(from.begin(), from.end(), 0.0));
        else
            for (std::size_t i = 0; i < to.size(); ++i)
                to[i] += static_cast<float>(from[i]);
    };
    give(scales, layer.scales.gradient);
    give(offsets, layer.offsets.gradient);
}

GradientSink FloatingParts::sink(const Monitor& monitor)
{
    GradientSink sink;
    sink.linear = [this, &monitor](int node, ConstMatrixView x, ConstMatrixView delta) {
        if (const auto found = m_layerOf.find(node); found != m_layerOf.end()) {
            const std::int64_t count = delta.cols * x.cols;
            if (m_weightGradient.count() < count)
                m_weightGradient = Tensor({count});
            const MatrixView gradient(m_weightGradient.floats().data(), delta.cols, x.cols);
            multiplyLeftTransposed(delta, x, gradient, false, &monitor);
            addWeightGradient(m_layers[found->second], gradient);
        }
        if (const auto found = m_biasOf.find(node); found != m_biasOf.end())
            kernel::addColumnSums(delta, m_vectors[found->second].values.gradient);
    };
    sink.norm = [this](int node, std::span<const float> gradient) {
        auto& own = m_vectors[m_normOf.at(node)].values.gradient;
        assert(own.size() == gradient.size());
        for (std::size_t i = 0; i < own.size(); ++i)
            own[i] += gradient[i];
    };
    return sink;
}

void FloatingParts::clearGradients()
{
    forEachTrained([](Trained& trained) {
        std::fill(trained.gradient.begin(), trained.gradient.end(), 0.0F);
    });
}

void FloatingParts::step(const AdamRates& rates)
{
    ++m_steps;
    forEachTrained([&](Trained& trained) {
        adamStep(trained.value, trained.gradient, trained.moments, m_steps, rates);
    });
}

void FloatingParts::keep()
{
    m_hasKept = true;
    forEachTrained([](Trained& trained) { trained.kept = trained.value; });
}

std::vector<std::shared_ptr<const QuantizedWeight>> FloatingParts::keptWeights() const
{
    std::vector<std::shared_ptr<const QuantizedWeight>> weights;
    for (const LayerParts& layer : m_layers)
        weights.push_back(layer.node < 0 || !m_hasKept
                              ? layer.start
                              : std::make_shared<const QuantizedWeight>(
                                    stored(layer, layer.scales.kept, layer.offsets.kept)));
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
    double moved = 0;
    double whole = 0;
    double offsets = 0;
    std::size_t count = 0;
    for (const LayerParts& layer : m_layers)
        for (std::size_t i = 0; i < layer.scales.kept.size(); ++i) {
            const double start = static_cast<double>(layer.scales.start[i]);
            const double change = static_cast<double>(layer.scales.kept[i]) - start;
            moved += change * change;
            whole += start * start;
            if (layer.offsets.kept.empty())
                continue;
            const double shift = (static_cast<double>(layer.offsets.kept[i]) -
                                  static_cast<double>(layer.offsets.start[i])) /
                                 start;
            offsets += shift * shift;
            ++count;
        }
    outcome.scaleChange = whole > 0 ? std::sqrt(moved / whole) : 0;
    outcome.zeroChange = count > 0 ? std::sqrt(offsets / static_cast<double>(count)) : 0;
}

} // namespace gradus
