// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report_rows.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <string_view>
#include <unordered_map>

namespace gradus {

ErrorRating ratingOf(double relativeOutputError)
{
    if (!(relativeOutputError >= 0)) // NaN too
        return ErrorRating::None;
    return relativeOutputError <= goodOutputError   ? ErrorRating::Good
           : relativeOutputError <= fairOutputError ? ErrorRating::Fair
                                                    : ErrorRating::Poor;
}

std::string_view ratingName(ErrorRating rating)
{
    switch (rating) {
    case ErrorRating::Good:
        return "good";
    case ErrorRating::Fair:
        return "fair";
    case ErrorRating::Poor:
        return "poor";
    case ErrorRating::None:
        break;
    }
    return "";
}

std::vector<ReportRow> reportRows(const ReportRequest& request, Monitor& monitor)
{
    if (!request.model || !request.run)
        throw Error(ErrorCode::Usage, "a report needs a model and a run");
    const Model& model = *request.model;
    const Run& run = *request.run;
    if (run.provenance.modelFingerprint != model.source.fingerprint)
        throw Error(ErrorCode::Usage,
                    concat(model.source.path.filename().string(),
                           " is not the model that the run was made from: fingerprint ",
                           model.source.fingerprint.substr(0, 12), ", expected ",
                           run.provenance.modelFingerprint.substr(0, 12)));
    std::unordered_map<std::string_view, const LayerResult*> others;
    if (request.compared)
        for (const LayerResult& result : request.compared->layers)
            others.emplace(result.name, &result);
    std::unordered_map<std::string_view, const Layer*> layers;
    for (const Layer& layer : model.layers)
        layers.emplace(layer.name, &layer);

    std::vector<ReportRow> rows;
    rows.reserve(run.layers.size());
    for (const LayerResult& result : run.layers) {
        if (rows.size() % 256 == 0)
            monitor.checkpoint();
        const auto found = layers.find(result.name);
        if (found == layers.end())
            throw Error(ErrorCode::Usage,
                        concat("the run's layer ", quoted(result.name), " is not in the model"));
        const Layer& layer = *found->second;
        if (result.weight &&
            (result.weight->rows != layer.rows || result.weight->cols != layer.cols))
            throw Error(ErrorCode::Usage,
                        concat(quoted(result.name), ": the run's weight is ", result.weight->rows,
                               " × ", result.weight->cols, ", expected the model's ", layer.rows,
                               " × ", layer.cols));
        ReportRow row;
        row.layer = &layer;
        row.result = &result;
        if (const auto other = others.find(result.name); other != others.end())
            row.compared = other->second;
        row.kind = layer.name;
        if (layer.block >= 0 && static_cast<std::size_t>(layer.block) < model.blocks.size()) {
            row.block = model.blocks[static_cast<std::size_t>(layer.block)].name;
            if (layer.name.starts_with(row.block + "."))
                row.kind = layer.name.substr(row.block.size() + 1);
        }
        row.sourceBytes = dtypeSize(layer.dtype) * static_cast<std::uint64_t>(layer.parameters());
        rows.push_back(std::move(row));
    }
    return rows;
}

std::string methodText(const LayerResult& result)
{
    return result.weight ? std::string(methodName(result.choice.method)) : "float";
}

std::string granuleText(const Scheme& scheme)
{
    return scheme.granularity == Granularity::Group
               ? std::to_string(scheme.groupSize)
               : std::string(granularityName(scheme.granularity));
}

} // namespace gradus
