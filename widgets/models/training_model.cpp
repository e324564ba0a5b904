// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/training_model.h"

#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/text.h"

#include <QCoreApplication>

#include <cmath>

namespace gradus {

namespace {
struct Text
{
    Q_DECLARE_TR_FUNCTIONS(TrainingModel)
};

QVariant known(double value)
{
    return std::isnan(value) ? QVariant() : QVariant(value);
}

QString raw(double value)
{
    return std::isnan(value) ? QString() : QString::number(value, 'g', 9);
}

std::vector<Column<TrainingCurve>> columns()
{
    using Row = TrainingCurve;
    const QString dash = QStringLiteral("–");
    const auto gain = [](const Row& r) { return gainDecibel(r.before(), r.after()); };
    return {
        {Text::tr("Training"), Text::tr("Of one block, or of all blocks together"), false,
         [](const Row& r) { return trainingTitle(r); },
         [](const Row& r) { return QVariant(r.isFineTuning() ? 1 << 30 : r.block); },
         QStringLiteral("name"), [](const Row& r) { return r.name; }},
        {Text::tr("Before"),
         Text::tr("Loss over all windows before the first step. Blocks: ‖y − ŷ‖² over ‖y‖² of the "
                  "block's output. Fine-tuning: mean negative log-likelihood per token"),
         true, [](const Row& r) { return lossText(r, r.before()); },
         [](const Row& r) { return known(r.before()); }, QStringLiteral("loss_before"),
         [](const Row& r) { return raw(r.before()); }},
        {Text::tr("After"), Text::tr("The same of the state that was kept"), true,
         [](const Row& r) { return lossText(r, r.after()); },
         [](const Row& r) { return known(r.after()); }, QStringLiteral("loss_after"),
         [](const Row& r) { return raw(r.after()); }},
        {Text::tr("Gain"), Text::tr("10·log10 of the losses' ratio; more is better"), true,
         [gain](const Row& r) { return r.isFineTuning() ? lossChange(r) : signedDecibel(gain(r)); },
         [gain](const Row& r) { return known(gain(r)); }, QStringLiteral("gain_db"),
         [gain](const Row& r) { return raw(gain(r)); }},
        {Text::tr("State"), Text::tr("The epoch whose state was kept, or how far it is"), false,
         [](const Row& r) { return trainingState(r); }, nullptr, QStringLiteral("state"),
         [](const Row& r) { return r.bestEpoch < 0 ? QString() : QString::number(r.bestEpoch); }},
        {Text::tr("Steps"), Text::tr("Steps taken"), true,
         [](const Row& r) { return QString::number(r.losses.size()); },
         [](const Row& r) { return QVariant(static_cast<qulonglong>(r.losses.size())); },
         QStringLiteral("steps")},
        {Text::tr("Scales"), Text::tr("How far the scales moved: ‖s − s'‖ over ‖s'‖"), true,
         [dash](const Row& r) {
             return r.running ? dash : toQString(formatPercent(r.scaleChange));
         },
         [](const Row& r) { return QVariant(r.scaleChange); }, QStringLiteral("scale_change"),
         [](const Row& r) { return raw(r.scaleChange); }},
        {Text::tr("Zeros"),
         Text::tr("How far the zeros moved: root mean square of z − z', in steps of the grid"),
         true,
         [dash](const Row& r) { return r.running ? dash : toQString(formatReal(r.zeroChange, 3)); },
         [](const Row& r) { return QVariant(r.zeroChange); }, QStringLiteral("zero_change"),
         [](const Row& r) { return raw(r.zeroChange); }},
        {Text::tr("Layers"), Text::tr("Quantized layers that it trained"), true,
         [dash](const Row& r) { return r.layers > 0 ? QString::number(r.layers) : dash; },
         [](const Row& r) { return QVariant(static_cast<qlonglong>(r.layers)); },
         QStringLiteral("layers"), [](const Row& r) { return QString::number(r.layers); }},
    };
}
} // namespace

TrainingModel::TrainingModel(QObject* parent)
    : TableModel(columns(), parent)
{
}

void TrainingModel::setCurves(const TrainingCurves& curves)
{
    setRows(std::make_shared<const Rows>(curves));
}

QVariant TrainingModel::data(const QModelIndex& index, int role) const
{
    if (role == Qt::ToolTipRole && checkIndex(index, CheckIndexOption::IndexIsValid))
        return row(index.row()).name;
    return TableModel::data(index, role);
}

} // namespace gradus
