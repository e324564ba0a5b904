// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/evaluate.h"

#include <QDialog>

class QComboBox;
class QFormLayout;
class QLineEdit;
class QSpinBox;

namespace gradus {

/// The text and the convention of a perplexity.
class EvaluateDialog final : public QDialog
{
    Q_OBJECT
public:
    EvaluateDialog(const QString& textFile, std::int64_t modelContext, QWidget* parent = nullptr);

Q_SIGNALS:
    void evaluateRequested(const QString& textFile, gradus::PerplexityConvention convention,
                           qint64 context);

private:
    void browse();
    void accept() override;

    QLineEdit* m_path = nullptr;
    QComboBox* m_convention = nullptr;
    QSpinBox* m_context = nullptr;
};

} // namespace gradus
