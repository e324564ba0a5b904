// SPDX-License-Identifier: GPL-3.0-or-later
//
// What runtimes will make of a GPTQ checkpoint. The limits of vLLM's fast kernels (gptq_marlin):
// symmetric 4 or 8 bits; one group per row or groups of 32, 64 or 128; outputs a multiple of 64,
// inputs of 128; layers that it fuses share bits and group.
#include "core/base/text.h"
#include "core/export/formats.h"

#include <algorithm>
#include <map>

namespace gradus {

namespace {

/// "model.layers.0.mlp.down_proj and 11 more layers"
std::string nameAndMore(const std::vector<std::string>& names)
{
    if (names.size() == 1)
        return names.front();
    return concat(names.front(), " and ", names.size() - 1,
                  names.size() == 2 ? " more layer" : " more layers");
}

/// Why the fast kernels refuse a packed layer; empty when they take it.
std::string slowBecause(const GptqPlan::Row& row)
{
    const QuantizedWeight& weight = *row.place.result->weight;
    const int bits = weight.scheme.bits;
    if (!weight.scheme.symmetric || (bits != 4 && bits != 8))
        return concat(bits, " bits, ", weight.scheme.symmetric ? "symmetric" : "asymmetric",
                      " (they take symmetric 4 or 8 bits)");
    if (row.group != -1 && row.group != 32 && row.group != 64 && row.group != 128)
        return concat("groups of ", row.group, " (they take one per row, 32, 64 or 128)");
    if (weight.rows % 64 != 0 || weight.cols % 128 != 0)
        return concat(weight.cols, " inputs and ", weight.rows,
                      " outputs (they take multiples of 128 and 64)");
    return {};
}

} // namespace

std::vector<PreflightNote> preflightGptq(const ExportRequest& request)
{
    std::vector<PreflightNote> notes;
    const GptqPlan plan = planGptq(request);
    std::map<std::string, std::vector<std::string>> slow;
    std::map<std::string, std::vector<std::string>> unfit;
    bool overridden = false;
    bool reordered = false;
    bool zeroPointOfZero = false;
    std::size_t keptByRecipe = 0;
    for (const GptqPlan::Row& row : plan.rows) {
        if (!row.place.result->weight) {
            ++keptByRecipe;
            continue;
        }
        if (!row.packed) {
            unfit[row.whyFloat].push_back(row.place.layer->name);
            continue;
        }
        if (const std::string why = slowBecause(row); !why.empty())
            slow[why].push_back(row.place.layer->name);
        overridden = overridden || !plan.isStandard(row);
        reordered = reordered || row.descAct;
        const auto& zeros = row.place.result->weight->zeros;
        zeroPointOfZero =
            zeroPointOfZero || std::find(zeros.begin(), zeros.end(), 0.0F) != zeros.end();
    }
    // A line for each, unless that would list the model.
    constexpr std::size_t few = 8;
    for (const auto& [why, names] : unfit) {
        if (names.size() > few)
            notes.push_back(
                {"", concat(nameAndMore(names), " stay float, all for one reason: ", why), true});
        else
            for (const std::string& name : names)
                notes.push_back({name, concat("stays float: ", why), true});
    }
    if (keptByRecipe > 0)
        notes.push_back({"",
                         concat(keptByRecipe, keptByRecipe == 1 ? " layer stays" : " layers stay",
                                " float because the recipe says so"),
                         false});
    for (const auto& [why, names] : slow)
        notes.push_back({"",
                         concat("vLLM's fast kernels (Marlin) cannot run ", nameAndMore(names),
                                ": ", why, "; slower ones may"),
                         false});
    for (const FusedLayers& fused : fusedLayers(plan)) {
        if (!fused.agree)
            notes.push_back(
                {"",
                 concat("vLLM fuses the layers of ", fused.prefix, fused.fused,
                        " and cannot load them with different bits, groups or symmetry"),
                 false});
    }
    if (plan.version2 && zeroPointOfZero)
        notes.push_back({"",
                         "some zero points are 0, so version 2 of the format (gptq_v2) is written; "
                         "older runtimes read version 1 only",
                         false});
    if (overridden)
        notes.push_back({"",
                         "layers with other bits or groups than most are listed under \"dynamic\": "
                         "vLLM and GPTQModel read that, plain transformers does not",
                         false});
    if (reordered)
        notes.push_back({"",
                         "act-order without static groups is stored as desc_act: runtimes need a "
                         "permutation of the inputs",
                         false});
    if (request.model->source.config.empty())
        notes.push_back(
            {"", "the model has no config.json: runtimes that need one cannot load the export",
             false});
    else if (!request.model->canRun())
        notes.push_back({"",
                         "the architecture is unknown to Gradus: every matrix is taken as "
                         "outputs × inputs, which GPT-2's transposed layers are not",
                         false});
    return notes;
}

} // namespace gradus
