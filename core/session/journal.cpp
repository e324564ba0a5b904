// SPDX-License-Identifier: GPL-3.0-or-later
//
// Layout, all numbers little-endian:
//   header    "GRDSJRNL", u32 version, u32 length of the fingerprint, fingerprint, 64 hexadecimal
//             digits: SHA-256 of everything before
//   record    u64 length of the payload, 64 hexadecimal digits: SHA-256 of the payload, payload
//   payload   a LayerResult, see journal_record.cpp; what came with version 5 stands at its
//             end, and after that what came with version 6, so that records of versions 4 and 5 are
//             read as they are
#include "core/session/journal.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/session/journal_bytes.h"
#include "core/session/journal_record.h"
#include "core/session/stored_tuning.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gradus {

namespace {

constexpr std::string_view magic = "GRDSJRNL";
constexpr std::uint32_t version = 6;
constexpr std::uint32_t oldestVersion = 4; ///< that is still read
constexpr std::size_t digestBytes = 64;
constexpr std::size_t recordHead = sizeof(std::uint64_t) + digestBytes;

[[noreturn]] void failure(const std::filesystem::path& path, std::string_view action)
{
    throw Error(ErrorCode::Io, concat("cannot ", action, " the journal ", path.string(), ": ",
                                      std::strerror(errno)));
}

std::string header(const std::string& fingerprint, std::uint32_t ofVersion = version)
{
    RecordWriter out;
    out.number<std::uint32_t>(ofVersion);
    out.number(static_cast<std::uint32_t>(fingerprint.size()));
    const std::string text = concat(magic, out.bytes(), fingerprint);
    return text + sha256(text);
}

void writeAll(int descriptor, std::string_view bytes, const std::filesystem::path& path)
{
    while (!bytes.empty()) {
        const ssize_t done = ::write(descriptor, bytes.data(), bytes.size());
        if (done < 0) {
            if (errno == EINTR)
                continue;
            failure(path, "write");
        }
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
}

bool isOlderHeader(const std::string& found, const std::string& fingerprint)
{
    for (std::uint32_t old = oldestVersion; old < version; ++old)
        if (found == header(fingerprint, old))
            return true;
    return false;
}

/// Headers of one fingerprint have one length.
void rewriteHeader(int descriptor, const std::string& text, const std::filesystem::path& path)
{
    if (::lseek(descriptor, 0, SEEK_SET) < 0)
        failure(path, "write");
    writeAll(descriptor, text, path);
}

/// Up to count bytes from offset; fewer at the end of the file.
std::string readAt(int descriptor, std::uint64_t offset, std::uint64_t count,
                   const std::filesystem::path& path)
{
    std::string bytes(count, '\0');
    std::size_t got = 0;
    while (got < count) {
        const ssize_t done =
            ::pread(descriptor, bytes.data() + got, count - got, static_cast<off_t>(offset + got));
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            failure(path, "read");
        if (done == 0)
            break;
        got += static_cast<std::size_t>(done);
    }
    bytes.resize(got);
    return bytes;
}

} // namespace

std::filesystem::path journalPath(const std::filesystem::path& runPath)
{
    std::filesystem::path path = runPath;
    path += ".journal";
    return path;
}

Journal::Journal(std::filesystem::path runPath, std::string fingerprint, bool resume)
    : m_path(journalPath(runPath))
{
    // Closes the file when the constructor throws.
    struct Guard
    {
        int& descriptor;
        bool armed = true;
        ~Guard()
        {
            if (armed && descriptor >= 0)
                ::close(descriptor);
        }
    };
    m_descriptor = ::open(m_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (m_descriptor < 0)
        failure(m_path, "open");
    Guard guard{m_descriptor};
    struct stat status = {};
    if (::fstat(m_descriptor, &status) != 0)
        failure(m_path, "open");
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorCode::Io,
                    concat("the journal ", m_path.string(), " is not a regular file"));
    if (::flock(m_descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        throw Error(ErrorCode::Usage, concat("another program is writing the run ",
                                             runPath.string(), ": its journal is locked"));

    const std::string expected = header(fingerprint);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    std::uint64_t end = 0; // of what is kept
    if (resume && size > 0) {
        const std::string found = readAt(m_descriptor, 0, expected.size(), m_path);
        const std::size_t fixed = magic.size() + 2 * sizeof(std::uint32_t);
        if (found == expected) {
            end = expected.size();
        } else if (isOlderHeader(found, fingerprint)) {
            // Its records are records of this version; those that follow need not be of its own.
            rewriteHeader(m_descriptor, expected, m_path);
            end = expected.size();
        } else if (!magic.starts_with(std::string_view(found).substr(0, magic.size()))) {
            throw Error(ErrorCode::Format,
                        concat(m_path.string(),
                               " is not a journal of Gradus: it does not begin with ", magic));
        } else if (std::string_view(expected).starts_with(found) || found.size() < fixed) {
            // Killed while the header was written: nothing had been computed.
        } else {
            throw Error(
                ErrorCode::Usage,
                concat("the journal ", m_path.string(),
                       " belongs to another run: the recipe, the model, the calibration data or "
                       "the program has changed since it was written, start without --resume"));
        }
    }
    TuningPool trainings;
    while (end > 0 && end < size) {
        const std::string head = readAt(m_descriptor, end, recordHead, m_path);
        if (head.size() < recordHead)
            break;
        std::uint64_t length = 0;
        std::memcpy(&length, head.data(), sizeof length);
        if (length > size - end - recordHead)
            break;
        const std::string payload = readAt(m_descriptor, end + recordHead, length, m_path);
        if (payload.size() < length || sha256(payload) != head.substr(sizeof length))
            break;
        try {
            LayerResult layer = decodeRecord(payload, trainings);
            std::string name = layer.name;
            m_finished.insert_or_assign(std::move(name), std::move(layer));
        } catch (const Error& error) {
            throw Error(ErrorCode::Format,
                        concat("record ", m_finished.size() + 1, " of the journal ",
                               m_path.string(), " is malformed: ", error.what(),
                               "; start without --resume"));
        }
        end += recordHead + length;
    }
    if (::ftruncate(m_descriptor, static_cast<off_t>(end)) != 0 ||
        ::lseek(m_descriptor, static_cast<off_t>(end), SEEK_SET) < 0)
        failure(m_path, "write");
    if (end == 0) {
        try {
            writeAll(m_descriptor, expected, m_path);
        } catch (...) {
            ::unlink(m_path.c_str());
            throw;
        }
    }
    if (::fsync(m_descriptor) != 0)
        failure(m_path, "write");
    // The name itself must survive a crash, too.
    const std::filesystem::path folder = m_path.has_parent_path() ? m_path.parent_path() : ".";
    if (const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        parent >= 0) {
        (void)::fsync(parent);
        ::close(parent);
    }
    guard.armed = false;
}

Journal::~Journal()
{
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

void Journal::append(const LayerResult& result)
{
    if (m_descriptor < 0)
        throw Error(ErrorCode::Internal, "the journal has been removed");
    const std::string payload = encodeRecord(result);
    RecordWriter head;
    head.number<std::uint64_t>(payload.size());
    const off_t before = ::lseek(m_descriptor, 0, SEEK_CUR);
    try {
        writeAll(m_descriptor, concat(head.bytes(), sha256(payload)), m_path);
        writeAll(m_descriptor, payload, m_path);
        if (::fdatasync(m_descriptor) != 0)
            failure(m_path, "write");
    } catch (...) {
        // Later records must not follow half a one.
        (void)::ftruncate(m_descriptor, before);
        (void)::lseek(m_descriptor, before, SEEK_SET);
        throw;
    }
}

void Journal::remove()
{
    if (m_descriptor < 0)
        return;
    ::unlink(m_path.c_str());
    ::close(m_descriptor);
    m_descriptor = -1;
}

} // namespace gradus
