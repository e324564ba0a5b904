// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/tokenizer_readers.h"
#include "tests/fuzz/fuzz_support.h"
#include "tests/fuzz/fuzz_tokenizer.h"

#include <algorithm>

using namespace gradus;

/// A vocab.txt; or, where the input begins with a brace, a vocab.json and, after the first zero
/// byte, its merges.txt.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view input = fuzz::text(data, size);
    try {
        if (input.starts_with('{')) {
            const std::size_t end = std::min(input.find('\0'), input.size());
            const auto merges = input.substr(std::min(end + 1, input.size()));
            const auto tokenizer = readByteLevelFiles(input.substr(0, end), merges, "", 0, "input");
            fuzz::useTokenizer(*tokenizer, input);
        } else {
            fuzz::useTokenizer(*readWordPieceVocabulary(input, "", 0, "input"), input);
        }
    } catch (const Error&) {
    }
    return 0;
}
