// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/hash.h"
#include "core/io/hdf5_file.h"
#include "core/session/recipe.h"
#include "tests/support/sample_run.h"

#include <array>
#include <functional>

namespace gradus::test {

/// The seal of the file's format, made here anew: damaged content under a good checksum.
inline std::string sealed(std::string content)
{
    char length[24];
    std::snprintf(length, sizeof length, "%020zu", content.size());
    return content + "\ngradus-sha256 " + sha256(content) + " " + length + "\n";
}

struct LayerFields
{
    std::string name = "l";
    std::int64_t index = 0;
    std::string choice = R"({"bits": 4})";
    std::int64_t bits = 4;
    std::string granularity = "group";
    std::int64_t groupSize = 8;
    std::int64_t symmetric = 0;
    std::string scaleType = "F16";
    std::vector<std::int64_t> shape = {4, 16};
    std::size_t codes = 32;
    std::uint8_t code = 0x21; ///< of each byte
    std::uint16_t scale = 0x3C00;
    std::vector<std::uint64_t> scaleShape = {4, 2};
    Hdf5Type scaleStored = Hdf5Type::F16;
    std::uint8_t zero = 7;
    bool zeros = true;
    std::vector<std::int32_t> groupIndex;
    std::string tunings; ///< JSON; none when empty
    std::string traceStages;
    std::vector<double> trace;     ///< rows of five
    std::int64_t traceColumns = 0; ///< attribute; none when 0
    std::string levels;            ///< none when empty
    std::int64_t exponentCount = 1;
    std::vector<float> exponents = {0.5F};
    std::int64_t outliers = 0; ///< count; no group when 0
    std::vector<std::uint32_t> rowStarts = {0, 1, 1, 2, 3};
    std::vector<std::uint16_t> columns = {3, 15, 0};
    std::vector<std::uint16_t> values = {0x3C00, 0xBC00, 0};
    bool activation = false;
    std::int64_t activationBits = 8;
    std::array<double, 3> activationGrid = {0.5, 2, 0}; ///< exponent, limit, shift
};

struct TuningFields
{
    bool written = true;
    std::string link = "t";
    std::string name = "t";
    std::int64_t block = 0;
    std::int64_t steps = 2;
    std::size_t losses = 2;
    std::int64_t epochLossCount = 2;
    std::int64_t bestEpoch = 1;
    std::string parameters = R"([{"name": "p", "shape": [2, 3]}])";
    std::string parameter = "p";
    std::vector<std::uint64_t> parameterShape = {2, 3};
    float value = 1;
};

inline void writeTuning(Hdf5Group& root, const TuningFields& f)
{
    if (!f.written)
        return;
    Monitor monitor;
    Hdf5Group all = root.create("tunings");
    Hdf5Group group = all.create(Hdf5File::linkName(f.link));
    group.setText("name", f.name);
    group.setInteger("block", f.block);
    group.setInteger("steps", f.steps);
    group.setInteger("epoch_loss_count", f.epochLossCount);
    group.setInteger("best_epoch", f.bestEpoch);
    group.setInteger("stopped_early", 0);
    group.setInteger("cancelled", 0);
    group.setReal("scale_change", 0.5);
    group.setReal("zero_change", 0.25);
    group.setText("parameters", f.parameters);
    const std::vector<float> losses(f.losses, 0.5F);
    group.write("losses", Hdf5Type::F32, std::array<std::uint64_t, 1>{f.losses},
                std::as_bytes(std::span(losses)), monitor);
    const std::array<double, 2> epochs{0.5, 0.25};
    group.write("epoch_losses", Hdf5Type::F64, std::array<std::uint64_t, 1>{2},
                std::as_bytes(std::span(epochs)), monitor);
    std::uint64_t count = 1;
    for (const std::uint64_t extent : f.parameterShape)
        count *= extent;
    const std::vector<float> values(count, f.value);
    group.create("values").write(Hdf5File::linkName(f.parameter), Hdf5Type::F32, f.parameterShape,
                                 std::as_bytes(std::span(values)), monitor);
}

/// What only layers with power levels, outliers or a grid of inputs have.
inline void writePowerParts(Hdf5Group& group, const LayerFields& f)
{
    Monitor monitor;
    const auto write = [&monitor](Hdf5Group& to, const char* name, Hdf5Type type,
                                  const auto& values) {
        to.write(name, type, std::array<std::uint64_t, 1>{values.size()},
                 std::as_bytes(std::span(values)), monitor);
    };
    if (!f.levels.empty()) {
        group.setText("levels", f.levels);
        group.setInteger("exponent_count", f.exponentCount);
        write(group, "exponents", Hdf5Type::F32, f.exponents);
    }
    if (f.outliers != 0) {
        Hdf5Group own = group.create("outliers");
        own.setInteger("count", f.outliers);
        write(own, "row_starts", Hdf5Type::U32, f.rowStarts);
        write(own, "columns", Hdf5Type::U16, f.columns);
        write(own, "values", Hdf5Type::F16, f.values);
    }
    if (f.activation) {
        group.setInteger("activation_bits", f.activationBits);
        group.setInteger("activation_signed", 1);
        group.setReal("activation_exponent", f.activationGrid[0]);
        group.setReal("activation_limit", f.activationGrid[1]);
        group.setReal("activation_shift", f.activationGrid[2]);
        group.setReal("activation_relative_error", 0.5);
    }
    if (f.traceColumns != 0)
        group.setInteger("trace_columns", f.traceColumns);
}

inline void writeLayer(Hdf5Group& group, const LayerFields& f)
{
    Monitor monitor;
    group.setText("name", f.name);
    group.setInteger("index", f.index);
    group.setText("choice", f.choice);
    group.setInteger("quantized", 1);
    for (const char* name : {"weight_sqnr_db", "weight_cosine", "relative_output_error", "damping"})
        group.setReal(name, 1);
    group.setText("note", "");
    group.setInteger("bits", f.bits);
    group.setText("granularity", f.granularity);
    group.setInteger("group_size", f.groupSize);
    group.setInteger("symmetric", f.symmetric);
    group.setText("scale_type", f.scaleType);
    group.setIntegers("shape", f.shape);
    const std::vector<std::byte> codes(f.codes, std::byte{f.code});
    group.write("codes", Hdf5Type::U8, std::array<std::uint64_t, 1>{f.codes}, codes, monitor);
    const std::size_t count = f.scaleShape[0] * f.scaleShape[1];
    if (f.scaleStored == Hdf5Type::F16) {
        const std::vector<std::uint16_t> scales(count, f.scale);
        group.write("scales", f.scaleStored, f.scaleShape, std::as_bytes(std::span(scales)),
                    monitor);
    } else {
        const std::vector<float> scales(count, 1.0F);
        group.write("scales", f.scaleStored, f.scaleShape, std::as_bytes(std::span(scales)),
                    monitor);
    }
    if (f.zeros) {
        const std::vector<std::uint8_t> zeros(count, f.zero);
        group.write("zeros", Hdf5Type::U8, f.scaleShape, std::as_bytes(std::span(zeros)), monitor);
    }
    if (!f.groupIndex.empty())
        group.write("group_index", Hdf5Type::I32, std::array<std::uint64_t, 1>{f.groupIndex.size()},
                    std::as_bytes(std::span(f.groupIndex)), monitor);
    writePowerParts(group, f);
    if (!f.tunings.empty())
        group.writeText("tunings", f.tunings);
    if (!f.trace.empty()) {
        group.setText("trace_stages", f.traceStages);
        group.write("trace", Hdf5Type::F64, std::array<std::uint64_t, 2>{f.trace.size() / 5, 5},
                    std::as_bytes(std::span(f.trace)), monitor);
    }
}

/// A run file of one layer, written by hand with something wrong.
inline void writeSpoiledRun(const std::filesystem::path& path,
                            const std::function<void(Hdf5Group&, Hdf5Group&)>& spoil,
                            const std::string& names = R"(["l"])",
                            const std::function<void(Hdf5Group&)>& more = {})
{
    {
        Hdf5File file = Hdf5File::create(path, path);
        {
            Hdf5Group root = file.root();
            root.setInteger("gradus_schema", 1);
            Hdf5Group meta = root.create("meta");
            for (const char* name :
                 {"program", "model_path", "model_fingerprint", "model_hash", "calibration_hash"})
                meta.setText(name, "");
            for (const char* name : {"calibration_windows", "calibration_context", "total_weights",
                                     "total_bytes", "total_float_bytes"})
                meta.setInteger(name, 0);
            meta.setReal("total_bits_per_weight", 0);
            meta.writeText("recipe", toJson(Recipe()));
            meta.writeText("layer_names", names);
            Hdf5Group layers = root.create("layers");
            Hdf5Group layer = layers.create("l");
            spoil(layers, layer);
            if (more)
                more(root);
        }
        file.close();
    }
    writeBytes(path, sealed(fileBytes(path)));
}

} // namespace gradus::test
