// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/solve.h"
#include "core/quant/tuning.h"
#include "tests/support/support.h"
#include "tests/support/tiny_llama.h"

#include <numeric>
#include <utility>

namespace gradus::test {

/// A layer's float weight rounded to nearest. floatZeros: its whole zeros count as numbers.
/// indexed: columns are dealt to the groups in turn, so that scales fit badly and much is left to
/// train.
inline std::shared_ptr<QuantizedWeight> roundedWeight(const Weights& weights, const Layer& layer,
                                                      Scheme scheme, bool indexed = false)
{
    LayerProblem problem;
    problem.name = layer.name;
    const auto weight = weights.get(layer.weight);
    problem.weight = weight->matrix();
    const bool floatZeros = std::exchange(scheme.floatZeros, false);
    problem.scheme = scheme;
    Monitor monitor;
    auto result = std::make_shared<QuantizedWeight>(solve(problem, RtnOptions{}, monitor).weight);
    result->scheme.floatZeros = floatZeros;
    if (indexed)
        for (std::int64_t c = 0; c < result->cols; ++c)
            result->groupIndex.push_back(static_cast<std::int32_t>(c % result->groups()));
    return result;
}

/// Block 1 of a tiny llama with all its linear layers quantized, some random inputs, and the float
/// block's outputs.
struct BlockFixture
{
    TemporaryFolder folder;
    std::shared_ptr<const Model> model;
    std::unique_ptr<Weights> weights;
    std::unique_ptr<ActivationStore> inputs;
    std::unique_ptr<ActivationStore> targets;
    BlockProblem problem;

    explicit BlockFixture(const Scheme& scheme, bool indexed = false, TinyLlama tiny = {},
                          std::int64_t windows = 3, std::int64_t length = 16)
    {
        tiny.write(folder.path());
        model = openModel(folder.path());
        weights = std::make_unique<Weights>(model, std::uint64_t(1) << 28);
        const std::int64_t rows = windows * length;
        inputs = std::make_unique<ActivationStore>(rows, model->hiddenSize, 1 << 28);
        targets = std::make_unique<ActivationStore>(rows, model->hiddenSize, 1 << 28);
        RandomStream random(21, "inputs", "block");
        for (std::int64_t r = 0; r < rows; ++r)
            for (float& value : inputs->rows(r, 1).row(0))
                value = static_cast<float>(random.normal());
        problem.model = model.get();
        problem.weights = weights.get();
        problem.block = 1;
        problem.inputs = inputs.get();
        problem.targets = targets.get();
        problem.windows = windows;
        problem.length = length;
        setTargets(*weights);
        for (const Layer& layer : model->layers)
            if (layer.block == 1)
                add(layer, roundedWeight(*weights, layer, scheme, indexed));
    }

    void add(const Layer& layer, std::shared_ptr<const QuantizedWeight> weight)
    {
        weights->replace(layer.weight, std::make_shared<const Tensor>(dequantize(*weight)));
        problem.layers.push_back({&layer, std::move(weight)});
    }

    /// The block's output over all windows.
    [[nodiscard]] Tensor output(const Weights& with) const
    {
        const ConstMatrixView rows =
            std::as_const(*inputs).rows(0, problem.windows * problem.length);
        Tensor hidden({problem.windows, problem.length, model->hiddenSize});
        std::copy_n(rows.data, hidden.count(), hidden.floats().data());
        Executor(*model, with).runBlock(problem.block, hidden, Monitor());
        return hidden;
    }

    void setTargets(const Weights& with) const
    {
        const Tensor y = output(with);
        std::copy_n(y.floats().data(), y.count(), targets->rows(0, 1).data);
    }

    /// Σ (ŷ − y)² and Σ y², in double.
    [[nodiscard]] std::pair<double, double> squares(const Weights& with) const
    {
        const Tensor y = output(with);
        const float* target = std::as_const(*targets).rows(0, 1).data;
        double error = 0;
        double whole = 0;
        for (std::int64_t i = 0; i < y.count(); ++i) {
            const auto t = static_cast<double>(target[i]);
            const double d = static_cast<double>(y.floats()[static_cast<std::size_t>(i)]) - t;
            error += d * d;
            whole += t * t;
        }
        return {error, whole};
    }
    [[nodiscard]] double relativeLoss(const TuningResult& result) const
    {
        Weights with = Weights::over(*weights);
        for (std::size_t i = 0; i < problem.layers.size(); ++i)
            with.replace(problem.layers[i].layer->weight,
                         std::make_shared<const Tensor>(dequantize(*result.weights[i])));
        for (const auto& [name, value] : result.outcome->parameters)
            with.replace(name, value);
        const auto [error, whole] = squares(with);
        return error / whole;
    }
};

} // namespace gradus::test
