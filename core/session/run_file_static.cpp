// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/run_file_static.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/session/run_file_tunings.h"
#include "core/session/stored_static.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

namespace gradus {

namespace {

template <class T>
void writeValues(Hdf5Group& group, const std::string& name, Hdf5Type type,
                 std::span<const T> values, Monitor& monitor)
{
    group.write(name, type, std::array<std::uint64_t, 1>{values.size()}, std::as_bytes(values),
                monitor);
}

template <class T>
std::vector<T> readValues(const Hdf5Group& group, const std::string& name, Hdf5Type type,
                          std::int64_t count)
{
    const auto bytes =
        group.read(name, type, std::array<std::uint64_t, 1>{static_cast<std::uint64_t>(count)});
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

std::int64_t countOf(const Hdf5Group& group, const std::string& name)
{
    const std::int64_t count = group.integer(name);
    if (count < 1)
        group.fail(name, concat("is ", count, ", expected at least 1"));
    return count;
}

int bitsOf(const Hdf5Group& group)
{
    const std::int64_t bits = group.integer("bits");
    if (bits < 2 || bits > 8)
        group.fail("bits", concat("is ", bits, ", expected 2 to 8"));
    return static_cast<int>(bits);
}

/// An attribute that was written from a float.
float floatOf(const Hdf5Group& group, const std::string& name)
{
    const double value = group.real(name);
    if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max())))
        group.fail(name, concat("is ", value, ", expected a finite float32"));
    return static_cast<float>(value);
}

void writeGrid(Hdf5Group& parent, const std::string& name, const AffineGrid& grid, Monitor& monitor)
{
    Hdf5Group group = parent.create(name);
    group.setText("quantizer", "uniform");
    group.setInteger("bits", grid.bits);
    group.setInteger("scale_count", static_cast<std::int64_t>(grid.scales.size()));
    group.setInteger("zero_count", static_cast<std::int64_t>(grid.zeros.size()));
    group.setReal("fraction", static_cast<double>(grid.fraction));
    group.setReal("relative_error", grid.relativeError);
    writeValues<float>(group, "scales", Hdf5Type::F32, grid.scales, monitor);
    writeValues<std::int32_t>(group, "zeros", Hdf5Type::I32, grid.zeros, monitor);
}

AffineGrid readGrid(const Hdf5Group& group)
{
    AffineGrid grid;
    grid.bits = bitsOf(group);
    grid.scales = readValues<float>(group, "scales", Hdf5Type::F32, countOf(group, "scale_count"));
    grid.zeros =
        readValues<std::int32_t>(group, "zeros", Hdf5Type::I32, countOf(group, "zero_count"));
    grid.fraction = floatOf(group, "fraction");
    grid.relativeError = group.real("relative_error");
    return grid;
}

std::optional<AffineGrid> readGridIn(const Hdf5Group& parent, const std::string& name)
{
    return parent.has(name) ? std::optional(readGrid(parent.open(name))) : std::nullopt;
}

void writeProbabilities(Hdf5Group& parent, const ProbabilityGrid& probabilities, Monitor& monitor)
{
    if (const auto* uniform = std::get_if<AffineGrid>(&probabilities)) {
        writeGrid(parent, "softmax", *uniform, monitor);
        return;
    }
    const LogGrid& grid = std::get<LogGrid>(probabilities);
    Hdf5Group group = parent.create("softmax");
    group.setText("quantizer", "log");
    group.setInteger("bits", grid.bits);
    group.setInteger("per_octave", grid.perOctave);
    group.setReal("scale", static_cast<double>(grid.scale));
    group.setText("zero_state", zeroStateName(grid.zeroState));
    group.setReal("relative_error", grid.relativeError);
}

ProbabilityGrid readProbabilities(const Hdf5Group& group)
{
    const std::string quantizer = group.text("quantizer");
    if (quantizer == "uniform")
        return readGrid(group);
    if (quantizer != "log")
        group.fail("quantizer", concat("is ", quoted(quantizer), ", expected log or uniform"));
    LogGrid grid;
    grid.bits = bitsOf(group);
    const std::int64_t perOctave = group.integer("per_octave");
    if (perOctave != 1 && perOctave != 2)
        group.fail("per_octave", concat("is ", perOctave, ", expected 1 or 2"));
    grid.perOctave = static_cast<int>(perOctave);
    grid.scale = floatOf(group, "scale");
    const std::string state = group.text("zero_state");
    const auto zeroState = zeroStateFromName(state);
    if (!zeroState)
        group.fail("zero_state",
                   concat("is ", quoted(state), ", expected extra, reserved or none"));
    grid.zeroState = *zeroState;
    grid.relativeError = group.real("relative_error");
    return grid;
}

void writeAttention(Hdf5Group& parent, const AttentionGrids& grids, Monitor& monitor)
{
    Hdf5Group group = parent.create("attention");
    if (grids.query)
        writeGrid(group, "query", *grids.query, monitor);
    if (grids.key)
        writeGrid(group, "key", *grids.key, monitor);
    if (grids.value)
        writeGrid(group, "value", *grids.value, monitor);
    if (grids.probabilities)
        writeProbabilities(group, *grids.probabilities, monitor);
}

