// SPDX-License-Identifier: GPL-3.0-or-later
//
// Exports are planned by the code that writes them, of a run whose layers have schemes but no
// codes: nothing that an export's plan looks at besides is needed for its size.
#include "core/export/export_size.h"

#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/export/formats.h"
#include "core/graph/fused_names.h"
#include "core/io/byte_source.h"
#include "core/io/zip_archive.h"
#include "core/session/prepared_model.h"
#include "core/session/program.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <unordered_map>

namespace gradus {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t hashDigits = 64; // SHA-256

LayerResult layerWithoutCodes(const Layer& layer, const LayerChoice& choice)
{
    LayerResult result;
    result.name = layer.name;
    result.choice = choice;
    if (choice.keepFloat)
        return result;
    auto weight = std::make_shared<QuantizedWeight>();
    weight->scheme = storedScheme(choice.scheme, choice.method);
    weight->rows = layer.rows;
    weight->cols = layer.cols;
    const StoredExtras extras = storedExtras(choice.scheme, choice.method, layer.rows, layer.cols);
    // What matters is whether there are any, and of float32 scales that float16 holds few.
    if (extras.groupIndex)
        weight->groupIndex = {0};
    if (extras.outliers > 0)
        weight->outliers = {{}, {0}, {1.0F}};
    if (weight->scheme.scaleType == DType::F32)
        weight->scales = {1 + 0x1p-20F};
    result.weight = std::move(weight);
    return result;
}

ExportRequest requestWithoutCodes(std::shared_ptr<const Model> model, const Recipe& recipe,
                                  const std::vector<LayerChoice>& choices, ExportFormat format,
                                  GptqZeros zeros)
{
    auto run = std::make_shared<Run>();
    run->recipe = recipe;
    run->provenance.program = programName();
    run->provenance.modelHash.assign(hashDigits, '0');
    if (!recipe.calibration.data.empty())
        run->provenance.calibrationHash.assign(hashDigits, '0');
    for (std::size_t i = 0; i < choices.size(); ++i)
        run->layers.push_back(layerWithoutCodes(model->layers[i], choices[i]));
    ExportRequest request;
    request.model = std::move(model);
    request.run = std::move(run);
    request.format = format;
    request.gptqZeros = zeros;
    return request;
}

std::uint64_t sourceBytes(const Model& model, ExportFormat format)
{
    if (exportFormatName(format) != model.source.format)
        throw Error(ErrorCode::Usage,
                    concat("the model is no ", exportFormatName(format), " file but ",
                           model.source.format, ": dequantized it can be exported as safetensors"));
    std::uint64_t bytes = 0;
    for (const std::filesystem::path& path : model.source.weightFiles) {
        const auto file = mapFile(path);
        if (ZipArchive::looksLikeZip(file->bytes()))
            throw Error(ErrorCode::Unsupported,
                        concat(file->name(), " is an archive, whose size depends on how well the "
                                             "weights pack"));
        bytes += file->bytes().size();
    }
    return bytes;
}

std::uint64_t bytesOf(const ExportRequest& request)
{
    switch (request.format) {
    case ExportFormat::Safetensors:
        return folderBytes(safetensorsContent(request), request.model->source);
    case ExportFormat::Gptq:
        return folderBytes(gptqContent(request), request.model->source);
    case ExportFormat::Onnx:
    case ExportFormat::Keras:
        return sourceBytes(*request.model, request.format);
    case ExportFormat::Hdf5:
        break;
    }
    throw Error(ErrorCode::Unsupported,
                "the size of an HDF5 file depends on what the run reports; its layers' stored "
                "bytes are known (a budget in bits per weight)");
}

std::uint64_t floatBytes(const Layer& layer)
{
    return static_cast<std::uint64_t>(layer.parameters()) * dtypeSize(layer.dtype);
}

std::uint64_t digits(std::uint64_t value)
{
    return std::to_string(value).size();
}

/// Sizes of what a GPTQ checkpoint says of single layers; at least what they are.
class GptqCosts
{
public:
    GptqCosts(std::shared_ptr<const Model> model, GptqZeros zeros)
        : m_model(std::move(model))
        , m_zeros(zeros)
        , m_configs(m_model->source.config.empty() ? 1 : 2)
    {
        for (const Layer& layer : m_model->layers)
            ++m_readers[layer.weight];
        // No layer takes more in any choice: a scale, a zero and an index for every weight.
        std::uint64_t most = 0;
        for (const TensorInfo& info : m_model->source.tensors->tensors())
            most += static_cast<std::uint64_t>(elementCount(info.shape)) *
                    std::max<std::uint64_t>(dtypeSize(info.dtype), 16);
        m_offsetDigits = digits(most);
    }

