// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/model_facts.h"

#include "core/base/format.h"
#include "core/data/open_dataset.h"
#include "core/tensor/dtype.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QStringList>

#include <algorithm>

namespace gradus {

namespace {
QStringList portLines(const std::vector<GraphPort>& ports)
{
    constexpr std::size_t most = 8; // a graph may have hundreds
    QStringList lines;
    for (std::size_t i = 0; i < std::min(ports.size(), most); ++i)
        lines.append(QStringLiteral("%1: %2 %3")
                         .arg(toQString(ports[i].name), portShapeText(ports[i].shape),
                              toQString(dtypeName(ports[i].dtype))));
    if (ports.size() > most)
        lines.append(
            QCoreApplication::translate("ModelFacts", "and %1 more").arg(ports.size() - most));
    return lines;
}
} // namespace

FeedKind feedKindOf(const Model& model)
{
    if (model.task == ModelTask::Language)
        return FeedKind::Text;
    if (!model.canRun() || model.graph.inputs.empty())
        return model.image ? FeedKind::Images : FeedKind::Arrays;
    if (model.graph.inputs.front().dtype != DType::F32)
        return FeedKind::Tokens;
    return imageInputOf(model) ? FeedKind::Images : FeedKind::Arrays;
}

QString calibrationDataTitle(FeedKind kind)
{
    switch (kind) {
    case FeedKind::Text:
    case FeedKind::Tokens:
        return QCoreApplication::translate("ModelFacts", "calibration text");
    case FeedKind::Images:
        return QCoreApplication::translate("ModelFacts", "calibration images");
    case FeedKind::Arrays:
        return QCoreApplication::translate("ModelFacts", "calibration samples");
    }
    return {};
}

QString portShapeText(const Shape& shape)
{
    if (shape.empty())
        return QCoreApplication::translate("ModelFacts", "one number");
    QStringList parts;
    for (std::size_t i = 0; i < shape.size(); ++i)
        parts.append(shape[i] >= 0 ? QString::number(shape[i])
                     : i == 0      ? QCoreApplication::translate("ModelFacts", "batch")
                                   : QStringLiteral("?"));
    return parts.join(QStringLiteral(" × "));
}

QString modelTaskTitle(const Model& model)
{
    switch (model.task) {
    case ModelTask::Language:
        return QCoreApplication::translate("ModelFacts", "language model");
    case ModelTask::Classification:
        return feedKindOf(model) == FeedKind::Images
                   ? QCoreApplication::translate("ModelFacts", "image classification")
                   : QCoreApplication::translate("ModelFacts", "classification");
    case ModelTask::Other:
        break;
    }
    return model.canRun() ? QCoreApplication::translate("ModelFacts", "network of another task")
                          : QCoreApplication::translate("ModelFacts", "weights only");
}

QString modelFactsText(const Model& model)
{
    QStringList lines;
    lines.append(QCoreApplication::translate("ModelFacts", "Task: %1").arg(modelTaskTitle(model)));
    const auto ports = [&](const QString& title, const std::vector<GraphPort>& list) {
        for (const QString& line : portLines(list))
            lines.append(title.arg(line));
    };
    ports(QCoreApplication::translate("ModelFacts", "Input %1"), model.graph.inputs);
    ports(QCoreApplication::translate("ModelFacts", "Output %1"), model.graph.outputs);
    if (!model.labels.empty())
        lines.append(QCoreApplication::translate("ModelFacts", "Named classes: %1")
                         .arg(model.labels.size()));
    lines.append(QCoreApplication::translate("ModelFacts", "Blocks: %1, layers: %2")
                     .arg(model.blocks.size())
                     .arg(model.layers.size()));
    lines.append(QCoreApplication::translate("ModelFacts", "Parameters: %1")
                     .arg(toQString(formatCount(model.parameters))));
    lines.append(model.canRun() ? QCoreApplication::translate(
                                      "ModelFacts", "It can be run, calibrated and measured.")
                                : QCoreApplication::translate("ModelFacts", "It cannot be run: %1")
                                      .arg(toQString(model.whyNotRunnable)));
    return lines.join(QLatin1Char('\n'));
}

} // namespace gradus
