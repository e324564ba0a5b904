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
#include "core/session/record_file.h"
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
constexpr std::string_view called = "the journal";

std::string header(const std::string& fingerprint, std::uint32_t ofVersion = version)
{
    RecordWriter out;
    out.number<std::uint32_t>(ofVersion);
    out.number(static_cast<std::uint32_t>(fingerprint.size()));
    const std::string text = concat(magic, out.bytes(), fingerprint);
    return text + sha256(text);
}

bool isOlderHeader(const std::string& found, const std::string& fingerprint)
{
    for (std::uint32_t old = oldestVersion; old < version; ++old)
        if (found == header(fingerprint, old))
            return true;
    return false;
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
    const RecordFile file(m_descriptor, m_path, std::string(called));
    if (m_descriptor < 0)
        file.fail("open");
    Guard guard{m_descriptor};
    struct stat status = {};
    if (::fstat(m_descriptor, &status) != 0)
        file.fail("open");
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
        const std::string found = file.readAt(0, expected.size());
        const std::size_t fixed = magic.size() + 2 * sizeof(std::uint32_t);
        if (found == expected) {
            end = expected.size();
        } else if (isOlderHeader(found, fingerprint)) {
            // Its records are records of this version; those that follow need not be of its own.
            // Headers of one fingerprint have one length.
            file.writeAt(0, expected);
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
    if (end > 0)
        end = file.forEach(end, [&](std::string_view payload) {
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
        });
    file.truncate(end);
    if (end == 0) {
        try {
            file.writeAt(0, expected);
        } catch (...) {
            ::unlink(m_path.c_str());
            throw;
        }
        end = expected.size();
    }
    m_end = end;
    if (::fsync(m_descriptor) != 0)
        file.fail("write");
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
    const RecordFile file(m_descriptor, m_path, std::string(called));
    const std::uint64_t before = m_end;
    m_end = file.append(before, encodeRecord(result));
    if (::fdatasync(m_descriptor) != 0) {
        const int reason = errno;
        m_end = before;
        (void)::ftruncate(m_descriptor, static_cast<off_t>(before));
        errno = reason;
        file.fail("write");
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
