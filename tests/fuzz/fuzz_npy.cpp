// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/npy.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const StoredArray array = openNpy(fuzz::source(data, size));
        (void)array.readAll();
        const std::int64_t first[] = {0};
        (void)array.rows(first);
    } catch (const Error&) {
    }
    return 0;
}
