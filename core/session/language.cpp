// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/language.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/executor.h"
#include "core/graph/static_sites.h"
#include "core/quant/activation_linear.h"
#include "core/quant/affine_linear.h"
#include "core/quant/integer_linear.h"
#include "core/quant/packed_linear.h"
#include "core/quant/power_linear.h"
#include "core/quant/quantized_weight.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <variant>

namespace gradus {

std::shared_ptr<const Tokenizer> modelTokenizer(const Model& model,
                                                const std::filesystem::path& override)
{
    const std::filesystem::path& path = override.empty() ? model.source.tokenizer : override;
    if (path.empty())
        throw Error(ErrorCode::Usage,
                    concat("no tokenizer beside ", model.source.path.string(),
                           ": expected tokenizer.json, tokenizer.model or tokenizer.bin, or "
                           "--tokenizer FILE"));
    return openTokenizer(path, model.vocabularySize);
}

std::int64_t contextLength(const Model& model, std::int64_t context)
{
    constexpr std::int64_t usual = 2048;
    if (context <= 0)
        return model.maximumContext > 0 ? std::min(usual, model.maximumContext) : usual;
    if (context < 2)
        throw Error(ErrorCode::Usage, concat("context ", context, ": expected at least 2 tokens"));
    if (model.maximumContext > 0 && context > model.maximumContext)
        throw Error(ErrorCode::Usage, concat("context ", context, " is beyond the model's ",
                                             model.maximumContext, " positions"));
    return context;
}

TokenWindows calibrationWindows(const Model& model, const CalibrationChoice& choice,
                                std::uint64_t seed, const std::filesystem::path& tokenizer,
                                Monitor& monitor)
{
    if (!model.canRun())
        throw Error(ErrorCode::Unsupported, concat("cannot calibrate ", model.source.path.string(),
                                                   ": ", model.whyNotRunnable));
    const std::int64_t context = contextLength(model, choice.context);
    const auto reader = modelTokenizer(model, tokenizer);
    TokenWindows windows =
        sampleWindows(tokenizeFile(*reader, choice.data), context, choice.samples, seed);
    if (windows.count() < choice.samples)
        monitor.note(concat("calibration: ", choice.data, " holds ", windows.count(),
                            " windows of ", context, " tokens, fewer than the ", choice.samples,
                            " asked for; all are used"));
    return windows;
}

namespace {

/// The model's layer that the result is of; throws when there is none of its shape.
const Layer& layerOf(const Model& model, const LayerResult& result)
{
    const Layer* layer = model.findLayer(result.name);
    if (!layer)
        throw Error(ErrorCode::Usage,
                    concat("the run has layer ", quoted(result.name), ", which the model lacks"));
    if (layer->rows != result.weight->rows || layer->cols != result.weight->cols)
        throw Error(ErrorCode::Shape,
                    concat(result.name, " is ", result.weight->rows, " × ", result.weight->cols,
                           " in the run, but ", layer->rows, " × ", layer->cols, " in the model"));
    return *layer;
}

/// Tensors that linear nodes multiply by, and those that an embedding reads rows of; a tied weight
/// is both.
struct WeightUses
{
    std::set<std::string> linear;
    std::set<std::string> rows;

    explicit WeightUses(const Graph& graph)
    {
        for (const Node& node : graph.nodes) {
            if (const auto* product = std::get_if<op::Linear>(&node.op))
                linear.insert(product->weight);
            if (const auto* embedding = std::get_if<op::Embedding>(&node.op))
                rows.insert(embedding->weight);
        }
    }
};

/// The attentions that results of layers have grids for.
class AttentionNodes
{
public:
    AttentionNodes(const Model& model, const std::vector<LayerResult>& results)
        : m_model(model)
    {
        if (std::any_of(results.begin(), results.end(), hasGrids))
            m_sites.emplace(model);
    }
    /// −1 where there is none. Throws Error(Usage) when the model has no attention there.
    [[nodiscard]] int of(const LayerResult& result) const
    {
        if (!hasGrids(result))
            return -1;
        for (std::size_t i = 0; i < m_model.layers.size(); ++i)
            if (m_model.layers[i].name == result.name && m_sites->of(i).attention >= 0)
                return m_sites->of(i).attention;
        throw Error(ErrorCode::Usage, concat("the run has grids for the attention before ",
                                             result.name, ", but the model has none there"));
    }

private:
    [[nodiscard]] static bool hasGrids(const LayerResult& result)
    {
        return result.weight && result.staticInputs && result.staticInputs->attention;
    }

