// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/quantize.h"
#include "core/session/stale.h"
#include "core/session/statistics.h"
#include "widgets/models/choice.h"
#include "widgets/theme.h"

#include <QString>

#include <limits>
#include <string>
#include <vector>

namespace gradus {

/// One line of the layer table: a layer, what the recipe wants of it, what is known of it.
struct LayerRow
{
    std::string name;
    std::string block; ///< name of its block; empty outside of any
    int blockIndex = -1;
    LayerKind kind = LayerKind::Other;
    std::string shape;
    std::int64_t parameters = 0;
    LayerChoice choice;
    bool overridden = false; ///< has a choice of its own, not that of a rule or the standard
    bool locked = false;
    std::uint64_t bytes = 0;      ///< stored, quantized or float
    std::uint64_t floatBytes = 0; ///< as the model's file has it
    double bitsPerWeight = std::numeric_limits<double>::quiet_NaN();
    bool measured = false; ///< the numbers below come from a run
    double weightSqnrDb = std::numeric_limits<double>::quiet_NaN();
    double relativeOutputError = std::numeric_limits<double>::quiet_NaN();
    double weightCosine = std::numeric_limits<double>::quiet_NaN();
    /// What the training of its block brought, in dB of the block's error.
    double blockGainDb = std::numeric_limits<double>::quiet_NaN();
    /// Of a power grid: the run's (of rows with their own, the mean), else the recipe's when it is
    /// not searched.
    double exponent = std::numeric_limits<double>::quiet_NaN();
    double keptShare = std::numeric_limits<double>::quiet_NaN(); ///< of weights kept as floats
    /// With weights, inputs or both quantized, of inputs on uniform grids.
    double weightError = std::numeric_limits<double>::quiet_NaN();
    double inputError = std::numeric_limits<double>::quiet_NaN();
    double bothError = std::numeric_limits<double>::quiet_NaN();
    double outlierShare = std::numeric_limits<double>::quiet_NaN(); ///< of weights beyond 6 σ
    QString stale; ///< why they no longer belong to the recipe; empty when they do
    QString note;

    const std::string& key() const { return name; }
    /// True when nothing differs; two numbers that are not known are the same.
    [[nodiscard]] bool sameAs(const LayerRow& other) const;
};

/// "linear", "embedding", …, in the user's language.
[[nodiscard]] QString kindText(LayerKind kind);

/// Whether the inputs of such layers can be quantized as the choice has it; and where not, why, for
/// people. A convolution's can go to uniform grids, not to power grids.
[[nodiscard]] bool takesActivationGrid(LayerKind kind, const LayerChoice& choice);
[[nodiscard]] QString whyInputsStayFloat(LayerKind kind, const LayerChoice& choice);
/// Whether the field says something about such a layer.
[[nodiscard]] bool takesInputField(LayerKind kind, const LayerChoice& choice, ChoiceField field);

/// How the relative output error is judged: good up to 1 % (20 dB), fair up to 5 % (13 dB).
[[nodiscard]] Rating ratingOfError(double relativeOutputError);

/// The table's rows, in layer order. plan may be null (sizes unknown); a plan made for other layers
/// is ignored. statistics: by layer name, null while there are none.
[[nodiscard]] std::vector<LayerRow>
layerRows(const Model& model, const Recipe& recipe, const Plan* plan, const Results& results,
          const std::map<std::string, LayerStatistics>* statistics = nullptr);

} // namespace gradus
