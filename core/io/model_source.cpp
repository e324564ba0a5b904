// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/model_source.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/io/byte_source.h"
#include "core/io/gguf_file.h"
#include "core/io/keras_file.h"
#include "core/io/llama2c.h"
#include "core/io/onnx_file.h"
#include "core/io/onnx_scanner.h"
#include "core/io/safetensors.h"
#include "core/io/zip_archive.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace gradus {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t configLimit = std::size_t(16) << 20;
constexpr std::uint32_t llama2cMagic = 0x616B3432;

enum class Kind
{
    Safetensors,
    SafetensorsIndex,
    Llama2c,
    Onnx,
    Keras,
    KerasArchive,
    Gguf,
};

/// That describe themselves and keep what is no tensor in several places.
bool isContainer(Kind kind)
{
    return kind == Kind::Onnx || kind == Kind::Keras || kind == Kind::KerasArchive ||
           kind == Kind::Gguf;
}

bool startsWith(std::span<const std::byte> bytes, std::string_view text)
{
    return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// What a file is, by its first bytes. The name decides nothing but which error a broken file gets.
Kind kindOf(const ByteSource& source)
{
    const auto bytes = source.bytes();
    if (bytes.empty())
        throw Error(ErrorCode::Format, concat(source.name(), " is empty"));
    struct Foreign
    {
        std::string_view magic;
        const char* what;
    };
    static constexpr std::array<Foreign, 1> foreign{{
        {std::string_view("\x80\x02", 2), "a Python pickle"},
    }};
    for (const Foreign& entry : foreign)
        if (startsWith(bytes, entry.magic))
            throw Error(ErrorCode::Unsupported,
                        concat(source.name(), " is ", entry.what,
                               "; Gradus opens safetensors, GGUF, llama2.c, ONNX and Keras files"));
    if (looksLikeGguf(bytes))
        return Kind::Gguf;
    if (ZipArchive::looksLikeZip(bytes))
        return Kind::KerasArchive; // or a PyTorch checkpoint: its entries tell
    if (startsWith(bytes, std::string_view("\x89HDF\r\n\x1a\n", 8)))
        return Kind::Keras;

    std::array<std::uint32_t, 2> words{};
    std::memcpy(words.data(), bytes.data(), std::min(bytes.size(), sizeof words));
    if (words[0] == llama2cMagic)
        return Kind::Llama2c;
    // JSON text holds no zero byte; the high half of a safetensors header length is nothing else.
    if (bytes.size() > 8 && words[1] == 0 && bytes[8] == std::byte('{'))
        return Kind::Safetensors;
    const fs::path extension = fs::path(source.name()).extension();
    // The first field of what every exporter writes is the version; llama2.c's has no such shape.
    if (extension == ".onnx" || (bytes[0] == std::byte(8) && looksLikeOnnx(bytes)))
        return Kind::Onnx;
    std::size_t first = 0;
    while (first < std::min<std::size_t>(bytes.size(), 64) &&
           std::strchr(" \t\r\n", static_cast<char>(bytes[first])) && bytes[first] != std::byte(0))
        ++first;
    if (first < bytes.size() && bytes[first] == std::byte('{'))
        return Kind::SafetensorsIndex;
    if (extension == ".safetensors")
        return Kind::Safetensors;
    if (extension == ".json")
        return Kind::SafetensorsIndex;
    // The legacy llama2.c header has no magic: take it for one when its first counts could be.
    const auto plausible = [](std::uint32_t count) { return count > 0 && count < (1U << 24); };
    if (extension == ".bin" || (bytes.size() >= 28 && plausible(words[0]) && plausible(words[1])))
        return Kind::Llama2c;
    throw Error(ErrorCode::Unsupported,
                concat(source.name(),
                       " is neither safetensors, nor an index of its shards, nor a llama2.c "
                       "checkpoint, nor a GGUF, ONNX or Keras model"));
}

std::vector<fs::path> filesEnding(const fs::path& folder, std::string_view ending)
{
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::error_code ignored;
        if (name.size() > ending.size() && name.ends_with(ending) &&
            entry->is_regular_file(ignored))
            found.push_back(entry->path());
    }
    if (error)
        throw Error(ErrorCode::Io,
                    concat("cannot list the folder ", folder.string(), ": ", error.message()));
    std::sort(found.begin(), found.end());
    return found;
}

