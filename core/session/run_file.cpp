// SPDX-License-Identifier: GPL-3.0-or-later
//
// A run file (.gradus, and `export --format hdf5`) is HDF5:
//
//   /                    attributes gradus_schema = 1, title, conventions, layout
//   /meta                attributes program, model_path, model_fingerprint, model_hash,
//                        calibration_hash, calibration_windows, calibration_context,
//                        total_weights, total_bytes, total_float_bytes, total_bits_per_weight
//   /meta/recipe         the recipe, JSON
//   /meta/layer_names    JSON array: every layer's name, in the order of the model
//   /layers/<link>       one group per layer, also for those kept float; <link> is the layer's name
//                        with '/' and '%' as %2F and %25. Attributes: name, index (place in the
//                        model), choice (what was asked for, JSON), quantized (0 or 1),
//                        weight_sqnr_db, weight_cosine, relative_output_error (NaN: not measured),
//                        damping, note; when measured on calibration inputs origin_calibration and
//                        origin_earlier, hashes of what determined these; with an exponent that
//                        layers share origin_exponents, another hash; when quantized also
//                        method, options (JSON), bits, granularity, group_size, symmetric,
//                        float_zeros, scale_type, shape = [rows, cols], stored_bytes,
//                        bits_per_weight; of power levels levels ("power" or "power-mid-rise") and
//                        exponent_count; when the layer's inputs are quantized, too,
//                        activation_bits, activation_signed (0 or 1), activation_exponent,
//                        activation_limit, activation_shift, activation_relative_error
//     codes              u8, ⌈rows · cols · bits / 8⌉: rows × cols codes, row-major, as one stream;
//                        code i occupies bits [i·bits, (i+1)·bits), bit k of the stream is bit
//                        k mod 8 of byte k/8
//     scales             float16 or float32, rows × groups; 1 × 1 for tensor granularity
//     zeros              u8, like scales, or of the scales' type with float_zeros = 1; absent when
//                        symmetric, where every zero is 2^(bits−1)
//     exponents          f32, exponent_count: one for all rows, or one for each; of power levels
//     outliers           group, absent without any. Attribute: count
//       row_starts       u32, rows + 1: places in columns and values, the last one count
//       columns          u16 (u32 with more than 65536 inputs), count: ascending within a row
//       values           of the scales' type, count: what stands in place of the codes
//     group_index        i32, cols: the group of each input; absent when that is col / group_size
//     trace              f64, points × 5: round, relative_output_error, accepted (share of rows),
//                        scale_change, zero_change; with the attribute trace_columns = 7 also
//                        weight_error and exponent. The stages' names stand in the attribute
//                        trace_stages, separated by spaces. Absent for methods of one step
//     tunings            JSON array: the links in /tunings of the trainings that the layer took
//                        part in, in their order; absent without any
//     static_inputs      group, absent where inputs are not quantized to uniform grids. Attributes:
//                        lambda (of the reconstruction; NaN: none), error_weights, error_inputs,
//                        error_both (relative output errors by what is quantized; NaN: not
//                        measured), parameters (as of a training)
//       grid             group, the grid of the layer's inputs; absent where they are float.
//                        Attributes: quantizer ("uniform"), bits, scale_count and zero_count (1, or
//                        one for each input), fraction (of the zero), relative_error
//         scales         f32, scale_count
//         zeros          i32, zero_count
//       ratio            f32, ratio_count (an attribute): what the weight's columns were multiplied
//                        by before they were quantized; absent where by nothing
//       attention        group: grids of the attention that the layer's inputs come from, like grid
//                        (query, key, value, softmax), absent where float. softmax may have the
//                        quantizer "log": attributes bits, per_octave (1 or 2), scale, zero_state
//                        ("extra", "reserved" or "none"), relative_error
//       probabilities    i64, 48: that attention's, how many lie in which quarter of an octave
//       below
//                        1, the last without end; attribute probability_zeros: how many are 0
//       norm             group, at the first layer that reads a norm whose grid was folded.
//                        Attributes: norm (its node's name), channels, codes, differing (codes
//                        before and after the fold that were compared, and those not the same)
//         minimum, maximum, low, high, scales, zeros    f32 (zeros: i32), channels: range of what
//                        the norm puts out, the limits chosen, and the grids of its channels
//       values/<tensor>  f32, as of a training: the norm's and the layer's bias as they were
//       changed
//   /tunings/<link>      one group per training (of a block, or the fine-tuning); absent without
//                        any. Attributes: name, block (-1: all), steps, epoch_loss_count,
//                        best_epoch (0: the start was kept), stopped_early, cancelled (0 or 1),
//                        scale_change, zero_change, of power grids code_change and
//                        exponent_change, parameters (JSON array of name and shape)
//     losses             f32, steps: of every step, before its update
//     epoch_losses       f64: over all windows, before the first epoch and after each one
//     values/<tensor>    f32: float tensors of the model as trained (norms, biases); they belong to
//                        the result as the weights do, a later training's instead of an earlier's
//
// Schema 1 has grown by what is optional: float_zeros, trace, tunings, levels with exponents,
// outliers, activations, static_inputs. Files without them read as before.
//
// After the HDF5 data stands one line of text that HDF5 ignores:
//
//   "\ngradus-sha256 " + SHA-256 of everything before the line, 64 hexadecimal digits + " " +
//   length of everything before the line, 20 decimal digits + "\n"
//
// so that a cut or damaged file is recognised before the library, which was not written for hostile
// bytes, parses it. `head -c LENGTH FILE | sha256sum` checks it without Gradus.
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/io/hdf5_file.h"
#include "core/io/strict_json.h"
#include "core/quant/packing.h"
#include "core/session/recipe_json.h"
#include "core/session/run.h"
#include "core/session/run_file_extras.h"
#include "core/session/run_file_static.h"
#include "core/session/run_file_tunings.h"
#include "core/session/run_seal.h"
#include "core/session/stored_weight.h"
#include "core/tensor/half.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace gradus {

