// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace gradus {

/// Records in an open file, each with its length (u64) and a checksum (SHA-256 in hexadecimal) in
/// front, so that a torn one is told from a whole one. What they hold is the caller's affair, and
/// so are locks. Errors throw Error(Io): "cannot write WHAT PATH: reason".
class RecordFile
{
public:
    /// what: "the journal". The descriptor stays the caller's.
    RecordFile(int descriptor, std::filesystem::path path, std::string what)
        : m_descriptor(descriptor)
        , m_path(std::move(path))
        , m_what(std::move(what))
    {
    }

    [[nodiscard]] std::uint64_t size() const;
    /// Up to count bytes from offset; fewer at the end of the file.
    [[nodiscard]] std::string readAt(std::uint64_t offset, std::uint64_t count) const;
    void writeAt(std::uint64_t offset, std::string_view bytes) const;
    /// The file ends there from now on.
    void truncate(std::uint64_t end) const;
    /// Hands over whole records from `begin` to the first that is torn or damaged; returns where
    /// that begins.
    std::uint64_t forEach(std::uint64_t begin,
                          const std::function<void(std::string_view payload)>& body) const;
    /// Writes a record at `end`, where the file ends; returns where it ends then. When that fails
    /// nothing of it is left.
    std::uint64_t append(std::uint64_t end, std::string_view payload) const;

    [[noreturn]] void fail(std::string_view action) const; ///< with the reason in errno

private:
    int m_descriptor;
    std::filesystem::path m_path;
    std::string m_what;
};

} // namespace gradus
