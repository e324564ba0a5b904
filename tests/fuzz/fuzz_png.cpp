// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/image_decoders.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        (void)decodePng({reinterpret_cast<const std::byte*>(data), size}, "input");
    } catch (const Error&) {
    }
    return 0;
}