    /// Nothing when the format would keep the layer float though the choice quantizes it.
    [[nodiscard]] std::optional<std::uint64_t> of(const Layer& layer,
                                                  const LayerChoice& choice) const
    {
        const bool shared = m_readers.at(layer.weight) > 1;
        if (choice.keepFloat) // the tensor of several layers is one of the rest
            return (shared ? 0 : tensor(layer.weight, layer.dtype, layer.shape)) +
                   dynamicBytes(layer, nullptr);
        const LayerResult result = layerWithoutCodes(layer, choice);
        const GptqPlan::Row row = gptqRow({&layer, &result, shared}, m_zeros);
        if (!row.packed)
            return std::nullopt;
        std::vector<TensorToWrite> tensors;
        addGptqTensors(tensors, row, false);
        std::uint64_t bytes = dynamicBytes(layer, &row);
        for (const TensorToWrite& one : tensors)
            bytes += tensor(one.name, one.dtype, one.shape);
        return bytes;
    }

    /// Data and entry in the header of a safetensors file.
    [[nodiscard]] std::uint64_t tensor(const std::string& name, DType dtype,
                                       const Shape& shape) const
    {
        constexpr std::string_view frame = R"(,:{"dtype":"","shape":[],"data_offsets":[,]})";
        std::uint64_t bytes =
            frame.size() + Json(name).dump().size() + dtypeName(dtype).size() + 2 * m_offsetDigits;
        for (const std::int64_t extent : shape)
            bytes += digits(static_cast<std::uint64_t>(extent)) + 1;
        return bytes + static_cast<std::uint64_t>(elementCount(shape)) * dtypeSize(dtype);
    }

    [[nodiscard]] std::uint64_t configs() const { return m_configs; }

private:
    /// Entries of "dynamic" in all configurations; row: null where the layer stays float. With the
    /// name of the fused layer where this is the first of its members.
    [[nodiscard]] std::uint64_t dynamicBytes(const Layer& layer, const GptqPlan::Row* row) const
    {
        std::uint64_t bytes = dynamicEntry(layer.name, row);
        for (const FusedNames& names : fusedNames()) {
            const std::string_view first = names.members.front();
            if (!names.fused.empty() && layer.name.ends_with(first))
                bytes += dynamicEntry(layer.name.substr(0, layer.name.size() - first.size()) +
                                          std::string(names.fused),
                                      row);
        }
        return bytes;
    }
    [[nodiscard]] std::uint64_t dynamicEntry(const std::string& name,
                                             const GptqPlan::Row* row) const
    {
        Json values = Json::object();
        if (row)
            values = {{"bits", 8}, {"group_size", row->group}, {"sym", false}, {"desc_act", false}};
        const Json entry = {{concat(row ? "+" : "-", ":^", regexEscaped(name), "$"), values}};
        const std::string text = entry.dump(2);
        // Without the braces, with a comma; two levels deep, or three in config.json.
        const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
        return m_configs * (text.size() + 4 * lines);
    }

    std::shared_ptr<const Model> m_model;
    GptqZeros m_zeros;
    std::uint64_t m_configs;
    std::unordered_map<std::string, int> m_readers;
    std::uint64_t m_offsetDigits = 0;
};

/// All of a GPTQ checkpoint that is not one layer's.
std::uint64_t gptqFixedCost(const std::shared_ptr<const Model>& model, const Recipe& recipe,
                            const GptqCosts& costs)
{
    // As many bytes as any values of the configuration take, the frame of "dynamic" included.
    constexpr std::uint64_t configBytes = 768;
    const ModelSource& source = model->source;
    const ExportRequest request = requestWithoutCodes(model, recipe, {}, ExportFormat::Gptq, {});
    FolderContent content;
    if (!source.config.empty())
        content.texts.emplace_back("config.json", Json::parse(source.config).dump(2) + "\n");
    content.texts.emplace_back("quantize_config.json", "");
    content.metadata = exportMetadata(*request.run);
    std::uint64_t bytes = folderBytes(content, source) + costs.configs() * configBytes;
    std::unordered_map<std::string_view, int> readers;
    for (const Layer& layer : model->layers)
        ++readers[layer.weight];
    for (const TensorInfo& info : source.tensors->tensors())
        if (const auto found = readers.find(info.name); found == readers.end() || found->second > 1)
            bytes += costs.tensor(info.name, info.dtype, info.shape);
    return bytes + 8; // the header is padded to words
}

} // namespace

