// SPDX-License-Identifier: GPL-3.0-or-later
//
// Damage inside HDF5's own metadata can crash libhdf5, whatever reads the file (core/README.md says
// so): flipping bytes of an .h5 finds that and nothing of ours. So the library sees well-formed
// files only, and what is fuzzed is around and inside them: the ZIP archive, the superblock, the
// model's configuration over good weights, and the names and shapes of weights.
//
//   {…         a configuration, of a .keras and of an .h5 with the weights of the seeds
//   PK…        a whole archive; HDF5 in it goes as far as the superblock
//   any other  chooses names and shapes of weights; what is left is the configuration
#include "core/io/hdf5_superblock.h"
#include "core/io/keras_file.h"
#include "core/io/model_source.h"
#include "tests/fuzz/fuzz_graph.h"
#include "tests/fuzz/fuzz_support.h"
#include "tests/support/tiny_keras.h"

#include <fuzzer/FuzzedDataProvider.h>
#include <unistd.h>

using namespace gradus;
using test::KerasWriter;
using W = test::TinyKeras;
namespace fs = std::filesystem;

namespace {

const fs::path& folder()
{
    static const fs::path path = [] {
        // The library's complaints about what it is asked for.
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        const fs::path memory = "/dev/shm";
        fs::path own = (fs::is_directory(memory) ? memory : fs::temp_directory_path()) /
                       ("gradus-fuzz-keras-" + std::to_string(::getpid()));
        fs::create_directories(own);
        std::atexit([] { fs::remove_all(folder()); });
        return own;
    }();
    return path;
}

/// Layers with weights; their names and shapes are those of the seeds' configurations.
const W& net()
{
    static const W made = [] {
        W net({9, 8, 3});
        net.add("conv", "Conv2D", {},
                {W::weight("kernel", {3, 3, 3, 4}, 0.1), W::weight("bias", {4}, 0.7)});
        net.add("bn", "BatchNormalization", {},
                {W::weight("gamma", {4}, 0.9), W::weight("beta", {4}, 1.1),
                 W::weight("moving_mean", {4}, 1.3), W::weight("moving_variance", {4}, 1.9, 1)});
        net.add("depth", "DepthwiseConv2D", {}, {W::weight("depthwise_kernel", {3, 2, 4, 2}, 2.3)});
        net.add("separate", "SeparableConv2D", {},
                {W::weight("depthwise_kernel", {2, 2, 8, 1}, 2.9),
                 W::weight("pointwise_kernel", {1, 1, 8, 6}, 3.1)});
        net.add("norm", "LayerNormalization", {},
                {W::weight("gamma", {6}, 0.2), W::weight("beta", {6}, 0.3)});
        net.add("slope", "PReLU", {}, {W::weight("alpha", {1, 1, 6}, 0.4)});
        net.add("table", "Embedding", {}, {W::weight("embeddings", {7, 6}, 0.5)});
        net.add("line", "Conv1D", {},
                {W::weight("kernel", {2, 6, 5}, 0.6), W::weight("bias", {5}, 0.8)});
        net.add("head", "Dense", {},
                {W::weight("kernel", {6, 5}, 3.7), W::weight("bias", {5}, 4.1)});
        return net;
    }();
    return made;
}

const std::vector<std::byte>& goodWeights()
{
    static const std::vector<std::byte> bytes = [] {
        const fs::path path = folder() / "good.keras";
        net().writeArchive(path, {{"conv", "conv2d"},
                                  {"bn", "batch_normalization"},
                                  {"depth", "depthwise_conv2d"},
                                  {"separate", "separable_conv2d"},
                                  {"norm", "layer_normalization"},
                                  {"slope", "p_re_lu"},
                                  {"table", "embedding"},
                                  {"line", "conv1d"},
                                  {"head", "dense"}});
        return ZipArchive(mapFile(path)).read(kerasWeightsEntry);
    }();
    return bytes;
}

void use(const OpenedContainer& opened)
{
    fuzz::readAll(*opened.tensors);
    for (const WeightUse& weight : opened.tensors->weightUses())
        (void)matrixOfStored(opened.tensors->readFloat(weight.tensor), weight.layout, weight.rows,
                             weight.cols);
    ModelSource source;
    source.format = "keras";
    source.tensors = opened.tensors;
    fuzz::runOnce(buildModel(std::move(source)));
}

/// Runs body; strangers' files are refused by Error and nothing else.
template <class Body>
void attempt(const Body& body)
{
    try {
        body();
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Internal)
            std::abort();
    }
}

