// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/journal_record.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/quant/packing.h"
#include "core/session/journal_bytes.h"
#include "core/session/recipe_json.h"
#include "core/session/stored_static.h"
#include "core/session/stored_weight.h"

#include <algorithm>

namespace gradus {

namespace {

using Parameters = std::map<std::string, std::shared_ptr<const Tensor>>;

void encodeParameters(RecordWriter& out, const Parameters& parameters)
{
    out.number<std::uint64_t>(parameters.size());
    for (const auto& [name, value] : parameters) {
        out.text(name);
        out.array(value->shape());
        const auto floats = value->floats();
        out.array(std::vector<float>(floats.begin(), floats.end()));
    }
}

Parameters decodeParameters(RecordReader& in)
{
    Parameters all;
    const auto count = in.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string name = in.text();
        const Shape shape = in.array<std::int64_t>();
        if (const auto problem = parameterShapeProblem(shape))
            throw Error(ErrorCode::Format, *problem);
        const std::vector<float> values = in.array<float>();
        if (static_cast<std::int64_t>(values.size()) != elementCount(shape))
            throw Error(ErrorCode::Format, concat(name, " has ", values.size(),
                                                  " values, expected ", shapeText(shape)));
        Tensor tensor(shape);
        std::copy(values.begin(), values.end(), tensor.floats().begin());
        all[name] = std::make_shared<const Tensor>(std::move(tensor));
    }
    return all;
}

void encodeTuning(RecordWriter& out, const TuningOutcome& outcome)
{
    if (const auto problem = tuningProblem(outcome))
        throw Error(ErrorCode::Internal, *problem);
    out.text(outcome.name);
    out.number<std::int32_t>(outcome.block);
    out.array(outcome.losses);
    out.array(outcome.epochLosses);
    out.number<std::int32_t>(outcome.bestEpoch);
    out.number<std::uint8_t>(outcome.stoppedEarly ? 1 : 0);
    out.number<std::uint8_t>(outcome.cancelled ? 1 : 0);
    out.number(outcome.scaleChange);
    out.number(outcome.zeroChange);
    encodeParameters(out, outcome.parameters);
}

std::shared_ptr<TuningOutcome> decodeTuning(RecordReader& in)
{
    auto outcome = std::make_shared<TuningOutcome>();
    outcome->name = in.text();
    outcome->block = in.number<std::int32_t>();
    outcome->losses = in.array<float>();
    outcome->epochLosses = in.array<double>();
    outcome->bestEpoch = in.number<std::int32_t>();
    outcome->stoppedEarly = in.number<std::uint8_t>() != 0;
    outcome->cancelled = in.number<std::uint8_t>() != 0;
    outcome->scaleChange = in.number<double>();
    outcome->zeroChange = in.number<double>();
    outcome->parameters = decodeParameters(in);
    if (const auto problem = tuningProblem(*outcome))
        throw Error(ErrorCode::Format, *problem);
    return outcome;
}

void encodeTrace(RecordWriter& out, const std::vector<TracePoint>& trace)
{
    out.number<std::uint64_t>(trace.size());
    for (const TracePoint& point : trace) {
        out.text(traceStageName(point.stage));
        out.number<std::int32_t>(point.round);
        for (const double value :
             {point.relativeError, point.accepted, point.scaleChange, point.zeroChange})
            out.number(value);
    }
}

std::vector<TracePoint> decodeTrace(RecordReader& in)
{
    const auto count = in.number<std::uint64_t>();
    std::vector<TracePoint> trace;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string word = in.text();
        const auto stage = traceStageFromName(word);
        if (!stage)
            throw Error(ErrorCode::Format, concat(quoted(word), " is no stage of a trace"));
        TracePoint& point = trace.emplace_back();
        point.stage = *stage;
        point.round = in.number<std::int32_t>();
        for (double* value :
             {&point.relativeError, &point.accepted, &point.scaleChange, &point.zeroChange})
            *value = in.number<double>();
    }
    if (const auto problem = traceProblem(trace))
        throw Error(ErrorCode::Format, *problem);
    return trace;
}

void encodeActivation(RecordWriter& out, const LayerResult& layer)
{
    out.number<std::uint8_t>(layer.activation ? 1 : 0);
    if (!layer.activation)
        return;
    const ActivationGrid& grid = *layer.activation;
    if (const auto problem = activationProblem(grid))
        throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
    out.number<std::int32_t>(grid.bits);
    out.number<std::uint8_t>(grid.isSigned ? 1 : 0);
    for (const float value : {grid.exponent, grid.limit, grid.shift})
        out.number(value);
    out.number(grid.relativeError);
}

