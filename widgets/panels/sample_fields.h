// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/recipe.h"
#include "widgets/models/model_facts.h"

#include <QObject>

#include <optional>

class QComboBox;
class QGridLayout;
class QLineEdit;
class QWidget;

namespace gradus {

/// "123.7 116.3 103.5", apart by spaces, commas or semicolons; nothing when a part is no number.
[[nodiscard]] std::optional<std::vector<float>> numbersFromText(const QString& text);
[[nodiscard]] QString numbersText(const std::vector<float>& numbers);

/// The fields for data that is no text: labels, normalization, layout. They stand in the grid of
/// the form that owns them.
class SampleFields final : public QObject
{
    Q_OBJECT
public:
    explicit SampleFields(QObject* parent = nullptr);

    /// Labels in one row over four columns, mean and deviation in the next, layout in two columns
    /// of another.
    void addTo(QGridLayout* grid, int row, int layoutRow, int layoutColumn = 2);
    /// Shows what such data needs. image: what the model states, for the placeholders.
    void setKind(FeedKind kind, const std::optional<ImageInput>& image);
    void setEnabled(bool on);
    void setValues(const CalibrationChoice& choice);
    /// Into the choice; fields of numbers that cannot be read leave it as it was: false when there
    /// is one.
    [[nodiscard]] bool take(CalibrationChoice& choice) const;

Q_SIGNALS:
    /// title: for an undo step; key: of the field.
    void changed(const QString& title, const char* key);

private:
    void browse();

    std::vector<QWidget*> m_labelRow;
    std::vector<QWidget*> m_numberRow;
    std::vector<QWidget*> m_layoutCell;
    QLineEdit* m_labels = nullptr;
    QLineEdit* m_mean = nullptr;
    QLineEdit* m_deviation = nullptr;
    QComboBox* m_layout = nullptr;
};

} // namespace gradus