namespace {

constexpr std::int64_t schemaVersion = 1;
constexpr std::string_view hdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr std::string_view sealWord = "\ngradus-sha256 ";
constexpr std::size_t sealBytes = sealWord.size() + 64 + 1 + 20 + 1;

constexpr std::string_view conventions =
    "w = scale * (code - zero). Layers with levels = power: w = scale * sgn(c) * "
    "(|c| / N)^(1 / exponent) with c = code - 2^(bits-1) and N = 2^(bits-1) - 1; with levels = "
    "power-mid-rise: w = scale * ((i + 0.5) / (N + 0.5))^(1 / exponent), i = c, for c >= 0, the "
    "same with the other sign and i = -c - 1 for c < 0. Where static_inputs has a ratio, column c "
    "of "
    "w is the model's times ratio[c]. Weights are out x in, row-major; a group "
    "is a run of consecutive inputs of one row that share a scale and a zero, so that input c of "
    "row r uses scale and zero number [r, c / group_size] (or [r, group_index[c]]). "
    "bits_per_weight counts codes, scales, zeros, indices, exponents and outliers.";
constexpr std::string_view layoutText =
    "codes hold rows x cols codes as one dense stream: code i occupies bits [i*bits, (i+1)*bits), "
    "bit k of the stream is bit k mod 8 of byte k/8. scales and zeros are rows x groups. Symmetric "
    "layers store no zeros: every zero is 2^(bits-1). exponents hold one for all rows, or one for "
    "each. outliers, row by row, are weights that stand in place of what the codes say. Layers are "
    "ordered by their attribute index. "
    "tunings hold, per training, its losses and the model's float tensors as they were trained "
    "(values); layers name the trainings that they took part in. static_inputs hold uniform grids "
    "of "
    "a layer's inputs x, scale * (clamp(round(x / scale) + zero, 0, 2^bits - 1) - zero), of the "
    "attention before it, and tensors of the model that were changed for them (values).";

[[noreturn]] void ioFailure(const std::filesystem::path& path, std::string_view action)
{
    throw Error(ErrorCode::Io,
                concat("cannot ", action, " ", path.string(), ": ", std::strerror(errno)));
}

/// SHA-256 of the first `bytes` bytes.
std::string hashOfStart(const std::filesystem::path& path, const std::filesystem::path& shownPath,
                        std::uint64_t bytes, Monitor* monitor)
{
    std::ifstream in(path, std::ios::binary);
    Sha256 hash;
    std::vector<char> buffer(1 << 20);
    while (bytes > 0 && in) {
        if (monitor)
            monitor->checkpoint();
        in.read(buffer.data(),
                static_cast<std::streamsize>(std::min<std::uint64_t>(bytes, buffer.size())));
        const auto got = static_cast<std::size_t>(in.gcount());
        hash.add(std::string_view(buffer.data(), got));
        bytes -= got;
    }
    if (bytes > 0)
        ioFailure(shownPath, "read");
    return hash.hex();
}

std::string seal(const std::string& hash, std::uint64_t bytes)
{
    char length[24];
    std::snprintf(length, sizeof length, "%020llu", static_cast<unsigned long long>(bytes));
    return concat(sealWord, hash, " ", length, "\n");
}

template <class T>
std::span<const std::byte> bytesOf(const std::vector<T>& values)
{
    return std::as_bytes(std::span(values));
}

template <class T>
std::vector<T> valuesOf(const std::vector<std::byte>& bytes)
{
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty())
        std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

std::string optionsText(const LayerChoice& choice)
{
    return nlohmann::ordered_json::parse(choiceToJson(choice)).at("options").dump();
}

std::array<std::uint64_t, 2> parameterShape(const Scheme& scheme, std::int64_t rows,
                                            std::int64_t cols)
{
    if (scheme.granularity == Granularity::Tensor)
        return {1, 1};
    return {static_cast<std::uint64_t>(rows),
            static_cast<std::uint64_t>(groupsPerRow(scheme, cols))};
}

/// Values that are exact in their type.
void writeReals(Hdf5Group& group, const std::string& name, DType type,
                std::span<const std::uint64_t> shape, const std::vector<float>& values,
                Monitor& monitor)
{
    if (type == DType::F16) {
        std::vector<std::uint16_t> halves(values.size());
        floatToHalf(values, halves);
        group.write(name, Hdf5Type::F16, shape, bytesOf(halves), monitor);
    } else {
        group.write(name, Hdf5Type::F32, shape, bytesOf(values), monitor);
    }
}

std::vector<float> readReals(const Hdf5Group& group, const std::string& name, DType type,
                             std::span<const std::uint64_t> shape)
{
    if (type != DType::F16)
        return valuesOf<float>(group.read(name, Hdf5Type::F32, shape));
    const auto halves = valuesOf<std::uint16_t>(group.read(name, Hdf5Type::F16, shape));
    std::vector<float> values(halves.size());
    halfToFloat(halves, values);
    return values;
}

void writeWeight(Hdf5Group& group, const LayerResult& layer, Monitor& monitor)
{
    const QuantizedWeight& weight = *layer.weight;
    if (const auto problem = weightProblem(weight))
        throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
    const Scheme& scheme = weight.scheme;
    group.setText("method", methodName(layer.choice.method));
    group.setText("options", optionsText(layer.choice));
    group.setInteger("bits", scheme.bits);
    group.setText("granularity", granularityName(scheme.granularity));
    group.setInteger("group_size", scheme.groupSize);
    group.setInteger("symmetric", scheme.symmetric ? 1 : 0);
    group.setInteger("float_zeros", scheme.floatZeros ? 1 : 0);
    group.setText("scale_type", dtypeName(scheme.scaleType));
    group.setIntegers("shape", std::array{weight.rows, weight.cols});
    group.setInteger("stored_bytes", static_cast<std::int64_t>(layer.bytes()));
    group.setReal("bits_per_weight", layer.bitsPerWeight());

    {
        const std::vector<std::uint8_t> packed = packBits(weight.codes, scheme.bits);
        group.write("codes", Hdf5Type::U8, std::array<std::uint64_t, 1>{packed.size()},
                    bytesOf(packed), monitor);
    }
    const auto shape = parameterShape(scheme, weight.rows, weight.cols);
    writeReals(group, "scales", scheme.scaleType, shape, weight.scales, monitor);
    if (scheme.floatZeros) {
        writeReals(group, "zeros", scheme.scaleType, shape, weight.zeros, monitor);
    } else if (!scheme.symmetric) {
        const std::vector<std::uint8_t> zeros(weight.zeros.begin(), weight.zeros.end());
        group.write("zeros", Hdf5Type::U8, shape, bytesOf(zeros), monitor);
    }
    if (!weight.groupIndex.empty())
        group.write("group_index", Hdf5Type::I32,
                    std::array<std::uint64_t, 1>{weight.groupIndex.size()},
                    bytesOf(weight.groupIndex), monitor);
    writeLevels(group, weight, monitor);
}

void writeContent(const Run& run, Hdf5File& file, Monitor& monitor)
{
    Hdf5Group root = file.root();
    root.setInteger("gradus_schema", schemaVersion);
    root.setText("title", "Quantized weights of one model, a run of Gradus");
    root.setText("conventions", conventions);
    root.setText("layout", layoutText);

    Hdf5Group meta = root.create("meta");
    const Provenance& provenance = run.provenance;
    meta.setText("program", provenance.program);
    meta.setText("model_path", provenance.modelPath);
    meta.setText("model_fingerprint", provenance.modelFingerprint);
    meta.setText("model_hash", provenance.modelHash);
    meta.setText("calibration_hash", provenance.calibrationHash);
    meta.setInteger("calibration_windows", provenance.calibrationWindows);
    meta.setInteger("calibration_context", provenance.calibrationContext);
    meta.setInteger("total_weights", run.totals.weights);
    meta.setInteger("total_bytes", static_cast<std::int64_t>(run.totals.bytes));
    meta.setInteger("total_float_bytes", static_cast<std::int64_t>(run.totals.floatBytes));
    meta.setReal("total_bits_per_weight", run.totals.bitsPerWeight);
    meta.writeText("recipe", toJson(run.recipe));

    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const LayerResult& layer : run.layers)
        names.push_back(layer.name);
    try {
        meta.writeText("layer_names", names.dump());
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::Unsupported,
                    "the run cannot be written: a layer's name is not UTF-8");
    }

    TuningWriter tunings(run);
    tunings.write(root, monitor);
    Hdf5Group layers = root.create("layers");
    for (std::size_t i = 0; i < run.layers.size(); ++i) {
        const LayerResult& layer = run.layers[i];
        monitor.checkpoint();
        monitor.report(static_cast<double>(i) / static_cast<double>(run.layers.size()),
                       "writing the run");
        Hdf5Group group = layers.create(Hdf5File::linkName(layer.name));
        group.setText("name", layer.name);
        group.setInteger("index", static_cast<std::int64_t>(i));
        group.setText("choice", choiceToJson(layer.choice));
        group.setInteger("quantized", layer.weight ? 1 : 0);
        group.setReal("weight_sqnr_db", layer.weightSqnrDb);
        group.setReal("weight_cosine", layer.weightCosine);
        group.setReal("relative_output_error", layer.relativeOutputError);
        group.setReal("damping", layer.damping);
        group.setText("note", layer.note);
        if (!layer.origin.calibration.empty()) {
            group.setText("origin_calibration", layer.origin.calibration);
            group.setText("origin_earlier", layer.origin.earlier);
        }
        if (!layer.origin.exponents.empty())
            group.setText("origin_exponents", layer.origin.exponents);
        if (layer.weight)
            writeWeight(group, layer, monitor);
        writeActivation(group, layer);
        writeStaticInputs(group, layer, monitor);
        writeTrace(group, layer, monitor);
        tunings.refer(group, layer);
    }
}