std::optional<ActivationGrid> decodeActivation(RecordReader& in)
{
    if (in.number<std::uint8_t>() == 0)
        return std::nullopt;
    ActivationGrid grid;
    grid.bits = in.number<std::int32_t>();
    grid.isSigned = in.number<std::uint8_t>() != 0;
    for (float* value : {&grid.exponent, &grid.limit, &grid.shift})
        *value = in.number<float>();
    grid.relativeError = in.number<double>();
    if (const auto problem = activationProblem(grid))
        throw Error(ErrorCode::Format, *problem);
    return grid;
}

/// What came with version 5: power levels, outliers, the inputs' grid, more of the trace.
void encodeExtras(RecordWriter& out, const LayerResult& layer)
{
    if (layer.weight) {
        out.number<std::uint8_t>(static_cast<std::uint8_t>(layer.weight->scheme.levels));
        out.array(layer.weight->exponents);
        out.array(layer.weight->outliers.rowStarts);
        out.array(layer.weight->outliers.columns);
        out.array(layer.weight->outliers.values);
    }
    encodeActivation(out, layer);
    out.text(layer.origin.exponents);
    for (const TracePoint& point : layer.trace)
        for (const double value : {point.weightError, point.exponent})
            out.number(value);
    for (const auto& tuning : layer.tunings)
        for (const double value : {tuning->codeChange, tuning->exponentChange})
            out.number(value);
}

void decodeExtras(RecordReader& in, LayerResult& layer, QuantizedWeight* weight,
                  const std::vector<std::shared_ptr<TuningOutcome>>& tunings)
{
    if (weight) {
        const auto levels = in.number<std::uint8_t>();
        if (levels > static_cast<std::uint8_t>(Levels::PowerMidRise))
            throw Error(ErrorCode::Format, concat("levels number ", int(levels), " is unknown"));
        weight->scheme.levels = static_cast<Levels>(levels);
        weight->exponents = in.array<float>();
        weight->outliers.rowStarts = in.array<std::uint32_t>();
        weight->outliers.columns = in.array<std::uint32_t>();
        weight->outliers.values = in.array<float>();
    }
    layer.activation = decodeActivation(in);
    layer.origin.exponents = in.text();
    for (TracePoint& point : layer.trace)
        for (double* value : {&point.weightError, &point.exponent})
            *value = in.number<double>();
    for (const auto& tuning : tunings)
        for (double* value : {&tuning->codeChange, &tuning->exponentChange})
            *value = in.number<double>();
}

void encodeGrid(RecordWriter& out, const std::optional<AffineGrid>& grid)
{
    out.number<std::uint8_t>(grid ? 1 : 0);
    if (!grid)
        return;
    out.number<std::int32_t>(grid->bits);
    out.array(grid->scales);
    out.array(grid->zeros);
    out.number(grid->fraction);
    out.number(grid->relativeError);
}

std::optional<AffineGrid> decodeGrid(RecordReader& in)
{
    if (in.number<std::uint8_t>() == 0)
        return std::nullopt;
    AffineGrid grid;
    grid.bits = in.number<std::int32_t>();
    grid.scales = in.array<float>();
    grid.zeros = in.array<std::int32_t>();
    grid.fraction = in.number<float>();
    grid.relativeError = in.number<double>();
    return grid;
}

void encodeAttention(RecordWriter& out, const AttentionGrids& grids)
{
    for (const auto* grid : {&grids.query, &grids.key, &grids.value})
        encodeGrid(out, *grid);
    const auto* log = grids.probabilities ? std::get_if<LogGrid>(&*grids.probabilities) : nullptr;
    out.number<std::uint8_t>(log ? 2 : grids.probabilities ? 1 : 0);
    if (log) {
        out.number<std::int32_t>(log->bits);
        out.number<std::int32_t>(log->perOctave);
        out.number(log->scale);
        out.text(zeroStateName(log->zeroState));
        out.number(log->relativeError);
    } else if (grids.probabilities) {
        encodeGrid(out, std::get<AffineGrid>(*grids.probabilities));
    }
}

