// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/comparison_model.h"
#include "widgets/plots/error_plot.h"

#include <QWidget>

class QCheckBox;
class QLabel;
class QSplitter;
class QStackedLayout;
class QTableView;

namespace gradus {

/// Two runs, layer by layer: a table of differences and the errors of both, overlaid.
class RunComparison final : public QWidget
{
    Q_OBJECT
public:
    explicit RunComparison(QWidget* parent = nullptr);

    [[nodiscard]] ComparisonModel* model() const { return m_model; }
    [[nodiscard]] QTableView* view() const { return m_view; }
    [[nodiscard]] ErrorPlot* plot() const { return m_plot; }
    /// The layers and their order.
    void setRows(std::shared_ptr<const std::vector<LayerRow>> rows);
    /// Either may be null: then the panel says what to choose.
    void setRuns(std::shared_ptr<const SessionRun> a, std::shared_ptr<const SessionRun> b);
    void setSelected(const std::vector<std::string>& layers);
    void setOnlyDifferent(bool on);

    /// The lines that are shown, with tabs; the selected ones if there are several.
    void copyTable();
    [[nodiscard]] QString csv() const;
    bool saveCsv(const QString& path, QString* error) const;

Q_SIGNALS:
    void layersActivated(const std::vector<std::string>& layers, bool extend);
    void failed(const QString& message);

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void showData();
    [[nodiscard]] QString said(const QString& letter, const SessionRun& run,
                               const LayerMeasures& total) const;
    void fitColumns();
    void activate(const QModelIndex& index);
    void showMenu(const QPoint& at);
    void askForFile();

    std::shared_ptr<const std::vector<LayerRow>> m_rows;
    std::shared_ptr<const SessionRun> m_a;
    std::shared_ptr<const SessionRun> m_b;
    ComparisonModel* m_model = nullptr;
    ComparisonFilter* m_filter = nullptr;
    QTableView* m_view = nullptr;
    ErrorPlot* m_plot = nullptr;
    QSplitter* m_splitter = nullptr;
    QStackedLayout* m_pages = nullptr;
    QLabel* m_empty = nullptr;
    QLabel* m_names = nullptr;
    QCheckBox* m_onlyDifferent = nullptr;
};

} // namespace gradus