AttentionGrids readAttention(const Hdf5Group& group)
{
    AttentionGrids grids;
    grids.query = readGridIn(group, "query");
    grids.key = readGridIn(group, "key");
    grids.value = readGridIn(group, "value");
    if (group.has("softmax"))
        grids.probabilities = readProbabilities(group.open("softmax"));
    return grids;
}

void writeNorm(Hdf5Group& parent, const NormReport& norm, Monitor& monitor)
{
    Hdf5Group group = parent.create("norm");
    group.setText("norm", norm.norm);
    group.setInteger("channels", static_cast<std::int64_t>(norm.scales.size()));
    group.setInteger("codes", norm.codes);
    group.setInteger("differing", norm.differing);
    writeValues<float>(group, "minimum", Hdf5Type::F32, norm.minimum, monitor);
    writeValues<float>(group, "maximum", Hdf5Type::F32, norm.maximum, monitor);
    writeValues<float>(group, "low", Hdf5Type::F32, norm.low, monitor);
    writeValues<float>(group, "high", Hdf5Type::F32, norm.high, monitor);
    writeValues<float>(group, "scales", Hdf5Type::F32, norm.scales, monitor);
    writeValues<std::int32_t>(group, "zeros", Hdf5Type::I32, norm.zeros, monitor);
}

NormReport readNorm(const Hdf5Group& group)
{
    NormReport norm;
    norm.norm = group.text("norm");
    const std::int64_t channels = countOf(group, "channels");
    norm.codes = group.integer("codes");
    norm.differing = group.integer("differing");
    norm.minimum = readValues<float>(group, "minimum", Hdf5Type::F32, channels);
    norm.maximum = readValues<float>(group, "maximum", Hdf5Type::F32, channels);
    norm.low = readValues<float>(group, "low", Hdf5Type::F32, channels);
    norm.high = readValues<float>(group, "high", Hdf5Type::F32, channels);
    norm.scales = readValues<float>(group, "scales", Hdf5Type::F32, channels);
    norm.zeros = readValues<std::int32_t>(group, "zeros", Hdf5Type::I32, channels);
    return norm;
}

} // namespace

void writeStaticInputs(Hdf5Group& layer, const LayerResult& result, Monitor& monitor)
{
    if (!result.staticInputs)
        return;
    const StaticInputs& inputs = *result.staticInputs;
    const QuantizedWeight* weight = result.weight.get();
    if (const auto problem =
            staticInputsProblem(inputs, weight ? weight->rows : 0, weight ? weight->cols : 0))
        throw Error(ErrorCode::Internal, concat("layer ", result.name, ": ", *problem));
    Hdf5Group group = layer.create("static_inputs");
    group.setReal("lambda", inputs.lambda);
    group.setReal("error_weights", inputs.errors.weights);
    group.setReal("error_inputs", inputs.errors.inputs);
    group.setReal("error_both", inputs.errors.both);
    if (inputs.grid)
        writeGrid(group, "grid", *inputs.grid, monitor);
    if (!inputs.ratio.empty()) {
        group.setInteger("ratio_count", static_cast<std::int64_t>(inputs.ratio.size()));
        writeValues<float>(group, "ratio", Hdf5Type::F32, inputs.ratio, monitor);
    }
    if (inputs.attention)
        writeAttention(group, *inputs.attention, monitor);
    if (inputs.probabilities) {
        group.setInteger("probability_zeros", inputs.probabilities->zeros);
        writeValues<std::int64_t>(group, "probabilities", Hdf5Type::I64,
                                  inputs.probabilities->counts, monitor);
    }
    if (inputs.norm)
        writeNorm(group, *inputs.norm, monitor);
    writeParameters(group, inputs.parameters, monitor);
}

std::shared_ptr<const StaticInputs> readStaticInputs(const Hdf5Group& layer,
                                                     const QuantizedWeight* weight)
{
    if (!layer.has("static_inputs"))
        return nullptr;
    const Hdf5Group group = layer.open("static_inputs");
    auto inputs = std::make_shared<StaticInputs>();
    inputs->lambda = group.real("lambda");
    inputs->errors.weights = group.real("error_weights");
    inputs->errors.inputs = group.real("error_inputs");
    inputs->errors.both = group.real("error_both");
    inputs->grid = readGridIn(group, "grid");
    if (group.has("ratio"))
        inputs->ratio =
            readValues<float>(group, "ratio", Hdf5Type::F32, countOf(group, "ratio_count"));
    if (group.has("attention"))
        inputs->attention = readAttention(group.open("attention"));
    if (group.has("probabilities")) {
        ProbabilityHistogram& histogram = inputs->probabilities.emplace();
        histogram.zeros = group.integer("probability_zeros");
        const auto counts =
            readValues<std::int64_t>(group, "probabilities", Hdf5Type::I64,
                                     static_cast<std::int64_t>(histogram.counts.size()));
        std::copy(counts.begin(), counts.end(), histogram.counts.begin());
    }
    if (group.has("norm"))
        inputs->norm = readNorm(group.open("norm"));
    inputs->parameters = readParameters(group);
    if (const auto problem =
            staticInputsProblem(*inputs, weight ? weight->rows : 0, weight ? weight->cols : 0))
        group.fail({}, concat("is malformed: ", *problem));
    return inputs;
}

} // namespace gradus