std::shared_ptr<const QuantizedWeight> readWeight(const Hdf5Group& group)
{
    auto weight = std::make_shared<QuantizedWeight>();
    Scheme& scheme = weight->scheme;
    const std::int64_t bits = group.integer("bits");
    if (bits < 2 || bits > 8)
        group.fail("bits", concat("is ", bits, ", expected 2 to 8"));
    scheme.bits = static_cast<int>(bits);
    const std::string granularity = group.text("granularity");
    if (granularity == granularityName(Granularity::Tensor))
        scheme.granularity = Granularity::Tensor;
    else if (granularity == granularityName(Granularity::Channel))
        scheme.granularity = Granularity::Channel;
    else if (granularity == granularityName(Granularity::Group))
        scheme.granularity = Granularity::Group;
    else
        group.fail("granularity",
                   concat("is ", quoted(granularity), ", expected tensor, channel or group"));
    scheme.groupSize = group.integer("group_size");
    scheme.symmetric = group.integer("symmetric") != 0;
    // Runs of earlier versions have no float zeros.
    scheme.floatZeros = group.hasAttribute("float_zeros") && group.integer("float_zeros") != 0;
    scheme.levels = readLevelsName(group);
    const std::string scaleType = group.text("scale_type");
    if (scaleType != "F16" && scaleType != "F32")
        group.fail("scale_type", concat("is ", quoted(scaleType), ", expected F16 or F32"));
    scheme.scaleType = scaleType == "F16" ? DType::F16 : DType::F32;
    const std::vector<std::int64_t> shape = group.integers("shape", 2);
    weight->rows = shape[0];
    weight->cols = shape[1];
    if (const auto problem = weightShapeProblem(scheme, weight->rows, weight->cols))
        group.fail({}, concat("is impossible: ", *problem));

    const auto count = static_cast<std::uint64_t>(weight->rows * weight->cols);
    {
        const std::vector<std::uint8_t> packed = valuesOf<std::uint8_t>(group.read(
            "codes", Hdf5Type::U8, std::array<std::uint64_t, 1>{packedBytes(count, scheme.bits)}));
        weight->codes = unpackBits(packed, count, scheme.bits);
    }
    const auto parameters = parameterShape(scheme, weight->rows, weight->cols);
    weight->scales = readReals(group, "scales", scheme.scaleType, parameters);
    if (scheme.symmetric) {
        weight->zeros.assign(weight->scales.size(), static_cast<float>(1 << (scheme.bits - 1)));
    } else if (scheme.floatZeros) {
        weight->zeros = readReals(group, "zeros", scheme.scaleType, parameters);
    } else {
        const auto zeros = valuesOf<std::uint8_t>(group.read("zeros", Hdf5Type::U8, parameters));
        weight->zeros.assign(zeros.begin(), zeros.end());
    }
    if (group.has("group_index"))
        weight->groupIndex = valuesOf<std::int32_t>(
            group.read("group_index", Hdf5Type::I32,
                       std::array<std::uint64_t, 1>{static_cast<std::uint64_t>(weight->cols)}));
    readLevels(group, *weight);
    if (const auto problem = weightProblem(*weight))
        group.fail({}, concat("is malformed: ", *problem));
    return weight;
}

