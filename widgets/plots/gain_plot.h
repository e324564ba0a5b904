// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/gain_steps.h"
#include "widgets/plots/plot_view.h"

#include <memory>

namespace gradus {

[[nodiscard]] QString gainKindTitle(GainKind kind); ///< "Clip"
[[nodiscard]] QString gainKindHelp(GainKind kind);

/// Where the gain over uniform round-to-nearest comes from: a bar for each kind of step that begins
/// where the one before it ended, and the whole at the end.
class GainPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit GainPlot(QWidget* parent = nullptr);
    ~GainPlot() override;

    /// title: the layer, or what the mean is taken over.
    void setGain(const QString& title, const GainSteps& gain);
    [[nodiscard]] const GainSteps& gain() const;
    /// The bars from top to bottom, "Clip\t+1.32 dB".
    [[nodiscard]] QStringList rowTexts() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild();

    std::unique_ptr<Parts> m_parts;
};

} // namespace gradus
