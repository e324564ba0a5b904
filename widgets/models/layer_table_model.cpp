// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_table_model.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "widgets/text.h"

#include <QFont>

#include <cmath>

namespace gradus {

namespace {
/// NaN sorts below everything; a QVariant holding NaN would not be ordered at all.
QVariant sortable(double value)
{
    return std::isnan(value) ? QVariant(-std::numeric_limits<double>::infinity()) : QVariant(value);
}

std::vector<Column<LayerRow>> columns()
{
    using Row = LayerRow;
    const auto field = [](ChoiceField f) {
        return [f](const Row& row) { return fieldText(row.choice, f); };
    };
    return {
        {QStringLiteral("Layer"), QStringLiteral("Name of the layer in the model"), false,
         [](const Row& row) { return toQString(row.name); }, nullptr},
        {QStringLiteral("Block"), QStringLiteral("Repeated unit of the network it belongs to"),
         true,
         [](const Row& row) {
             return row.blockIndex < 0 ? QStringLiteral("–") : QString::number(row.blockIndex);
         },
         [](const Row& row) { return QVariant(row.blockIndex); }},
        {QStringLiteral("Kind"), QStringLiteral("Operation that uses the weight"), false,
         [](const Row& row) { return toQString(layerKindName(row.kind)); }, nullptr},
        {QStringLiteral("Shape"), QStringLiteral("Outputs × inputs, as stored"), true,
         [](const Row& row) { return toQString(row.shape); },
         [](const Row& row) { return QVariant(static_cast<qlonglong>(row.parameters)); }},
        {QStringLiteral("Parameters"), QStringLiteral("Number of weights"), true,
         [](const Row& row) { return toQString(formatCount(row.parameters)); },
         [](const Row& row) { return QVariant(static_cast<qlonglong>(row.parameters)); }},
        {QStringLiteral("Method"), QStringLiteral("How the codes are chosen"), false,
         field(ChoiceField::Method), nullptr},
        {QStringLiteral("Bits"), QStringLiteral("Bits of a code: 2 to 8, or float"), true,
         field(ChoiceField::Bits),
         [](const Row& row) {
             return QVariant(row.choice.keepFloat ? 99 : row.choice.scheme.bits);
         }},
        {QStringLiteral("Group"),
         QStringLiteral("Consecutive inputs that share a scale: a whole channel, the whole tensor, "
                        "or a number"),
         true, field(ChoiceField::Group),
         [](const Row& row) {
             const Scheme& scheme = row.choice.scheme;
             const qlonglong large = std::numeric_limits<qlonglong>::max();
             return QVariant(row.choice.keepFloat                         ? qlonglong(-1)
                             : scheme.granularity == Granularity::Group   ? scheme.groupSize
                             : scheme.granularity == Granularity::Channel ? large - 1
                                                                          : large);
         }},
        {QStringLiteral("Symmetry"),
         QStringLiteral("Symmetric: the zero stands in the middle and is not stored"), false,
         field(ChoiceField::Symmetry), nullptr},
        {QStringLiteral("Bits/weight"),
         QStringLiteral("Stored bits of codes, scales and zeros over the number of weights"), true,
         [](const Row& row) { return toQString(formatBitsPerWeight(row.bitsPerWeight)); },
         [](const Row& row) { return sortable(row.bitsPerWeight); }},
        {QStringLiteral("Size"), QStringLiteral("Stored bytes"), true,
         [](const Row& row) {
             return row.bytes ? toQString(formatBytes(row.bytes)) : QStringLiteral("–");
         },
         [](const Row& row) { return QVariant(static_cast<qulonglong>(row.bytes)); }},
        {QStringLiteral("Weight SQNR"),
         QStringLiteral("Signal to quantization noise of the weights: 10·log10 of Σw² over "
                        "Σ(w − ŵ)²; more is better"),
         true, [](const Row& row) { return toQString(formatDecibel(row.weightSqnrDb)); },
         [](const Row& row) { return sortable(row.weightSqnrDb); }},
        {QStringLiteral("Output error"),
         QStringLiteral("Relative output error on the calibration inputs: ‖X(W − Ŵ)ᵀ‖² over "
                        "‖XWᵀ‖²\n● up to 1 %   ▲ up to 5 %   ◆ above"),
         true, [](const Row& row) { return toQString(formatPercent(row.relativeOutputError)); },
         [](const Row& row) { return sortable(row.relativeOutputError); }},
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
    default:
        return std::nullopt;
    }
}

int LayerTableModel::rowOf(const std::string& layer) const
{
    const auto found = m_index.find(layer);
    return found == m_index.end() ? -1 : found->second;
}

void LayerTableModel::rowsReplaced()
{
    m_index.clear();
    m_largest = 0;
    for (std::size_t i = 0; i < rows().size(); ++i) {
        m_index[rows()[i].name] = static_cast<int>(i);
        m_largest = std::max(m_largest, static_cast<double>(rows()[i].bytes));
    }
}

QVariant LayerTableModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const LayerRow& layer = row(index.row());
    const int column = index.column();
    const bool result = column == WeightSqnr || column == OutputError;
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
                lines.append(QStringLiteral("block %1: %2")
                                 .arg(layer.blockIndex)
                                 .arg(toQString(layer.block)));
            if (layer.locked)
                lines.append(QStringLiteral("Locked: edits of several layers leave it alone"));
        } else if (fieldOf(column)) {
            lines.append(choiceText(layer.choice));
            lines.append(layer.overridden ? QStringLiteral("Chosen for this layer (in bold)")
                                          : QStringLiteral("From the recipe's rules or standard"));
        } else if (result && !layer.measured) {
            lines.append(QStringLiteral("Not computed yet: run the recipe"));
        } else if (column == OutputError && layer.measured &&
                   std::isnan(layer.relativeOutputError) && !layer.choice.keepFloat) {
            lines.append(QStringLiteral("Not measured: the run had no calibration text"));
        }
        if (result && !layer.stale.isEmpty())
            lines.append(layer.stale);
        if (!layer.note.isEmpty())
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
        return column == Name && layer.locked;
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
    if (field && applies(row(index.row()).choice, ChoiceEdit{*field, {}, {}}))
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
    std::vector<int> targets;
    if (m_targets)
        targets = m_targets(index.row());
    if (targets.empty())
        targets = {index.row()};
    return requestEdit(targets, ChoiceEdit{*field, value.toString(), {}});
}

bool LayerTableModel::requestEdit(const std::vector<int>& targets, const ChoiceEdit& edit)
{
    LayerChoices choices;
    try {
        for (const int at : targets) {
            const LayerRow& layer = row(at);
            if ((layer.locked && targets.size() > 1) || !applies(layer.choice, edit))
                continue;
            LayerChoice next = edited(layer.choice, edit, m_standard);
            if (!(next == layer.choice))
                choices[layer.name] = std::move(next);
        }
    } catch (const Error& error) {
        Q_EMIT editRefused(toQString(error.what()));
        return false;
    }
    if (choices.empty())
        return true; // already so
    const QString what = choices.size() == 1 ? toQString(choices.begin()->first)
                                             : QStringLiteral("%1 layers").arg(choices.size());
    Q_EMIT editRequested(choices, QStringLiteral("%1 of %2").arg(editText(edit), what));
    return true;
}

} // namespace gradus
