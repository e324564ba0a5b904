// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/random.h"
#include "core/base/text.h"
#include "core/session/run.h"
#include "core/tensor/half.h"
#include "tests/support/quantized_weights.h"
#include "tests/support/sample_static.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>

namespace gradus::test {

inline LayerResult sampleLayer(std::string name, QuantizedWeight weight)
{
    LayerResult layer;
    layer.name = std::move(name);
    layer.choice.scheme = weight.scheme;
    layer.choice.scheme.levels = Levels::Uniform; // what others are comes of a method
    layer.weight = std::make_shared<QuantizedWeight>(std::move(weight));
    layer.weightSqnrDb = 21.25;
    layer.weightCosine = 0.9971;
    return layer;
}

/// What a training of a block may have done.
inline std::shared_ptr<const TuningOutcome> sampleTuning(const std::string& name, int block)
{
    auto outcome = std::make_shared<TuningOutcome>();
    outcome->name = name;
    outcome->block = block;
    outcome->losses = {0.5F, 0.25F, 0.125F, 0.1F};
    outcome->epochLosses = {0.5, 0.2, 0.1};
    outcome->bestEpoch = 2;
    outcome->stoppedEarly = block == 0;
    outcome->scaleChange = 0.01;
    outcome->zeroChange = 0.002;
    Tensor norm({5});
    for (std::size_t i = 0; i < 5; ++i)
        norm.floats()[i] = 1 + 0.125F * static_cast<float>(i);
    outcome->parameters["model.norm 100 %/x"] = std::make_shared<const Tensor>(std::move(norm));
    return outcome;
}

/// Layers of every kind a run can hold; metrics partly NaN.
inline Run sampleRun()
{
    Run run;
    run.provenance = {"gradus 0.1.0",
                      "/models/a model",
                      std::string(64, 'a'),
                      std::string(64, 'b'),
                      std::string(64, 'c'),
                      12,
                      256};
    run.recipe.standard.scheme.groupSize = 32;
    run.recipe.standard.scheme.granularity = Granularity::Group;
    run.recipe.standard.scheme.clip = {-0.3F, 0.7F};
    run.recipe.standard.method = GptqOptions{0.03, true, false, true, 64};
    run.recipe.rules.push_back(
        {"lm_head", {true, run.recipe.standard.scheme, run.recipe.standard.method, {}}});
    run.recipe.seed = 0xFFFFFFFFFFFFFFFF;
    run.recipe.calibration.data = "/data/Grüße.txt";

    LayerResult kept;
    kept.name = "model.embed_tokens";
    kept.choice.keepFloat = true;
    kept.note = "kept float by the recipe";
    run.layers.push_back(kept);
    int seed = 1;
    for (const int bits : {2, 3, 4, 5, 6, 7, 8}) {
        Scheme scheme{bits, Granularity::Group, 32, bits % 2 == 0, DType::F16};
        run.layers.push_back(sampleLayer("model.layers.0.b" + std::to_string(bits),
                                         sampleWeight(scheme, 33, 70, std::uint64_t(seed++))));
    }
    run.layers.push_back(sampleLayer(
        "tensor/with a slash and 100 %",
        sampleWeight({4, Granularity::Tensor, 0, false, DType::F32}, 5, 7, std::uint64_t(seed++))));
    run.layers.push_back(
        sampleLayer("channel", sampleWeight({4, Granularity::Channel, 0, true, DType::F32}, 1, 1,
                                            std::uint64_t(seed++))));
    run.layers.push_back(
        sampleLayer("indexed", sampleWeight({3, Granularity::Group, 16, false, DType::F16}, 64, 64,
                                            std::uint64_t(seed++), true)));
    run.layers.push_back(sampleLayer("a big one, first in the alphabet",
                                     sampleWeight({4, Granularity::Group, 128, false, DType::F16},
                                                  300, 1024, std::uint64_t(seed++))));
    for (const Levels levels : {Levels::Power, Levels::PowerMidRise})
        for (const int bits : {2, 5, 8}) {
            Scheme scheme{bits, Granularity::Group, 16, true, bits == 5 ? DType::F32 : DType::F16};
            scheme.levels = levels;
            run.layers.push_back(sampleLayer(concat("power.", levelsName(levels), bits),
                                             sampleWeight(scheme, 12, 40, std::uint64_t(seed++))));
            NupesOptions nupes;
            nupes.outliers = 0.05;
            run.layers.back().choice.method = nupes;
            run.layers.back().choice.activation = {bits, ActivationQuantizer::Method,
                                                   ActivationExponent::Shared, false, true};
            run.layers.back().origin = {"c", bits == 5 ? "" : "e", bits == 8 ? "" : "x"};
            run.layers.back().activation = {bits, false, 0.4F, 3.25F, 0.2785F, 0.001};
            run.layers.back().trace = {
                {TraceStage::RoundToNearest, 0, 0.5, 1, 0, 0, 0.25},
                {TraceStage::Exponent, 0, 0.4, 1, 0, 0, 0.2, 0.61},
                {TraceStage::Gradient, 1, std::numeric_limits<double>::quiet_NaN(), 0.5}};
        }
    // The largest stays the last.
    std::rotate(run.layers.end() - 7, run.layers.end() - 6, run.layers.end());
    run.layers[2].choice.method = GptqOptions{};
    run.layers[2].choice.scheme.clip = {-0.1F, 1e-7F};
    run.layers[2].damping = 0.03;
    run.layers[2].note = "damping raised to 0.03";
    run.layers[2].relativeOutputError = 0.00123456789;
    const auto block = sampleTuning("model.layers.0", 0);
    for (const std::size_t i : {2U, 3U, 4U})
        run.layers[i].tunings.push_back(block);
    run.layers[3].tunings.push_back(sampleTuning("fine-tuning", -1));
    // Of another run, in which the block had the same name.
    const auto other = std::make_shared<TuningOutcome>(*sampleTuning("model.layers.0", 3));
    other->codeChange = 0.25;
    other->exponentChange = 0.01;
    run.layers[5].tunings.push_back(other);
    run.layers[2].trace = {
        {TraceStage::RoundToNearest, 0, 0.5, 1, 0, 0},
        {TraceStage::Integers, 1, 0.25, 0.75, 0.1, 0},
        {TraceStage::Block, 0, std::numeric_limits<double>::quiet_NaN(), 0, 0, 0.125}};
    for (const LayerResult& layer : run.layers) {
        run.totals.bytes += layer.bytes();
        run.totals.weights += layer.weight ? layer.weight->rows * layer.weight->cols : 0;
    }
    run.totals.floatBytes = 123456;
    run.totals.bitsPerWeight = 8.0 * double(run.totals.bytes) / double(run.totals.weights);
    return run;
}

/// Bit for bit; NaN equals the same NaN.
inline bool sameBits(double a, double b)
{
    return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

inline bool sameWeight(const QuantizedWeight& a, const QuantizedWeight& b)
{
    return a.scheme == b.scheme && a.rows == b.rows && a.cols == b.cols && a.codes == b.codes &&
           a.scales == b.scales && a.zeros == b.zeros && a.groupIndex == b.groupIndex &&
           a.exponents == b.exponents && a.outliers == b.outliers;
}

inline bool sameTrace(const std::vector<TracePoint>& a, const std::vector<TracePoint>& b)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& p, const auto& q) {
        return p.stage == q.stage && p.round == q.round &&
               sameBits(p.relativeError, q.relativeError) && sameBits(p.accepted, q.accepted) &&
               sameBits(p.scaleChange, q.scaleChange) && sameBits(p.zeroChange, q.zeroChange) &&
               sameBits(p.weightError, q.weightError) && sameBits(p.exponent, q.exponent);
    });
}

