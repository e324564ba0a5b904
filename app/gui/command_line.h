// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>

namespace gradus {

/// What was asked for on the command line. Read before there is an application object: help and
/// version need no display, and a screenshot chooses the platform.
struct CommandLine
{
    std::string model;
    std::string recipe;
    std::string run;
    std::string calibration;
    bool capture = false;
    bool quantize = false;
    std::string exportFormat; ///< "safetensors", "gptq", "hdf5", "onnx", "keras"; empty for none
    std::string exportPath;
    std::string screenshotFolder;
    std::string theme;    ///< "dark", "light", "system", or empty
    std::string language; ///< "en", "de", or empty
    int width = 1280;     ///< of the window in screenshots
    int height = 800;
};

/// Prints help, version or a complaint itself; then there is an exit status and nothing to do.
[[nodiscard]] std::optional<int> readCommandLine(int argc, char** argv, CommandLine& result);

} // namespace gradus
