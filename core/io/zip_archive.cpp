// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/zip_archive.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/packed_size.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace gradus {

namespace {

constexpr std::uint64_t mostEntries = 65536;
constexpr std::size_t directoryEntry = 46; // bytes of the shortest one

std::uint64_t littleEndian(std::span<const std::byte> bytes, std::size_t at, std::size_t size)
{
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, size);
    return value;
}

/// The library makes room for as many entries as the end of the file promises, before it looks
/// for them; so no end record may promise more than the file can hold. Layout: APPNOTE.TXT 4.3.14
/// to 4.3.16.
void checkEndRecords(std::span<const std::byte> bytes, const std::string& name)
{
    constexpr std::size_t record = 22;
    constexpr std::size_t locator = 20;
    constexpr std::size_t longestComment = 65535;
    const auto check = [&](std::uint64_t count) {
        if (count > mostEntries || count * directoryEntry > bytes.size())
            throw Error(ErrorCode::Format,
                        concat(name, " promises ", count, " entries, more than it has room for"));
    };
    if (bytes.size() < record)
        throw Error(ErrorCode::Format, name + ": the ZIP file is cut");
    const std::size_t last = bytes.size() - record;
    for (std::size_t at = last + 1; at-- > 0 && last - at <= longestComment;) {
        if (littleEndian(bytes, at, 4) != 0x06054B50)
            continue;
        const std::uint64_t count = littleEndian(bytes, at + 10, 2);
        if (at < locator || littleEndian(bytes, at - locator, 4) != 0x07064B50) {
            check(count);
            continue;
        }
        const std::uint64_t offset = littleEndian(bytes, at - locator + 8, 8);
        if (bytes.size() < 56 || offset > bytes.size() - 56)
            throw Error(ErrorCode::Format, name + ": the ZIP64 directory lies outside the file");
        check(littleEndian(bytes, static_cast<std::size_t>(offset) + 32, 8));
    }
}

struct ZipCloser
{
    void operator()(zip_t* archive) const { zip_discard(archive); }
};
using Handle = std::unique_ptr<zip_t, ZipCloser>;

/// A handle of the library belongs to one thread; opening another costs a look at the directory.
Handle openHandle(const ByteSource& source)
{
    zip_error_t error;
    zip_error_init(&error);
    const auto fail = [&]() {
        const std::string why = zip_error_strerror(&error);
        zip_error_fini(&error);
        return Error(ErrorCode::Format, concat(source.name(), " cannot be read as ZIP: ", why));
    };
    zip_source_t* bytes =
        zip_source_buffer_create(source.bytes().data(), source.bytes().size(), 0, &error);
    if (!bytes)
        throw fail();
    zip_t* archive = zip_open_from_source(bytes, ZIP_RDONLY, &error);
    if (!archive) {
        zip_source_free(bytes);
        throw fail();
    }
    zip_error_fini(&error);
    return Handle(archive);
}

struct EntryCloser
{
    void operator()(zip_file_t* file) const { zip_fclose(file); }
};

} // namespace

bool ZipArchive::looksLikeZip(std::span<const std::byte> bytes)
{
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return text.starts_with("PK\3\4") || text.starts_with("PK\5\6");
}

ZipArchive::ZipArchive(std::shared_ptr<const ByteSource> source)
    : m_source(std::move(source))
{
    checkEndRecords(m_source->bytes(), name());
    const Handle archive = openHandle(*m_source);
    const auto count = static_cast<std::uint64_t>(zip_get_num_entries(archive.get(), 0));
    for (std::uint64_t i = 0; i < count; ++i) {
        zip_stat_t status;
        if (zip_stat_index(archive.get(), i, 0, &status) != 0)
            throw Error(ErrorCode::Format, concat(name(), ": entry ", i, " of the ZIP directory: ",
                                                  zip_strerror(archive.get())));
        m_entries.push_back({status.name, status.size, status.comp_size});
    }
}

const ZipEntry* ZipArchive::find(std::string_view entry) const
{
    const auto found = std::find_if(m_entries.begin(), m_entries.end(),
                                    [&](const ZipEntry& e) { return e.name == entry; });
    return found == m_entries.end() ? nullptr : &*found;
}

std::vector<std::byte> ZipArchive::read(std::string_view entry, std::uint64_t limit) const
{
    const ZipEntry* known = find(entry);
    if (!known)
        throw Error(ErrorCode::Format,
                    concat(name(), ": ", quoted(entry), " is not in the archive"));
    return readFrom(openHandle(*m_source).get(),
                    static_cast<std::uint64_t>(known - m_entries.data()), limit);
}