void configuration(const std::string& config)
{
    attempt([&] {
        const auto* text = reinterpret_cast<const std::byte*>(config.data());
        const auto zip = zipOf({{"config.json", {text, text + config.size()}, false},
                                {kerasWeightsEntry, goodWeights(), false}});
        use(openKerasArchive(memorySource(zip, "input")));
    });
    if (config.size() > 60000 || config.find('\0') != config.npos)
        return; // what an attribute of HDF5 cannot hold
    attempt([&] {
        const fs::path path = folder() / "m.h5";
        net().writeH5(path, config);
        use(openKeras(mapFile(path), path));
    });
}

void archive(const std::shared_ptr<const ByteSource>& source)
{
    attempt([&] {
        const ZipArchive zip(source);
        if (zip.find(kerasWeightsEntry)) {
            const auto weights = zip.read(kerasWeightsEntry, 1 << 20);
            checkHdf5Superblock(weights, "input");
            return; // behind it is the library
        }
        (void)openKerasArchive(source);
    });
}

void weights(const std::uint8_t* data, std::size_t size)
{
    FuzzedDataProvider input(data, size);
    const fs::path path = folder() / "w.h5";
    {
        KerasWriter writer(path);
        const auto name = [&](const char* usual) {
            std::string text = input.ConsumeBool() ? usual : input.ConsumeRandomLengthString(12);
            std::replace(text.begin(), text.end(), '\0', '0');
            return text.empty() ? std::string("empty") : text;
        };
        const std::string root = input.ConsumeBool() ? "/model_weights" : "/";
        writer.group("/model_weights");
        std::vector<std::string> layers;
        for (int i = input.ConsumeIntegralInRange(1, 4); i > 0; --i) {
            layers.push_back(name(input.PickValueInArray({"conv", "head", "a/b", "table"})));
            const std::string group = root + "/" + layers.back();
            writer.group(group);
            std::vector<std::string> parts;
            for (int k = input.ConsumeIntegralInRange(0, 3); k > 0; --k) {
                parts.push_back(name(input.PickValueInArray(
                    {"conv/kernel:0", "head/bias:0", "kernel", "in/head/recurrent_kernel:0"})));
                if (input.ConsumeIntegralInRange(0, 7) == 0)
                    continue; // named and not there
                std::vector<hsize_t> dims;
                for (int d = input.ConsumeIntegralInRange(0, 6); d > 0; --d)
                    dims.push_back(input.ConsumeIntegralInRange<hsize_t>(0, 6));
                static const hid_t types[] = {H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_IEEE_F32BE,
                                              H5T_STD_I64LE,  H5T_STD_U8LE,   H5T_STD_U16LE,
                                              H5T_STD_I32BE};
                if (!dims.empty())
                    writer.dataset(group + "/" + parts.back(), dims,
                                   types[input.ConsumeIntegralInRange<std::size_t>(0, 6)],
                                   input.ConsumeIntegralInRange(0, 7) == 0);
            }
            writer.texts(group, "weight_names", parts, false);
        }
        writer.texts(root, "layer_names", layers, false);
        std::string config = input.ConsumeRemainingBytesAsString();
        std::replace(config.begin(), config.end(), '\0', '0');
        writer.texts("/", "model_config", {std::move(config)}, true, true);
    }
    attempt([&] { use(openKeras(mapFile(path), path)); });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    (void)folder();
    if (size > 0 && data[0] == '{')
        configuration(std::string(fuzz::text(data, size)));
    else if (fuzz::text(data, size).starts_with("PK"))
        archive(fuzz::source(data, size));
    else
        weights(data, size);
    return 0;
}
