// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/forward.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/array_dataset.h"
#include "core/data/open_dataset.h"
#include "core/graph/executor.h"
#include "core/io/array_file.h"
#include "core/session/block_pass.h"
#include "core/session/language.h"
#include "core/session/prepared_model.h"
#include "core/session/samples.h"

#include <cstring>
#include <optional>
#include <utility>

namespace gradus {

namespace {

/// Arrays of floats for every input, fed as they are; nothing when the first is something else.
std::shared_ptr<const Dataset> rawInputs(const ForwardRequest& request)
{
    const std::vector<GraphPort>& ports = request.model->graph.inputs;
    if (ports.empty() || ports.front().dtype != DType::F32 || !request.mean.empty() ||
        !request.deviation.empty() || !request.layout.empty())
        return nullptr;
    std::vector<ArrayInput> inputs;
    for (const GraphPort& port : ports) {
        const auto path = request.inputs.find(port.name);
        if (path == request.inputs.end() || !ArrayFile::isArrayFile(path->second))
            return nullptr;
        inputs.push_back({port, ArrayFile(path->second).openAny({port.name}), {}, {}});
    }
    if (!isFloating(inputs.front().array.dtype()))
        return nullptr;
    return makeArrayDataset(std::move(inputs), {}, {});
}

std::shared_ptr<const Dataset> inputsOf(const ForwardRequest& request, Monitor& monitor)
{
    const Model& model = *request.model;
    if (!model.canRun())
        throw Error(ErrorCode::Unsupported,
                    concat(model.source.path.string(), " cannot be run: ", model.whyNotRunnable));
    for (const auto& [name, path] : request.inputs) {
        std::string names;
        bool known = false;
        for (const GraphPort& port : model.graph.inputs) {
            names += concat(names.empty() ? "" : ", ", port.name);
            known = known || port.name == name;
        }
        if (!known)
            throw Error(ErrorCode::Usage, concat("the model has no input ", quoted(name),
                                                 ", its inputs are ", names));
    }
    if (auto raw = rawInputs(request))
        return raw;
    DataChoice choice;
    choice.inputs = request.inputs;
    choice.mean = request.mean;
    choice.deviation = request.deviation;
    choice.layout = request.layout;
    if (request.run)
        inheritNormalization(request.run->recipe.calibration, choice.mean, choice.deviation,
                             choice.layout);
    auto data = openDataset(model, choice, monitor);
    for (const std::string& warning : data->warnings())
        monitor.note(warning);
    return data;
}

/// Batches of one output, one after the other.
Tensor joined(std::vector<Tensor> parts, const std::vector<std::int64_t>& samples,
              const std::string& name)
{
    if (parts.size() == 1)
        return std::move(parts.front());
    Shape shape = parts.front().shape();
    std::int64_t rows = 0;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].shape().empty() || parts[i].shape().front() != samples[i])
            throw Error(ErrorCode::Shape,
                        concat("output ", quoted(name), " is ", shapeText(parts[i].shape()),
                               " for ", samples[i], " samples; feed one sample at a time"));
        rows += samples[i];
        bytes += parts[i].bytes().size();
    }
    shape.front() = rows;
    Tensor all(parts.front().dtype(), std::move(shape));
    if (all.bytes().size() != bytes)
        throw Error(ErrorCode::Shape,
                    concat("output ", quoted(name), " has another shape for some samples"));
    std::size_t at = 0;
    for (const Tensor& part : parts) {
        if (!part.empty())
            std::memcpy(all.bytes().data() + at, part.bytes().data(), part.bytes().size());
        at += part.bytes().size();
    }
    return all;
}

/// Without what the last samples, which only filled a batch, made.
Tensor firstOf(const Tensor& all, std::int64_t count, const std::string& name)
{
    Shape shape = all.shape();
    if (shape.empty() || shape.front() < count)
        throw Error(ErrorCode::Shape, concat("output ", quoted(name), " is ", shapeText(shape),
                                             ", which has no row for each sample"));
    shape.front() = count;
    Tensor first(all.dtype(), std::move(shape));
    std::memcpy(first.bytes().data(), all.bytes().data(), first.bytes().size());
    return first;
}

} // namespace

std::vector<NamedOutput> runModel(const ForwardRequest& asked, Monitor& monitor)
{
    const ForwardRequest request = preparedForRun(asked);
    const Model& model = *request.model;
    monitor.report(0, "reading the inputs");
    const auto data = inputsOf(request, monitor);
    const std::int64_t count = data->count();
    if (count == 0)
        throw Error(ErrorCode::Usage, "the inputs hold no samples");
    Weights weights(request.model, request.memoryBytes / 2);
    (void)useRun(model, request.run.get(), request.products, weights, monitor);
    const Executor executor(model, weights);
    const std::int64_t one[] = {0};
    const std::int64_t perBatch = samplesPerBatch(model, data->batch(one).front());
    std::vector<std::vector<Tensor>> outputs(model.graph.outputs.size());
    std::vector<std::int64_t> samples;
    const std::vector<std::int64_t> all = inWholeBatches(allSamples(count), fixedBatch(model));
    const auto fed = static_cast<std::int64_t>(all.size());
    for (std::int64_t first = 0; first < fed; first += perBatch) {
        monitor.checkpoint();
        monitor.report(static_cast<double>(first) / static_cast<double>(fed), "running");
        const std::int64_t batch = std::min(perBatch, fed - first);
        std::vector<Tensor> results =
            executor.run(data->batch(std::span(all).subspan(static_cast<std::size_t>(first),
                                                            static_cast<std::size_t>(batch))),
                         monitor);
        for (std::size_t i = 0; i < results.size(); ++i)
            outputs[i].push_back(std::move(results[i]));
        samples.push_back(batch);
    }
    std::vector<NamedOutput> named;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const std::string& name = model.graph.outputs[i].name;
        Tensor whole = joined(std::move(outputs[i]), samples, name);
        named.push_back({name, fed > count ? firstOf(whole, count, name) : std::move(whole)});
    }
    monitor.report(1, "done");
    return named;
}

} // namespace gradus