AttentionGrids decodeAttention(RecordReader& in)
{
    AttentionGrids grids;
    for (auto* grid : {&grids.query, &grids.key, &grids.value})
        *grid = decodeGrid(in);
    const auto kind = in.number<std::uint8_t>();
    if (kind > 2)
        throw Error(ErrorCode::Format, concat("softmax number ", int(kind), " is unknown"));
    if (kind == 1) {
        auto uniform = decodeGrid(in);
        if (!uniform)
            throw Error(ErrorCode::Format, "the uniform grid of a softmax is missing");
        grids.probabilities = std::move(*uniform);
    } else if (kind == 2) {
        LogGrid log;
        log.bits = in.number<std::int32_t>();
        log.perOctave = in.number<std::int32_t>();
        log.scale = in.number<float>();
        const std::string state = in.text();
        const auto zeroState = zeroStateFromName(state);
        if (!zeroState)
            throw Error(ErrorCode::Format, concat(quoted(state), " is no zero state"));
        log.zeroState = *zeroState;
        log.relativeError = in.number<double>();
        grids.probabilities = log;
    }
    return grids;
}

void encodeNorm(RecordWriter& out, const NormReport& norm)
{
    out.text(norm.norm);
    for (const auto* values : {&norm.minimum, &norm.maximum, &norm.low, &norm.high, &norm.scales})
        out.array(*values);
    out.array(norm.zeros);
    out.number(norm.codes);
    out.number(norm.differing);
}

NormReport decodeNorm(RecordReader& in)
{
    NormReport norm;
    norm.norm = in.text();
    for (auto* values : {&norm.minimum, &norm.maximum, &norm.low, &norm.high, &norm.scales})
        *values = in.array<float>();
    norm.zeros = in.array<std::int32_t>();
    norm.codes = in.number<std::int64_t>();
    norm.differing = in.number<std::int64_t>();
    return norm;
}

/// What came with version 6: uniform grids of inputs, and what was changed for them.
void encodeStatic(RecordWriter& out, const LayerResult& layer)
{
    out.number<std::uint8_t>(layer.staticInputs ? 1 : 0);
    if (!layer.staticInputs)
        return;
    const StaticInputs& inputs = *layer.staticInputs;
    const QuantizedWeight* weight = layer.weight.get();
    if (const auto problem =
            staticInputsProblem(inputs, weight ? weight->rows : 0, weight ? weight->cols : 0))
        throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
    encodeGrid(out, inputs.grid);
    out.array(inputs.ratio);
    out.number<std::uint8_t>(inputs.attention ? 1 : 0);
    if (inputs.attention)
        encodeAttention(out, *inputs.attention);
    out.number<std::uint8_t>(inputs.probabilities ? 1 : 0);
    if (inputs.probabilities) {
        for (const std::int64_t count : inputs.probabilities->counts)
            out.number(count);
        out.number(inputs.probabilities->zeros);
    }
    out.number<std::uint8_t>(inputs.norm ? 1 : 0);
    if (inputs.norm)
        encodeNorm(out, *inputs.norm);
    encodeParameters(out, inputs.parameters);
    for (const double value :
         {inputs.lambda, inputs.errors.weights, inputs.errors.inputs, inputs.errors.both})
        out.number(value);
}

std::shared_ptr<const StaticInputs> decodeStatic(RecordReader& in, const QuantizedWeight* weight)
{
    if (in.number<std::uint8_t>() == 0)
        return nullptr;
    auto inputs = std::make_shared<StaticInputs>();
    inputs->grid = decodeGrid(in);
    inputs->ratio = in.array<float>();
    if (in.number<std::uint8_t>() != 0)
        inputs->attention = decodeAttention(in);
    if (in.number<std::uint8_t>() != 0) {
        ProbabilityHistogram& histogram = inputs->probabilities.emplace();
        for (std::int64_t& count : histogram.counts)
            count = in.number<std::int64_t>();
        histogram.zeros = in.number<std::int64_t>();
    }
    if (in.number<std::uint8_t>() != 0)
        inputs->norm = decodeNorm(in);
    inputs->parameters = decodeParameters(in);
    for (double* value :
         {&inputs->lambda, &inputs->errors.weights, &inputs->errors.inputs, &inputs->errors.both})
        *value = in.number<double>();
    if (const auto problem =
            staticInputsProblem(*inputs, weight ? weight->rows : 0, weight ? weight->cols : 0))
        throw Error(ErrorCode::Format, *problem);
    return inputs;
}

} // namespace