    const Model& m_model;
    std::optional<StaticSites> m_sites;
};

void applyTuned(const Model& model, const std::vector<LayerResult>& results, Weights& weights)
{
    for (const auto& [name, value] : tunedParameters(results)) {
        (void)tunedTensor(model, name, *value);
        weights.replace(name, value);
    }
}

} // namespace

void applyWeight(const Layer& layer, const LayerResult& result, Weights& weights, int attention)
{
    const auto shared = std::make_shared<const Tensor>(dequantize(*result.weight));
    weights.replace(layer.weight, shared);
    if (const StaticInputs* inputs = result.staticInputs.get()) {
        if (inputs->grid && layer.kind == LayerKind::Linear)
            weights.replace(layer.weight, roundedLinear(shared, layer.rows, *inputs->grid));
        else if (inputs->grid)
            weights.roundInputs(layer.weight, roundedInputs(*inputs->grid));
        if (inputs->attention && attention >= 0)
            weights.replace(attention, roundedAttention(*inputs->attention));
    }
    if (result.activation) // linear nodes alone look for kernels; a tied embedding reads the floats
        weights.replace(layer.weight, std::make_shared<const ActivationLinear>(shared, layer.rows,
                                                                               *result.activation));
}

const TensorInfo& tunedTensor(const Model& model, const std::string& name, const Tensor& value)
{
    const TensorInfo* info = model.source.tensors->find(name);
    if (!info)
        throw Error(ErrorCode::Usage, concat("the run has trained the tensor ", quoted(name),
                                             ", which the model lacks"));
    if (info->shape != value.shape() || !isFloating(info->dtype))
        throw Error(ErrorCode::Shape,
                    concat(name, " is ", shapeText(value.shape()), " in the run, but ",
                           dtypeName(info->dtype), " ", shapeText(info->shape), " in the model"));
    for (const Layer& layer : model.layers)
        if (layer.weight == name)
            throw Error(ErrorCode::Usage,
                        concat("the run has trained ", quoted(name), ", which is the weight of ",
                               layer.name, "; expected norms and biases only"));
    return *info;
}

void applyResults(const Model& model, const std::vector<LayerResult>& results, Weights& weights)
{
    const AttentionNodes attentions(model, results);
    for (const LayerResult& result : results)
        if (result.weight)
            applyWeight(layerOf(model, result), result, weights, attentions.of(result));
    applyTuned(model, results, weights);
}

void applyRun(const Model& model, const Run& run, Weights& weights)
{
    applyResults(model, run.layers, weights);
}

namespace {

/// A kernel for a layer of a run, or the reason why there is none.
using KernelMaker =
    std::function<std::shared_ptr<const LinearKernel>(const LayerResult&, std::string& why)>;

std::shared_ptr<const LinearKernel> packedKernel(const LayerResult& result, std::string& why)
{
    const QuantizedWeight& weight = *result.weight;
    const bool power = weight.scheme.levels != Levels::Uniform;
    const auto reason = power ? whyNotPowerLinear(weight) : whyNotPacked(weight);
    if (reason) {
        why = *reason;
        return nullptr;
    }
    if (result.staticInputs && result.staticInputs->grid) {
        why = "its inputs are quantized (--integer multiplies their codes)";
        return nullptr;
    }
    std::shared_ptr<const LinearKernel> kernel;
    if (power)
        kernel = std::make_shared<const PowerLinear>(weight);
    else
        kernel = std::make_shared<const PackedLinear>(weight);
    if (result.activation)
        kernel = std::make_shared<const RoundedInputs>(kernel, *result.activation);
    return kernel;
}

std::shared_ptr<const LinearKernel> integersOf(const LayerResult& result, std::string& why)
{
    if (result.staticInputs && result.staticInputs->grid) {
        if (const auto reason = whyNotAffineInteger(*result.weight, *result.staticInputs->grid)) {
            why = *reason;
            return nullptr;
        }
        return affineIntegerLinear(*result.weight, *result.staticInputs->grid);
    }
    if (!result.activation) {
        why = "its inputs are floats";
        return nullptr;
    }
    if (const auto reason = whyNotInteger(*result.weight, *result.activation)) {
        why = *reason;
        return nullptr;
    }
    return integerKernel(*result.weight, *result.activation);
}

/// A kernel for the attention before a layer.
using AttentionMaker =
    std::function<std::shared_ptr<const AttentionKernel>(const LayerResult&, Monitor&)>;

std::shared_ptr<const AttentionKernel> simulatedAttention(const LayerResult& result, Monitor&)
{
    return roundedAttention(*result.staticInputs->attention);
}

std::shared_ptr<const AttentionKernel> attentionOfIntegers(const LayerResult& result,
                                                           Monitor& monitor)
{
    const AttentionGrids& grids = *result.staticInputs->attention;
    const auto why = whyNotIntegerAttention(grids);
    if (!why)
        return integerAttention(grids);
    monitor.note(
        concat("the attention before ", result.name, " is not multiplied in integers: ", *why));
    return roundedAttention(grids);
}

/// Layers for which there is none are applied as floats and noted: "NAME is not DONE: why".
std::int64_t applyKernels(const Model& model, const Run& run, const KernelMaker& make,
                          const AttentionMaker& attention, std::string_view done, Weights& weights,
                          Monitor& monitor)
{
    const WeightUses uses(model.graph);
    const AttentionNodes attentions(model, run.layers);
    std::map<std::string, std::vector<std::string>> others; // names by reason
    std::int64_t count = 0;
    for (const LayerResult& result : run.layers) {
        if (!result.weight)
            continue;
        monitor.checkpoint();
        const Layer& layer = layerOf(model, result);
        if (const int node = attentions.of(result); node >= 0)
            weights.replace(node, attention(result, monitor));
        std::shared_ptr<const LinearKernel> kernel;
        std::string why = "not a linear layer";
        if (uses.linear.contains(layer.weight))
            kernel = make(result, why);
        if (!kernel) {
            others[why].push_back(result.name);
            applyWeight(layer, result, weights);
            continue;
        }
        if (uses.rows.contains(layer.weight))
            applyWeight(layer, result, weights);
        weights.replace(layer.weight, std::move(kernel));
        ++count;
    }
    applyTuned(model, run.layers, weights);
    for (const auto& [why, names] : others)
        monitor.note(names.size() == 1 ? concat(names[0], " is not ", done, ": ", why)
                                       : concat(names.size(), " layers are not ", done, " (", why,
                                                "): ", names[0], names.size() > 2 ? " … " : " and ",
                                                names.back()));
    return count;
}

} // namespace

std::int64_t applyRunPacked(const Model& model, const Run& run, Weights& weights, Monitor& monitor)
{
    return applyKernels(model, run, packedKernel, simulatedAttention, "packed", weights, monitor);
}

std::int64_t applyRunIntegers(const Model& model, const Run& run, Weights& weights,
                              Monitor& monitor)
{
    return applyKernels(model, run, integersOf, attentionOfIntegers, "multiplied in integers",
                        weights, monitor);
}

std::int64_t useRun(const Model& model, const Run* run, RunProducts products, Weights& weights,
                    Monitor& monitor)
{
    if (products == RunProducts::Packed && !run)
        throw Error(ErrorCode::Usage, "packed products need a run (RUN.gradus): a float model has "
                                      "no codes to multiply");
    if (products == RunProducts::Integers && !run)
        throw Error(ErrorCode::Usage, "products of integers need a run (RUN.gradus): a float model "
                                      "has no codes to multiply");
    if (products == RunProducts::Packed)
        return applyRunPacked(model, *run, weights, monitor);
    if (products == RunProducts::Integers)
        return applyRunIntegers(model, *run, weights, monitor);
    if (run)
        applyRun(model, *run, weights);
    return 0;
}

std::int64_t windowsPerBatch(std::int64_t context)
{
    constexpr std::int64_t tokens = 2048;
    return std::max<std::int64_t>(1, tokens / context);
}

} // namespace gradus
