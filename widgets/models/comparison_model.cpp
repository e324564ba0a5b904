// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/comparison_model.h"

#include "core/base/format.h"
#include "widgets/models/choice.h"
#include "widgets/models/runs_model.h"
#include "widgets/models/table_text.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QFont>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(ComparisonModel)
};

/// The raw row, for CSV and sorting, whatever proxies stand between.
constexpr int rowRole = Qt::UserRole + 50;

const QString none = QStringLiteral("–");

QVariant sortable(double value)
{
    return std::isnan(value) ? QVariant(-std::numeric_limits<double>::infinity()) : QVariant(value);
}

QString choiceOf(const LayerMeasures& m)
{
    return m.known ? shortChoiceText(m.choice) : none;
}

QString sizeOf(const LayerMeasures& m)
{
    return m.bytes > 0 ? toQString(formatBytes(m.bytes)) : none;
}

QString ratioOf(double ratio)
{
    return std::isfinite(ratio) ? Text::tr("× %1").arg(ratio, 0, 'f', ratio < 10 ? 2 : 1) : none;
}

std::vector<Column<ComparisonRow>> columns()
{
    using Row = ComparisonRow;
    const auto number = [](QString title, QString tip, std::function<QString(const Row&)> text,
                           std::function<double(const Row&)> value) {
        return Column<Row>{std::move(title), std::move(tip), true, std::move(text),
                           [value](const Row& row) { return sortable(value(row)); }};
    };
    return {
        {Text::tr("Layer"), Text::tr("Name of the layer in the model"), false,
         [](const Row& row) { return row.total ? Text::tr("Whole model") : toQString(row.name); },
         nullptr},
        {Text::tr("A"), Text::tr("Method and bits in run A"), false,
         [](const Row& row) { return row.total ? QString() : choiceOf(row.a); }, nullptr},
        {Text::tr("B"), Text::tr("Method and bits in run B"), false,
         [](const Row& row) { return row.total ? QString() : choiceOf(row.b); }, nullptr},
        number(
            Text::tr("Output error A"),
            Text::tr("Relative output error in A on its calibration inputs: ‖X(W − Ŵ)ᵀ‖² over "
                     "‖XWᵀ‖²"),
            [](const Row& row) { return toQString(formatPercent(row.a.relativeOutputError)); },
            [](const Row& row) { return row.a.relativeOutputError; }),
        number(
            Text::tr("B"), Text::tr("Relative output error in B on its calibration inputs"),
            [](const Row& row) { return toQString(formatPercent(row.b.relativeOutputError)); },
            [](const Row& row) { return row.b.relativeOutputError; }),
        number(
            Text::tr("B / A"),
            Text::tr("Output error in B over that in A: above 1 where B is worse\n"
                     "▲ B is worse   ● B is better, by more than 5 %"),
            [](const Row& row) { return ratioOf(row.errorRatio()); },
            [](const Row& row) { return row.errorRatio(); }),
        number(
            Text::tr("SQNR A"),
            Text::tr("Signal to quantization noise of the weights in A: 10·log10 of Σw² over "
                     "Σ(w − ŵ)²; more is better"),
            [](const Row& row) { return toQString(formatDecibel(row.a.weightSqnrDb)); },
            [](const Row& row) { return row.a.weightSqnrDb; }),
        number(
            Text::tr("B"), Text::tr("Signal to quantization noise of the weights in B"),
            [](const Row& row) { return toQString(formatDecibel(row.b.weightSqnrDb)); },
            [](const Row& row) { return row.b.weightSqnrDb; }),
        number(
            Text::tr("B − A"), Text::tr("SQNR in B less that in A: positive where B is better"),
            [](const Row& row) { return differenceText(row.sqnrDifference()); },
            [](const Row& row) { return row.sqnrDifference(); }),
        number(
            Text::tr("Bits/weight A"),
            Text::tr("Stored bits of codes, scales and zeros over the number of weights, in A"),
            [](const Row& row) { return toQString(formatBitsPerWeight(row.a.bitsPerWeight)); },
            [](const Row& row) { return row.a.bitsPerWeight; }),
        number(
            Text::tr("B"),
            Text::tr("Stored bits of codes, scales and zeros over the number of weights, in B"),
            [](const Row& row) { return toQString(formatBitsPerWeight(row.b.bitsPerWeight)); },
            [](const Row& row) { return row.b.bitsPerWeight; }),
        number(
            Text::tr("Size A"), Text::tr("Stored bytes in A"),
            [](const Row& row) { return sizeOf(row.a); },
            [](const Row& row) { return static_cast<double>(row.a.bytes); }),
        number(
            Text::tr("B"), Text::tr("Stored bytes in B"),
            [](const Row& row) { return sizeOf(row.b); },
            [](const Row& row) { return static_cast<double>(row.b.bytes); }),
        number(
            Text::tr("B / A"), Text::tr("Stored bytes in B over those in A"),
            [](const Row& row) {
                return row.a.bytes && row.b.bytes ? ratioOf(row.sizeRatio()) : none;
            },
            [](const Row& row) { return row.sizeRatio(); }),
    };
}

