// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/language.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/executor.h"
#include "core/quant/quantized_weight.h"

#include <algorithm>

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

void applyWeight(const Layer& layer, const QuantizedWeight& weight, Weights& weights)
{
    Tensor value = dequantize(weight);
    value.reshape(layer.shape);
    weights.replace(layer.weight, std::make_shared<const Tensor>(std::move(value)));
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
    return *info;
}

void applyResults(const Model& model, const std::vector<LayerResult>& results, Weights& weights)
{
    for (const LayerResult& result : results) {
        if (!result.weight)
            continue;
        const Layer* layer = model.findLayer(result.name);
        if (!layer)
            throw Error(ErrorCode::Usage, concat("the run has layer ", quoted(result.name),
                                                 ", which the model lacks"));
        if (layer->rows != result.weight->rows || layer->cols != result.weight->cols)
            throw Error(ErrorCode::Shape, concat(result.name, " is ", result.weight->rows, " × ",
                                                 result.weight->cols, " in the run, but ",
                                                 layer->rows, " × ", layer->cols, " in the model"));
        applyWeight(*layer, *result.weight, weights);
    }
    for (const auto& [name, value] : tunedParameters(results)) {
        (void)tunedTensor(model, name, *value);
        weights.replace(name, value);
    }
}

void applyRun(const Model& model, const Run& run, Weights& weights)
{
    applyResults(model, run.layers, weights);
}

std::int64_t windowsPerBatch(std::int64_t context)
{
    constexpr std::int64_t tokens = 2048;
    return std::max<std::int64_t>(1, tokens / context);
}

} // namespace gradus
