// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/run_file_tunings.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/strict_json.h"
#include "core/session/stored_tuning.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

namespace gradus {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t plainColumns = 5;
constexpr std::size_t powerColumns = 7; ///< with what methods of power grids tell
constexpr std::string_view plainText =
    "columns: round, relative_output_error, accepted, scale_change, zero_change; a row for every "
    "stage of trace_stages";
constexpr std::string_view powerText =
    "columns: round, relative_output_error, accepted, scale_change, zero_change, weight_error, "
    "exponent; a row for every stage of trace_stages";
constexpr std::size_t textLimit = std::size_t(1) << 24;

std::string dumped(const Json& json)
{
    try {
        return json.dump();
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::Unsupported,
                    "the run cannot be written: a tensor's name is not UTF-8");
    }
}

template <class T>
void writeList(Hdf5Group& group, const std::string& name, Hdf5Type type,
               const std::vector<T>& values, Monitor& monitor)
{
    if (!values.empty())
        group.write(name, type, std::array<std::uint64_t, 1>{values.size()},
                    std::as_bytes(std::span(values)), monitor);
}

/// As many values as the attribute says.
template <class T>
std::vector<T> readList(const Hdf5Group& group, const std::string& name, Hdf5Type type,
                        const std::string& attribute)
{
    const std::int64_t count = group.integer(attribute);
    if (count < 0)
        group.fail(attribute, concat("is ", count, ", expected at least 0"));
    if (count == 0)
        return {};
    const auto bytes =
        group.read(name, type, std::array<std::uint64_t, 1>{static_cast<std::uint64_t>(count)});
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
    return values;
}

Json parsed(const Hdf5Group& group, const std::string& name)
{
    return parseStrictJson(group.text(name, textLimit), concat(group.path(), "/", name));
}

int smallInteger(const Hdf5Group& group, const std::string& name)
{
    const std::int64_t value = group.integer(name);
    if (value < -1 || value > INT32_MAX)
        group.fail(name, concat("is ", value, ", expected a small number"));
    return static_cast<int>(value);
}

std::shared_ptr<const TuningOutcome> readTuning(const Hdf5Group& group)
{
    auto outcome = std::make_shared<TuningOutcome>();
    outcome->name = group.text("name", textLimit);
    outcome->block = smallInteger(group, "block");
    outcome->losses = readList<float>(group, "losses", Hdf5Type::F32, "steps");
    outcome->epochLosses =
        readList<double>(group, "epoch_losses", Hdf5Type::F64, "epoch_loss_count");
    outcome->bestEpoch = smallInteger(group, "best_epoch");
    outcome->stoppedEarly = group.integer("stopped_early") != 0;
    outcome->cancelled = group.integer("cancelled") != 0;
    outcome->scaleChange = group.real("scale_change");
    outcome->zeroChange = group.real("zero_change");
    if (group.hasAttribute("code_change")) {
        outcome->codeChange = group.real("code_change");
        outcome->exponentChange = group.real("exponent_change");
    }
    outcome->parameters = readParameters(group);
    if (const auto problem = tuningProblem(*outcome))
        group.fail({}, concat("is malformed: ", *problem));
    return outcome;
}

} // namespace

void writeParameters(Hdf5Group& group, const ChangedParameters& parameters, Monitor& monitor)
{
    Json list = Json::array();
    for (const auto& [name, value] : parameters)
        list.push_back({{"name", name}, {"shape", value->shape()}});
    group.setText("parameters", dumped(list));
    if (parameters.empty())
        return;
    Hdf5Group values = group.create("values");
    for (const auto& [name, value] : parameters) {
        const std::vector<std::uint64_t> dims(value->shape().begin(), value->shape().end());
        values.write(Hdf5File::linkName(name), Hdf5Type::F32, dims, std::as_bytes(value->floats()),
                     monitor);
    }
}

