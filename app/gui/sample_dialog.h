// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/sample_evaluation.h"
#include "widgets/models/model_facts.h"

#include <QDialog>

class QComboBox;
class QLabel;
class QLineEdit;

namespace gradus {

class SampleFields;

/// What a model that is no language model is measured on, and by which metric.
class SampleDialog final : public QDialog
{
    Q_OBJECT
public:
    /// proposal: the calibration's. haveRun: outputs can be compared only with one.
    SampleDialog(const Model& model, const CalibrationChoice& proposal, bool haveRun,
                 QWidget* parent = nullptr);

Q_SIGNALS:
    void evaluateRequested(const gradus::SampleEvaluation& what);

private:
    void browse(bool folder);
    void accept() override;
    void explain();

    CalibrationChoice m_choice;
    bool m_haveRun = false;
    FeedKind m_kind;
    QComboBox* m_metric = nullptr;
    QLineEdit* m_path = nullptr;
    QLabel* m_about = nullptr;
    SampleFields* m_fields = nullptr;
};

} // namespace gradus
