// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/tokenizer.h"

#include <cstdlib>
#include <string>

namespace gradus::fuzz {

/// Whatever a tokenizer file says, its ids must be of its vocabulary and decode.
inline void useTokenizer(const Tokenizer& tokenizer, std::string_view input)
{
    const std::string_view tail = input.substr(input.size() > 256 ? input.size() - 256 : 0);
    for (const std::string_view text :
         {std::string_view("In the beginning  God\tcreated 1234 caf\xC3\xA9 \xF0\x9F\x98\x80"
                           " <s></s><unk> \xFF\xC3 aaaaaaaa,,,,"),
          std::string_view(" "), std::string_view(), tail}) {
        const std::vector<Token> ids = tokenizer.encode(text);
        for (const Token id : ids)
            if (id < 0 || id >= tokenizer.vocabularySize())
                std::abort();
        (void)tokenizer.decode(ids);
        (void)tokenizer.decode(ids, false);
    }
    for (const auto& id : {tokenizer.bos(), tokenizer.eos()})
        if (id && (*id < 0 || *id >= tokenizer.vocabularySize()))
            std::abort();
}

} // namespace gradus::fuzz
