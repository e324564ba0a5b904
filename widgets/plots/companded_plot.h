// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"
#include "widgets/plots/plot_view.h"

#include <memory>
#include <vector>

namespace gradus {

/// Weights after the power map, where their grid is uniform: t = N · sgn(w) · (|w|/s)^a.
struct CompandedWeights
{
    int largest = 7; ///< N
    double exponent = 1;
    Histogram histogram;  ///< of t, over [−N − ½, N + ½]; mid-rise [−N − 1, N + 1]
    bool midRise = false; ///< levels halfway between whole numbers
    /// How many weights have each code, from the lowest up: 2N + 1 of them, 2N + 2 of mid-rise.
    std::vector<std::int64_t> occupancy;
};

/// The weights in the power domain against the evenly spaced levels, and how many weights each
/// level has: what a uniform grid sees after the power map.
class CompandedPlot final : public PlotView
{
    Q_OBJECT
public:
    explicit CompandedPlot(QWidget* parent = nullptr);
    ~CompandedPlot() override;

    /// Nothing: null.
    void setWeights(std::shared_ptr<const CompandedWeights> weights);
    [[nodiscard]] const CompandedWeights* weights() const;

    [[nodiscard]] QString csv() const override;
    [[nodiscard]] QString readout(double x, double y) const override;

protected:
    void rescale() override;
    void recolour() override;
    [[nodiscard]] QString proposedName() const override;

private:
    struct Parts;
    void rebuild(bool newRange);

    std::unique_ptr<Parts> m_parts;
};

/// −Σ p·log₂ p over the codes: the bits that the codes are worth.
[[nodiscard]] double codeEntropy(const std::vector<std::int64_t>& occupancy);

} // namespace gradus