double changeOf(const ComparisonRow& row)
{
    const double errors = std::fabs(10 * std::log10(row.errorRatio()));
    if (std::isfinite(errors))
        return errors;
    const double weights = std::fabs(row.sqnrDifference());
    if (std::isfinite(weights))
        return weights;
    // Float in one run and not in the other is no matter of degrees.
    if (row.a.known && row.b.known && row.a.choice.keepFloat != row.b.choice.keepFloat)
        return std::numeric_limits<double>::infinity();
    return 0;
}

bool sameNumber(double a, double b)
{
    return a == b || (std::isnan(a) && std::isnan(b));
}
} // namespace

std::vector<ComparisonRow> compareRuns(const std::vector<LayerRow>& rows, const SessionRun& a,
                                       const SessionRun& b)
{
    const std::vector<LayerMeasures> first = measuresOfRun(rows, a.results);
    const std::vector<LayerMeasures> second = measuresOfRun(rows, b.results);
    std::vector<ComparisonRow> lines;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        ComparisonRow line;
        line.name = rows[i].name;
        line.a = first[i];
        line.b = second[i];
        const bool bothFloat =
            line.a.known && line.b.known && line.a.choice.keepFloat && line.b.choice.keepFloat;
        line.differs =
            !bothFloat && (line.a.known != line.b.known || !(line.a.choice == line.b.choice) ||
                           line.a.bytes != line.b.bytes ||
                           !sameNumber(line.a.weightSqnrDb, line.b.weightSqnrDb) ||
                           !sameNumber(line.a.relativeOutputError, line.b.relativeOutputError));
        line.change = changeOf(line);
        lines.push_back(std::move(line));
    }
    std::stable_sort(
        lines.begin(), lines.end(),
        [](const ComparisonRow& x, const ComparisonRow& y) { return x.change > y.change; });
    ComparisonRow total;
    total.total = true;
    const auto fill = [](LayerMeasures& m, const SessionRun& run) {
        const RunTotals totals = totalsOfRun(run);
        m.known = totals.layers > 0;
        m.bitsPerWeight = totals.bitsPerWeight;
        m.bytes = totals.bytes;
    };
    fill(total.a, a);
    fill(total.b, b);
    lines.insert(lines.begin(), std::move(total));
    return lines;
}

ComparisonModel::ComparisonModel(QObject* parent)
    : TableModel(columns(), parent)
{
}

