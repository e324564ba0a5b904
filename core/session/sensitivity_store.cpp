// SPDX-License-Identifier: GPL-3.0-or-later
//
// Layout, all numbers little-endian:
//   header    "GRDSSENS", u32 version, u32 length of the identity, identity, 64 hexadecimal digits:
//             SHA-256 of everything before
//   record    see record_file.h; payload: u8 kind, then
//     entry   text layer, text candidate (compact JSON), u8 metric reached (255: none), u64 bytes,
//             f64 weight, output, fisher, divergence, divergence error, u8 possible, text note
//     pair    text layer and candidate of the first, of the second, f64 together
#include "core/session/sensitivity_store.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/session/journal_bytes.h"
#include "core/session/recipe_json.h"
#include "core/session/record_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace gradus {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view magic = "GRDSSENS";
constexpr std::uint32_t version = 1;
constexpr std::string_view called = "the sensitivity cache";
enum Kind : std::uint8_t
{
    EntryRecord = 1,
    PairRecord = 2,
};
constexpr std::uint8_t nothingReached = 255;

std::string header(const std::string& identity)
{
    RecordWriter out;
    out.number<std::uint32_t>(version);
    out.number(static_cast<std::uint32_t>(identity.size()));
    const std::string text = concat(magic, out.bytes(), identity);
    return text + sha256(text);
}

std::string keyOf(const std::string& layer, std::string_view candidate)
{
    return concat(layer, '\n', candidate);
}

std::string pairKey(const std::string& first, const std::string& second)
{
    return concat(first, '\n', second);
}

/// Programs that write take turns.
class Turn
{
public:
    Turn(int descriptor, int kind)
        : m_descriptor(descriptor)
    {
        while (::flock(descriptor, kind) != 0 && errno == EINTR) {
        }
    }
    ~Turn() { ::flock(m_descriptor, LOCK_UN); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

private:
    int m_descriptor;
};

} // namespace

fs::path sensitivityCacheFolder()
{
    const auto variable = [](const char* name) {
        const char* value = std::getenv(name);
        return fs::path(value ? value : "");
    };
    // Relative paths are to be ignored, says the XDG Base Directory Specification.
    fs::path base = variable("XDG_CACHE_HOME");
    if (!base.is_absolute()) {
        base = variable("HOME");
        if (!base.is_absolute())
            return {};
        base /= ".cache";
    }
    return base / "gradus" / "sensitivity";
}

fs::path SensitivityStore::path(const fs::path& folder, const std::string& identity)
{
    return folder / (sha256(identity) + ".sensitivity");
}

SensitivityStore::SensitivityStore(const fs::path& folder, const std::string& identity,
                                   Monitor& monitor)
{
    if (folder.empty())
        return;
    m_monitor = &monitor;
    try {
        open(folder, identity, false, monitor);
    } catch (...) {
        if (m_descriptor >= 0)
            ::close(m_descriptor);
        throw;
    }
}

SensitivityStore SensitivityStore::reading(const fs::path& folder, const std::string& identity,
                                           Monitor& monitor)
{
    SensitivityStore store;
    if (!folder.empty())
        store.open(folder, identity, true, monitor);
    return store;
}

SensitivityStore::SensitivityStore(SensitivityStore&& other) noexcept
    : m_path(std::move(other.m_path))
    , m_descriptor(std::exchange(other.m_descriptor, -1))
    , m_monitor(other.m_monitor)
    , m_header(std::move(other.m_header))
    , m_end(other.m_end)
    , m_known(std::move(other.m_known))
    , m_pairs(std::move(other.m_pairs))
{
}

