// SPDX-License-Identifier: GPL-3.0-or-later
//
// A checkpoint in the format of GPTQ. Per packed layer P, instead of P.weight:
//
//   P.qweight  I32 [in · bits / 32, out]   down each column: the stream of the column's codes
//   P.qzeros   I32 [groups, out · bits / 32]  along each row: the stream of the group's zeros,
//                                          less one in version 1 ("gptq"), as they are in version
//                                          2 ("gptq_v2")
//   P.scales   F16 [groups, out]
//   P.g_idx    I32 [in]                    the group of each input
//
// Streams are LSB-first in little-endian words. quantize_config.json (and "quantization_config" in
// config.json) holds the values of most layers; "dynamic" overrides the others by name ("+:") and
// names those that stay float ("-:").
#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/export/export_folder.h"
#include "core/export/formats.h"
#include "core/graph/fused_names.h"
#include "core/io/strict_json.h"
#include "core/quant/packing.h"
#include "core/tensor/half.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>

namespace gradus {

namespace {

using Json = nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little);

constexpr std::int64_t wordBits = 32;

/// Why the format cannot hold the layer; nothing when it can.
std::string whyFloat(const ExportLayer& place, std::int64_t group, GptqZeros zeros)
{
    const Layer& layer = *place.layer;
    const QuantizedWeight& weight = *place.result->weight;
    const Scheme& scheme = weight.scheme;
    if (layer.kind != LayerKind::Linear || layer.shape != Shape{weight.rows, weight.cols})
        return concat("the format holds linear layers, this is ",
                      layer.kind == LayerKind::Embedding     ? "an embedding"
                      : layer.kind == LayerKind::Convolution ? "a convolution"
                                                             : "another kind");
    if (!layer.layout.isPlain())
        return concat("its weight ", layer.weight,
                      " lies as inputs × outputs in the model, which "
                      "the format's float layers could not say");
    if (layer.weight != layer.name + ".weight" || place.sharesTensor)
        return concat("its weight ", layer.weight, " is not a tensor of its own");
    if (scheme.levels != Levels::Uniform)
        return "its levels follow a power function, the format holds uniform ones only";
    if (!weight.outliers.empty())
        return "some of its weights are kept as floats beside the codes, which the format cannot "
               "hold";
    if (scheme.bits != 2 && scheme.bits != 3 && scheme.bits != 4 && scheme.bits != 8)
        return concat("the format holds 2, 3, 4 or 8 bits, this has ", scheme.bits);
    if (weight.cols % wordBits != 0 || weight.rows % wordBits != 0)
        return concat("inputs and outputs must be multiples of 32, this is ", weight.cols, " → ",
                      weight.rows);
    if (group > 0 && weight.cols % group != 0)
        return concat("its last group is short: ", weight.cols, " inputs in groups of ", group);
    for (const float scale : weight.scales) {
        if (roundToHalf(scale) != scale)
            return concat("scales are stored in float16, which cannot hold its scale ", scale);
    }
    if (scheme.floatZeros)
        return "its zero points are not integers, which the format needs (decoupleq makes integers "
               "with the option float_zeros=false)";
    if (zeros == GptqZeros::V1 &&
        std::find(weight.zeros.begin(), weight.zeros.end(), 0.0F) != weight.zeros.end())
        return "version 1 of the format cannot hold a zero point of 0, choose version 2";
    return {};
}

/// The format's group size: −1 for one group per row, unless that is what the size says as well.
std::int64_t groupOf(const QuantizedWeight& weight)
{
    if (weight.scheme.granularity != Granularity::Group || weight.scheme.groupSize > weight.cols)
        return -1;
    return weight.scheme.groupSize;
}

std::int64_t groupCount(const QuantizedWeight& weight, std::int64_t group)
{
    return group < 0 ? 1 : weight.cols / group;
}

void copyWords(Tensor& words, std::int64_t firstWord, std::int64_t stride,
               const std::vector<std::uint8_t>& stream)
{
    std::byte* const base = words.bytes().data();
    for (std::size_t i = 0; i * 4 < stream.size(); ++i)
        std::memcpy(base + (firstWord + static_cast<std::int64_t>(i) * stride) * 4,
                    stream.data() + i * 4, 4);
}

Tensor packedWeight(const QuantizedWeight& weight)
{
    const std::int64_t words = weight.cols * weight.scheme.bits / wordBits;
    Tensor tensor(DType::I32, {words, weight.rows});
    for (std::int64_t row = 0; row < weight.rows; ++row) {
        const std::span<const std::uint8_t> codes(weight.codes.data() + row * weight.cols,
                                                  static_cast<std::size_t>(weight.cols));
        copyWords(tensor, row, weight.rows, packBits(codes, weight.scheme.bits));
    }
    return tensor;
}

/// Index of (row, group) in scales and zeros; one scale may serve the whole tensor.
std::size_t parameter(const QuantizedWeight& weight, std::int64_t row, std::int64_t group,
                      std::int64_t groups)
{
    return weight.scheme.granularity == Granularity::Tensor
               ? 0
               : static_cast<std::size_t>(row * groups + group);
}

Tensor packedZeros(const QuantizedWeight& weight, std::int64_t groups, bool version2)
{
    const std::int64_t words = weight.rows * weight.scheme.bits / wordBits;
    Tensor tensor(DType::I32, {groups, words});
    std::vector<std::uint8_t> zeros(static_cast<std::size_t>(weight.rows));
    for (std::int64_t group = 0; group < groups; ++group) {
        for (std::int64_t row = 0; row < weight.rows; ++row) {
            const int zero = static_cast<int>(weight.zeros[parameter(weight, row, group, groups)]);
            zeros[static_cast<std::size_t>(row)] =
                static_cast<std::uint8_t>(version2 ? zero : zero - 1);
        }
        copyWords(tensor, group * words, 1, packBits(zeros, weight.scheme.bits));
    }
    return tensor;
}

Tensor scalesTensor(const QuantizedWeight& weight, std::int64_t groups)
{
    std::vector<float> scales(static_cast<std::size_t>(groups * weight.rows));
    for (std::int64_t group = 0; group < groups; ++group) {
        for (std::int64_t row = 0; row < weight.rows; ++row)
            scales[static_cast<std::size_t>(group * weight.rows + row)] =
                weight.scales[parameter(weight, row, group, groups)];
    }
    return fromFloat(scales, DType::F16, {groups, weight.rows});
}

Tensor groupIndexTensor(const QuantizedWeight& weight, std::int64_t group)
{
    Tensor tensor(DType::I32, {weight.cols});
    for (std::int64_t i = 0; i < weight.cols; ++i) {
        const std::int32_t index = group < 0 ? 0
                                   : weight.groupIndex.empty()
                                       ? static_cast<std::int32_t>(i / group)
                                       : weight.groupIndex[static_cast<std::size_t>(i)];
        std::memcpy(tensor.bytes().data() + i * 4, &index, 4);
    }
    return tensor;
}

/// Appends without looking for the key first: there is one for every layer.
void put(Json& object, const std::string& key, Json value)
{
    object.get_ref<Json::object_t&>().emplace_back(key, std::move(value));
}

Json overridesOf(const GptqPlan& plan, const GptqPlan::Row& row)
{
    const Scheme& scheme = row.place.result->weight->scheme;
    Json values = Json::object();
    if (scheme.bits != plan.bits)
        values["bits"] = scheme.bits;
    if (row.group != plan.group)
        values["group_size"] = row.group;
    if (scheme.symmetric != plan.symmetric)
        values["sym"] = scheme.symmetric;
    if (row.descAct != plan.descAct)
        values["desc_act"] = row.descAct;
    return values;
}

void putDynamic(Json& dynamic, const GptqPlan& plan, const GptqPlan::Row& row,
                const std::string& name)
{
    const std::string pattern = "^" + regexEscaped(name) + "$";
    if (!row.packed)
        put(dynamic, "-:" + pattern, Json::object());
    else if (!plan.isStandard(row))
        put(dynamic, "+:" + pattern, overridesOf(plan, row));
}

Json quantizeConfig(const ExportRequest& request, const GptqPlan& plan)
{
    Json config = Json::object();
    config["quant_method"] = "gptq";
    config["bits"] = plan.bits;
    config["group_size"] = plan.group;
    config["desc_act"] = plan.descAct;
    config["sym"] = plan.symmetric;
    bool head = false;
    const GptqOptions* options = nullptr;
    for (const GptqPlan::Row& row : plan.rows) {
        head = head || (row.packed && row.place.layer->name == "lm_head");
        if (!options && plan.isStandard(row))
            options = std::get_if<GptqOptions>(&row.place.result->choice.method);
    }
    config["lm_head"] = head;
    config["true_sequential"] =
        request.run->recipe.calibration.mode == CalibrationMode::TrueSequential;
    if (options) {
        config["damp_percent"] = options->damping;
        config["static_groups"] = options->staticGroups;
    }
    config["checkpoint_format"] = plan.version2 ? "gptq_v2" : "gptq";
    config["pack_dtype"] = "int32";
    Json dynamic = Json::object();
    for (const GptqPlan::Row& row : plan.rows)
        putDynamic(dynamic, plan, row, row.place.layer->name);
    // Runtimes that fuse q, k, v look for the fused name.
    for (const FusedLayers& fused : fusedLayers(plan)) {
        if (fused.agree)
            putDynamic(dynamic, plan, *fused.members.front(), fused.prefix + fused.fused);
    }
    if (!dynamic.empty())
        config["dynamic"] = std::move(dynamic);
    std::string program = request.run->provenance.program;
    std::replace(program.begin(), program.end(), ' ', ':');
    config["meta"]["quantizer"] = Json::array({program});
    return config;
}

} // namespace

