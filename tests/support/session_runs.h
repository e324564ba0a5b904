// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/support/layers.h"
#include "tests/support/sample_run.h"
#include "widgets/models/session_run.h"

namespace gradus::test {

/// A run of the model at so many bits, with made-up errors: 10·(layer + 1)/2^bits percent and
/// 6·bits decibel. The first `finished` layers have results; all when negative.
inline std::shared_ptr<SessionRun> madeUpRun(int id, const QString& name, const Model& model,
                                             int bits, int finished = -1)
{
    auto session = std::make_shared<SessionRun>();
    session->id = id;
    session->name = name;
    session->started = QDateTime(QDate(2024, 5, 17), QTime(9, 30));
    session->seconds = 12;
    auto run = std::make_shared<Run>();
    run->recipe.standard.scheme = {bits, Granularity::Channel, 0, true, DType::F16};
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
        const Layer& layer = model.layers[i];
        LayerResult result;
        if (layer.quantizedByDefault) {
            result = sampleLayer(layer.name, sampleWeight(run->recipe.standard.scheme, layer.rows,
                                                          layer.cols, i + 1));
            result.weightSqnrDb = 6.0 * bits;
            result.weightCosine = 1 - 1.0 / (1 << (2 * bits));
            result.relativeOutputError = 0.1 * static_cast<double>(i + 1) / (1 << bits);
        } else {
            result.name = layer.name;
            result.choice.keepFloat = true;
            run->totals.floatBytes +=
                static_cast<std::uint64_t>(layer.parameters()) * dtypeSize(layer.dtype);
        }
        run->totals.bytes += result.bytes();
        if (result.weight)
            run->totals.weights += result.weight->rows * result.weight->cols;
        run->layers.push_back(std::move(result));
    }
    run->totals.bitsPerWeight =
        8.0 * static_cast<double>(run->totals.bytes) / static_cast<double>(run->totals.weights);
    session->results = resultsOf(*run);
    if (finished >= 0) {
        for (std::size_t i = static_cast<std::size_t>(finished); i < model.layers.size(); ++i)
            session->results.erase(model.layers[i].name);
    } else {
        session->run = run;
    }
    return session;
}

/// The table's rows under the recipe of the run.
inline std::shared_ptr<std::vector<LayerRow>> rowsOf(const Model& model, const Recipe& recipe,
                                                     const Results& results)
{
    const auto plan = madeUpPlan(model, recipe);
    return std::make_shared<std::vector<LayerRow>>(layerRows(model, recipe, plan.get(), results));
}

} // namespace gradus::test