SensitivityStore::~SensitivityStore()
{
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

void SensitivityStore::open(const fs::path& folder, const std::string& identity, bool forReading,
                            Monitor& monitor)
{
    m_path = path(folder, identity);
    if (!forReading) {
        std::error_code error;
        fs::create_directories(folder, error);
        if (error)
            throw Error(ErrorCode::Io, concat("cannot make the folder ", folder.string(), " for ",
                                              called, ": ", error.message()));
    }
    m_descriptor = ::open(m_path.c_str(),
                          forReading ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    const RecordFile file(m_descriptor, m_path, std::string(called));
    if (m_descriptor < 0) {
        if (forReading && errno == ENOENT)
            return;
        file.fail("open");
    }
    struct stat status = {};
    if (::fstat(m_descriptor, &status) != 0)
        file.fail("open");
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorCode::Io, concat(called, " ", m_path.string(), " is not a regular file"));
    const Turn turn(m_descriptor, forReading ? LOCK_SH : LOCK_EX);
    m_header = header(identity);
    const std::uint64_t size = file.size();
    if (size > 0 && file.readAt(0, m_header.size()) == m_header) {
        m_end = file.forEach(m_header.size(), [&](std::string_view payload) { take(payload); });
        if (m_end < size)
            monitor.note(concat(called, " ", m_path.string(), " is damaged: its last ",
                                size - m_end, " bytes are no whole record and are left out"));
    } else if (size > 0) {
        monitor.note(
            concat("the head of ", called, " ", m_path.string(), " is damaged; it starts anew"));
    }
    if (forReading)
        return;
    if (m_end == 0) {
        file.truncate(0);
        file.writeAt(0, m_header);
        m_end = m_header.size();
    }
    file.truncate(m_end);
}

void SensitivityStore::take(std::string_view payload)
{
    try {
        RecordReader in(payload);
        const auto kind = in.number<std::uint8_t>();
        const std::string layer = in.text();
        const std::string candidate = in.text();
        if (kind == PairRecord) {
            const std::string other = in.text();
            const std::string otherCandidate = in.text();
            m_pairs[pairKey(keyOf(layer, candidate), keyOf(other, otherCandidate))] =
                in.number<double>();
            return;
        }
        KnownSensitivity known;
        const auto reached = in.number<std::uint8_t>();
        if (reached != nothingReached &&
            reached > static_cast<std::uint8_t>(SensitivityMetric::Divergence))
            return;
        if (reached != nothingReached)
            known.reached = static_cast<SensitivityMetric>(reached);
        Sensitivity& values = known.values;
        values.bytes = in.number<std::uint64_t>();
        for (double* value : {&values.weight, &values.output, &values.fisher, &values.divergence,
                              &values.divergenceError})
            *value = in.number<double>();
        values.possible = in.number<std::uint8_t>() != 0;
        values.note = in.text();
        if (kind == EntryRecord)
            learn(keyOf(layer, candidate), std::move(known));
    } catch (const Error&) {
        // A whole record that is none of ours: measured again.
    }
}

void SensitivityStore::learn(const std::string& key, KnownSensitivity known)
{
    KnownSensitivity& held = m_known[key];
    if (!held.reached || (known.reached && *known.reached >= *held.reached))
        held = std::move(known);
}

void SensitivityStore::append(std::string_view payload)
{
    if (m_descriptor < 0)
        return;
    try {
        write(payload);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::Io)
            throw;
        // What is measured is worth more than that it is kept.
        ::close(std::exchange(m_descriptor, -1));
        if (m_monitor)
            m_monitor->note(concat(error.what(), "; nothing is kept from here on"));
    }
}

void SensitivityStore::write(std::string_view payload)
{
    const RecordFile file(m_descriptor, m_path, std::string(called));
    const Turn turn(m_descriptor, LOCK_EX);
    // What others wrote meanwhile, but for a record of which a kill left half.
    const std::uint64_t size = file.size();
    if (size < m_header.size()) { // somebody shortened it
        file.truncate(0);
        file.writeAt(0, m_header);
        m_end = m_header.size();
    } else if (size < m_end) {
        m_end = m_header.size();
    }
    if (size > m_end) {
        m_end = file.forEach(m_end, [&](std::string_view other) { take(other); });
        if (m_end < size)
            file.truncate(m_end);
    }
    m_end = file.append(m_end, payload);
}

const KnownSensitivity* SensitivityStore::find(const std::string& layer,
                                               const LayerChoice& candidate) const
{
    const auto found = m_known.find(keyOf(layer, choiceToJson(candidate)));
    return found == m_known.end() ? nullptr : &found->second;
}

void SensitivityStore::put(const std::string& layer, const LayerChoice& candidate,
                           const KnownSensitivity& known)
{
    const std::string choice = choiceToJson(candidate);
    RecordWriter out;
    out.number<std::uint8_t>(EntryRecord);
    out.text(layer);
    out.text(choice);
    out.number(known.reached ? static_cast<std::uint8_t>(*known.reached) : nothingReached);
    const Sensitivity& values = known.values;
    out.number<std::uint64_t>(values.bytes);
    for (const double value :
         {values.weight, values.output, values.fisher, values.divergence, values.divergenceError})
        out.number(value);
    out.number<std::uint8_t>(values.possible ? 1 : 0);
    out.text(values.note);
    append(out.bytes());
    learn(keyOf(layer, choice), known);
}

std::optional<double> SensitivityStore::findPair(const std::string& firstLayer,
                                                 const LayerChoice& first,
                                                 const std::string& secondLayer,
                                                 const LayerChoice& second) const
{
    const auto found = m_pairs.find(
        pairKey(keyOf(firstLayer, choiceToJson(first)), keyOf(secondLayer, choiceToJson(second))));
    if (found == m_pairs.end())
        return std::nullopt;
    return found->second;
}

void SensitivityStore::putPair(const std::string& firstLayer, const LayerChoice& first,
                               const std::string& secondLayer, const LayerChoice& second,
                               double together)
{
    const std::string firstChoice = choiceToJson(first);
    const std::string secondChoice = choiceToJson(second);
    RecordWriter out;
    out.number<std::uint8_t>(PairRecord);
    out.text(firstLayer);
    out.text(firstChoice);
    out.text(secondLayer);
    out.text(secondChoice);
    out.number(together);
    append(out.bytes());
    m_pairs[pairKey(keyOf(firstLayer, firstChoice), keyOf(secondLayer, secondChoice))] = together;
}

} // namespace gradus