ChangedParameters readParameters(const Hdf5Group& group)
{
    ChangedParameters parameters;
    const Json list = parsed(group, "parameters");
    if (!list.is_array())
        group.fail("parameters", "is no list");
    for (const Json& entry : list) {
        std::string name;
        Shape shape;
        try {
            name = entry.at("name").get<std::string>();
            for (const Json& extent : entry.at("shape")) {
                if (!extent.is_number_integer() && !extent.is_number_unsigned())
                    group.fail("parameters", "has a shape that is no list of integers");
                shape.push_back(extent.get<std::int64_t>());
            }
        } catch (const nlohmann::json::exception&) {
            group.fail("parameters", "has an entry without name and shape");
        }
        if (const auto problem = parameterShapeProblem(shape))
            group.fail("parameters", concat("is impossible: ", *problem));
        const Hdf5Group values = group.open("values");
        const std::vector<std::uint64_t> dims(shape.begin(), shape.end());
        const auto bytes = values.read(Hdf5File::linkName(name), Hdf5Type::F32, dims);
        Tensor tensor(shape);
        std::memcpy(tensor.floats().data(), bytes.data(), bytes.size());
        if (!parameters.emplace(std::move(name), std::make_shared<const Tensor>(std::move(tensor)))
                 .second)
            group.fail("parameters", "names one tensor twice");
    }
    const std::uint64_t stored =
        group.has("values") ? group.open("values").linkCount() : std::uint64_t(0);
    if (stored != parameters.size())
        group.fail("values", concat("holds ", stored, " tensors, expected ", parameters.size()));
    return parameters;
}

void writeTrace(Hdf5Group& group, const LayerResult& layer, Monitor& monitor)
{
    if (layer.trace.empty())
        return;
    if (const auto problem = traceProblem(layer.trace))
        throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
    const std::size_t columns =
        std::any_of(layer.trace.begin(), layer.trace.end(),
                    [](const TracePoint& point) {
                        return !std::isnan(point.weightError) || !std::isnan(point.exponent);
                    })
            ? powerColumns
            : plainColumns;
    std::string stages;
    std::vector<double> numbers;
    for (const TracePoint& point : layer.trace) {
        stages += concat(stages.empty() ? "" : " ", traceStageName(point.stage));
        const std::array<double, powerColumns> row = {static_cast<double>(point.round),
                                                      point.relativeError,
                                                      point.accepted,
                                                      point.scaleChange,
                                                      point.zeroChange,
                                                      point.weightError,
                                                      point.exponent};
        numbers.insert(numbers.end(), row.data(), row.data() + columns);
    }
    group.setText("trace_stages", stages);
    if (columns != plainColumns)
        group.setInteger("trace_columns", static_cast<std::int64_t>(columns));
    group.write("trace", Hdf5Type::F64, std::array<std::uint64_t, 2>{layer.trace.size(), columns},
                std::as_bytes(std::span(numbers)), monitor);
    group.describe("trace", "columns", columns == plainColumns ? plainText : powerText);
}

std::vector<TracePoint> readTrace(const Hdf5Group& group)
{
    std::vector<TracePoint> trace;
    if (!group.has("trace"))
        return trace;
    const std::string stages = group.text("trace_stages", textLimit);
    for (std::size_t at = 0; at <= stages.size();) {
        const std::size_t end = std::min(stages.find(' ', at), stages.size());
        const std::string word = stages.substr(at, end - at);
        const auto stage = traceStageFromName(word);
        if (!stage)
            group.fail("trace_stages", concat("holds ", quoted(word), ", which is no stage"));
        if (trace.size() == mostTracePoints)
            group.fail("trace_stages", concat("holds more than ", mostTracePoints, " stages"));
        trace.emplace_back().stage = *stage;
        at = end + 1;
    }
    std::size_t columns = plainColumns;
    if (group.hasAttribute("trace_columns")) {
        columns = powerColumns;
        if (const std::int64_t stored = group.integer("trace_columns"); stored != powerColumns)
            group.fail("trace_columns", concat("is ", stored, ", expected ", powerColumns));
    }
    const auto bytes =
        group.read("trace", Hdf5Type::F64, std::array<std::uint64_t, 2>{trace.size(), columns});
    for (std::size_t i = 0; i < trace.size(); ++i) {
        std::array<double, powerColumns> row{};
        row[5] = row[6] = std::numeric_limits<double>::quiet_NaN();
        const std::size_t rowBytes = columns * sizeof(double);
        std::memcpy(row.data(), bytes.data() + i * rowBytes, rowBytes);
        if (!(row[0] >= 0 && row[0] <= 1e6) || row[0] != static_cast<double>(int(row[0])))
            group.fail("trace", concat("has the round ", row[0]));
        trace[i].round = static_cast<int>(row[0]);
        trace[i].relativeError = row[1];
        trace[i].accepted = row[2];
        trace[i].scaleChange = row[3];
        trace[i].zeroChange = row[4];
        trace[i].weightError = row[5];
        trace[i].exponent = row[6];
    }
    if (const auto problem = traceProblem(trace))
        group.fail("trace", concat("is malformed: ", *problem));
    return trace;
}

