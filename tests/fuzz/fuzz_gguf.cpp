// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/tokenizer_readers.h"
#include "core/io/gguf_file.h"
#include "tests/fuzz/fuzz_support.h"
#include "tests/fuzz/fuzz_tokenizer.h"

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto source = fuzz::source(data, size);
    try {
        fuzz::readAll(*openGguf(source, "input").tensors);
    } catch (const Error&) {
    }
    try {
        fuzz::useTokenizer(*readGgufTokenizer(*source, 0), fuzz::text(data, size));
    } catch (const Error&) {
    }
    return 0;
}