LayerResult readLayer(const Hdf5Group& group, TuningReader& tunings, const std::string& file)
{
    LayerResult layer;
    layer.name = group.text("name");
    layer.choice =
        choiceFromJson(group.text("choice"), concat(file, ": ", group.path(), "/choice"));
    layer.weightSqnrDb = group.real("weight_sqnr_db");
    layer.weightCosine = group.real("weight_cosine");
    layer.relativeOutputError = group.real("relative_output_error");
    layer.damping = group.real("damping");
    layer.note = group.text("note");
    if (group.hasAttribute("origin_calibration")) {
        layer.origin.calibration = group.text("origin_calibration");
        layer.origin.earlier = group.text("origin_earlier");
    }
    if (group.hasAttribute("origin_exponents"))
        layer.origin.exponents = group.text("origin_exponents");
    if (group.integer("quantized") != 0)
        layer.weight = readWeight(group);
    layer.activation = readActivation(group);
    layer.staticInputs = readStaticInputs(group, layer.weight.get());
    layer.trace = readTrace(group);
    layer.tunings = tunings.of(group);
    return layer;
}

std::uint64_t unsignedInteger(const Hdf5Group& group, const std::string& name)
{
    const std::int64_t value = group.integer(name);
    if (value < 0)
        group.fail(name, concat("is ", value, ", expected at least 0"));
    return static_cast<std::uint64_t>(value);
}

} // namespace

