// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/panels/number_edit.h"

#include "widgets/models/option_text.h"

#include <QFocusEvent>
#include <QRegularExpression>

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {
/// So many that no double of the ranges in use is rounded.
constexpr int allDecimals = 60;
/// From zero, a step leads here.
constexpr double firstStep = 1e-6;

/// To two digits of `unit`, so that steps do not leave a tail of their rounding errors.
double rounded(double value, double unit)
{
    return QString::number(std::round(value / unit) * unit, 'g', 12).toDouble();
}
} // namespace

NumberEdit::NumberEdit(QWidget* parent)
    : QDoubleSpinBox(parent)
{
    setDecimals(allDecimals);
    setKeyboardTracking(false);
    setCorrectionMode(CorrectToPreviousValue);
}

bool NumberEdit::read(QString text, double& value) const
{
    text = text.trimmed();
    if (!specialValueText().isEmpty() && text == specialValueText()) {
        value = 0;
        return true;
    }
    // A comma is a decimal point: groups of thousands are not written.
    text.replace(QLatin1Char(','), QLatin1Char('.'));
    bool isNumber = false;
    const double number = text.toDouble(&isNumber);
    if (!isNumber || !std::isfinite(number))
        return false;
    value = number;
    return true;
}

void NumberEdit::setZeroWord(const QString& word, double least)
{
    setSpecialValueText(word);
    m_least = least;
}

bool NumberEdit::isPossible(double number) const
{
    return number >= minimum() && number <= maximum() && (number == 0 || number >= m_least);
}

QString NumberEdit::textFromValue(double value) const
{
    QString text = realOptionText(value);
    return text.replace(QLatin1Char('.'), locale().decimalPoint());
}

double NumberEdit::valueFromText(const QString& text) const
{
    double number = 0;
    return read(text, number) ? number : value();
}

QValidator::State NumberEdit::validate(QString& text, int&) const
{
    double number = 0;
    if (read(text, number))
        return isPossible(number) ? QValidator::Acceptable : QValidator::Intermediate;
    static const QRegularExpression begun(
        QStringLiteral("^\\s*[+-]?\\d*[.,]?\\d*([eE][+-]?\\d*)?\\s*$"));
    return begun.match(text).hasMatch() ? QValidator::Intermediate : QValidator::Invalid;
}

void NumberEdit::fixup(QString& text) const
{
    const QString typed = text.trimmed();
    text = textFromValue(value());
    if (!typed.isEmpty())
        Q_EMIT refused(m_least > 0
                           ? tr("%1 is not possible: a number from %2 to %3, or 0, is expected.")
                                 .arg(typed, textFromValue(m_least), textFromValue(maximum()))
                           : tr("%1 is not possible: a number from %2 to %3 is expected.")
                                 .arg(typed, textFromValue(minimum()), textFromValue(maximum())));
}

void NumberEdit::stepBy(int steps)
{
    double number = value();
    const int direction = steps < 0 ? -1 : 1;
    for (int i = 0; i < std::abs(steps); ++i) {
        if (number == 0) {
            number = m_least > 0 && direction > 0 ? m_least : direction * firstStep;
            continue;
        }
        double unit = std::pow(10, std::floor(std::log10(std::fabs(number))) - 1);
        // Down from 1.0 the digits are those of 0.99.
        if (direction * number < 0 && std::fabs(number) < 10.5 * unit)
            unit /= 10;
        const double next = rounded(number + direction * unit, unit);
        const double least = m_least > 0 ? m_least * (1 - 1e-9) : firstStep / 2;
        number = std::fabs(next) < least && minimum() == 0 ? 0 : next;
    }
    setValue(std::min(std::max(number, minimum()), maximum()));
    selectAll();
}

void NumberEdit::focusInEvent(QFocusEvent* event)
{
    QDoubleSpinBox::focusInEvent(event);
    if (event->reason() == Qt::TabFocusReason || event->reason() == Qt::BacktabFocusReason ||
        text() == specialValueText())
        selectAll();
}

} // namespace gradus
