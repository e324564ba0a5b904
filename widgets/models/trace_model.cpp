// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/trace_model.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/text.h"

#include <QCoreApplication>

#include <cmath>
#include <limits>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(TraceModel)
};

QString raw(double value)
{
    return std::isnan(value) ? QString() : QString::number(value, 'g', 9);
}

/// The first point starts from nothing: it has not accepted or moved anything.
bool isStart(const TraceRow& row)
{
    return row.step == 0;
}

std::vector<Column<TraceRow>> columns()
{
    using Row = TraceRow;
    const auto dash = QStringLiteral("–");
    return {
        {Text::tr("Step"), Text::tr("Steps in the order they were taken; 0 is the start"), true,
         [](const Row& r) { return QString::number(r.step); },
         [](const Row& r) { return QVariant(r.step); }, QStringLiteral("step")},
        {Text::tr("Stage"), Text::tr("What was optimized, and the round of the alternation"), false,
         [](const Row& r) { return tracePointTitle(r.point); }, nullptr, QStringLiteral("stage"),
         [](const Row& r) { return toQString(traceStageName(r.point.stage)); }},
        {Text::tr("Error"),
         Text::tr("Relative output error on the calibration inputs after the step: "
                  "‖X(W − Ŵ)ᵀ‖² over ‖XWᵀ‖²"),
         true, [](const Row& r) { return toQString(formatPercent(r.point.relativeError)); },
         [](const Row& r) { return QVariant(r.point.relativeError); },
         QStringLiteral("relative_error"), [](const Row& r) { return raw(r.point.relativeError); }},
        {Text::tr("SQNR"), Text::tr("The same as −10·log10 of the error; more is better"), true,
         [](const Row& r) { return toQString(formatDecibel(errorDecibel(r.point.relativeError))); },
         [](const Row& r) { return QVariant(errorDecibel(r.point.relativeError)); },
         QStringLiteral("sqnr_db"),
         [](const Row& r) { return raw(errorDecibel(r.point.relativeError)); }},
        {Text::tr("Gain"), Text::tr("Against the step before: 10·log10 of the errors' ratio"), true,
         [](const Row& r) { return signedDecibel(gainDecibel(r.before, r.point.relativeError)); },
         [](const Row& r) { return QVariant(gainDecibel(r.before, r.point.relativeError)); },
         QStringLiteral("gain_db"),
         [](const Row& r) { return raw(gainDecibel(r.before, r.point.relativeError)); }},
        {Text::tr("Rows"),
         Text::tr("Share of the rows that took the step, as it lowered their error"), true,
         [dash](const Row& r) {
             return isStart(r) ? dash : toQString(formatPercent(r.point.accepted));
         },
         [](const Row& r) { return isStart(r) ? QVariant() : QVariant(r.point.accepted); },
         QStringLiteral("accepted"), [](const Row& r) { return raw(r.point.accepted); }},
        {Text::tr("Scales"), Text::tr("How far the scales moved: ‖s − s'‖ over ‖s'‖"), true,
         [dash](const Row& r) {
             return isStart(r) ? dash : toQString(formatPercent(r.point.scaleChange));
         },
         [](const Row& r) { return isStart(r) ? QVariant() : QVariant(r.point.scaleChange); },
         QStringLiteral("scale_change"), [](const Row& r) { return raw(r.point.scaleChange); }},
        {Text::tr("Zeros"),
         Text::tr("How far the zeros moved: root mean square of z − z', in steps of the grid"),
         true,
         [dash](const Row& r) {
             return isStart(r) ? dash : toQString(formatReal(r.point.zeroChange, 3));
         },
         [](const Row& r) { return isStart(r) ? QVariant() : QVariant(r.point.zeroChange); },
         QStringLiteral("zero_change"), [](const Row& r) { return raw(r.point.zeroChange); }},
    };
}
} // namespace

