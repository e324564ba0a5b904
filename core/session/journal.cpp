// SPDX-License-Identifier: GPL-3.0-or-later
//
// Layout, all numbers little-endian:
//   header    "GRDSJRNL", u32 version, u32 length of the fingerprint, fingerprint, 64 hexadecimal
//             digits: SHA-256 of everything before
//   record    u64 length of the payload, 64 hexadecimal digits: SHA-256 of the payload, payload
//   payload   a LayerResult, see Writer and Reader below; what came with version 5 stands at its
//             end, so that records of version 4 are read as they are
#include "core/session/journal.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/quant/packing.h"
#include "core/session/recipe_json.h"
#include "core/session/stored_tuning.h"
#include "core/session/stored_weight.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <type_traits>

namespace gradus {

namespace {

constexpr std::string_view magic = "GRDSJRNL";
constexpr std::uint32_t version = 5;
constexpr std::uint32_t oldestVersion = 4; ///< that is still read
constexpr std::size_t digestBytes = 64;
constexpr std::size_t recordHead = sizeof(std::uint64_t) + digestBytes;

[[noreturn]] void failure(const std::filesystem::path& path, std::string_view action)
{
    throw Error(ErrorCode::Io, concat("cannot ", action, " the journal ", path.string(), ": ",
                                      std::strerror(errno)));
}

class Writer
{
public:
    template <class T>
    void number(T value)
    {
        static_assert(std::is_arithmetic_v<T>);
        m_bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void text(std::string_view text)
    {
        number<std::uint64_t>(text.size());
        m_bytes.append(text);
    }
    template <class T>
    void array(const std::vector<T>& values)
    {
        number<std::uint64_t>(values.size());
        m_bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
    }
    [[nodiscard]] const std::string& bytes() const { return m_bytes; }

private:
    std::string m_bytes;
};

class Reader
{
public:
    explicit Reader(std::string_view bytes)
        : m_bytes(bytes)
    {
    }
    template <class T>
    T number()
    {
        T value{};
        std::memcpy(&value, take(sizeof value).data(), sizeof value);
        return value;
    }
    std::string text() { return std::string(take(number<std::uint64_t>())); }
    template <class T>
    std::vector<T> array()
    {
        const auto count = number<std::uint64_t>();
        if (count > m_bytes.size() / sizeof(T))
            fail();
        std::vector<T> values(count);
        const std::string_view bytes = take(count * sizeof(T));
        if (count > 0)
            std::memcpy(values.data(), bytes.data(), bytes.size());
        return values;
    }
    [[nodiscard]] bool atEnd() const { return m_bytes.empty(); }

private:
    [[noreturn]] static void fail()
    {
        throw Error(ErrorCode::Format, "it ends in the middle of a value");
    }
    std::string_view take(std::uint64_t count)
    {
        if (count > m_bytes.size())
            fail();
        const std::string_view taken = m_bytes.substr(0, count);
        m_bytes.remove_prefix(count);
        return taken;
    }
    std::string_view m_bytes;
};

void encodeTuning(Writer& out, const TuningOutcome& outcome)
{
    if (const auto problem = tuningProblem(outcome))
        throw Error(ErrorCode::Internal, *problem);
    out.text(outcome.name);
    out.number<std::int32_t>(outcome.block);
    out.array(outcome.losses);
    out.array(outcome.epochLosses);
    out.number<std::int32_t>(outcome.bestEpoch);
    out.number<std::uint8_t>(outcome.stoppedEarly ? 1 : 0);
    out.number<std::uint8_t>(outcome.cancelled ? 1 : 0);
    out.number(outcome.scaleChange);
    out.number(outcome.zeroChange);
    out.number<std::uint64_t>(outcome.parameters.size());
    for (const auto& [name, value] : outcome.parameters) {
        out.text(name);
        out.array(value->shape());
        const auto floats = value->floats();
        out.array(std::vector<float>(floats.begin(), floats.end()));
    }
}

std::shared_ptr<TuningOutcome> decodeTuning(Reader& in)
{
    auto outcome = std::make_shared<TuningOutcome>();
    outcome->name = in.text();
    outcome->block = in.number<std::int32_t>();
    outcome->losses = in.array<float>();
    outcome->epochLosses = in.array<double>();
    outcome->bestEpoch = in.number<std::int32_t>();
    outcome->stoppedEarly = in.number<std::uint8_t>() != 0;
    outcome->cancelled = in.number<std::uint8_t>() != 0;
    outcome->scaleChange = in.number<double>();
    outcome->zeroChange = in.number<double>();
    const auto parameters = in.number<std::uint64_t>();
    for (std::uint64_t i = 0; i < parameters; ++i) {
        const std::string name = in.text();
        const Shape shape = in.array<std::int64_t>();
        if (const auto problem = parameterShapeProblem(shape))
            throw Error(ErrorCode::Format, *problem);
        const std::vector<float> values = in.array<float>();
        if (static_cast<std::int64_t>(values.size()) != elementCount(shape))
            throw Error(ErrorCode::Format, concat(name, " has ", values.size(),
                                                  " values, expected ", shapeText(shape)));
        Tensor tensor(shape);
        std::copy(values.begin(), values.end(), tensor.floats().begin());
        outcome->parameters[name] = std::make_shared<const Tensor>(std::move(tensor));
    }
    if (const auto problem = tuningProblem(*outcome))
        throw Error(ErrorCode::Format, *problem);
    return outcome;
}

void encodeTrace(Writer& out, const std::vector<TracePoint>& trace)
{
    out.number<std::uint64_t>(trace.size());
    for (const TracePoint& point : trace) {
        out.text(traceStageName(point.stage));
        out.number<std::int32_t>(point.round);
        for (const double value :
             {point.relativeError, point.accepted, point.scaleChange, point.zeroChange})
            out.number(value);
    }
}

std::vector<TracePoint> decodeTrace(Reader& in)
{
    const auto count = in.number<std::uint64_t>();
    std::vector<TracePoint> trace;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string word = in.text();
        const auto stage = traceStageFromName(word);
        if (!stage)
            throw Error(ErrorCode::Format, concat(quoted(word), " is no stage of a trace"));
        TracePoint& point = trace.emplace_back();
        point.stage = *stage;
        point.round = in.number<std::int32_t>();
        for (double* value :
             {&point.relativeError, &point.accepted, &point.scaleChange, &point.zeroChange})
            *value = in.number<double>();
    }
    if (const auto problem = traceProblem(trace))
        throw Error(ErrorCode::Format, *problem);
    return trace;
}

void encodeActivation(Writer& out, const LayerResult& layer)
{
    out.number<std::uint8_t>(layer.activation ? 1 : 0);
    if (!layer.activation)
        return;
    const ActivationGrid& grid = *layer.activation;
    if (const auto problem = activationProblem(grid))
        throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
    out.number<std::int32_t>(grid.bits);
    out.number<std::uint8_t>(grid.isSigned ? 1 : 0);
    for (const float value : {grid.exponent, grid.limit, grid.shift})
        out.number(value);
    out.number(grid.relativeError);
}

std::optional<ActivationGrid> decodeActivation(Reader& in)
{
    if (in.number<std::uint8_t>() == 0)
        return std::nullopt;
    ActivationGrid grid;
    grid.bits = in.number<std::int32_t>();
    grid.isSigned = in.number<std::uint8_t>() != 0;
    for (float* value : {&grid.exponent, &grid.limit, &grid.shift})
        *value = in.number<float>();
    grid.relativeError = in.number<double>();
    if (const auto problem = activationProblem(grid))
        throw Error(ErrorCode::Format, *problem);
    return grid;
}

/// What came with version 5: power levels, outliers, the inputs' grid, more of the trace.
void encodeExtras(Writer& out, const LayerResult& layer)
{
    if (layer.weight) {
        out.number<std::uint8_t>(static_cast<std::uint8_t>(layer.weight->scheme.levels));
        out.array(layer.weight->exponents);
        out.array(layer.weight->outliers.rowStarts);
        out.array(layer.weight->outliers.columns);
        out.array(layer.weight->outliers.values);
    }
    encodeActivation(out, layer);
    out.text(layer.origin.exponents);
    for (const TracePoint& point : layer.trace)
        for (const double value : {point.weightError, point.exponent})
            out.number(value);
    for (const auto& tuning : layer.tunings)
        for (const double value : {tuning->codeChange, tuning->exponentChange})
            out.number(value);
}

void decodeExtras(Reader& in, LayerResult& layer, QuantizedWeight* weight,
                  const std::vector<std::shared_ptr<TuningOutcome>>& tunings)
{
    if (weight) {
        const auto levels = in.number<std::uint8_t>();
        if (levels > static_cast<std::uint8_t>(Levels::PowerMidRise))
            throw Error(ErrorCode::Format, concat("levels number ", int(levels), " is unknown"));
        weight->scheme.levels = static_cast<Levels>(levels);
        weight->exponents = in.array<float>();
        weight->outliers.rowStarts = in.array<std::uint32_t>();
        weight->outliers.columns = in.array<std::uint32_t>();
        weight->outliers.values = in.array<float>();
    }
    layer.activation = decodeActivation(in);
    layer.origin.exponents = in.text();
    for (TracePoint& point : layer.trace)
        for (double* value : {&point.weightError, &point.exponent})
            *value = in.number<double>();
    for (const auto& tuning : tunings)
        for (double* value : {&tuning->codeChange, &tuning->exponentChange})
            *value = in.number<double>();
}

std::string encode(const LayerResult& layer)
{
    Writer out;
    out.text(layer.name);
    out.text(choiceToJson(layer.choice));
    out.number(layer.weightSqnrDb);
    out.number(layer.weightCosine);
    out.number(layer.relativeOutputError);
    out.number(layer.damping);
    out.text(layer.note);
    out.text(layer.origin.calibration);
    out.text(layer.origin.earlier);
    out.number(layer.seconds);
    out.number<std::uint8_t>(layer.weight ? 1 : 0);
    if (layer.weight) {
        const QuantizedWeight& weight = *layer.weight;
        if (const auto problem = weightProblem(weight))
            throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
        out.number<std::int32_t>(weight.scheme.bits);
        out.number<std::uint8_t>(static_cast<std::uint8_t>(weight.scheme.granularity));
        out.number<std::int64_t>(weight.scheme.groupSize);
        out.number<std::uint8_t>(weight.scheme.symmetric ? 1 : 0);
        out.number<std::uint8_t>(weight.scheme.floatZeros ? 1 : 0);
        out.number<std::uint8_t>(static_cast<std::uint8_t>(weight.scheme.scaleType));
        out.number(weight.rows);
        out.number(weight.cols);
        out.array(packBits(weight.codes, weight.scheme.bits));
        out.array(weight.scales);
        out.array(weight.zeros);
        out.array(weight.groupIndex);
    }
    encodeTrace(out, layer.trace);
    out.number<std::uint64_t>(layer.tunings.size());
    for (const auto& tuning : layer.tunings)
        encodeTuning(out, *tuning);
    encodeExtras(out, layer);
    return out.bytes();
}

LayerResult decode(std::string_view payload, TuningPool& trainings)
{
    Reader in(payload);
    LayerResult layer;
    layer.name = in.text();
    layer.choice = choiceFromJson(in.text(), "choice");
    layer.weightSqnrDb = in.number<double>();
    layer.weightCosine = in.number<double>();
    layer.relativeOutputError = in.number<double>();
    layer.damping = in.number<double>();
    layer.note = in.text();
    layer.origin.calibration = in.text();
    layer.origin.earlier = in.text();
    layer.seconds = in.number<double>();
    std::shared_ptr<QuantizedWeight> weight;
    if (in.number<std::uint8_t>() != 0) {
        weight = std::make_shared<QuantizedWeight>();
        Scheme& scheme = weight->scheme;
        scheme.bits = in.number<std::int32_t>();
        const auto granularity = in.number<std::uint8_t>();
        if (granularity > static_cast<std::uint8_t>(Granularity::Group))
            throw Error(ErrorCode::Format,
                        concat("granularity number ", int(granularity), " is unknown"));
        scheme.granularity = static_cast<Granularity>(granularity);
        scheme.groupSize = in.number<std::int64_t>();
        scheme.symmetric = in.number<std::uint8_t>() != 0;
        scheme.floatZeros = in.number<std::uint8_t>() != 0;
        scheme.scaleType = static_cast<DType>(in.number<std::uint8_t>());
        if (scheme.scaleType != DType::F16 && scheme.scaleType != DType::F32)
            throw Error(ErrorCode::Format, "the type of the scales is neither F16 nor F32");
        weight->rows = in.number<std::int64_t>();
        weight->cols = in.number<std::int64_t>();
        if (const auto problem = weightShapeProblem(scheme, weight->rows, weight->cols))
            throw Error(ErrorCode::Format, *problem);
        const std::vector<std::uint8_t> packed = in.array<std::uint8_t>();
        weight->codes = unpackBits(packed, static_cast<std::uint64_t>(weight->rows * weight->cols),
                                   scheme.bits);
        weight->scales = in.array<float>();
        weight->zeros = in.array<float>();
        weight->groupIndex = in.array<std::int32_t>();
    }
    layer.trace = decodeTrace(in);
    const auto tunings = in.number<std::uint64_t>();
    if (tunings > mostTunings)
        throw Error(ErrorCode::Format, concat(tunings, " trainings of one layer cannot be"));
    std::vector<std::shared_ptr<TuningOutcome>> own;
    for (std::uint64_t i = 0; i < tunings; ++i)
        own.push_back(decodeTuning(in));
    if (!in.atEnd())
        decodeExtras(in, layer, weight.get(), own);
    for (const auto& tuning : own)
        layer.tunings.push_back(trainings.shared(tuning));
    if (weight) {
        if (const auto problem = weightProblem(*weight))
            throw Error(ErrorCode::Format, *problem);
        layer.weight = std::move(weight);
    }
    if (!in.atEnd())
        throw Error(ErrorCode::Format, "something follows its last value");
    return layer;
}

std::string header(const std::string& fingerprint, std::uint32_t ofVersion = version)
{
    Writer out;
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
            LayerResult layer = decode(payload, trainings);
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
    const std::string payload = encode(result);
    Writer head;
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
