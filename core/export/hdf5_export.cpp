// SPDX-License-Identifier: GPL-3.0-or-later
//
// The run file's own schema, without the paths of this machine.
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/export/formats.h"

namespace gradus {

ExportResult exportHdf5(const ExportRequest& request, Monitor& monitor)
{
    (void)exportLayers(*request.run, *request.model);
    (void)tunedTensors(request);
    std::error_code error;
    if (request.output.empty())
        throw Error(ErrorCode::Usage, "the export has no target file");
    if (std::filesystem::exists(request.output, error) && !isRunFile(request.output))
        throw Error(ErrorCode::Usage,
                    concat("cannot export to ", request.output.string(),
                           ": it exists and is not an earlier export, which could be replaced"));
    Run run = *request.run;
    run.provenance.modelPath.clear();
    run.recipe.calibration.data =
        std::filesystem::path(run.recipe.calibration.data).filename().string();
    for (LayerResult& layer : run.layers) // a hash with the path in it
        layer.origin = {};
    writeRun(run, request.output, monitor);
    ExportResult result;
    result.files.push_back(request.output);
    const auto bytes = std::filesystem::file_size(request.output, error);
    result.bytes = error ? 0 : bytes;
    return result;
}

std::vector<PreflightNote> preflightHdf5(const ExportRequest& request)
{
    (void)exportLayers(*request.run, *request.model);
    return {};
}

} // namespace gradus
