// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/gzip.h"
#include "core/io/idx.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

/// As it is, or in gzip.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        auto source = fuzz::source(data, size);
        if (isGzip(source->bytes()))
            source = unpackGzip(*source, 1 << 20);
        (void)openIdx(source).readAll();
    } catch (const Error&) {
    }
    return 0;
}
