// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/zip_archive.h"
#include "tests/fuzz/fuzz_support.h"

using namespace gradus;

/// The directory, and what its first entries hold.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t most = 8;
    constexpr std::uint64_t limit = 1 << 20;
    try {
        const ZipArchive archive(fuzz::source(data, size));
        for (std::size_t i = 0; i < archive.entries().size() && i < most; ++i) {
            try {
                (void)archive.read(archive.entries()[i].name, limit);
            } catch (const Error&) {
            }
        }
    } catch (const Error&) {
    }
    return 0;
}
