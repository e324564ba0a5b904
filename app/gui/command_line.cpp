// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/command_line.h"

#include "core/export/export.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>

namespace gradus {

std::optional<int> readCommandLine(int argc, char** argv, CommandLine& result)
{
    CLI::App app("Gradus: a workbench for post-training quantization", "gradus");
    app.set_version_flag("--version", "gradus " GRADUS_VERSION);
    std::string target;
    std::string size;
    app.add_option("MODEL", result.model, "Model to open: a folder or a file");
    app.add_option("--recipe", result.recipe, "Recipe to apply (JSON)")->type_name("FILE");
    app.add_option("--run", result.run, "Saved run to open (.gradus)")->type_name("FILE");
    app.add_option("--calibration", result.calibration, "Calibration text")->type_name("FILE");
    app.add_flag("--capture", result.capture,
                 "Run the calibration text through the model and keep every layer's inputs");
    app.add_flag("--quantize", result.quantize, "Run the recipe at once");
    app.add_option("--export", target,
                   "Export the run and read it back; formats: safetensors, gptq, hdf5, "
                   "onnx, keras")
        ->type_name("FORMAT:PATH");
    app.add_option("--screenshot", result.screenshotFolder,
                   "Render the window and each panel into this folder and exit; needs no display")
        ->type_name("DIR");
    app.add_option("--size", size, "Size of the screenshots (1280x800)")->type_name("WIDTHxHEIGHT");
    app.add_option("--theme", result.theme, "Colors: dark, light or system")
        ->check(CLI::IsMember({"dark", "light", "system"}));
    app.add_option("--language", result.language, "Language of the window: en or de")
        ->check(CLI::IsMember({"en", "de"}));
    try {
        app.parse(argc, argv);
        if (!target.empty()) {
            const std::size_t colon = target.find(':');
            result.exportFormat = target.substr(0, colon);
            if (colon != std::string::npos)
                result.exportPath = target.substr(colon + 1);
            if (!exportFormatFromName(result.exportFormat) || result.exportPath.empty())
                throw CLI::ValidationError("--export", "is \"" + target +
                                                           "\", expected FORMAT:PATH with "
                                                           "safetensors, gptq or hdf5");
        }
        if (!size.empty()) {
            char rest = 0;
            if (std::sscanf(size.c_str(), "%dx%d%c", &result.width, &result.height, &rest) != 2 ||
                result.width < 640 || result.height < 400 || result.width > 7680 ||
                result.height > 4320)
                throw CLI::ValidationError("--size",
                                           "is \"" + size +
                                               "\", expected WIDTHxHEIGHT from 640x400 to "
                                               "7680x4320");
        }
        if (result.model.empty() && result.run.empty() &&
            (result.quantize || result.capture || !target.empty() || !result.recipe.empty() ||
             !result.calibration.empty()))
            throw CLI::RequiredError("MODEL or --run");
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return std::nullopt;
}

} // namespace gradus