void addGptqTensors(std::vector<TensorToWrite>& tensors, const GptqPlan::Row& row, bool version2)
{
    const QuantizedWeight* const weight = row.place.result->weight.get();
    const std::string& name = row.place.layer->name;
    const std::int64_t group = row.group;
    const std::int64_t groups = groupCount(*weight, group);
    const std::int64_t bits = weight->scheme.bits;
    tensors.push_back(
        {name + ".qweight", DType::I32, {weight->cols * bits / wordBits, weight->rows}, [weight] {
             return packedWeight(*weight);
         }});
    tensors.push_back({name + ".qzeros", DType::I32, {groups, weight->rows * bits / wordBits}, [=] {
                           return packedZeros(*weight, groups, version2);
                       }});
    tensors.push_back({name + ".scales", DType::F16, {groups, weight->rows}, [=] {
                           return scalesTensor(*weight, groups);
                       }});
    tensors.push_back({name + ".g_idx", DType::I32, {weight->cols}, [=] {
                           return groupIndexTensor(*weight, group);
                       }});
}

GptqPlan::Row gptqRow(const ExportLayer& place, GptqZeros zeros)
{
    GptqPlan::Row row;
    row.place = place;
    if (const QuantizedWeight* weight = place.result->weight.get()) {
        row.group = groupOf(*weight);
        row.descAct = !weight->groupIndex.empty() && groupCount(*weight, row.group) > 1;
        row.whyFloat = whyFloat(place, row.group, zeros);
        row.packed = row.whyFloat.empty();
    }
    return row;
}

