// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace gradus {

/// A file that appears under its name only when it is whole: written beside as "NAME.part-PID",
/// synced and renamed by commit(). Destroyed without commit(), it leaves nothing behind.
/// Every failure (unwritable folder, full disk) throws Error(Io) with the target's path.
class AtomicFile
{
public:
    explicit AtomicFile(std::filesystem::path target);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text);
    void commit();

    /// Where the bytes go until commit(); for libraries that open files by name themselves.
    [[nodiscard]] const std::filesystem::path& temporaryPath() const { return m_temporary; }

private:
    [[noreturn]] void fail(std::string_view action);

    std::filesystem::path m_target;
    std::filesystem::path m_temporary;
    int m_descriptor = -1;
};

} // namespace gradus
