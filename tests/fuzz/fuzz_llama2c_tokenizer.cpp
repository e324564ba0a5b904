// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/tokenizer_readers.h"
#include "tests/fuzz/fuzz_support.h"
#include "tests/fuzz/fuzz_tokenizer.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        const auto tokenizer =
            readLlama2cTokenizer(fuzz::text(data, size),
                                 size % 2 == 0 ? 0 : static_cast<std::int64_t>(size / 9), "input");
        fuzz::useTokenizer(*tokenizer, fuzz::text(data, size));
    } catch (const Error&) {
    }
    return 0;
}