GptqPlan planGptq(const ExportRequest& request)
{
    GptqPlan plan;
    bool zeroPointOfZero = false;
    using Meaning = std::tuple<int, std::int64_t, bool, bool>;
    std::vector<std::pair<Meaning, int>> counts;
    for (const ExportLayer& place : exportLayers(*request.run, *request.model)) {
        GptqPlan::Row row = gptqRow(place, request.gptqZeros);
        if (const QuantizedWeight* weight = place.result->weight.get()) {
            if (row.packed) {
                zeroPointOfZero = zeroPointOfZero ||
                                  std::find(weight->zeros.begin(), weight->zeros.end(), 0.0F) !=
                                      weight->zeros.end();
                const Meaning values{weight->scheme.bits, row.group, weight->scheme.symmetric,
                                     row.descAct};
                const auto found =
                    std::find_if(counts.begin(), counts.end(),
                                 [&](const auto& entry) { return entry.first == values; });
                if (found == counts.end())
                    counts.emplace_back(values, 1);
                else
                    ++found->second;
            }
        }
        plan.rows.push_back(std::move(row));
    }
    plan.version2 = request.gptqZeros == GptqZeros::V2 ||
                    (request.gptqZeros == GptqZeros::Automatic && zeroPointOfZero);
    const auto most =
        std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
            return a.second < b.second; // the first of equals
        });
    if (most != counts.end())
        std::tie(plan.bits, plan.group, plan.symmetric, plan.descAct) = most->first;
    return plan;
}