/// The file inside a model's folder that names all of its weights.
fs::path weightsOf(const fs::path& folder)
{
    std::error_code ignored;
    for (const char* name : {"model.safetensors", "model.safetensors.index.json"})
        if (fs::is_regular_file(folder / name, ignored))
            return folder / name;
    for (const char* ending :
         {".safetensors.index.json", ".safetensors", ".gguf", ".onnx", ".h5", ".keras"}) {
        auto found = filesEnding(folder, ending);
        found.erase(std::remove_if(found.begin(), found.end(), isLaterGgufPart), found.end());
        if (found.size() == 1)
            return found.front();
        if (found.size() > 1)
            throw Error(ErrorCode::Format,
                        concat(folder.string(), " holds ", found.size(), " files *", ending,
                               " and none is called model", ending, "; name one of them"));
    }
    throw Error(ErrorCode::Io,
                concat(folder.string(),
                       " holds no model: no model.safetensors, model.safetensors.index.json, "
                       "other *.safetensors, *.gguf, *.onnx, *.h5 or *.keras"));
}

std::string configOf(const Llama2cHeader& header)
{
    nlohmann::ordered_json config;
    config["architectures"] = {"LlamaForCausalLM"};
    config["model_type"] = "llama";
    config["hidden_size"] = header.dim;
    config["intermediate_size"] = header.hiddenDim;
    config["num_hidden_layers"] = header.layers;
    config["num_attention_heads"] = header.heads;
    config["num_key_value_heads"] = header.kvHeads;
    config["vocab_size"] = header.vocabulary;
    config["max_position_embeddings"] = header.sequenceLength;
    config["rms_norm_eps"] = 1e-5;
    config["rope_theta"] = 10000.0;
    config["tie_word_embeddings"] = header.sharedClassifier;
    config["hidden_act"] = "silu";
    config["bos_token_id"] = 1;
    config["eos_token_id"] = 2;
    config["torch_dtype"] = "float32";
    return config.dump(2) + "\n";
}

/// The bytes before the weights, of formats that keep them in front: what a changed checkpoint
/// would change.
std::span<const std::byte> headerOf(const ByteSource& source, Kind kind)
{
    const auto bytes = source.bytes();
    std::uint64_t length = 0;
    if (kind == Kind::Llama2c) {
        length = startsWith(bytes, "24ka") ? 256 : 28; // "ak42" as a little-endian number
    } else {
        std::memcpy(&length, bytes.data(), sizeof length); // checked when it was opened
        length += 8;
    }
    return bytes.first(std::min<std::uint64_t>(length, bytes.size()));
}

} // namespace