QVariant ComparisonModel::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    const ComparisonRow& line = row(index.row());
    switch (role) {
    case rowRole:
        return QVariant::fromValue(static_cast<const void*>(&line));
    case Qt::DisplayRole:
        // The errors of layers do not add up to one of the model.
        if (line.total && index.column() >= ErrorA && index.column() <= SqnrDifference)
            return QString();
        return TableModel::data(index, role);
    case RatingRole: {
        const double ratio = line.errorRatio();
        if (index.column() != ErrorRatio || !std::isfinite(ratio))
            return {};
        return static_cast<int>(ratio > 1.05   ? Rating::Fair
                                : ratio < 0.95 ? Rating::Good
                                               : Rating::None);
    }
    case Qt::ToolTipRole:
        switch (index.column()) {
        case Name:
            return line.total ? QVariant() : QVariant(toQString(line.name));
        case ChoiceA:
            return line.a.known && !line.total ? QVariant(choiceText(line.a.choice)) : QVariant();
        case ChoiceB:
            return line.b.known && !line.total ? QVariant(choiceText(line.b.choice)) : QVariant();
        default:
            return {};
        }
    case Qt::FontRole: {
        if (!line.total)
            return {};
        QFont bold;
        bold.setBold(true);
        return bold;
    }
    default:
        return TableModel::data(index, role);
    }
}

ComparisonFilter::ComparisonFilter(QObject* parent)
    : QSortFilterProxyModel(parent)
{
    setSortRole(SortRole);
    setSortCaseSensitivity(Qt::CaseInsensitive);
}

void ComparisonFilter::setOnlyDifferent(bool on)
{
    if (m_onlyDifferent == on)
        return;
    m_onlyDifferent = on;
    invalidateFilter();
}

namespace {
const ComparisonRow& rowAt(const QModelIndex& index)
{
    return *static_cast<const ComparisonRow*>(index.data(rowRole).value<const void*>());
}
} // namespace

bool ComparisonFilter::filterAcceptsRow(int row, const QModelIndex& parent) const
{
    if (!m_onlyDifferent)
        return true;
    const ComparisonRow& line = rowAt(sourceModel()->index(row, 0, parent));
    return line.total || line.differs;
}

bool ComparisonFilter::lessThan(const QModelIndex& left, const QModelIndex& right) const
{
    const bool first = rowAt(left).total;
    const bool second = rowAt(right).total;
    if (first != second)
        return first == (sortOrder() == Qt::AscendingOrder);
    return QSortFilterProxyModel::lessThan(left, right);
}

QString comparisonCsv(const QAbstractItemModel& shown, const SessionRun& a, const SessionRun& b)
{
    const auto number = [](double v) {
        return std::isfinite(v) ? QString::number(v, 'g', 9) : QString();
    };
    QString text = QStringLiteral("# a,%1\n# b,%2\n").arg(csvField(a.name), csvField(b.name));
    if (!a.perplexity.isEmpty())
        text += QStringLiteral("# perplexity_a,%1\n").arg(csvField(a.perplexity));
    if (!b.perplexity.isEmpty())
        text += QStringLiteral("# perplexity_b,%1\n").arg(csvField(b.perplexity));
    text += QStringLiteral("layer,choice_a,choice_b,bits_per_weight_a,bits_per_weight_b,bytes_a,"
                           "bytes_b,weight_sqnr_db_a,weight_sqnr_db_b,weight_sqnr_db_difference,"
                           "output_error_percent_a,output_error_percent_b,output_error_ratio\n");
    for (int i = 0; i < shown.rowCount(); ++i) {
        const ComparisonRow& line = rowAt(shown.index(i, 0));
        const auto choice = [&](const LayerMeasures& m) {
            return m.known && !line.total ? csvField(choiceText(m.choice)) : QString();
        };
        const auto bytes = [](const LayerMeasures& m) {
            return m.bytes > 0 ? QString::number(m.bytes) : QString();
        };
        const QStringList cells{line.total ? QStringLiteral("(whole model)")
                                           : csvField(toQString(line.name)),
                                choice(line.a),
                                choice(line.b),
                                number(line.a.bitsPerWeight),
                                number(line.b.bitsPerWeight),
                                bytes(line.a),
                                bytes(line.b),
                                number(line.a.weightSqnrDb),
                                number(line.b.weightSqnrDb),
                                number(line.sqnrDifference()),
                                number(100 * line.a.relativeOutputError),
                                number(100 * line.b.relativeOutputError),
                                number(line.errorRatio())};
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

} // namespace gradus