void writeRun(const Run& run, const std::filesystem::path& path, Monitor& monitor)
{
    AtomicFile target(path);
    try {
        {
            Hdf5File file = Hdf5File::create(target.temporaryPath(), path);
            writeContent(run, file, monitor);
            file.close();
        }
        std::error_code error;
        const std::uint64_t bytes = std::filesystem::file_size(target.temporaryPath(), error);
        if (error)
            throw Error(ErrorCode::Io,
                        concat("cannot write ", path.string(), ": ", error.message()));
        const std::string end =
            seal(hashOfStart(target.temporaryPath(), path, bytes, &monitor), bytes);
        std::ofstream out(target.temporaryPath(), std::ios::binary | std::ios::app);
        out.write(end.data(), static_cast<std::streamsize>(end.size()));
        out.close();
        if (!out)
            ioFailure(path, "write");
        target.commit();
    } catch (...) {
        // Should the library still hold the unlinked file open, it holds no space on the disk.
        std::error_code ignored;
        std::filesystem::resize_file(target.temporaryPath(), 0, ignored);
        throw;
    }
    monitor.report(1, "writing the run");
}

void checkRunSeal(const std::filesystem::path& path)
{
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(path, error);
    if (error)
        throw Error(ErrorCode::Io, concat("cannot open ", path.string(), ": ", error.message()));
    std::ifstream in(path, std::ios::binary);
    if (!in)
        ioFailure(path, "open");
    std::array<char, 8> start{};
    in.read(start.data(), start.size());
    if (!in || std::string_view(start.data(), start.size()) != hdf5Signature)
        throw Error(ErrorCode::Format,
                    concat(path.string(), " is not a run: it does not begin as an HDF5 file does"));
    std::string end(sealBytes, '\0');
    if (size < sealBytes + hdf5Signature.size() ||
        !in.seekg(static_cast<std::streamoff>(size - sealBytes)) ||
        !in.read(end.data(), static_cast<std::streamsize>(end.size())) ||
        !std::string_view(end).starts_with(sealWord))
        throw Error(ErrorCode::Format,
                    concat(path.string(),
                           " does not end with the checksum of a run: it was cut short or "
                           "changed by another program"));
    const std::uint64_t bytes = size - sealBytes;
    if (end != seal(hashOfStart(path, path, bytes, nullptr), bytes))
        throw Error(ErrorCode::Format,
                    concat(path.string(), " is damaged: its content does not fit the "
                                          "checksum at its end"));
}

