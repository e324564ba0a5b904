// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/delegates/choice_delegate.h"

#include "widgets/models/layer_table_model.h"

#include <QAbstractItemView>
#include <QComboBox>
#include <QLineEdit>
#include <QTimer>

namespace gradus {

namespace {
constexpr const char* touched = "gradusTouched";
}

QComboBox* makeFieldCombo(ChoiceField field, QWidget* parent)
{
    auto* combo = new QComboBox(parent);
    for (const FieldValue& value : fieldValues(field))
        combo->addItem(value.text, value.value);
    if (field == ChoiceField::Group) {
        combo->setEditable(true);
        combo->setInsertPolicy(QComboBox::NoInsert);
        combo->setCompleter(nullptr); // 6 is no beginning of 64
    }
    // The list may be wider than the cell it belongs to.
    combo->view()->setMinimumWidth(combo->view()->sizeHintForColumn(0) + 28);
    return combo;
}

QString fieldComboValue(const QComboBox& combo)
{
    const int at = combo.isEditable() ? combo.findText(combo.currentText()) : combo.currentIndex();
    return at >= 0 ? combo.itemData(at).toString() : combo.currentText().trimmed();
}

void setFieldComboValue(QComboBox& combo, const QString& value)
{
    const int at = combo.findData(value);
    combo.setCurrentIndex(at);
    if (at < 0 && combo.isEditable())
        combo.setEditText(value);
}

QWidget* ChoiceDelegate::createEditor(QWidget* parent, const QStyleOptionViewItem& option,
                                      const QModelIndex& index) const
{
    const auto field = LayerTableModel::fieldOf(index.column());
    if (!field)
        return QStyledItemDelegate::createEditor(parent, option, index);
    QComboBox* combo = makeFieldCombo(*field, parent);
    auto* self = const_cast<ChoiceDelegate*>(this); // signals of a delegate are non-const
    connect(combo, &QComboBox::activated, this, [self, combo] {
        combo->setProperty(touched, true);
        Q_EMIT self->commitData(combo);
        Q_EMIT self->closeEditor(combo);
    });
    if (combo->isEditable())
        connect(combo, &QComboBox::editTextChanged, combo,
                [combo] { combo->setProperty(touched, true); });
    else
        QTimer::singleShot(0, combo, &QComboBox::showPopup);
    return combo;
}

void ChoiceDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const
{
    if (auto* combo = qobject_cast<QComboBox*>(editor)) {
        setFieldComboValue(*combo, index.data(Qt::EditRole).toString());
        if (combo->isEditable())
            combo->lineEdit()->selectAll(); // what is typed replaces it
        combo->setProperty(touched, false);
    }
}

void ChoiceDelegate::setModelData(QWidget* editor, QAbstractItemModel* model,
                                  const QModelIndex& index) const
{
    // A drop-down that was only looked at must not spread its value over the selected rows.
    auto* combo = qobject_cast<QComboBox*>(editor);
    if (combo && combo->property(touched).toBool())
        model->setData(index, fieldComboValue(*combo), Qt::EditRole);
}

void ChoiceDelegate::updateEditorGeometry(QWidget* editor, const QStyleOptionViewItem& option,
                                          const QModelIndex&) const
{
    QRect box = option.rect;
    box.setWidth(qMax(box.width(), editor->sizeHint().width()));
    editor->setGeometry(box);
}

void ChoiceDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const
{
    QStyledItemDelegate::initStyleOption(option, index);
    // What cannot be edited here (the group of a float layer) steps back.
    if (!index.flags().testFlag(Qt::ItemIsEditable))
        option->palette.setColor(QPalette::Text, option->palette.color(QPalette::PlaceholderText));
}

} // namespace gradus
