// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Bytes that readers parse: a mapped file or memory, so that tests and fuzzers need no disk.
class ByteSource
{
public:
    ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;
    virtual ~ByteSource() = default;

    [[nodiscard]] virtual std::span<const std::byte> bytes() const = 0;
    /// The path, or what stands for it in messages.
    [[nodiscard]] virtual const std::string& name() const = 0;
};

/// Maps a file read-only. Throws Error(Io) when it cannot be opened or is not a regular file.
[[nodiscard]] std::shared_ptr<const ByteSource> mapFile(const std::filesystem::path& path);

[[nodiscard]] std::shared_ptr<const ByteSource> memorySource(std::vector<std::byte> bytes,
                                                             std::string name);

/// A small text file whole. Throws Error(Io), or Error(Format) when it is longer than limit bytes.
[[nodiscard]] std::string readTextFile(const std::filesystem::path& path,
                                       std::size_t limit = std::size_t(1) << 30);

} // namespace gradus
