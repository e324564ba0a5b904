// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/outlier_model.h"

#include <QCoreApplication>

namespace gradus {

namespace {
std::vector<Column<OutlierRow>> columns()
{
    return {
        {QCoreApplication::translate("OutlierModel", "Value"),
         QCoreApplication::translate("OutlierModel", "The weight itself"), true,
         [](const OutlierRow& r) {
             return QString::number(static_cast<double>(r.outlier.value), 'g', 5);
         },
         [](const OutlierRow& r) { return QVariant(static_cast<double>(r.outlier.value)); }},
        {QCoreApplication::translate("OutlierModel", "σ"),
         QCoreApplication::translate("OutlierModel",
                                     "(w − mean) / standard deviation of the layer's weights"),
         true,
         [](const OutlierRow& r) {
             return (r.outlier.sigmas < 0 ? QStringLiteral("−") : QStringLiteral("+")) +
                    QString::number(std::abs(r.outlier.sigmas), 'f', 2);
         },
         [](const OutlierRow& r) { return QVariant(r.outlier.sigmas); }},
        {QCoreApplication::translate("OutlierModel", "Row"),
         QCoreApplication::translate("OutlierModel", "Output channel, from 0"), true,
         [](const OutlierRow& r) { return QString::number(r.outlier.row); },
         [](const OutlierRow& r) { return QVariant::fromValue<qlonglong>(r.outlier.row); }},
        {QCoreApplication::translate("OutlierModel", "Column"),
         QCoreApplication::translate("OutlierModel", "Input channel, from 0"), true,
         [](const OutlierRow& r) { return QString::number(r.outlier.col); },
         [](const OutlierRow& r) { return QVariant::fromValue<qlonglong>(r.outlier.col); }},
    };
}
} // namespace

OutlierModel::OutlierModel(QObject* parent)
    : TableModel<OutlierRow>(columns(), parent)
{
}

void OutlierModel::setOutliers(const OutlierList& list)
{
    auto rows = std::make_shared<Rows>();
    rows->reserve(list.largest.size());
    for (const Outlier& outlier : list.largest)
        rows->push_back({outlier});
    setRows(std::move(rows));
}

} // namespace gradus
