// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/samples.h"

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/data/text_dataset.h"
#include "core/io/array_file.h"
#include "core/io/byte_source.h"
#include "core/session/language.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace gradus {

namespace fs = std::filesystem;

namespace {

std::vector<std::int64_t> drawn(std::int64_t count, std::int64_t wanted, std::uint64_t seed)
{
    std::vector<std::int64_t> order = allSamples(count);
    const std::int64_t taken = std::min(wanted, count);
    RandomStream random(seed, {}, "calibration samples");
    for (std::int64_t i = 0; i < taken; ++i) { // the first steps of a Fisher–Yates shuffle
        const auto other =
            i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(count - i)));
        std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
    }
    order.resize(static_cast<std::size_t>(taken));
    std::sort(order.begin(), order.end());
    return order;
}

void addFile(Sha256& hash, const fs::path& path, const Monitor& monitor)
{
    constexpr std::size_t step = std::size_t(1) << 22;
    const auto source = mapFile(path);
    const auto bytes = source->bytes();
    for (std::size_t at = 0; at < bytes.size(); at += step) {
        monitor.checkpoint();
        hash.add(bytes.subspan(at, std::min(step, bytes.size() - at)));
    }
}

} // namespace

std::vector<std::int64_t> allSamples(std::int64_t count)
{
    std::vector<std::int64_t> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), std::int64_t(0));
    return all;
}

std::int64_t fixedBatch(const Model& model)
{
    const Shape& shape = model.graph.inputs.front().shape;
    return shape.empty() ? 1 : std::max<std::int64_t>(1, shape.front());
}

std::vector<std::int64_t> inWholeBatches(std::vector<std::int64_t> samples, std::int64_t batch)
{
    while (!samples.empty() && samples.size() % static_cast<std::size_t>(batch) != 0)
        samples.push_back(samples.back());
    return samples;
}

bool readsText(const Model& model, const fs::path& data)
{
    std::error_code error;
    return model.task == ModelTask::Language &&
           (!fs::is_regular_file(ArrayFile::fileOf(data), error) || !ArrayFile::isArrayFile(data));
}

std::shared_ptr<const Dataset> windowsDataset(const Model& model, TokenWindows windows)
{
    return makeTextDataset({std::move(windows), {}}, model.graph.inputs, model.vocabularySize, {},
                           {});
}

DataChoice dataChoice(const CalibrationChoice& choice, const fs::path& tokenizer)
{
    DataChoice data;
    data.data = choice.data;
    data.labels = choice.labels;
    data.mean = choice.mean;
    data.deviation = choice.deviation;
    data.layout = choice.layout;
    data.inputs = {choice.inputs.begin(), choice.inputs.end()};
    data.tokenizer = tokenizer;
    data.context = choice.context;
    return data;
}

void inheritNormalization(const CalibrationChoice& own, std::vector<float>& mean,
                          std::vector<float>& deviation, std::string& layout)
{
    if (mean.empty() && deviation.empty()) {
        mean = own.mean;
        deviation = own.deviation;
    }
    if (layout.empty())
        layout = own.layout;
}

CalibrationSamples calibrationSamples(const Model& model, const CalibrationChoice& choice,
                                      std::uint64_t seed, const fs::path& tokenizer,
                                      Monitor& monitor)
{
    CalibrationSamples samples;
    if (!model.canRun() || readsText(model, choice.data)) {
        samples.windows = calibrationWindows(model, choice, seed, tokenizer, monitor);
        samples.data = windowsDataset(model, samples.windows);
        samples.chosen = allSamples(samples.windows.count());
        samples.context = samples.windows.length;
        return samples;
    }
    samples.data = openDataset(model, dataChoice(choice, tokenizer), monitor);
    for (const std::string& warning : samples.data->warnings())
        monitor.note(concat("calibration: ", warning));
    const std::int64_t count = samples.data->count();
    if (count == 0)
        throw Error(ErrorCode::Usage, concat(choice.data, " holds no samples to calibrate on"));
    samples.chosen = drawn(count, choice.samples, seed);
    if (count < choice.samples)
        monitor.note(concat("calibration: ", choice.data, " holds ", count,
                            " samples, fewer than the ", choice.samples,
                            " asked for; all are used"));
    if (const std::int64_t batch = fixedBatch(model);
        batch > 1 && samples.chosen.size() % static_cast<std::size_t>(batch) != 0) {
        // No sample counts more than another, where there are enough.
        const std::size_t rest = samples.chosen.size() % static_cast<std::size_t>(batch);
        if (rest < samples.chosen.size())
            samples.chosen.resize(samples.chosen.size() - rest);
        else
            samples.chosen = inWholeBatches(std::move(samples.chosen), batch);
        monitor.note(concat("calibration: the model takes ", batch, " samples at once; ",
                            samples.chosen.size(), " are used"));
    }
    if (model.graph.inputs.front().dtype != DType::F32) {
        const std::int64_t first[] = {samples.chosen.front()};
        samples.context = samples.data->batch(first).front().count();
    }
    return samples;
}

std::string dataHash(const fs::path& data, const Monitor& monitor)
{
    Sha256 hash;
    const fs::path file = ArrayFile::fileOf(data);
    if (!fs::is_directory(file)) {
        addFile(hash, file, monitor);
        return hash.hex();
    }
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(file))
        if (entry.is_regular_file())
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& path : files) {
        hash.add(concat(fs::relative(path, file).string(), '\n'));
        addFile(hash, path, monitor);
    }
    return hash.hex();
}

std::string dataHash(const CalibrationChoice& choice, const Monitor& monitor)
{
    std::string hash = dataHash(fs::path(choice.data), monitor);
    if (choice.inputs.empty())
        return hash;
    for (const auto& [name, path] : choice.inputs)
        hash += concat('\n', name, '\n', dataHash(fs::path(path), monitor));
    return sha256(hash);
}

} // namespace gradus
