// SPDX-License-Identifier: GPL-3.0-or-later
//
// Metrics of models of any kind: class scores against labels, outputs against a float model's.
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/graph/executor.h"
#include "core/graph/kernels.h"
#include "core/session/block_pass.h"
#include "core/session/comparison.h"
#include "core/session/evaluate.h"
#include "core/session/language.h"
#include "core/session/prepared_model.h"
#include "core/session/samples.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

std::shared_ptr<const Dataset> openData(const EvaluateRequest& request, Monitor& monitor)
{
    const Model& model = *request.model;
    if (!model.canRun())
        throw Error(ErrorCode::Unsupported, concat("cannot evaluate ", model.source.path.string(),
                                                   ": ", model.whyNotRunnable));
    DataChoice choice;
    choice.data = request.data;
    choice.labels = request.labels;
    choice.mean = request.mean;
    choice.deviation = request.deviation;
    choice.layout = request.layout;
    choice.tokenizer = request.tokenizer;
    choice.context = request.context;
    choice.inputs = request.inputs;
    if (request.run) // what it was calibrated with, unless the user says otherwise
        inheritNormalization(request.run->recipe.calibration, choice.mean, choice.deviation,
                             choice.layout);
    auto data = openDataset(model, choice, monitor);
    for (const std::string& warning : data->warnings())
        monitor.note(warning);
    if (data->count() == 0)
        throw Error(ErrorCode::Usage, concat(request.data.string(), " holds no samples"));
    return data;
}

/// A model that is run over the samples.
struct Tested
{
    const Model* model = nullptr;
    const Weights* weights = nullptr;
};

constexpr std::int64_t largestBatch = 4096;

Tensor firstRows(Tensor rows, std::int64_t count)
{
    if (rows.shape()[0] <= count)
        return rows;
    Tensor kept({count, rows.shape()[1]});
    std::copy_n(rows.floats().begin(), kept.floats().size(), kept.floats().begin());
    return kept;
}

/// body(position of the first sample in `samples`, the models' outputs as rows).
void forEachOutput(std::span<const Tested> models, const Dataset& data,
                   const std::vector<std::int64_t>& wanted, std::uint64_t memoryBytes,
                   Monitor& monitor,
                   const std::function<void(std::int64_t, std::span<const Tensor>)>& body)
{
    // The last batch is filled up where the graph takes no other number; its further rows are
    // dropped below.
    std::int64_t fixed = 1;
    for (const Tested& tested : models)
        fixed = std::lcm(fixed, std::min(fixedBatch(*tested.model), largestBatch));
    const std::vector<std::int64_t> samples = inWholeBatches(wanted, fixed);
    // Rounds whose values stay in memory: networks widen what they read some eight times.
    constexpr std::uint64_t widening = 8;
    const auto count = static_cast<std::int64_t>(samples.size());
    const std::int64_t one[] = {samples.front()};
    const Tensor first = std::move(data.batch(one).front());
    const std::uint64_t share = memoryBytes / 2 / models.size();
    const std::uint64_t bytes = std::max<std::uint64_t>(1, first.bytes().size()) * widening;
    // Whole batches, so that the same samples run together whatever the memory.
    const std::int64_t perBatch =
        std::max<std::int64_t>(1, samplesPerBatch(*models[0].model, first) / fixed) * fixed;
    const auto fitting = static_cast<std::int64_t>(std::min<std::uint64_t>(share / bytes, 1 << 20));
    const std::int64_t perRound =
        std::min(count, std::max<std::int64_t>(1, fitting / perBatch) * perBatch);
    std::vector<std::unique_ptr<BlockPass>> passes;
    for (const Tested& tested : models)
        passes.push_back(
            std::make_unique<BlockPass>(*tested.model, *tested.weights, data, perRound, share));
    const auto parts = static_cast<double>(models.size());
    for (std::int64_t start = 0; start < count; start += perRound) {
        const std::int64_t round = std::min(perRound, count - start);
        // Of the whole the blocks of each model are a part, what follows them is the last.
        const auto report = [&](double part) {
            monitor.report(
                (static_cast<double>(start) + part / (parts + 1) * static_cast<double>(round)) /
                    static_cast<double>(count),
                "evaluating");
        };
        for (std::size_t m = 0; m < models.size(); ++m) {
            const auto blocks = static_cast<int>(models[m].model->blocks.size());
            const auto progress = [&](int block) {
                return [&, block](double done) {
                    report(static_cast<double>(m) + (block + done) / (blocks + 1));
                };
            };
            passes[m]->start({samples.begin() + start, samples.begin() + start + round}, monitor,
                             progress(0));
            for (int block = 0; block < blocks; ++block)
                passes[m]->run(block, BlockPass::Outputs::Advance, monitor, {},
                               progress(block + 1));
        }
        // Outputs may be thousands of times as large as what goes in: only a batch's are held.
        BlockPass::forEachOutputs(
            passes, monitor, [&](double done) { report(parts + done); },
            [&](std::int64_t at, std::int64_t batch, std::vector<std::vector<Tensor>> results) {
                const std::int64_t left = static_cast<std::int64_t>(wanted.size()) - start - at;
                if (left <= 0)
                    return;
                std::vector<Tensor> rows;
                for (std::size_t m = 0; m < models.size(); ++m)
                    rows.push_back(firstRows(
                        outputRows(std::move(results[m].front()), batch, *models[m].model), left));
                results.clear();
                body(start + at, rows);
            });
    }
}