std::uint64_t exportBytes(const std::shared_ptr<const Model>& model, const Recipe& recipe,
                          ExportFormat format, GptqZeros zeros)
{
    const auto prepared = preparedModel(model, recipe);
    return bytesOf(
        requestWithoutCodes(prepared, recipe, resolve(recipe, *prepared), format, zeros));
}

ExportCosts exportCosts(const std::shared_ptr<const Model>& model, const Recipe& recipe,
                        ExportFormat format, GptqZeros zeros)
{
    const auto prepared = preparedModel(model, recipe);
    ExportCosts result;
    if (format == ExportFormat::Gptq) {
        const auto costs = std::make_shared<const GptqCosts>(prepared, zeros);
        result.cost = [costs](const Layer& layer, const LayerChoice& choice) {
            return costs->of(layer, choice);
        };
        result.fixedCost = gptqFixedCost(prepared, recipe, *costs);
        return result;
    }
    // The size is one whatever the choices are; layers that share a tensor are all of the rest.
    std::unordered_map<std::string, int> readers;
    for (const Layer& layer : prepared->layers)
        ++readers[layer.weight];
    result.fixedCost =
        bytesOf(requestWithoutCodes(prepared, recipe, resolve(recipe, *prepared), format, zeros));
    for (const Layer& layer : prepared->layers)
        if (readers.at(layer.weight) == 1)
            result.fixedCost -= std::min(result.fixedCost, floatBytes(layer));
    result.cost = [prepared, readers = std::move(readers)](
                      const Layer& layer, const LayerChoice&) -> std::optional<std::uint64_t> {
        return readers.at(layer.weight) == 1 ? floatBytes(layer) : 0;
    };
    return result;
}

AllocationResult allocateForExport(const std::shared_ptr<const Model>& model, const Recipe& recipe,
                                   const SensitivityTable& table, const AllocationSetup& setup,
                                   std::uint64_t bytes, AllocationSolver solver,
                                   ExportFormat format, GptqZeros zeros, const Monitor& monitor)
{
    constexpr int solutions = 5;
    AllocationBudget budget{AllocationBudget::Kind::Bytes, static_cast<double>(bytes)};
    const auto prepared = preparedModel(model, recipe);
    const auto exactOf = [&](const AllocationResult& result) {
        return exportBytes(prepared,
                           allocatedRecipe(recipe, *prepared, table, setup, result.allocation),
                           format, zeros);
    };
    std::optional<AllocationResult> cheapest;
    if (const std::uint64_t least = setup.problem.leastCost() + setup.fixedCost; bytes < least) {
        // By its costs nothing fits; the cheapest one's file may.
        budget.value = static_cast<double>(least);
        cheapest = allocate(setup, budget, AllocationSolver::Exact, monitor);
        cheapest->cost = exactOf(*cheapest);
        cheapest->solver = solver;
        if (bytes < cheapest->cost)
            throw Error(ErrorCode::Usage,
                        concat("a budget of ", bytes, "B cannot be met: the least is ",
                               cheapest->cost, "B"));
    }
    std::optional<AllocationResult> best;
    bool further = false; // costs say more than the file takes: others may fit, too
    for (int k = 0; k < solutions; ++k) {
        AllocationResult result = allocate(setup, budget, solver, monitor);
        const std::uint64_t exact = exactOf(result);
        const std::uint64_t above = result.cost - std::min(result.cost, exact);
        further = further || above > 0;
        result.cost = exact;
        if (exact > bytes)
            break;
        if (!best || result.predictedError < best->predictedError)
            best = result;
        const auto next = static_cast<double>(bytes + above);
        if (next <= budget.value)
            break;
        budget.value = next;
    }
    if (!best)
        best = cheapest;
    if (!best) // costs are not below the exact size
        throw Error(ErrorCode::Internal, "the export is larger than its layers' costs say");
    best->allocation.optimal = best->allocation.optimal && !further;
    return *best;
}

} // namespace gradus
