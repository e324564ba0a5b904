// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QDoubleSpinBox>

namespace gradus {

/// A real number from a range that may span many powers of ten: shown as short as it reads back
/// (0.4, 1e-5), typed either way, stepped in its second digit. What is typed outside the range is
/// refused with a sentence, and the number stays what it was.
class NumberEdit final : public QDoubleSpinBox
{
    Q_OBJECT
public:
    explicit NumberEdit(QWidget* parent = nullptr);

    [[nodiscard]] QString textFromValue(double value) const override;
    [[nodiscard]] double valueFromText(const QString& text) const override;
    QValidator::State validate(QString& text, int& position) const override;
    void fixup(QString& text) const override;
    void stepBy(int steps) override;
    /// Zero is no number of the range but means something, which the word says; the numbers are
    /// from least on.
    void setZeroWord(const QString& word, double least);

Q_SIGNALS:
    /// The text that is not a number of the range, as a sentence.
    void refused(const QString& reason) const;

protected:
    void focusInEvent(QFocusEvent* event) override;

private:
    [[nodiscard]] bool read(QString text, double& value) const;
    [[nodiscard]] bool isPossible(double number) const;

    double m_least = 0; ///< above zero, where that has a word
};

} // namespace gradus
