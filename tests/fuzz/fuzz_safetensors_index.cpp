// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/safetensors.h"
#include "tests/fuzz/fuzz_support.h"

#include <cstdlib>

using namespace gradus;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        // Whatever an index says, it must not lead out of its folder.
        for (const auto& [tensor, shard] : readSafetensorsIndex(fuzz::text(data, size), "input"))
            if (shard.empty() || shard == ".." || shard.find('/') != std::string::npos)
                std::abort();
    } catch (const Error&) {
    }
    return 0;
}
