// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/sample_evaluation.h"

#include <QDialog>

class QComboBox;
class QFormLayout;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;

namespace gradus {

/// Text, metric and convention of a measurement of a language model.
class EvaluateDialog final : public QDialog
{
    Q_OBJECT
public:
    /// haveRun: there is a run to compare with the float model.
    EvaluateDialog(const QString& textFile, std::int64_t modelContext, bool haveRun,
                   QWidget* parent = nullptr);
    /// There is no metric to choose: an allocation is measured by all.
    void setMeasuresAll();

Q_SIGNALS:
    void evaluateRequested(gradus::TextMetric metric, const QString& textFile,
                           gradus::PerplexityConvention convention, qint64 context);

private:
    void explain();
    void browse();
    void accept() override;

    bool m_haveRun;
    bool m_measuresAll = false;
    QFormLayout* m_form = nullptr;
    QLabel* m_about = nullptr;
    QPushButton* m_measure = nullptr;
    QComboBox* m_metric = nullptr;
    QLineEdit* m_path = nullptr;
    QComboBox* m_convention = nullptr;
    QSpinBox* m_context = nullptr;
};

} // namespace gradus