std::vector<FusedLayers> fusedLayers(const GptqPlan& plan)
{
    std::unordered_map<std::string_view, const GptqPlan::Row*> byName;
    for (const GptqPlan::Row& row : plan.rows)
        byName.emplace(row.place.layer->name, &row);
    std::vector<FusedLayers> result;
    for (const GptqPlan::Row& row : plan.rows) {
        const std::string& name = row.place.layer->name;
        for (const FusedNames& kind : fusedNames()) {
            if (kind.fused.empty() || !name.ends_with(kind.members.front()))
                continue;
            FusedLayers fused;
            fused.prefix = name.substr(0, name.size() - kind.members.front().size());
            fused.fused = kind.fused;
            for (const std::string_view member : kind.members) {
                if (const auto found = byName.find(fused.prefix + std::string(member));
                    found != byName.end())
                    fused.members.push_back(found->second);
            }
            if (fused.members.size() != kind.members.size() ||
                (!fused.prefix.empty() && fused.prefix.back() != '.'))
                continue;
            const GptqPlan::Row& first = *fused.members.front();
            fused.agree = std::all_of(fused.members.begin(), fused.members.end(),
                                      [&](const GptqPlan::Row* member) {
                                          return member->packed == first.packed &&
                                                 (!first.packed || overridesOf(plan, *member) ==
                                                                       overridesOf(plan, first));
                                      });
            result.push_back(std::move(fused));
        }
    }
    return result;
}

FolderContent gptqContent(const ExportRequest& request)
{
    const ModelSource& source = request.model->source;
    const GptqPlan plan = planGptq(request);
    std::unordered_map<std::string_view, const GptqPlan::Row*> packed;
    std::string reason = "the run quantizes none";
    for (const GptqPlan::Row& row : plan.rows) {
        if (row.packed)
            packed.emplace(row.place.layer->weight, &row);
        else if (row.place.result->weight)
            reason = concat(row.place.layer->name, ": ", row.whyFloat);
    }
    if (packed.empty())
        throw Error(
            ErrorCode::Unsupported,
            concat("no layer of the run can be stored in the format of GPTQ (", reason, ")"));
    const auto tuned = tunedTensors(request);
    FolderContent content;
    const Json config = quantizeConfig(request, plan);
    if (!source.config.empty()) {
        (void)parseStrictJson(source.config, "config.json of the model");
        Json whole = Json::parse(source.config);
        if (!whole.is_object())
            throw Error(ErrorCode::Format, "config.json of the model is not an object");
        whole["quantization_config"] = config;
        content.texts.emplace_back("config.json", whole.dump(2) + "\n");
    }
    content.texts.emplace_back("quantize_config.json", config.dump(2) + "\n");

    std::vector<TensorToWrite>& tensors = content.tensors;
    const ModelFile& file = *source.tensors;
    for (const TensorInfo& info : file.tensors()) {
        const auto found = packed.find(info.name);
        if (found != packed.end())
            addGptqTensors(tensors, *found->second, plan.version2);
        else if (const auto trained = tuned.find(info.name); trained != tuned.end())
            tensors.push_back({info.name, info.dtype, info.shape,
                               [value = trained->second] { return value->clone(); }});
        else
            tensors.push_back({info.name, info.dtype, info.shape,
                               [&file, &info] { return file.read(info.name); }});
    }
    content.metadata = exportMetadata(*request.run);
    return content;
}

ExportResult exportGptq(const ExportRequest& request, Monitor& monitor)
{
    FolderContent content = gptqContent(request);
    ExportFolder folder(request.output, request.model->source);
    return folder.write(std::move(content), request.model->source, monitor);
}

} // namespace gradus
