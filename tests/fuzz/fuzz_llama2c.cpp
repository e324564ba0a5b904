// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/llama2c.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        fuzz::readAll(*openLlama2c(fuzz::source(data, size)).tensors);
    } catch (const Error&) {
    }
    return 0;
}
