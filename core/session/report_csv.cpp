// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/atomic_file.h"
#include "core/base/text.h"
#include "core/session/prepared_model.h"
#include "core/session/report.h"
#include "core/session/report_markup.h"
#include "core/session/report_rows.h"

#include <numeric>

namespace gradus {

namespace {

/// A field of text: quoted where the format needs it, and never a formula.
std::string field(std::string_view text)
{
    std::string out;
    if (!text.empty() && std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos)
        out = "'";
    out += text;
    if (out.find_first_of(",\"\r\n") == std::string::npos)
        return out;
    std::string quotedText = "\"";
    for (const char c : out) {
        if (c == '"')
            quotedText += '"';
        quotedText += c;
    }
    return quotedText + '"';
}

/// The exponent of power levels; of rows with exponents of their own, the mean.
std::string exponentOf(const QuantizedWeight& weight)
{
    const std::vector<float>& all = weight.exponents;
    if (all.empty())
        return {};
    return exactNumber(std::accumulate(all.begin(), all.end(), 0.0) /
                       static_cast<double>(all.size()));
}

/// Bits and levels of the inputs, errors by what is quantized and λ; empty where there are none.
std::string inputsOf(const LayerResult& result)
{
    if (!result.staticInputs)
        return result.activation ? concat(result.activation->bits, ",power,,,,") : ",,,,,";
    const StaticInputs& inputs = *result.staticInputs;
    return concat(inputs.grid ? std::to_string(inputs.grid->bits) : std::string(), ",",
                  inputs.grid ? "uniform" : "", ",", exactNumber(inputs.errors.weights), ",",
                  exactNumber(inputs.errors.inputs), ",", exactNumber(inputs.errors.both), ",",
                  exactNumber(inputs.lambda));
}

/// Method to λ, as the header names them; empty fields for no result.
std::string numbersOf(const LayerResult* result)
{
    if (!result)
        return ",,,,,,,,,,,,,,,,";
    std::string out = field(methodText(*result));
    if (result->weight) {
        const Scheme& scheme = result->weight->scheme;
        out += concat(",", scheme.bits, ",", granularityName(scheme.granularity), ",",
                      effectiveGroup(scheme, result->weight->cols), ",",
                      scheme.symmetric ? "true" : "false", ",", exponentOf(*result->weight), ",",
                      exactNumber(result->bitsPerWeight()), ",", result->bytes());
    } else {
        out += ",,,,,,,";
    }
    return out + concat(",", exactNumber(result->weightSqnrDb), ",",
                        exactNumber(result->weightCosine), ",",
                        exactNumber(result->relativeOutputError), ",", inputsOf(*result));
}

} // namespace

std::string reportCsv(const ReportRequest& asked, Monitor& monitor)
{
    const ReportRequest request = preparedForRun(asked);
    const std::vector<ReportRow> rows = reportRows(request, monitor);
    const std::string_view columns[] = {
        "method",          "bits",          "granularity",           "group",
        "symmetric",       "exponent",      "bits_per_weight",       "bytes",
        "weight_sqnr_db",  "weight_cosine", "relative_output_error", "input_bits",
        "input_quantizer", "weight_error",  "input_error",           "both_error",
        "lambda"};
    std::string out = "layer,block,kind,rows,cols,source_dtype,source_bytes";
    for (const std::string_view column : columns)
        out += concat(",", column);
    out += ",rating,note";
    if (request.compared)
        for (const std::string_view column : columns)
            out += concat(",compared_", column);
    out += '\n';
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i % 256 == 0)
            monitor.checkpoint();
        const ReportRow& row = rows[i];
        out += concat(
            field(row.layer->name), ",", field(row.block), ",", layerKindName(row.layer->kind), ",",
            row.layer->rows, ",", row.layer->cols, ",", dtypeName(row.layer->dtype), ",",
            row.sourceBytes, ",", numbersOf(row.result), ",",
            ratingName(ratingOf(row.result->relativeOutputError)), ",", field(row.result->note));
        if (request.compared)
            out += concat(",", numbersOf(row.compared));
        out += '\n';
    }
    return out;
}

void writeReportCsv(const ReportRequest& request, const std::filesystem::path& path,
                    Monitor& monitor)
{
    AtomicFile file(path);
    file.write(reportCsv(request, monitor));
    monitor.checkpoint();
    file.commit();
}

} // namespace gradus
