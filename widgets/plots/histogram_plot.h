// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/weight_view.h"

#include <QWidget>

#include <memory>

namespace gradus {

/// The distribution of a layer's weights before and after quantization, with the levels of the
/// grid and its limits. Draws what it is given; binning is core's work.
class HistogramPlot final : public QWidget
{
    Q_OBJECT
public:
    explicit HistogramPlot(QWidget* parent = nullptr);
    ~HistogramPlot() override;

    void setPreview(std::shared_ptr<const WeightPreview> preview);
    [[nodiscard]] const WeightPreview* preview() const;
    /// Shown instead of the plot while there is no preview.
    void setEmptyText(const QString& text);
    void setLogScale(bool on);
    [[nodiscard]] bool logScale() const;

    /// What is shown, as CSV: bin edges and counts, then levels and limits as comments.
    [[nodiscard]] QString csv() const;
    /// By extension: .png, .svg, .pdf or .csv. False with a sentence when it cannot be written.
    bool save(const QString& path, QString* error) const;
    /// Draws now what would be drawn with the next event.
    void replotNow();

    /// The version of the plotting library, for the about box.
    [[nodiscard]] static QString libraryVersion();

    QSize sizeHint() const override { return {520, 300}; }
    QSize minimumSizeHint() const override { return {240, 140}; }

Q_SIGNALS:
    void logScaleChanged(bool on);
    void failed(const QString& message);

protected:
    void changeEvent(QEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;

private:
    struct Parts;
    void recolour();
    void rebuild();
    void saveAs();

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
