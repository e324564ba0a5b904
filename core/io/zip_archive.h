// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct zip;

namespace gradus {

/// What a ZIP file's directory says of an entry.
struct ZipEntry
{
    std::string name;
    std::uint64_t bytes = 0; ///< unpacked
    std::uint64_t packed = 0;
};

/// A ZIP file (npz, .keras) over mapped bytes: entries that are stored or deflated, ZIP64 too. The
/// directory is read at once; entries are unpacked when asked for, from any thread.
class ZipArchive
{
public:
    /// Throws Error(Format) naming the source.
    explicit ZipArchive(std::shared_ptr<const ByteSource> source);

    [[nodiscard]] static bool looksLikeZip(std::span<const std::byte> bytes);
    [[nodiscard]] const std::string& name() const { return m_source->name(); }
    [[nodiscard]] const std::vector<ZipEntry>& entries() const { return m_entries; }
    [[nodiscard]] const ZipEntry* find(std::string_view entry) const; ///< nullptr if none

    /// An entry's bytes, checksum verified. Throws Error(Format) when it is not there or damaged;
    /// before anything is allocated when it would have more than limit bytes or, beyond 16 MiB,
    /// more than 256 times what is packed; Error(Unsupported) when it is encrypted or packed in
    /// another way.
    [[nodiscard]] std::vector<std::byte> read(std::string_view entry,
                                              std::uint64_t limit = std::uint64_t(4) << 30) const;

    /// The same of all entries in their order, which takes the archive's directory once and not
    /// for each: body(entry, bytes). Entries that wanted() refuses are not unpacked: body gets none
    /// of their bytes.
    void readEach(const std::function<bool(const ZipEntry&)>& wanted,
                  const std::function<void(const ZipEntry&, std::vector<std::byte>)>& body) const;

private:
    [[nodiscard]] std::vector<std::byte> readFrom(zip* archive, std::uint64_t index,
                                                  std::uint64_t limit) const;

    std::shared_ptr<const ByteSource> m_source;
    std::vector<ZipEntry> m_entries;
};

/// An entry of a ZIP file that is written.
struct ZipContent
{
    std::string name;
    std::vector<std::byte> bytes;
    bool packs = false; ///< deflated, else stored
};
/// A ZIP file without times: equal contents give equal bytes. Throws Error(Io).
[[nodiscard]] std::vector<std::byte> zipOf(const std::vector<ZipContent>& contents);

} // namespace gradus