QString traceStageTitle(TraceStage stage, bool brief)
{
    switch (stage) {
    case TraceStage::RoundToNearest:
        return brief ? Text::tr("RTN") : Text::tr("Round to nearest");
    case TraceStage::Sweep:
        return brief ? Text::tr("Sweep") : Text::tr("GPTQ sweep");
    case TraceStage::GridSearch:
        return brief ? Text::tr("Grid") : Text::tr("Grid search");
    case TraceStage::Integers:
        return brief ? Text::tr("Int") : Text::tr("Integers");
    case TraceStage::Scales:
        return brief ? Text::tr("Scales") : Text::tr("Scales and zeros");
    case TraceStage::Polish:
        return Text::tr("Polish");
    case TraceStage::Outliers:
        return Text::tr("Outliers");
    case TraceStage::Clip:
        return Text::tr("Clip");
    case TraceStage::Exponent:
        return Text::tr("Exponent");
    case TraceStage::Nearest:
        return brief ? Text::tr("Nearest") : Text::tr("Nearest levels");
    case TraceStage::Gradient:
        return brief ? Text::tr("Gradient") : Text::tr("Gradient steps");
    case TraceStage::Block:
        return brief ? Text::tr("Block") : Text::tr("Block stage");
    case TraceStage::FineTuning:
        return brief ? Text::tr("Tuning") : Text::tr("Fine-tuning");
    }
    return {};
}

QString traceStageTitle(const TracePoint& point)
{
    const bool power = std::isfinite(point.exponent);
    return traceStageTitle(point.stage, power && point.stage == TraceStage::Scales);
}

QString traceStageHelp(TraceStage stage)
{
    switch (stage) {
    case TraceStage::RoundToNearest:
        return Text::tr("The start: every weight at the nearest level of the min/max grid.");
    case TraceStage::Sweep:
        return Text::tr("GPTQ's sweep on the grid of the start.");
    case TraceStage::GridSearch:
        return Text::tr("Another start: the best common shrinking of each row's ranges, then new "
                        "scales and zeros.");
    case TraceStage::Integers:
        return Text::tr("New integers for the grid as it is.");
    case TraceStage::Scales:
        return Text::tr("New scales, and zeros where there are any, for the integers.");
    case TraceStage::Polish:
        return Text::tr("Integer coordinate descent, then new scales and zeros.");
    case TraceStage::Outliers:
        return Text::tr("The weights that cost most are kept as floats.");
    case TraceStage::Clip:
        return Text::tr("Scales below the largest magnitudes.");
    case TraceStage::Exponent:
        return Text::tr("A power grid instead of the uniform one, or another exponent.");
    case TraceStage::Nearest:
        return Text::tr("Nearest levels instead of rounding in the power domain.");
    case TraceStage::Gradient:
        return Text::tr("Gradient steps on latent codes; the best codes of each row are kept.");
    case TraceStage::Block:
        return Text::tr("After the training of the block. It serves the block's output: the "
                        "layer's own error may rise.");
    case TraceStage::FineTuning:
        return Text::tr("After the fine-tuning of all blocks. It serves the model's predictions: "
                        "the layer's own error may rise.");
    }
    return {};
}

QString tracePointTitle(const TracePoint& point)
{
    const QString title = traceStageTitle(point);
    return point.round > 0 ? Text::tr("%1, round %2").arg(title).arg(point.round) : title;
}

TraceModel::TraceModel(QObject* parent)
    : TableModel(columns(), parent)
{
}

void TraceModel::setTrace(const std::vector<TracePoint>& points)
{
    auto rows = std::make_shared<Rows>();
    double before = std::numeric_limits<double>::quiet_NaN();
    for (const TracePoint& point : points) {
        rows->push_back({static_cast<int>(rows->size()), point, before});
        before = point.relativeError;
    }
    setRows(rows);
}

QVariant TraceModel::data(const QModelIndex& index, int role) const
{
    if (role == Qt::ToolTipRole && checkIndex(index, CheckIndexOption::IndexIsValid))
        return traceStageHelp(row(index.row()).point.stage);
    return TableModel::data(index, role);
}

} // namespace gradus
