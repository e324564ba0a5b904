// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/sample_evaluation.h"

#include "core/base/format.h"
#include "widgets/text.h"

#include <QCoreApplication>
#include <QStringList>

#include <cmath>

namespace gradus {

namespace {
QString share(double value, double error)
{
    return QStringLiteral("%1 % ± %2 %").arg(100 * value, 0, 'f', 1).arg(100 * error, 0, 'f', 1);
}

QString points(double change)
{
    return QStringLiteral("%1%2")
        .arg(change < 0 ? QStringLiteral("−") : QStringLiteral("+"))
        .arg(100 * std::fabs(change), 0, 'f', 1);
}

QString accuracies(const QString& name, const SampleFigures& figures, double Accuracy::*value,
                   double Accuracy::*error)
{
    const Accuracy& original = *figures.original;
    const QString before = share(original.*value, original.*error);
    if (!figures.quantized)
        return QCoreApplication::translate("SampleEvaluation", "%1: float %2").arg(name, before);
    const Accuracy& quantized = *figures.quantized;
    return QCoreApplication::translate("SampleEvaluation",
                                       "%1: float %2 → quantized %3 (%4 points)")
        .arg(name, before, share(quantized.*value, quantized.*error),
             points(quantized.*value - original.*value));
}
} // namespace

SampleMetric usualSampleMetric(const Model& model)
{
    return usualMetric(model) == "top1" ? SampleMetric::Accuracy : SampleMetric::Outputs;
}

QString figuresText(const SampleFigures& figures)
{
    QStringList parts;
    if (figures.original) {
        parts.append(accuracies(QCoreApplication::translate("SampleEvaluation", "Top-1"), figures,
                                &Accuracy::value, &Accuracy::standardError));
        constexpr std::int64_t enoughForFive = 6;
        if (figures.original->classes == 0 || figures.original->classes >= enoughForFive)
            parts.append(accuracies(QCoreApplication::translate("SampleEvaluation", "Top-5"),
                                    figures, &Accuracy::top5, &Accuracy::top5StandardError));
    }
    if (figures.outputs) {
        const OutputSimilarity& outputs = *figures.outputs;
        const auto number = [](double value) { return QString::number(value, 'g', 3); };
        parts.append(
            QCoreApplication::translate("SampleEvaluation", "Cosine to float: %1 ± %2, least %3")
                .arg(QString::number(outputs.cosine, 'f', 5), number(outputs.cosineStandardError),
                     QString::number(outputs.cosineLeast, 'f', 5)));
        if (std::isfinite(outputs.divergence)) {
            parts.append(
                QCoreApplication::translate("SampleEvaluation", "KL to float: %1 ± %2 nats/sample")
                    .arg(number(outputs.divergence), number(outputs.divergenceStandardError)));
            parts.append(QCoreApplication::translate("SampleEvaluation", "same top-1: %1 %")
                             .arg(100 * outputs.sameTop, 0, 'f', 1));
        }
    }
    return parts.join(QStringLiteral("; "));
}

QString figuresContext(const SampleFigures& figures, const QString& file)
{
    if (figures.original) {
        const Accuracy& all = *figures.original;
        if (all.classes > 0)
            return QCoreApplication::translate("SampleEvaluation",
                                               "%1, %2 labeled samples, %3 classes")
                .arg(file, toQString(formatCount(all.samples)),
                     toQString(formatCount(all.classes)));
        return QCoreApplication::translate("SampleEvaluation", "%1, %2 labeled samples")
            .arg(file, toQString(formatCount(all.samples)));
    }
    if (figures.outputs)
        return QCoreApplication::translate("SampleEvaluation", "%1, %2 samples")
            .arg(file, toQString(formatCount(figures.outputs->samples)));
    return file;
}

EvaluateRequest requestOf(const std::shared_ptr<const Model>& model, const SampleEvaluation& what)
{
    EvaluateRequest request;
    request.model = model;
    request.data = what.data.data;
    request.labels = what.data.labels;
    request.mean = what.data.mean;
    request.deviation = what.data.deviation;
    request.layout = what.data.layout;
    return request;
}

} // namespace gradus
