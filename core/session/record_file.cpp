// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/record_file.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/session/journal_bytes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gradus {

namespace {

constexpr std::size_t digestBytes = 64;
constexpr std::size_t recordHead = sizeof(std::uint64_t) + digestBytes;

} // namespace

void RecordFile::fail(std::string_view action) const
{
    throw Error(ErrorCode::Io, concat("cannot ", action, " ", m_what, " ", m_path.string(), ": ",
                                      std::strerror(errno)));
}

std::uint64_t RecordFile::size() const
{
    struct stat status = {};
    if (::fstat(m_descriptor, &status) != 0)
        fail("read");
    return static_cast<std::uint64_t>(status.st_size);
}

std::string RecordFile::readAt(std::uint64_t offset, std::uint64_t count) const
{
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count) {
        const ssize_t done = ::pread(m_descriptor, bytes.data() + got, count - got,
                                     static_cast<off_t>(offset + got));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            fail("read");
        if (done == 0)
            break;
        got += static_cast<std::size_t>(done);
    }
    bytes.resize(got);
    return bytes;
}

void RecordFile::writeAt(std::uint64_t offset, std::string_view bytes) const
{
    while (!bytes.empty()) {
        const ssize_t done =
            ::pwrite(m_descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (done < 0) {
            if (errno == EINTR)
                continue;
            fail("write");
        }
        bytes.remove_prefix(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
}

void RecordFile::truncate(std::uint64_t end) const
{
    if (::ftruncate(m_descriptor, static_cast<off_t>(end)) != 0)
        fail("write");
}

std::uint64_t RecordFile::forEach(std::uint64_t begin,
                                  const std::function<void(std::string_view payload)>& body) const
{
    const std::uint64_t all = size();
    std::uint64_t end = begin;
    while (end < all) {
        const std::string head = readAt(end, recordHead);
        if (head.size() < recordHead)
            break;
        std::uint64_t length = 0;
        std::memcpy(&length, head.data(), sizeof length);
        if (length > all - end - recordHead)
            break;
        const std::string payload = readAt(end + recordHead, length);
        if (payload.size() < length || sha256(payload) != head.substr(sizeof length))
            break;
        body(payload);
        end += recordHead + length;
    }
    return end;
}

std::uint64_t RecordFile::append(std::uint64_t end, std::string_view payload) const
{
    RecordWriter head;
    head.number<std::uint64_t>(payload.size());
    try {
        writeAt(end, concat(head.bytes(), sha256(payload)));
        writeAt(end + recordHead, payload);
    } catch (...) {
        // Later records must not follow half a one.
        (void)::ftruncate(m_descriptor, static_cast<off_t>(end));
        throw;
    }
    return end + recordHead + payload.size();
}

} // namespace gradus