std::shared_ptr<const Run> readRun(const std::filesystem::path& path)
{
    checkRunSeal(path);
    const Hdf5File file = Hdf5File::open(path);
    const Hdf5Group root = file.root();
    if (!root.hasAttribute("gradus_schema"))
        throw Error(ErrorCode::Format, concat(path.string(), " is not a run: it has no attribute "
                                                             "gradus_schema"));
    const std::int64_t schema = root.integer("gradus_schema");
    if (schema != schemaVersion)
        throw Error(ErrorCode::Unsupported, concat(path.string(), " has schema ", schema,
                                                   ", this program reads schema ", schemaVersion));

    auto run = std::make_shared<Run>();
    const Hdf5Group meta = root.open("meta");
    Provenance& provenance = run->provenance;
    provenance.program = meta.text("program");
    provenance.modelPath = meta.text("model_path");
    provenance.modelFingerprint = meta.text("model_fingerprint");
    provenance.modelHash = meta.text("model_hash");
    provenance.calibrationHash = meta.text("calibration_hash");
    provenance.calibrationWindows = meta.integer("calibration_windows");
    provenance.calibrationContext = meta.integer("calibration_context");
    run->totals.weights = meta.integer("total_weights");
    run->totals.bytes = unsignedInteger(meta, "total_bytes");
    run->totals.floatBytes = unsignedInteger(meta, "total_float_bytes");
    run->totals.bitsPerWeight = meta.real("total_bits_per_weight");
    run->recipe = recipeFromJson(meta.text("recipe"), concat(path.string(), ": /meta/recipe"));

    const Hdf5Group layers = root.open("layers");
    const nlohmann::json names =
        parseStrictJson(meta.text("layer_names"), concat(path.string(), ": /meta/layer_names"));
    if (!names.is_array() || names.size() != layers.linkCount())
        meta.fail("layer_names", concat("is no list of the ", layers.linkCount(), " layers"));
    TuningReader tunings(root);
    for (const nlohmann::json& name : names) {
        if (!name.is_string())
            meta.fail("layer_names", "holds something that is no text");
        const Hdf5Group group = layers.open(Hdf5File::linkName(name.get<std::string>()));
        if (const std::int64_t index = group.integer("index");
            index != static_cast<std::int64_t>(run->layers.size()))
            group.fail("index", concat("is ", index, ", expected ", run->layers.size()));
        LayerResult layer = readLayer(group, tunings, path.string());
        if (layer.name != name.get<std::string>())
            group.fail("name", concat("is ", quoted(layer.name), ", expected ",
                                      quoted(name.get<std::string>())));
        run->layers.push_back(std::move(layer));
    }
    tunings.finish();
    return run;
}

bool isRunFile(const std::filesystem::path& path)
{
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error))
        return false;
    std::ifstream in(path, std::ios::binary);
    // Without the library, which is not made for arbitrary bytes: the attribute stands in the root
    // group's header, which is the first thing in the file.
    std::string start(65536, '\0');
    in.read(start.data(), static_cast<std::streamsize>(start.size()));
    start.resize(static_cast<std::size_t>(in.gcount()));
    return std::string_view(start).starts_with(hdf5Signature) &&
           start.find("gradus_schema") != std::string::npos;
}

} // namespace gradus