inline bool sameTuning(const TuningOutcome& a, const TuningOutcome& b)
{
    const auto sameParameter = [](const auto& p, const auto& q) {
        return p.first == q.first && p.second->shape() == q.second->shape() &&
               std::ranges::equal(p.second->bytes(), q.second->bytes());
    };
    return a.name == b.name && a.block == b.block && a.losses == b.losses &&
           a.epochLosses == b.epochLosses && a.bestEpoch == b.bestEpoch &&
           a.stoppedEarly == b.stoppedEarly && a.cancelled == b.cancelled &&
           sameBits(a.scaleChange, b.scaleChange) && sameBits(a.zeroChange, b.zeroChange) &&
           sameBits(a.codeChange, b.codeChange) && sameBits(a.exponentChange, b.exponentChange) &&
           std::equal(a.parameters.begin(), a.parameters.end(), b.parameters.begin(),
                      b.parameters.end(), sameParameter);
}

inline bool sameLayer(const LayerResult& a, const LayerResult& b, bool withSeconds = false)
{
    const bool same =
        a.name == b.name && a.choice == b.choice && !a.weight == !b.weight &&
        (!a.weight || sameWeight(*a.weight, *b.weight)) &&
        sameBits(a.weightSqnrDb, b.weightSqnrDb) && sameBits(a.weightCosine, b.weightCosine) &&
        sameBits(a.relativeOutputError, b.relativeOutputError) && sameBits(a.damping, b.damping) &&
        a.note == b.note && a.origin == b.origin && a.activation == b.activation &&
        !a.staticInputs == !b.staticInputs &&
        (!a.staticInputs || sameStaticInputs(*a.staticInputs, *b.staticInputs)) &&
        sameTrace(a.trace, b.trace) &&
        std::equal(a.tunings.begin(), a.tunings.end(), b.tunings.begin(), b.tunings.end(),
                   [](const auto& p, const auto& q) { return sameTuning(*p, *q); }) &&
        (!withSeconds || sameBits(a.seconds, b.seconds));
    if (!same)
        std::fprintf(stderr, "layer %s differs from %s\n", a.name.c_str(), b.name.c_str());
    return same;
}

inline bool sameRun(const Run& a, const Run& b)
{
    const Provenance& p = a.provenance;
    const Provenance& q = b.provenance;
    bool same = p.program == q.program && p.modelPath == q.modelPath &&
                p.modelFingerprint == q.modelFingerprint && p.modelHash == q.modelHash &&
                p.calibrationHash == q.calibrationHash &&
                p.calibrationWindows == q.calibrationWindows &&
                p.calibrationContext == q.calibrationContext && a.recipe == b.recipe &&
                a.totals.weights == b.totals.weights && a.totals.bytes == b.totals.bytes &&
                a.totals.floatBytes == b.totals.floatBytes &&
                sameBits(a.totals.bitsPerWeight, b.totals.bitsPerWeight) &&
                a.layers.size() == b.layers.size();
    for (std::size_t i = 0; same && i < a.layers.size(); ++i)
        same = sameLayer(a.layers[i], b.layers[i]);
    return same;
}

inline std::string fileBytes(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline void writeBytes(const std::filesystem::path& path, std::string_view bytes)
{
    std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

/// Names in a folder, sorted, joined by spaces.
inline std::string namesIn(const std::filesystem::path& folder)
{
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : " ") + name;
    return text;
}

} // namespace gradus::test
