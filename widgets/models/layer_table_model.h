// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/choice.h"
#include "widgets/models/layer_rows.h"
#include "widgets/models/table_model.h"

#include <unordered_map>

namespace gradus {

/// The layer table. Editing a cell changes nothing here: it emits an intent, and the new rows come
/// back through setRows().
class LayerTableModel final : public TableModel<LayerRow>
{
    Q_OBJECT
public:
    enum ColumnId
    {
        Name,
        Block,
        Kind,
        LayerShape,
        Parameters,
        Method,
        Bits,
        Group,
        Symmetry,
        BitsPerWeight,
        Size,
        WeightSqnr,
        OutputError,
        BlockGain,
        Exponent,
        Kept,
        InputBits,
        InputQuantizer,
        WeightError,
        InputError,
        BothError,
        Outliers,
        Lock,
        ColumnCount
    };

    explicit LayerTableModel(QObject* parent = nullptr);

    /// The recipe's standard choice: what a float layer starts from when it gets a bit-width.
    void setStandard(const LayerChoice& standard) { m_standard = standard; }
    /// Which rows an edit of this row means (the selection, in a view); the row alone if unset.
    void setEditTargets(std::function<std::vector<int>(int)> targets)
    {
        m_targets = std::move(targets);
    }

    /// What an edit of this row means; ascending in a view.
    [[nodiscard]] std::vector<int> editTargets(int row) const;

    /// The editable field of a column, if it has one.
    [[nodiscard]] static std::optional<ChoiceField> fieldOf(int column);
    [[nodiscard]] int rowOf(const std::string& layer) const; ///< −1 if none
    /// What stands in the row's cells, in lower case, a line for each: what a search looks at.
    [[nodiscard]] const QString& cellText(int row) const;

    /// Emits the intent to apply the edit to the rows; locked rows are left alone when there are
    /// several. False, with editRefused, when the value is not a possible one.
    bool requestEdit(const std::vector<int>& rows, const ChoiceEdit& edit);

    QVariant data(const QModelIndex& index, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;

Q_SIGNALS:
    /// Intent: these layers should have these choices. text labels the undo step.
    void editRequested(const gradus::LayerChoices& choices, const QString& text);
    void editRefused(const QString& reason);
    /// An edit of several layers passed over so many because they are locked.
    void lockedLeftAlone(int count);

protected:
    void rowsReplaced() override;
    bool changesAllCells() override { return m_barsChanged; }

private:
    LayerChoice m_standard;
    std::function<std::vector<int>(int)> m_targets;
    std::unordered_map<std::string, int> m_index;
    double m_largest = 0; ///< bytes
    bool m_barsChanged = false;
    mutable std::vector<QString> m_cellText;
    std::shared_ptr<const Rows> m_cellTextRows; ///< that the texts were made from
};

} // namespace gradus
