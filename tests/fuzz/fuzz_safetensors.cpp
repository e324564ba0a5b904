// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/safetensors.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const auto source = fuzz::source(data, size);
        (void)safetensorsMetadata(*source);
        fuzz::readAll(*openSafetensors(source));
    } catch (const Error&) {
    }
    return 0;
}
