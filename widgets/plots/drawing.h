// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/eval/distribution.h"

#include <QStringList>

#include <string>
#include <vector>

class QCPAxis;
class QCPCurve;
class QCPGraph;

namespace gradus {

/// What several plots draw.

/// Vertical lines over the whole plot, as one curve with gaps.
void setVerticals(QCPCurve& curve, const std::vector<double>& at);
/// Counts times a factor as a staircase: every bin from its left edge to its right one.
void setStaircase(QCPGraph& graph, const Histogram& h, double factor = 1);
/// The same as a line through the middles of the bins, for curves that lie over each other.
void setOutline(QCPGraph& graph, const Histogram& h, double factor = 1);
[[nodiscard]] std::int64_t highestCount(const Histogram& h);
[[nodiscard]] std::int64_t countAt(const Histogram& h, double x);
/// From count to density: 1 / (n · bin width).
[[nodiscard]] double densityFactor(const Histogram& h);

/// A logarithmic axis with powers of ten, or a linear one with plain numbers.
void setAxisScale(QCPAxis& axis, bool logarithmic);
/// A logarithmic axis with ticks at 1, 2 and 5 times the powers of ten, or at the powers alone over
/// many decades.
void setLogTicks(QCPAxis& axis);
/// Pens, fonts and colours of another axis.
void copyAxisLook(const QCPAxis& from, QCPAxis& to);
/// Faint when there are many of them; as a rug they need not be.
[[nodiscard]] float levelOpacity(std::size_t levels);
/// Levels over the range that the curve's value axis has: vertical lines, or a rug at the foot of
/// the plot when there are so many that lines would hide what lies behind, as they do near the zero
/// of a power grid.
void setLevels(QCPCurve& curve, const std::vector<double>& at);
/// The end of a layer's name, which tells layers apart, for a legend.
[[nodiscard]] QString legendName(const std::string& layer, int characters = 28);
/// The same for layers in one legend: without the part before a dot that all have in common.
[[nodiscard]] QStringList legendNames(const std::vector<std::string>& layers, int characters = 28);
/// That part, "model.layers.0."; empty when there is none.
[[nodiscard]] QString commonPart(const std::vector<std::string>& layers);
/// A number in a table for other programs.
[[nodiscard]] QString csvNumber(double value);

} // namespace gradus
