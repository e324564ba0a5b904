// SPDX-License-Identifier: GPL-3.0-or-later
//
// A run's bytes only reach the HDF5 library under a good checksum, so flipping them tests nothing
// but the checksum, or the library itself. What is ours is what happens to well-formed HDF5 with
// wrong content: the input chooses the fields of a layer.
#include "core/base/error.h"
#include "tests/support/spoiled_run.h"

#include <fuzzer/FuzzedDataProvider.h>
#include <unistd.h>

#include <cstdlib>

namespace {

const std::filesystem::path& runPath()
{
    static const std::filesystem::path path = [] {
        const std::filesystem::path memory = "/dev/shm";
        const auto folder =
            std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
        return folder / ("gradus-fuzz-run-" + std::to_string(::getpid()));
    }();
    return path;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace gradus;
    using namespace gradus::test;
    FuzzedDataProvider input(data, size);
    const auto integer = [&](std::int64_t usual) {
        switch (input.ConsumeIntegralInRange(0, 3)) {
        case 0:
            return input.ConsumeIntegral<std::int64_t>();
        case 1:
            return input.ConsumeIntegralInRange<std::int64_t>(-2, 80);
        default:
            return usual;
        }
    };
    const auto text = [&](const char* usual) {
        return input.ConsumeBool() ? std::string(usual) : input.ConsumeRandomLengthString(60);
    };
    LayerFields f;
    f.name = text("l");
    f.index = integer(0);
    f.choice = text(R"({"bits": 4})");
    f.bits = integer(4);
    f.granularity = text(input.PickValueInArray({"tensor", "channel", "group"}));
    f.groupSize = integer(8);
    f.symmetric = integer(0);
    f.scaleType = text(input.PickValueInArray({"F16", "F32"}));
    f.shape = {integer(4), integer(16)};
    if (input.ConsumeBool())
        f.shape.push_back(integer(1));
    f.codes = input.ConsumeIntegralInRange<std::size_t>(0, 64);
    f.scale = input.ConsumeIntegral<std::uint16_t>();
    f.scaleShape = {input.ConsumeIntegralInRange<std::uint64_t>(0, 6),
                    input.ConsumeIntegralInRange<std::uint64_t>(0, 4)};
    f.scaleStored = input.ConsumeBool() ? Hdf5Type::F16 : Hdf5Type::F32;
    f.zero = input.ConsumeIntegral<std::uint8_t>();
    f.zeros = input.ConsumeBool();
    for (std::size_t i = input.ConsumeIntegralInRange<std::size_t>(0, 20); i > 0; --i)
        f.groupIndex.push_back(input.ConsumeIntegral<std::int32_t>());
    TuningFields t;
    if (input.ConsumeBool()) {
        f.tunings = text(R"(["t"])");
        f.traceStages = text("rtn block");
        for (std::size_t i = 5 * input.ConsumeIntegralInRange<std::size_t>(0, 3); i > 0; --i)
            f.trace.push_back(input.ConsumeBool() ? 0.5 : input.ConsumeFloatingPoint<double>());
        t.name = text("t");
        t.block = integer(0);
        t.steps = integer(2);
        t.losses = input.ConsumeIntegralInRange<std::size_t>(1, 4);
        t.epochLossCount = integer(2);
        t.bestEpoch = integer(1);
        t.parameters = text(R"([{"name": "p", "shape": [2, 3]}])");
        t.parameterShape = {input.ConsumeIntegralInRange<std::uint64_t>(1, 4),
                            input.ConsumeIntegralInRange<std::uint64_t>(1, 4)};
        t.value = input.ConsumeBool() ? 1 : input.ConsumeFloatingPoint<float>();
    } else {
        t.written = false;
    }
    writeSpoiledRun(
        runPath(), [&](Hdf5Group&, Hdf5Group& layer) { writeLayer(layer, f); }, R"(["l"])",
        [&](Hdf5Group& root) { writeTuning(root, t); });
    try {
        (void)readRun(runPath());
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Internal)
            std::abort();
    }
    return 0;
}
