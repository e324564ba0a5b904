// SPDX-License-Identifier: GPL-3.0-or-later
//
// The source's own file with dequantized weights in place of the original's: every other byte is
// the source's, so that whatever loads the original loads the export.
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/export/formats.h"
#include "core/io/changed_model_file.h"
#include "core/io/keras_file.h"
#include "core/io/placed_model_file.h"
#include "core/io/zip_archive.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

namespace gradus {

namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::byte>;

constexpr std::size_t chunk = std::size_t(4) << 20; // between two looks at the monitor

/// A piece of a file that a tensor fills from its byte `from` on.
struct Patch
{
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
    const std::string* tensor = nullptr;
    std::uint64_t from = 0;
};

const PlacedModelFile* placedFile(const Model& model)
{
    return dynamic_cast<const PlacedModelFile*>(model.source.tensors.get());
}

void requireSource(const ExportRequest& request)
{
    const std::string& format = request.model->source.format;
    if (exportFormatName(request.format) != format || !placedFile(*request.model))
        throw Error(ErrorCode::Usage,
                    concat("the model is no ", exportFormatName(request.format), " file but ",
                           format, ": dequantized it can be exported as safetensors"));
}

/// Why a tensor cannot be written where it lies; empty when it can.
std::string whyNotInPlace(const PlacedModelFile& file, const std::string& tensor)
{
    if (!file.piecesOf(tensor).empty())
        return {};
    return "the file keeps its numbers in a form whose length depends on their values";
}

/// Throws Error(Unsupported) when the file cannot take a tensor that follows from others: a weight
/// that stays float is a choice, a norm that stays beside folded weights is another network.
void requireWhole(const PlacedModelFile& file)
{
    const auto* folded = dynamic_cast<const ChangedModelFile*>(&file);
    if (!folded)
        return;
    for (const auto& [tensor, change] : folded->changes())
        if (const std::string why = whyNotInPlace(file, tensor); !why.empty())
            throw Error(ErrorCode::Unsupported,
                        concat("the run folds batch norms, but ", tensor,
                               " cannot be written into the model's own format: ", why,
                               "; export as safetensors, or quantize without folding"));
}

/// By file. Throws Error(Format) when two pieces overlap.
std::map<std::string, std::vector<Patch>> patchesOf(const PlacedModelFile& file,
                                                    const ChangedTensors& changed)
{
    std::map<std::string, std::vector<Patch>> patches;
    for (const auto& [tensor, produce] : changed) {
        std::uint64_t from = 0;
        for (const FilePiece& piece : file.piecesOf(tensor)) {
            patches[piece.file].push_back({piece.offset, piece.bytes, &tensor, from});
            from += piece.bytes;
        }
    }
    for (auto& [name, pieces] : patches) {
        std::sort(pieces.begin(), pieces.end(),
                  [](const Patch& a, const Patch& b) { return a.offset < b.offset; });
        for (std::size_t i = 1; i < pieces.size(); ++i)
            if (pieces[i].offset < pieces[i - 1].offset + pieces[i - 1].bytes)
                throw Error(
                    ErrorCode::Format,
                    concat(name, ": ", *pieces[i - 1].tensor, " and ", *pieces[i].tensor,
                           " lie in the same bytes, so that they cannot be exported apart"));
    }
    return patches;
}

/// The bytes with patches in them, piece by piece.
template <class Sink>
void patched(Bytes bytes, const std::vector<Patch>& patches, const ChangedTensors& changed,
             Monitor& monitor, const Sink& sink)
{
    std::uint64_t done = 0;
    const auto send = [&](Bytes piece) {
        for (; !piece.empty(); piece = piece.subspan(std::min(chunk, piece.size()))) {
            monitor.checkpoint();
            sink(piece.first(std::min(chunk, piece.size())));
        }
    };
    std::optional<Tensor> value; // the last patch's; elements of one may come in many pieces
    const std::string* held = nullptr;
    for (const Patch& patch : patches) {
        send(bytes.subspan(done, patch.offset - done));
        if (held != patch.tensor) {
            value = changed.at(*patch.tensor)();
            held = patch.tensor;
            monitor.report(static_cast<double>(patch.offset) / static_cast<double>(bytes.size()),
                           "writing " + *patch.tensor);
        }
        send(Bytes(value->bytes()).subspan(patch.from, patch.bytes));
        done = patch.offset + patch.bytes;
    }
    send(bytes.subspan(done));
}

/// A .keras file with other weights; entries keep their order and whether they are packed.
std::vector<std::byte> archiveWith(const ZipArchive& archive, std::vector<std::byte> weights,
                                   const Monitor& monitor)
{
    // Keras itself writes three, and one for each asset.
    constexpr std::size_t most = 1000;
    if (archive.entries().size() > most)
        throw Error(ErrorCode::Unsupported,
                    concat(archive.name(), " has ", archive.entries().size(),
                           " entries; files with at most ", most, " are exported"));
    std::vector<ZipContent> contents;
    const auto isKept = [&](const ZipEntry& entry) {
        monitor.checkpoint();
        return entry.name != kerasWeightsEntry && !entry.name.ends_with('/');
    };
    archive.readEach(isKept, [&](const ZipEntry& entry, std::vector<std::byte> bytes) {
        if (!entry.name.ends_with('/'))
            contents.push_back({entry.name,
                                isKept(entry) ? std::move(bytes) : std::exchange(weights, {}),
                                entry.packed < entry.bytes});
    });
    return zipOf(contents);
}

/// Where a file of the model goes: beside the target as it lay beside the model.
fs::path targetOf(const ExportRequest& request, const fs::path& file)
{
    const ModelSource& source = request.model->source;
    if (file == source.weightFiles.front())
        return request.output;
    std::error_code error;
    const fs::path folder = fs::canonical(source.weightFiles.front().parent_path(), error);
    const fs::path relative = fs::canonical(file, error).lexically_relative(folder);
    if (error || relative.empty() || *relative.begin() == "..")
        throw Error(ErrorCode::Io, concat(file.string(), " does not lie below the model's folder"));
    return fs::absolute(request.output).parent_path() / relative;
}

} // namespace

