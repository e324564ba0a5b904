// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/recipe.h"

#include <QList>
#include <QString>

#include <map>
#include <string>

namespace gradus {

/// What a person changes about a layer in one gesture, and the words for it; the table, the method
/// panel and the bulk edit strip all speak through these.
enum class ChoiceField
{
    Method,           ///< "float" or a method's name
    Bits,             ///< "2" … "8", or "float"
    Group,            ///< "channel", "tensor", or inputs per group
    Symmetry,         ///< "symmetric", "asymmetric"
    ScaleType,        ///< "F16", "F32"
    Clip,             ///< "none", or "low,high"
    InputBits,        ///< of the layer's inputs: "float", or "2" … "8"
    InputExponent,    ///< "searched", "shared", "half", "uniform"
    InputClip,        ///< "least-error", "largest"
    InputShift,       ///< "none", "shift"
    InputQuantizer,   ///< "method", "power", "uniform"
    InputRange,       ///< of uniform grids: "method", "min-max", "percentile", "mse"
    InputGranularity, ///< "method", "tensor", "channel"
    SoftmaxQuantizer, ///< "method", "log-sqrt2", "log2", "uniform"
    AttentionBits,    ///< of q, k and v: "as-inputs", "float", or "2" … "8"
    SoftmaxBits,      ///< of the probabilities: likewise
    Option            ///< an option of the method, by name
};

struct ChoiceEdit
{
    ChoiceField field = ChoiceField::Bits;
    QString value;
    QString option; ///< name; ChoiceField::Option only
};

/// New choices by layer name.
using LayerChoices = std::map<std::string, LayerChoice>;

/// True when the edit says something about the choice: the group of a layer that stays float, or an
/// option that its method does not have, does not.
[[nodiscard]] bool applies(const LayerChoice& choice, const ChoiceEdit& edit);

/// One of the fields of the layer's inputs, or of the attention that they come from.
[[nodiscard]] bool isOfInputs(ChoiceField field);
/// One of those that only power grids have.
[[nodiscard]] bool isOfPowerInputs(ChoiceField field);
/// One of those that only uniform grids have; isOfAttention: which the attention before has.
[[nodiscard]] bool isOfUniformInputs(ChoiceField field);
[[nodiscard]] bool isOfAttention(ChoiceField field);
/// Inputs go to uniform grids, once they have bits.
[[nodiscard]] bool hasUniformInputs(const LayerChoice& choice);

/// The choice after the edit. A layer that was float by default and gets a bit-width takes its
/// method and scheme from `standard`. A method that quantizes inputs, too, brings bits for them
/// where they were float; one that does not takes back what such a method had brought. Throws
/// Error(Usage) naming value and constraint.
[[nodiscard]] LayerChoice edited(const LayerChoice& choice, const ChoiceEdit& edit,
                                 const LayerChoice& standard);

/// The field's value as ChoiceEdit::value has it.
[[nodiscard]] QString fieldValue(const LayerChoice& choice, ChoiceField field);
/// The field's value as a table shows it; "–" where it does not apply.
[[nodiscard]] QString fieldText(const LayerChoice& choice, ChoiceField field);

struct FieldValue
{
    QString value;
    QString text;
};
/// What a drop-down offers for the field.
[[nodiscard]] const QList<FieldValue>& fieldValues(ChoiceField field);

/// ChoiceEdit::value of clip limits: floats that read back as they are.
[[nodiscard]] QString clipValue(const ClipLimits& limits);

/// "GPTQ, 4 bit, group 128, asymmetric, clip [-0.1, 0.1]", "float".
[[nodiscard]] QString choiceText(const LayerChoice& choice);
/// "bits 3", "method GPTQ": the end of an undo label.
[[nodiscard]] QString editText(const ChoiceEdit& edit);

} // namespace gradus
