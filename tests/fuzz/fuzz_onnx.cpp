// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/onnx_file.h"
#include "core/io/onnx_scanner.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const auto source = fuzz::source(data, size);
        (void)looksLikeOnnx(source->bytes());
        const OpenedContainer opened = openOnnx(source, {});
        fuzz::readAll(*opened.tensors);
        for (const WeightUse& use : opened.tensors->weightUses())
            (void)matrixOfStored(opened.tensors->readFloat(use.tensor), use.layout, use.rows,
                                 use.cols);
    } catch (const Error&) {
    }
    return 0;
}