double cosineOf(std::span<const float> a, std::span<const float> b)
{
    double aa = 0;
    double bb = 0;
    double ab = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto x = static_cast<double>(a[i]);
        const auto y = static_cast<double>(b[i]);
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    if (aa == 0 || bb == 0)
        return aa == bb ? 1 : 0;
    return ab / std::sqrt(aa) / std::sqrt(bb);
}

} // namespace

bool endsWithSoftmax(const Model& model)
{
    if (model.graph.outputs.empty())
        return false;
    ValueId value = model.graph.outputs.front().value;
    for (auto node = model.graph.nodes.rbegin(); node != model.graph.nodes.rend(); ++node) {
        if (std::find(node->outputs.begin(), node->outputs.end(), value) == node->outputs.end())
            continue;
        if (const auto* softmax = std::get_if<op::Softmax>(&node->op))
            return !softmax->logarithm;
        const bool passes = std::holds_alternative<op::Reshape>(node->op) ||
                            std::holds_alternative<op::Flatten>(node->op) ||
                            std::holds_alternative<op::Squeeze>(node->op);
        if (!passes)
            return false;
        value = node->inputs.front();
    }
    return false;
}

std::string_view usualMetric(const Model& model)
{
    switch (model.task) {
    case ModelTask::Language:
        return "perplexity";
    case ModelTask::Classification:
        return "top1";
    case ModelTask::Other:
        break;
    }
    return "cosine";
}

Accuracy evaluateAccuracy(const EvaluateRequest& asked, Monitor& monitor)
{
    const EvaluateRequest request = preparedForRun(asked);
    monitor.report(0, "reading the data");
    const auto data = openData(request, monitor);
    const std::span<const std::int32_t> labels = data->labels();
    Accuracy result;
    std::vector<std::int64_t> labelled;
    for (std::size_t i = 0; i < labels.size(); ++i)
        if (labels[i] >= 0)
            labelled.push_back(static_cast<std::int64_t>(i));
    if (labelled.empty())
        throw Error(ErrorCode::Usage,
                    concat("nothing in ", request.data.string(),
                           labels.empty()
                               ? " is labelled; expected --labels FILE, folders named "
                                 "after their classes, or another metric"
                               : " has a label of 0 or more; top1 has nothing to count"));
    Weights weights(request.model, request.memoryBytes / 2);
    result.packedLayers =
        useRun(*request.model, request.run.get(), request.products, weights, monitor);
    std::int64_t first = 0;
    std::int64_t five = 0;
    const Tested tested[] = {{request.model.get(), &weights}};
    forEachOutput(tested, *data, labelled, request.memoryBytes, monitor,
                  [&](std::int64_t at, std::span<const Tensor> outputs) {
                      const ConstMatrixView scores = outputs[0].matrix();
                      result.classes = scores.cols;
                      for (std::int64_t r = 0; r < scores.rows; ++r) {
                          const auto sample =
                              static_cast<std::size_t>(labelled[static_cast<std::size_t>(at + r)]);
                          const std::int64_t label = labels[sample];
                          if (label >= scores.cols)
                              continue; // never found
                          const std::span<const float> row = scores.row(r);
                          const float own = row[static_cast<std::size_t>(label)];
                          // Of equal scores the first class comes first.
                          std::int64_t before = 0;
                          for (std::int64_t c = 0; c < scores.cols; ++c) {
                              const float score = row[static_cast<std::size_t>(c)];
                              before += score > own || (score == own && c < label) ? 1 : 0;
                          }
                          first += before == 0 ? 1 : 0;
                          five += before < 5 ? 1 : 0;
                      }
                  });
    result.samples = static_cast<std::int64_t>(labelled.size());
    result.unlabelled = data->count() - result.samples;
    const auto n = static_cast<double>(result.samples);
    const auto errorOf = [n](double share) { return std::sqrt(share * (1 - share) / n); };
    result.value = static_cast<double>(first) / n;
    result.standardError = errorOf(result.value);
    result.top5 = static_cast<double>(five) / n;
    result.top5StandardError = errorOf(result.top5);
    result.data = data->description();
    monitor.report(1, "done");
    return result;
}

