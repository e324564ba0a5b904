// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/evaluate.h"
#include "core/session/recipe.h"

#include <QString>

#include <optional>

namespace gradus {

/// How a language model is measured on a text.
enum class TextMetric
{
    Perplexity, ///< of the float model and the run
    Divergence, ///< KL of the run's next tokens against the float model's
};

/// How a model that is fed no text is measured.
enum class SampleMetric
{
    Accuracy, ///< top-1 and top-5 of labelled samples
    Outputs,  ///< cosine and KL against the float model
};

struct SampleEvaluation
{
    SampleMetric metric = SampleMetric::Accuracy;
    CalibrationChoice data; ///< data, labels, normalization and layout of it are used
};

/// What usualMetric says of such a model.
[[nodiscard]] SampleMetric usualSampleMetric(const Model& model);

/// What was measured, with standard errors: of both models, or of one.
struct SampleFigures
{
    std::optional<Accuracy> original;
    std::optional<Accuracy> quantized;
    std::optional<OutputSimilarity> outputs;
};
/// "Top-1: float 54.7 % ± 2.9 % → quantized 53.9 % ± 2.9 % (−0.8 points); …".
[[nodiscard]] QString figuresText(const SampleFigures& figures);
/// "images.npy, 300 labelled samples of 1000 classes".
[[nodiscard]] QString figuresContext(const SampleFigures& figures, const QString& file);

/// Everything of the request but the run.
[[nodiscard]] EvaluateRequest requestOf(const std::shared_ptr<const Model>& model,
                                        const SampleEvaluation& what);

} // namespace gradus
