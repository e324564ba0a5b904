// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/session/recipe.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace gradus;
    try {
        const Recipe recipe =
            recipeFromJson({reinterpret_cast<const char*>(data), size}, "fuzzed recipe");
        // What reads also writes, and reads again as the same.
        if (recipeFromJson(toJson(recipe), "written recipe") != recipe)
            std::abort();
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Internal)
            std::abort();
    }
    return 0;
}