namespace {

std::string inputsText(const Model& model)
{
    std::string text;
    for (const GraphPort& port : model.graph.inputs)
        text += concat(text.empty() ? "" : ", ", quoted(port.name), " of ", shapeText(port.shape));
    return text;
}

/// Both are fed the same samples.
void requireSameInputs(const Model& reference, const Model& model)
{
    const auto& theirs = reference.graph.inputs;
    const auto& ours = model.graph.inputs;
    const auto fits = [](const GraphPort& a, const GraphPort& b) {
        bool same = a.shape.empty() || b.shape.empty() || a.shape.size() == b.shape.size();
        for (std::size_t i = 1; same && i < std::min(a.shape.size(), b.shape.size()); ++i)
            same = a.shape[i] < 0 || b.shape[i] < 0 || a.shape[i] == b.shape[i];
        return same;
    };
    if (!std::equal(theirs.begin(), theirs.end(), ours.begin(), ours.end(), fits))
        throw Error(ErrorCode::Usage, concat("the reference ", reference.source.path.string(),
                                             " reads ", inputsText(reference), ", the model ",
                                             inputsText(model), "; they cannot be compared"));
}

} // namespace

OutputSimilarity evaluateOutputs(const EvaluateRequest& asked,
                                 std::shared_ptr<const Model> reference, Monitor& monitor)
{
    const EvaluateRequest request = preparedForRun(asked);
    if (!reference)
        reference = request.model;
    requireSameInputs(*reference, *request.model);
    monitor.report(0, "reading the data");
    const auto data = openData(request, monitor);
    const Weights floatWeights(reference, request.memoryBytes / 4);
    Weights weights(request.model, request.memoryBytes / 4);
    OutputSimilarity result;
    result.packedLayers =
        useRun(*request.model, request.run.get(), request.products, weights, monitor);
    result.probabilities = endsWithSoftmax(*request.model);
    const bool scores = request.model->task == ModelTask::Classification;
    std::vector<double> cosines;
    std::vector<double> divergences;
    std::int64_t same = 0;
    const Tested both[] = {{reference.get(), &floatWeights}, {request.model.get(), &weights}};
    const std::vector<std::int64_t> samples = allSamples(data->count());
    forEachOutput(
        both, *data, samples, request.memoryBytes, monitor,
        [&](std::int64_t, std::span<const Tensor> outputs) {
            const ConstMatrixView p = outputs[0].matrix();
            const ConstMatrixView q = outputs[1].matrix();
            if (p.cols != q.cols || p.rows != q.rows)
                throw Error(ErrorCode::Usage, concat("the reference puts out ", p.cols,
                                                     " values for a sample, the model ", q.cols,
                                                     "; they cannot be compared"));
            const auto top = [](std::span<const float> row) {
                return std::max_element(row.begin(), row.end()) - row.begin();
            };
            for (std::int64_t r = 0; r < p.rows; ++r) {
                cosines.push_back(cosineOf(p.row(r), q.row(r)));
                same += top(p.row(r)) == top(q.row(r)) ? 1 : 0;
            }
            if (!scores)
                return;
            std::vector<double> kl(static_cast<std::size_t>(p.rows));
            Tensor first = outputs[0].clone();
            Tensor second = outputs[1].clone();
            if (endsWithSoftmax(*reference))
                takeLogarithms(first);
            if (result.probabilities)
                takeLogarithms(second);
            kernel::divergence(std::as_const(first).matrix(), std::as_const(second).matrix(), kl);
            divergences.insert(divergences.end(), kl.begin(), kl.end());
        });
    const SampleMean cosine = meanOverSamples(cosines);
    result.cosine = cosine.value;
    result.cosineStandardError = cosine.standardError;
    result.cosineLeast = *std::min_element(cosines.begin(), cosines.end());
    if (scores) {
        const SampleMean divergence = meanOverSamples(divergences);
        result.divergence = divergence.value;
        result.divergenceStandardError = divergence.standardError;
    }
    result.samples = static_cast<std::int64_t>(cosines.size());
    result.sameTop = static_cast<double>(same) / static_cast<double>(result.samples);
    result.data = data->description();
    monitor.report(1, "done");
    return result;
}

} // namespace gradus