void ZipArchive::readEach(
    const std::function<bool(const ZipEntry&)>& wanted,
    const std::function<void(const ZipEntry&, std::vector<std::byte>)>& body) const
{
    constexpr std::uint64_t limit = std::uint64_t(4) << 30;
    const Handle archive = openHandle(*m_source);
    for (std::size_t i = 0; i < m_entries.size(); ++i)
        body(m_entries[i],
             wanted(m_entries[i]) ? readFrom(archive.get(), i, limit) : std::vector<std::byte>());
}

std::vector<std::byte> ZipArchive::readFrom(zip* archive, std::uint64_t index,
                                            std::uint64_t limit) const
{
    const std::string label = concat(name(), ": ", quoted(m_entries[index].name));
    zip_stat_t status;
    if (zip_stat_index(archive, index, 0, &status) != 0)
        throw Error(ErrorCode::Format, concat(label, ": ", zip_strerror(archive)));
    if (status.encryption_method != ZIP_EM_NONE)
        throw Error(ErrorCode::Unsupported, label + " is encrypted");
    if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)
        throw Error(ErrorCode::Unsupported,
                    concat(label, " is packed by method ", status.comp_method,
                           "; stored and deflated entries are read"));
    if (status.comp_size > m_source->bytes().size())
        throw Error(ErrorCode::Format, label + " is longer than the file");
    const std::uint64_t most = status.comp_method == ZIP_CM_STORE
                                   ? std::min(limit, status.comp_size)
                                   : largestUnpacked(status.comp_size, limit);
    if (status.size > most)
        throw Error(ErrorCode::Format,
                    concat(label, " would have ", status.size, " bytes out of ", status.comp_size,
                           "; at most ", most, " are expected"));
    const std::unique_ptr<zip_file_t, EntryCloser> file(zip_fopen_index(archive, index, 0));
    if (!file)
        throw Error(ErrorCode::Format, concat(label, ": ", zip_strerror(archive)));
    std::vector<std::byte> bytes(static_cast<std::size_t>(status.size));
    std::size_t at = 0;
    while (at < bytes.size()) {
        const auto got = zip_fread(file.get(), bytes.data() + at, bytes.size() - at);
        if (got <= 0)
            throw Error(ErrorCode::Format, concat(label, " is damaged or cut after ", at, " of ",
                                                  bytes.size(), " bytes"));
        at += static_cast<std::size_t>(got);
    }
    std::byte more;
    if (zip_fread(file.get(), &more, 1) != 0) // its checksum is compared at the end
        throw Error(ErrorCode::Format, label + " is damaged: its length or checksum is wrong");
    return bytes;
}

std::vector<std::byte> zipOf(const std::vector<ZipContent>& contents)
{
    zip_error_t error;
    zip_error_init(&error);
    const auto fail = [](const char* why) {
        return Error(ErrorCode::Io, concat("cannot make a ZIP file: ", why));
    };
    // Kept beyond the archive, which would free it when it is closed.
    const std::unique_ptr<zip_source_t, void (*)(zip_source_t*)> target(
        zip_source_buffer_create(nullptr, 0, 0, &error), zip_source_free);
    if (!target)
        throw fail(zip_error_strerror(&error));
    zip_source_keep(target.get());
    std::unique_ptr<zip_t, ZipCloser> archive(
        zip_open_from_source(target.get(), ZIP_TRUNCATE, &error));
    if (!archive) {
        zip_source_free(target.get()); // what was kept for it
        throw fail(zip_error_strerror(&error));
    }
    for (const ZipContent& content : contents) {
        zip_source_t* const source =
            zip_source_buffer(archive.get(), content.bytes.data(), content.bytes.size(), 0);
        const auto index =
            source ? zip_file_add(archive.get(), content.name.c_str(), source, ZIP_FL_ENC_UTF_8)
                   : -1;
        if (index < 0) {
            zip_source_free(source);
            throw fail(zip_strerror(archive.get()));
        }
        const auto at = static_cast<zip_uint64_t>(index);
        constexpr zip_uint16_t firstDay = 1 << 5 | 1; // of 1980, the earliest there is
        if (zip_set_file_compression(archive.get(), at,
                                     content.packs ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0) != 0 ||
            zip_file_set_dostime(archive.get(), at, 0, firstDay, 0) != 0)
            throw fail(zip_strerror(archive.get()));
    }
    if (zip_close(archive.get()) != 0)
        throw fail(zip_strerror(archive.get()));
    (void)archive.release();

    zip_stat_t stat;
    if (zip_source_open(target.get()) != 0 || zip_source_stat(target.get(), &stat) != 0)
        throw fail("it cannot be read back");
    std::vector<std::byte> bytes(stat.size);
    const auto got = zip_source_read(target.get(), bytes.data(), bytes.size());
    zip_source_close(target.get());
    if (got != static_cast<zip_int64_t>(bytes.size()))
        throw fail("it cannot be read back");
    return bytes;
}

} // namespace gradus
