// SPDX-License-Identifier: GPL-3.0-or-later
//
// make_onnx_seeds FOLDER: the small models that the operators are tested with, a file for each.
#include "tests/support/onnx_cases.h"

#include <filesystem>
#include <fstream>

int main(int argc, char** argv)
{
    if (argc != 2)
        return 2;
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    int number = 0;
    for (const gradus::test::OnnxCase& each : gradus::test::onnxCases())
        std::ofstream(folder / std::to_string(number++), std::ios::binary) << each.model;
    return 0;
}
