// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/model.h"
#include "core/io/onnx_file.h"
#include "core/io/onnx_scanner.h"
#include "tests/fuzz/fuzz_graph.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const auto source = fuzz::source(data, size);
        (void)looksLikeOnnx(source->bytes());
        const OpenedOnnx opened = openOnnx(source, {});
        fuzz::readAll(*opened.tensors);
        for (const WeightUse& use : opened.tensors->weightUses())
            (void)matrixOfStored(opened.tensors->readFloat(use.tensor), use.layout, use.rows,
                                 use.cols);
        ModelSource model;
        model.format = "onnx";
        model.tensors = opened.tensors;
        model.onnx = opened.graph;
        fuzz::runOnce(buildModel(std::move(model)));
    } catch (const Error&) {
    }
    return 0;
}
