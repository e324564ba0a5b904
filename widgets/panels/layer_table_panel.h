// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_table_model.h"

#include <QWidget>

class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QTableView;

namespace gradus {

class LayerFilter;

/// The filter line, the layer table, and the strip that edits all selected layers at once.
class LayerTablePanel final : public QWidget
{
    Q_OBJECT
public:
    explicit LayerTablePanel(QWidget* parent = nullptr);

    [[nodiscard]] LayerTableModel* model() const { return m_model; }
    [[nodiscard]] QTableView* view() const { return m_view; }
    void setRows(std::shared_ptr<const std::vector<LayerRow>> rows);
    void setStandard(const LayerChoice& standard);

    [[nodiscard]] std::vector<std::string> selectedLayers() const;
    [[nodiscard]] std::string currentLayer() const; ///< "" if none
    void selectLayer(const std::string& name);
    void focusFilter();
    void copySelection();

Q_SIGNALS:
    void selectionChanged();
    void editRequested(const gradus::LayerChoices& choices, const QString& text);
    void editRefused(const QString& reason);
    void resetRequested(const std::vector<std::string>& layers);
    void lockRequested(const std::vector<std::string>& layers, bool locked);

protected:
    void changeEvent(QEvent* event) override;
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    [[nodiscard]] std::vector<int> selectedRows() const;
    void showMenu(const QPoint& at);
    void updateStrip();
    void fitColumns();
    void stretchName();

    LayerTableModel* m_model = nullptr;
    LayerFilter* m_filter = nullptr;
    QTableView* m_view = nullptr;
    QLineEdit* m_words = nullptr;
    QLabel* m_count = nullptr;
    QLabel* m_stripLabel = nullptr;
    std::vector<QComboBox*> m_bulk;
    QPushButton* m_reset = nullptr;
};

} // namespace gradus
