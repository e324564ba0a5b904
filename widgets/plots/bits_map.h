// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/bits_map_layout.h"
#include "widgets/models/choice.h"

#include <QAbstractScrollArea>

#include <memory>
#include <optional>
#include <vector>

class QMenu;

namespace gradus {

/// The whole model as blocks × kinds of layers, a cell for each layer, coloured by what is chosen
/// or measured, with the number in it where it fits. Select by click, sweep and keys; edit the
/// selection by digits and the menu: the edits are intents.
///
/// Keys: arrows move and Shift extends, 2 … 8 set bits, F keeps float, Space locks, + − 0 zoom,
/// Ctrl+A selects all, Ctrl+C copies the image.
class BitsMap final : public QAbstractScrollArea
{
    Q_OBJECT
public:
    enum class Colouring
    {
        Bits,
        OutputError,
        WeightSqnr,
        Method
    };

    explicit BitsMap(QWidget* parent = nullptr);
    ~BitsMap() override;

    void setRows(std::shared_ptr<const std::vector<LayerRow>> rows);
    /// The recipe's standard choice: what a float layer starts from when it gets a bit-width.
    void setStandard(const LayerChoice& standard);
    void setColouring(Colouring colouring);
    [[nodiscard]] Colouring colouring() const;
    /// 1 is the usual size of a cell. Until it is set the cells follow the size of the view.
    void setZoom(double zoom);
    void zoomBy(double factor);
    [[nodiscard]] double zoom() const; ///< of the height of a cell
    /// Sizes the cells so that the whole model is seen, where that is possible.
    void fit();

    void setSelected(const std::vector<std::string>& layers);
    [[nodiscard]] std::vector<std::string> selected() const; ///< in model order
    [[nodiscard]] std::string current() const;               ///< "" if none

    [[nodiscard]] const BitsMapLayout& mapLayout() const;
    [[nodiscard]] QString cellText(const std::string& layer) const;
    [[nodiscard]] QColor cellColour(const std::string& layer) const; ///< invalid: kept float
    [[nodiscard]] QString cellToolTip(const std::string& layer) const;
    /// Where the layer's cell stands in the viewport, in or out of sight.
    [[nodiscard]] QRect cellRect(const std::string& layer) const;
    [[nodiscard]] bool isEmpty() const;

    /// A line per layer: name, row, column, choice and what was measured.
    [[nodiscard]] QString csv() const;
    /// The whole map, by extension: .png, .svg, .pdf or .csv.
    bool save(const QString& path, QString* error) const;
    void copyImage() const;

    /// Emits the intent to apply the edit to the selection; locked layers are left alone when there
    /// are several.
    void requestEdit(const ChoiceEdit& edit);

    QSize sizeHint() const override { return {520, 360}; }
    QSize minimumSizeHint() const override { return {220, 140}; }

Q_SIGNALS:
    void selectionRequested(const std::vector<std::string>& layers);
    void editRequested(const gradus::LayerChoices& choices, const QString& text);
    void editRefused(const QString& reason);
    void lockRequested(const std::vector<std::string>& layers, bool locked);
    void colouringChanged();
    void zoomChanged();
    void failed(const QString& message);

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void changeEvent(QEvent* event) override;
    void mousePressEvent(QMouseEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void wheelEvent(QWheelEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    bool viewportEvent(QEvent* event) override;

private:
    struct State;
    struct Geometry;
    void placeCells();
    void refreshLooks(bool everything);
    [[nodiscard]] QRect cellRect(int layer) const;
    [[nodiscard]] QPoint scrolled() const;
    [[nodiscard]] int layerUnder(const QPoint& at) const;
    [[nodiscard]] std::vector<int> layersWithin(const QRect& content) const;
    [[nodiscard]] std::vector<int> layersBetween(int one, int other) const;
    void setSelection(const std::vector<int>& layers, bool add);
    void tellSelection();
    void setCurrent(int layer);
    [[nodiscard]] int neighbour(int layer, int key) const;
    void updateCell(int layer);
    void zoomAround(double factor, const QPoint& at);
    void toggleLock();
    void saveAs();
    [[nodiscard]] int find(const std::string& layer) const;
    void paintFrame(QPainter& painter, const Geometry& g, const QRect& area, QPoint offset) const;
    void paintCells(QPainter& painter, const Geometry& g, const QRect& area, QPoint offset,
                    const QRect& dirty, bool interactive) const;
    void paintCell(QPainter& painter, const QRect& cell, int layer, bool interactive) const;
    void paintLegend(QPainter& painter, const QRect& band) const;
    [[nodiscard]] QSize wholeSize() const;
    void renderMap(QPainter& painter) const;

    std::unique_ptr<State> m_state;
};

} // namespace gradus
