// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/delegates/number_delegate.h"
#include "widgets/models/choice.h"

class QComboBox;

namespace gradus {

/// A drop-down with the values of a field; the group's takes a free number too.
[[nodiscard]] QComboBox* makeFieldCombo(ChoiceField field, QWidget* parent);
/// The value chosen or typed.
[[nodiscard]] QString fieldComboValue(const QComboBox& combo);
void setFieldComboValue(QComboBox& combo, const QString& value);

/// Edits the columns that have a field with a drop-down that opens at once and commits on choice.
class ChoiceDelegate final : public NumberDelegate
{
    Q_OBJECT
public:
    using NumberDelegate::NumberDelegate;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const override;
    void setEditorData(QWidget* editor, const QModelIndex& index) const override;
    void setModelData(QWidget* editor, QAbstractItemModel* model,
                      const QModelIndex& index) const override;
    void updateEditorGeometry(QWidget* editor, const QStyleOptionViewItem& option,
                              const QModelIndex& index) const override;

protected:
    void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override;
};

} // namespace gradus
