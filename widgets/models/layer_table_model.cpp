// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_table_model.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "widgets/core_text.h"
#include "widgets/models/bulk_edit.h"
#include "widgets/models/decibel.h"
#include "widgets/text.h"

#include <QFont>

#include <cmath>
#include <utility>

namespace gradus {

namespace {
/// A number that is not known has no place in an order: invalid values come last.
QVariant sortable(double value)
{
    return std::isnan(value) ? QVariant() : QVariant(value);
}

/// Digits that read back as the number; nothing for one that is not known.
QString rawNumber(double value)
{
    return std::isnan(value) ? QString() : QString::number(value, 'g', 9);
}

std::vector<Column<LayerRow>> columns()
{
    using Row = LayerRow;
    const auto field = [](ChoiceField f) {
        return [f](const Row& row) { return fieldText(row.choice, f); };
    };
    const auto rawField = [](ChoiceField f) {
        return [f](const Row& row) {
            return row.choice.keepFloat && f != ChoiceField::Method && f != ChoiceField::Bits
                       ? QString()
                       : fieldValue(row.choice, f);
        };
    };
    const auto rank = [](const Row& row) {
        const Scheme& scheme = row.choice.scheme;
        const qlonglong large = std::numeric_limits<qlonglong>::max();
        return row.choice.keepFloat                         ? QVariant()
               : scheme.granularity == Granularity::Group   ? QVariant(qlonglong(scheme.groupSize))
               : scheme.granularity == Granularity::Channel ? QVariant(large - 1)
                                                            : QVariant(large);
    };
    return {
        {LayerTableModel::tr("Layer"), LayerTableModel::tr("Name of the layer in the model"), false,
         [](const Row& row) { return toQString(row.name); }, nullptr, QStringLiteral("name"),
         nullptr},
        {LayerTableModel::tr("Block"),
         LayerTableModel::tr("Repeated unit of the network that the layer belongs to"), true,
         [](const Row& row) {
             return row.blockIndex < 0 ? QStringLiteral("–") : QString::number(row.blockIndex);
         },
         [](const Row& row) { return row.blockIndex < 0 ? QVariant() : QVariant(row.blockIndex); },
         QStringLiteral("block"),
         [](const Row& row) {
             return row.blockIndex < 0 ? QString() : QString::number(row.blockIndex);
         }},
        {LayerTableModel::tr("Kind"), LayerTableModel::tr("Operation that uses the weight"), false,
         [](const Row& row) { return kindText(row.kind); }, nullptr, QStringLiteral("kind"),
         [](const Row& row) { return coreText(layerKindName(row.kind)); }},
        {LayerTableModel::tr("Shape"), LayerTableModel::tr("Outputs × inputs, as stored"), true,
         [](const Row& row) { return toQString(row.shape); },
         [](const Row& row) { return QVariant(static_cast<qlonglong>(row.parameters)); },
         QStringLiteral("shape"),
         [](const Row& row) {
             return toQString(row.shape).replace(QStringLiteral(" × "), QStringLiteral("x"));
         },
         Qt::DescendingOrder},
        {LayerTableModel::tr("Parameters"), LayerTableModel::tr("Number of weights"), true,
         [](const Row& row) { return toQString(formatCount(row.parameters)); },
         [](const Row& row) { return QVariant(static_cast<qlonglong>(row.parameters)); },
         QStringLiteral("parameters"),
         [](const Row& row) { return QString::number(row.parameters); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Method"), LayerTableModel::tr("How the codes are chosen"), false,
         field(ChoiceField::Method), nullptr, QStringLiteral("method"),
         rawField(ChoiceField::Method)},
        {LayerTableModel::tr("Bits"),
         LayerTableModel::tr("Bits of a code: 2 to 8, or float (press 2 … 8)"), true,
         field(ChoiceField::Bits),
         [](const Row& row) {
             return QVariant(row.choice.keepFloat ? 99 : row.choice.scheme.bits);
         },
         QStringLiteral("bits"), rawField(ChoiceField::Bits)},
        {LayerTableModel::tr("Group"),
         LayerTableModel::tr("Consecutive inputs that share a scale: a whole channel, the whole "
                             "tensor, or a number"),
         true, field(ChoiceField::Group), rank, QStringLiteral("group"),
         rawField(ChoiceField::Group)},
        {LayerTableModel::tr("Symmetry"),
         LayerTableModel::tr("Symmetric: the zero stands in the middle and is not stored"), false,
         field(ChoiceField::Symmetry), nullptr, QStringLiteral("symmetry"),
         rawField(ChoiceField::Symmetry)},
        {LayerTableModel::tr("Bits/weight"),
         LayerTableModel::tr("Stored bits of codes, scales and zeros over the number of weights"),
         true, [](const Row& row) { return toQString(formatBitsPerWeight(row.bitsPerWeight)); },
         [](const Row& row) { return sortable(row.bitsPerWeight); },
         QStringLiteral("bits_per_weight"),
         [](const Row& row) { return rawNumber(row.bitsPerWeight); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Size"), LayerTableModel::tr("Stored bytes"), true,
         [](const Row& row) {
             return row.bytes ? toQString(formatBytes(row.bytes)) : QStringLiteral("–");
         },
         [](const Row& row) {
             return row.bytes ? QVariant(static_cast<qulonglong>(row.bytes)) : QVariant();
         },
         QStringLiteral("bytes"), [](const Row& row) { return QString::number(row.bytes); },
         Qt::DescendingOrder},
        {LayerTableModel::tr("Weight SQNR"),
         LayerTableModel::tr("Signal to quantization noise of the weights: 10·log10 of Σw² over "
                             "Σ(w − ŵ)²; more is better"),
         true, [](const Row& row) { return toQString(formatDecibel(row.weightSqnrDb)); },
         [](const Row& row) { return sortable(row.weightSqnrDb); },
         QStringLiteral("weight_sqnr_db"),
         [](const Row& row) { return rawNumber(row.weightSqnrDb); }},
        {LayerTableModel::tr("Output error"),
         LayerTableModel::tr("Relative output error on the calibration inputs: ‖X(W − Ŵ)ᵀ‖² over "
                             "‖XWᵀ‖²\n● up to 1 %   ▲ up to 5 %   ◆ above"),
         true, [](const Row& row) { return toQString(formatPercent(row.relativeOutputError)); },
         [](const Row& row) { return sortable(row.relativeOutputError); },
         QStringLiteral("relative_output_error"),
         [](const Row& row) { return rawNumber(row.relativeOutputError); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Block stage"),
         LayerTableModel::tr("What the training of the layer's block brought: 10·log10 of the "
                             "block's error before over after, ‖y − ŷ‖² over ‖y‖² of its output"),
         true, [](const Row& row) { return signedDecibel(row.blockGainDb); },
         [](const Row& row) { return sortable(row.blockGainDb); }, QStringLiteral("block_gain_db"),
         [](const Row& row) { return rawNumber(row.blockGainDb); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Exponent"),
         LayerTableModel::tr("Exponent a of the layer's power grid, levels s·(k/N)^(1/a): 1 is "
                             "uniform, less has finer levels near zero; of rows with exponents of "
                             "their own, the mean"),
         true,
         [](const Row& row) {
             return std::isnan(row.exponent) ? QStringLiteral("–")
                                             : QString::number(row.exponent, 'f', 3);
         },
         [](const Row& row) { return sortable(row.exponent); }, QStringLiteral("exponent"),
         [](const Row& row) { return rawNumber(row.exponent); }},
        {LayerTableModel::tr("Kept"),
         LayerTableModel::tr("Share of the weights that are kept as floats beside the codes"), true,
         [](const Row& row) { return toQString(formatPercent(row.keptShare)); },
         [](const Row& row) { return sortable(row.keptShare); }, QStringLiteral("kept_share"),
         [](const Row& row) { return rawNumber(row.keptShare); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Act bits"),
         LayerTableModel::tr("Bits of the layer's inputs, its activations; float leaves them as "
                             "they are"),
         true,
         [](const Row& row) {
             return takesActivationGrid(row.kind, row.choice)
                        ? fieldText(row.choice, ChoiceField::InputBits)
                        : QStringLiteral("–");
         },
         [](const Row& row) {
             return QVariant(row.choice.keepFloat || !row.choice.activation.enabled() ||
                                     !takesActivationGrid(row.kind, row.choice)
                                 ? 99
                                 : row.choice.activation.bits);
         },
         QStringLiteral("act_bits"), rawField(ChoiceField::InputBits)},
        {LayerTableModel::tr("Act grid"),
         LayerTableModel::tr("Levels of the layer's inputs: a power grid, or a uniform one with a "
                             "zero point; the method's own, or chosen"),
         false,
         [](const Row& row) {
             return row.choice.keepFloat || !row.choice.activation.enabled() ||
                            !takesActivationGrid(row.kind, row.choice)
                        ? QStringLiteral("–")
                    : hasUniformInputs(row.choice) ? LayerTableModel::tr("uniform")
                                                   : LayerTableModel::tr("power");
         },
         nullptr, QStringLiteral("act_quantizer"), rawField(ChoiceField::InputQuantizer)},
        {LayerTableModel::tr("Error, weights"),
         LayerTableModel::tr("Relative output error on calibration rows with the weights "
                             "quantized and float inputs, of layers with inputs on uniform grids"),
         true, [](const Row& row) { return toQString(formatPercent(row.weightError)); },
         [](const Row& row) { return sortable(row.weightError); }, QStringLiteral("weight_error"),
         [](const Row& row) { return rawNumber(row.weightError); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Error, inputs"),
         LayerTableModel::tr("Relative output error on calibration rows with the inputs quantized "
                             "and float weights"),
         true, [](const Row& row) { return toQString(formatPercent(row.inputError)); },
         [](const Row& row) { return sortable(row.inputError); }, QStringLiteral("input_error"),
         [](const Row& row) { return rawNumber(row.inputError); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Error, both"),
         LayerTableModel::tr("Relative output error on calibration rows with weights and inputs "
                             "quantized"),
         true, [](const Row& row) { return toQString(formatPercent(row.bothError)); },
         [](const Row& row) { return sortable(row.bothError); }, QStringLiteral("both_error"),
         [](const Row& row) { return rawNumber(row.bothError); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Outliers"),
         LayerTableModel::tr("Share of weights farther than 6 standard deviations from the mean: "
                             "#{|w − μ| > 6 σ} over #w"),
         true, [](const Row& row) { return toQString(formatPercent(row.outlierShare)); },
         [](const Row& row) { return sortable(row.outlierShare); }, QStringLiteral("outlier_share"),
         [](const Row& row) { return rawNumber(row.outlierShare); }, Qt::DescendingOrder},
        {LayerTableModel::tr("Lock"),
         LayerTableModel::tr("A locked layer is left alone by edits of several layers and by "
                             "allocation (Space)"),
         false,
         [](const Row& row) { return row.locked ? LayerTableModel::tr("locked") : QString(); },
         [](const Row& row) { return QVariant(row.locked ? 0 : 1); }, QStringLiteral("locked"),
         [](const Row& row) {
             return row.locked ? QStringLiteral("true") : QStringLiteral("false");
         }},
    };
}
} // namespace

LayerTableModel::LayerTableModel(QObject* parent)
    : TableModel(columns(), parent)
{
}

std::optional<ChoiceField> LayerTableModel::fieldOf(int column)
{
    switch (column) {
    case Method:
        return ChoiceField::Method;
    case Bits:
        return ChoiceField::Bits;
    case Group:
        return ChoiceField::Group;
    case Symmetry:
        return ChoiceField::Symmetry;
    case InputBits:
        return ChoiceField::InputBits;
    case InputQuantizer:
        return ChoiceField::InputQuantizer;
    default:
        return std::nullopt;
    }
}

int LayerTableModel::rowOf(const std::string& layer) const
{
    const auto found = m_index.find(layer);
    return found == m_index.end() ? -1 : found->second;
}

const QString& LayerTableModel::cellText(int at) const
{
    QString& text = m_cellText[static_cast<std::size_t>(at)];
    if (text.isNull()) {
        for (int c = 0; c < ColumnCount; ++c)
            text += column(c).text(row(at)) + QLatin1Char('\n');
        text = std::move(text).toLower();
    }
    return text;
}

void LayerTableModel::rowsReplaced()
{
    const double before = m_largest;
    m_largest = 0;
    m_index.clear();
    m_index.reserve(rows().size());
    for (std::size_t i = 0; i < rows().size(); ++i) {
        m_index.emplace(rows()[i].name, static_cast<int>(i));
        m_largest = std::max(m_largest, static_cast<double>(rows()[i].bytes));
    }
    m_barsChanged = m_largest != before; // every bar has another length
    // Texts of rows that are as they were still hold.
    const auto old = std::exchange(m_cellTextRows, sharedRows());
    if (!old || old->size() != rows().size())
        m_cellText.assign(rows().size(), QString());
    for (std::size_t i = 0; old && i < old->size() && i < rows().size(); ++i) {
        if (!m_cellText[i].isNull() && !rows()[i].sameAs((*old)[i]))
            m_cellText[i] = QString();
    }
}

QVariant LayerTableModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const LayerRow& layer = row(index.row());
    const int column = index.column();
    const bool result = column == WeightSqnr || column == OutputError || column == BlockGain ||
                        column == WeightError || column == InputError || column == BothError ||
                        ((column == Exponent || column == Kept) && layer.measured);
    switch (role) {
    case Qt::EditRole:
        if (const auto field = fieldOf(column))
            return fieldValue(layer.choice, *field);
        return TableModel::data(index, Qt::DisplayRole);
    case Qt::ToolTipRole: {
        QStringList lines;
        if (column == Name || column == Block) {
            lines.append(toQString(layer.name));
            if (!layer.block.empty())
                lines.append(tr("block %1: %2").arg(layer.blockIndex).arg(toQString(layer.block)));
            if (layer.locked)
                lines.append(tr("Locked: edits of several layers leave it alone"));
        } else if (fieldOf(column)) {
            lines.append(choiceText(layer.choice));
            lines.append(layer.overridden ? tr("Chosen for this layer (in bold)")
                                          : tr("From the recipe's rules or standard"));
        } else if (result && !layer.measured) {
            lines.append(tr("Not computed yet: run the recipe"));
        } else if (column == OutputError && layer.measured &&
                   std::isnan(layer.relativeOutputError) && !layer.choice.keepFloat) {
            lines.append(tr("Not measured: the run had no calibration text"));
        } else if (column == BlockGain && std::isnan(layer.blockGainDb))
            lines.append(tr("Its block was not trained: decoupleQ does so with its block stage"));
        else if ((column == WeightError || column == InputError || column == BothError) &&
                 std::isnan(layer.bothError))
            lines.append(tr("Its inputs are not on uniform grids, or there were no calibration "
                            "inputs"));
        if (column == Exponent && std::isnan(layer.exponent))
            lines.append(powerGridOf(layer.choice.method) && !layer.choice.keepFloat
                             ? tr("Searched when the recipe is run")
                             : tr("Its method has a uniform grid"));
        if (column == Outliers && std::isnan(layer.outlierShare))
            lines.append(tr("Not counted yet"));
        if (column == Lock)
            lines.append(layer.locked ? tr("Locked: edits of several layers leave it alone. "
                                           "Click or press Space to unlock.")
                                      : tr("Not locked. Click or press Space to lock."));
        if (result && !layer.stale.isEmpty())
            lines.append(layer.stale);
        if (!layer.note.isEmpty() && column != Lock)
            lines.append(layer.note);
        return lines.isEmpty() ? QVariant() : QVariant(lines.join(QLatin1Char('\n')));
    }
    case BarRole:
        if (column == Size && m_largest > 0)
            return static_cast<double>(layer.bytes) / m_largest;
        return {};
    case RatingRole:
        if (column == OutputError)
            return static_cast<int>(ratingOfError(layer.relativeOutputError));
        return {};
    case LockRole:
        return column == Lock ? QVariant(layer.locked) : QVariant();
    case Qt::AccessibleTextRole:
        if (column == Lock)
            return layer.locked ? tr("locked") : tr("not locked");
        return TableModel::data(index, Qt::DisplayRole);
    case Qt::FontRole: {
        if (!fieldOf(column) || column == Method || !layer.overridden)
            return {};
        QFont bold; // only the weight: the rest is the view's
        bold.setBold(true);
        return bold;
    }
    case StaleRole:
        return result && !layer.stale.isEmpty();
    default:
        return TableModel::data(index, role);
    }
}

Qt::ItemFlags LayerTableModel::flags(const QModelIndex& index) const
{
    Qt::ItemFlags flags = TableModel::flags(index);
    if (!index.isValid())
        return flags;
    const auto field = fieldOf(index.column());
    if (field && applies(row(index.row()).choice, ChoiceEdit{*field, {}, {}}) &&
        (!isOfInputs(*field) ||
         takesInputField(row(index.row()).kind, row(index.row()).choice, *field)))
        flags |= Qt::ItemIsEditable;
    return flags;
}

bool LayerTableModel::setData(const QModelIndex& index, const QVariant& value, int role)
{
    if (role != Qt::EditRole || !checkIndex(index, CheckIndexOption::IndexIsValid))
        return false;
    const auto field = fieldOf(index.column());
    if (!field)
        return false;
    return requestEdit(editTargets(index.row()), ChoiceEdit{*field, value.toString(), {}});
}

std::vector<int> LayerTableModel::editTargets(int at) const
{
    std::vector<int> targets = m_targets ? m_targets(at) : std::vector<int>();
    return targets.empty() ? std::vector<int>{at} : targets;
}

bool LayerTableModel::requestEdit(const std::vector<int>& targets, const ChoiceEdit& edit)
{
    try {
        const BulkEdit change = bulkEdit(rows(), targets, edit, m_standard);
        if (change.locked > 0)
            Q_EMIT lockedLeftAlone(change.locked);
        if (!change.choices.empty()) // else it is so already
            Q_EMIT editRequested(change.choices, change.text);
        return true;
    } catch (const Error& error) {
        Q_EMIT editRefused(toQString(error.what()));
        return false;
    }
}

} // namespace gradus