ExportResult exportSource(const ExportRequest& request, Monitor& monitor)
{
    requireSource(request);
    if (request.output.empty())
        throw Error(ErrorCode::Usage, "the export has no target file");
    const PlacedModelFile& file = *placedFile(*request.model);
    requireWhole(file);
    ChangedTensors changed = changedTensors(request);
    std::erase_if(changed, [&](const auto& entry) {
        return !whyNotInPlace(file, entry.first).empty(); // preflight has said so
    });
    const auto patches = patchesOf(file, changed);
    const std::vector<fs::path>& files = request.model->source.weightFiles;
    std::error_code error;
    for (const fs::path& from : files)
        if (const fs::path to = targetOf(request, from); fs::exists(to, error))
            throw Error(ErrorCode::Usage, concat("cannot export to ", to.string(),
                                                 ": it exists already; name a new file"));

    ExportResult result;
    std::vector<std::unique_ptr<AtomicFile>> written;
    for (const fs::path& from : files) {
        const fs::path to = targetOf(request, from);
        fs::create_directories(fs::absolute(to).parent_path(), error);
        AtomicFile& target = *written.emplace_back(std::make_unique<AtomicFile>(to));
        const auto source = mapFile(from);
        const auto write = [&](Bytes bytes) {
            target.write(bytes);
            result.bytes += bytes.size();
        };
        if (ZipArchive::looksLikeZip(source->bytes())) {
            const ZipArchive archive(source);
            const std::vector<std::byte> weights = archive.read(kerasWeightsEntry);
            std::vector<std::byte> changedWeights;
            changedWeights.reserve(weights.size());
            // All tensors lie in that one entry.
            patched(weights, patches.empty() ? std::vector<Patch>() : patches.begin()->second,
                    changed, monitor, [&](Bytes bytes) {
                        changedWeights.insert(changedWeights.end(), bytes.begin(), bytes.end());
                    });
            write(archiveWith(archive, std::move(changedWeights), monitor));
        } else {
            const auto found = patches.find(source->name());
            patched(source->bytes(), found == patches.end() ? std::vector<Patch>() : found->second,
                    changed, monitor, write);
        }
        result.files.push_back(to);
    }
    for (auto one = written.rbegin(); one != written.rend(); ++one)
        (*one)->commit(); // the model itself last
    return result;
}

std::vector<PreflightNote> preflightSource(const ExportRequest& request)
{
    requireSource(request);
    std::vector<PreflightNote> notes = preflightDequantized(request);
    const PlacedModelFile& file = *placedFile(*request.model);
    requireWhole(file);
    const ChangedTensors changed = changedTensors(request);
    for (const Layer& layer : request.model->layers)
        if (changed.contains(layer.weight))
            if (const std::string why = whyNotInPlace(file, layer.weight); !why.empty())
                notes.push_back({layer.name, "stays float: " + why, true});
    return notes;
}

} // namespace gradus
