// SPDX-License-Identifier: GPL-3.0-or-later
//
// First byte even: the rest is a whole journal. Odd: it is the payload of one record under a good
// header and a good checksum, so that the decoder itself is reached.
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/session/journal.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace {

const std::filesystem::path& runPath()
{
    static const std::filesystem::path path = [] {
        // Every record is synced: memory where there is some.
        const std::filesystem::path memory = "/dev/shm";
        const auto folder =
            std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
        return folder / ("gradus-fuzz-journal-" + std::to_string(::getpid()));
    }();
    return path;
}

const std::string& header()
{
    static const std::string bytes = [] {
        gradus::Journal journal(runPath(), "fingerprint", false);
        std::ifstream in(gradus::journalPath(runPath()), std::ios::binary);
        return std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }();
    return bytes;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace gradus;
    if (size == 0)
        return 0;
    const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
    std::string bytes = rest;
    if (data[0] % 2 == 1) {
        const std::uint64_t length = rest.size();
        bytes = header();
        bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
        bytes += sha256(rest) + rest;
    }
    std::ofstream(journalPath(runPath()), std::ios::binary) << bytes;
    try {
        const Journal journal(runPath(), "fingerprint", true);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Internal)
            std::abort();
    }
    std::filesystem::remove(journalPath(runPath()));
    return 0;
}