std::string encodeRecord(const LayerResult& layer)
{
    RecordWriter out;
    out.text(layer.name);
    out.text(choiceToJson(layer.choice));
    out.number(layer.weightSqnrDb);
    out.number(layer.weightCosine);
    out.number(layer.relativeOutputError);
    out.number(layer.damping);
    out.text(layer.note);
    out.text(layer.origin.calibration);
    out.text(layer.origin.earlier);
    out.number(layer.seconds);
    out.number<std::uint8_t>(layer.weight ? 1 : 0);
    if (layer.weight) {
        const QuantizedWeight& weight = *layer.weight;
        if (const auto problem = weightProblem(weight))
            throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
        out.number<std::int32_t>(weight.scheme.bits);
        out.number<std::uint8_t>(static_cast<std::uint8_t>(weight.scheme.granularity));
        out.number<std::int64_t>(weight.scheme.groupSize);
        out.number<std::uint8_t>(weight.scheme.symmetric ? 1 : 0);
        out.number<std::uint8_t>(weight.scheme.floatZeros ? 1 : 0);
        out.number<std::uint8_t>(static_cast<std::uint8_t>(weight.scheme.scaleType));
        out.number(weight.rows);
        out.number(weight.cols);
        out.array(packBits(weight.codes, weight.scheme.bits));
        out.array(weight.scales);
        out.array(weight.zeros);
        out.array(weight.groupIndex);
    }
    encodeTrace(out, layer.trace);
    out.number<std::uint64_t>(layer.tunings.size());
    for (const auto& tuning : layer.tunings)
        encodeTuning(out, *tuning);
    encodeExtras(out, layer);
    encodeStatic(out, layer);
    return out.bytes();
}

LayerResult decodeRecord(std::string_view payload, TuningPool& trainings)
{
    RecordReader in(payload);
    LayerResult layer;
    layer.name = in.text();
    layer.choice = choiceFromJson(in.text(), "choice");
    layer.weightSqnrDb = in.number<double>();
    layer.weightCosine = in.number<double>();
    layer.relativeOutputError = in.number<double>();
    layer.damping = in.number<double>();
    layer.note = in.text();
    layer.origin.calibration = in.text();
    layer.origin.earlier = in.text();
    layer.seconds = in.number<double>();
    std::shared_ptr<QuantizedWeight> weight;
    if (in.number<std::uint8_t>() != 0) {
        weight = std::make_shared<QuantizedWeight>();
        Scheme& scheme = weight->scheme;
        scheme.bits = in.number<std::int32_t>();
        const auto granularity = in.number<std::uint8_t>();
        if (granularity > static_cast<std::uint8_t>(Granularity::Group))
            throw Error(ErrorCode::Format,
                        concat("granularity number ", int(granularity), " is unknown"));
        scheme.granularity = static_cast<Granularity>(granularity);
        scheme.groupSize = in.number<std::int64_t>();
        scheme.symmetric = in.number<std::uint8_t>() != 0;
        scheme.floatZeros = in.number<std::uint8_t>() != 0;
        scheme.scaleType = static_cast<DType>(in.number<std::uint8_t>());
        if (scheme.scaleType != DType::F16 && scheme.scaleType != DType::F32)
            throw Error(ErrorCode::Format, "the type of the scales is neither F16 nor F32");
        weight->rows = in.number<std::int64_t>();
        weight->cols = in.number<std::int64_t>();
        if (const auto problem = weightShapeProblem(scheme, weight->rows, weight->cols))
            throw Error(ErrorCode::Format, *problem);
        const std::vector<std::uint8_t> packed = in.array<std::uint8_t>();
        weight->codes = unpackBits(packed, static_cast<std::uint64_t>(weight->rows * weight->cols),
                                   scheme.bits);
        weight->scales = in.array<float>();
        weight->zeros = in.array<float>();
        weight->groupIndex = in.array<std::int32_t>();
    }
    layer.trace = decodeTrace(in);
    const auto tunings = in.number<std::uint64_t>();
    if (tunings > mostTunings)
        throw Error(ErrorCode::Format, concat(tunings, " trainings of one layer cannot be"));
    std::vector<std::shared_ptr<TuningOutcome>> own;
    for (std::uint64_t i = 0; i < tunings; ++i)
        own.push_back(decodeTuning(in));
    if (!in.atEnd())
        decodeExtras(in, layer, weight.get(), own);
    if (!in.atEnd())
        layer.staticInputs = decodeStatic(in, weight.get());
    for (const auto& tuning : own)
        layer.tunings.push_back(trainings.shared(tuning));
    if (weight) {
        if (const auto problem = weightProblem(*weight))
            throw Error(ErrorCode::Format, *problem);
        layer.weight = std::move(weight);
    }
    if (!in.atEnd())
        throw Error(ErrorCode::Format, "something follows its last value");
    return layer;
}

} // namespace gradus