TuningWriter::TuningWriter(const Run& run)
{
    TuningPool pool;
    std::map<const TuningOutcome*, std::string> own;
    std::set<std::string> taken;
    for (const LayerResult& layer : run.layers)
        for (const auto& tuning : layer.tunings) {
            const auto shared = pool.shared(tuning);
            if (!own.contains(shared.get())) {
                // Two trainings of one block may meet in a run of some layers.
                std::string name = shared->name;
                for (int n = 2; taken.contains(name); ++n)
                    name = concat(shared->name, " (", n, ")");
                taken.insert(name);
                own[shared.get()] = name;
                m_trainings.emplace_back(name, shared);
            }
            m_names[tuning.get()] = own.at(shared.get());
        }
}

void TuningWriter::write(Hdf5Group& root, Monitor& monitor)
{
    if (m_trainings.empty())
        return;
    Hdf5Group all = root.create("tunings");
    for (const auto& [name, outcome] : m_trainings) {
        monitor.checkpoint();
        if (const auto problem = tuningProblem(*outcome))
            throw Error(ErrorCode::Internal, *problem);
        Hdf5Group group = all.create(Hdf5File::linkName(name));
        group.setText("name", outcome->name);
        group.setInteger("block", outcome->block);
        group.setInteger("steps", static_cast<std::int64_t>(outcome->losses.size()));
        group.setInteger("epoch_loss_count",
                         static_cast<std::int64_t>(outcome->epochLosses.size()));
        group.setInteger("best_epoch", outcome->bestEpoch);
        group.setInteger("stopped_early", outcome->stoppedEarly ? 1 : 0);
        group.setInteger("cancelled", outcome->cancelled ? 1 : 0);
        group.setReal("scale_change", outcome->scaleChange);
        group.setReal("zero_change", outcome->zeroChange);
        // Only trainings of power grids change codes and exponents.
        if (outcome->codeChange != 0 || outcome->exponentChange != 0) {
            group.setReal("code_change", outcome->codeChange);
            group.setReal("exponent_change", outcome->exponentChange);
        }
        writeList(group, "losses", Hdf5Type::F32, outcome->losses, monitor);
        writeList(group, "epoch_losses", Hdf5Type::F64, outcome->epochLosses, monitor);
        writeParameters(group, outcome->parameters, monitor);
    }
}

void TuningWriter::refer(Hdf5Group& group, const LayerResult& layer) const
{
    if (layer.tunings.empty())
        return;
    Json names = Json::array();
    for (const auto& tuning : layer.tunings)
        names.push_back(m_names.at(tuning.get()));
    group.writeText("tunings", dumped(names));
}

std::vector<std::shared_ptr<const TuningOutcome>> TuningReader::of(const Hdf5Group& layer)
{
    std::vector<std::shared_ptr<const TuningOutcome>> tunings;
    if (!layer.has("tunings"))
        return tunings;
    const Json names = parsed(layer, "tunings");
    if (!names.is_array() || names.size() > mostTunings)
        layer.fail("tunings", concat("is no list of at most ", mostTunings, " names"));
    for (const Json& name : names) {
        if (!name.is_string())
            layer.fail("tunings", "holds something that is no text");
        const auto [at, isNew] = m_known.try_emplace(name.get<std::string>());
        if (isNew)
            at->second = readTuning(m_root.open("tunings").open(Hdf5File::linkName(at->first)));
        tunings.push_back(at->second);
    }
    return tunings;
}

void TuningReader::finish() const
{
    const std::uint64_t stored =
        m_root.has("tunings") ? m_root.open("tunings").linkCount() : std::uint64_t(0);
    if (stored != m_known.size())
        m_root.fail("tunings", concat("holds ", stored, " trainings, but layers took part in ",
                                      m_known.size()));
}

} // namespace gradus