ModelSource openModelSource(const fs::path& path)
{
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
        throw Error(ErrorCode::Io,
                    concat("cannot open ", path.string(), ": ",
                           error ? error.message() : std::string("No such file or directory")));
    ModelSource model;
    model.path = fs::absolute(path).lexically_normal();
    if (!model.path.has_filename()) // "folder/"
        model.path = model.path.parent_path();
    const fs::path weights = fs::is_directory(status) ? weightsOf(model.path) : model.path;
    const fs::path folder = weights.parent_path();

    const auto source = mapFile(weights);
    const Kind kind = kindOf(*source);
    std::vector<std::span<const std::byte>> header; // of containers that have it in pieces
    fs::path ownTokenizer;                          // of a container that brings one
    const fs::path config = folder / "config.json";
    switch (kind) {
    case Kind::Safetensors:
        model.format = "safetensors";
        model.tensors = openSafetensors(source);
        model.weightFiles = {weights};
        break;
    case Kind::SafetensorsIndex:
        model.format = "safetensors";
        model.tensors = openSafetensorsIndex(weights);
        for (const TensorInfo& info : model.tensors->tensors())
            if (model.weightFiles.empty() || model.weightFiles.back() != info.file)
                model.weightFiles.emplace_back(info.file); // tensors come shard by shard
        break;
    case Kind::Llama2c: {
        Llama2cModel llama = openLlama2c(source);
        model.format = "llama2.c";
        model.tensors = std::move(llama.tensors);
        model.config = configOf(llama.header);
        model.weightFiles = {weights};
        break;
    }
    case Kind::Gguf: {
        OpenedGguf gguf = openGguf(source, weights);
        model.format = "gguf";
        model.config = std::move(gguf.config);
        model.tensors = std::move(gguf.tensors);
        header = std::move(gguf.header);
        model.weightFiles = {gguf.first};
        model.weightFiles.insert(model.weightFiles.end(), gguf.otherFiles.begin(),
                                 gguf.otherFiles.end());
        if (gguf.hasTokenizer)
            ownTokenizer = std::move(gguf.first);
        break;
    }
    case Kind::Onnx:
    case Kind::Keras:
    case Kind::KerasArchive: {
        OpenedContainer opened;
        if (kind == Kind::Onnx) {
            OpenedOnnx onnx = openOnnx(source, folder);
            model.onnx = std::move(onnx.graph);
            opened = std::move(onnx);
        } else {
            opened = kind == Kind::Keras ? openKeras(source, weights) : openKerasArchive(source);
        }
        model.format = kind == Kind::Onnx ? "onnx" : "keras";
        model.tensors = std::move(opened.tensors);
        header = std::move(opened.header);
        model.weightFiles = {weights};
        model.weightFiles.insert(model.weightFiles.end(), opened.otherFiles.begin(),
                                 opened.otherFiles.end());
        break;
    }
    }
    // These describe themselves; a configuration beside them is of another checkpoint.
    const bool ownConfig = kind != Kind::Safetensors && kind != Kind::SafetensorsIndex;
    if (!ownConfig && fs::is_regular_file(config, error))
        model.config = readTextFile(config, configLimit);

    for (const char* name :
         {"tokenizer.json", "tokenizer.model", "tokenizer.bin", "tokenizer_config.json",
          "special_tokens_map.json", "generation_config.json", "vocab.json", "merges.txt",
          "vocab.txt", "preprocessor_config.json"})
        if (fs::is_regular_file(folder / name, error))
            model.companions.push_back(folder / name);
    for (const char* name :
         {"vocab.json", "vocab.txt", "tokenizer.bin", "tokenizer.model", "tokenizer.json"})
        if (fs::is_regular_file(folder / name, error))
            model.tokenizer = folder / name; // the last of these wins
    if (!ownTokenizer.empty())
        model.tokenizer = std::move(ownTokenizer);

    Sha256 hash;
    for (const fs::path& file : model.weightFiles) {
        const auto content = mapFile(file);
        model.bytes += content->bytes().size();
        hash.add(concat(content->bytes().size(), "\n"));
        if (!isContainer(kind))
            hash.add(headerOf(*content, kind));
    }
    for (const auto& piece : header)
        hash.add(piece);
    model.fingerprint = hash.hex();
    return model;
}

std::string contentHash(const ModelSource& source, Monitor& monitor)
{
    // read(), not the mapping: hashing must not count as memory in use.
    constexpr std::size_t chunk = std::size_t(4) << 20;
    std::vector<std::byte> buffer(chunk);
    Sha256 hash;
    std::uint64_t done = 0;
    for (const fs::path& file : source.weightFiles) {
        const auto fail = [&] {
            return Error(ErrorCode::Io,
                         concat("cannot read ", file.string(), ": ", std::strerror(errno)));
        };
        struct Descriptor
        {
            int value;
            ~Descriptor()
            {
                if (value >= 0)
                    ::close(value);
            }
        } descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
        if (descriptor.value < 0)
            throw fail();
        while (true) {
            monitor.checkpoint();
            const ssize_t got = ::read(descriptor.value, buffer.data(), buffer.size());
            if (got < 0 && errno == EINTR)
                continue;
            if (got < 0)
                throw fail();
            if (got == 0)
                break;
            hash.add(std::span(buffer).first(static_cast<std::size_t>(got)));
            done += static_cast<std::uint64_t>(got);
            monitor.report(source.bytes == 0 ? 1.0
                                             : std::min(1.0, static_cast<double>(done) /
                                                                 static_cast<double>(source.bytes)),
                           concat("reading ", file.filename().string()));
        }
    }
    return hash.hex();
}

} // namespace gradus
