// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/alloc/sensitivity_table.h"

#include <QString>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// Where an allocation stands: its size, and the error that is predicted for it.
struct AllocationSpot
{
    double bitsPerWeight = 0;
    std::uint64_t bytes = 0; ///< as the budget counts them
    double error = std::numeric_limits<double>::quiet_NaN();
};

/// An allocation that nobody solved for.
struct AllocationReference
{
    enum class Kind
    {
        Uniform, ///< one number of bits everywhere
        FirstLast,
        LlamaCpp,
    };
    Kind kind = Kind::Uniform;
    QString name; ///< "4 bit"
    AllocationSpot spot;
};

/// What was measured of a run that has one of the allocations.
struct AllocationMeasurement
{
    int run = 0;
    QString name;        ///< of the run
    AllocationSpot spot; ///< its error is the predicted one; NaN where nothing predicts it
    double measured = std::numeric_limits<double>::quiet_NaN();
    double deviation = 0; ///< standard error of `measured`
    QString figures;      ///< all that was measured, for people
};

/// Something of the picture that a person points at.
struct AllocationMark
{
    enum class Kind
    {
        Front,
        Solution,
        Recipe,
        Reference,
        Measured,
    };
    Kind kind = Kind::Solution;
    std::size_t index = 0; ///< in the list of its kind
    bool operator==(const AllocationMark&) const = default;
};

/// What the view of allocations draws.
struct AllocationPicture
{
    QString model;
    std::vector<AllocationSpot> front; ///< by rising size
    std::optional<AllocationSpot> solution;
    bool optimal = false;                 ///< the solution, proved
    QString solver;                       ///< that found it, "Exact"
    std::optional<AllocationSpot> recipe; ///< what the recipe has at present
    bool live = false;                    ///< the recipe is what was adopted last
    std::vector<AllocationReference> references;
    std::vector<AllocationMeasurement> measured;
    double budget = std::numeric_limits<double>::quiet_NaN(); ///< in bits per weight
    QString errorTitle;    ///< with its unit, "predicted KL (nats per token)"
    QString errorUnit;     ///< "nats per token"; may be empty
    QString measuredTitle; ///< of an axis of its own; empty: the same as errors
    /// bytes = fixedBytes + bitsPerWeight · weights / 8
    double weights = 0;
    double fixedBytes = 0;
    QString sizeTitle; ///< "stored size", "size of the GPTQ file"

    [[nodiscard]] double bytesAt(double bitsPerWeight) const
    {
        return fixedBytes + bitsPerWeight * weights / 8;
    }
    /// nullptr when there is none of that kind and index.
    [[nodiscard]] const AllocationSpot* find(const AllocationMark& mark) const;
};

/// Of the error that a metric predicts, with its unit: what stands at an axis.
[[nodiscard]] QString errorTitle(SensitivityMetric metric, SensitivityTable::Unit unit);
[[nodiscard]] QString errorUnit(SensitivityMetric metric, SensitivityTable::Unit unit);
/// Of what is measured of whole runs.
[[nodiscard]] QString measuredTitle(SensitivityTable::Unit unit);
/// The metric's numbers are estimates of what is measured of whole runs.
[[nodiscard]] bool predictsDivergence(SensitivityMetric metric);
[[nodiscard]] QString metricTitle(SensitivityMetric metric); ///< "Fisher"
/// What it is, what it costs, and what it is in.
[[nodiscard]] QString metricHelp(SensitivityMetric metric);
/// "0.00123", "4.5e-06".
[[nodiscard]] QString errorText(double error);

/// What a layer, with those that are decided as one with it, could have.
struct OptionCurve
{
    struct Option
    {
        int bits = 0;
        QString name; ///< "4", or "4 · 128" where groups differ
        std::uint64_t bytes = 0;
        double error = 0;
        bool onHull = false; ///< may be chosen by a multiplier
        bool chosen = false;
    };
    std::string layer;
    std::vector<std::string> partners; ///< decided with it
    std::vector<Option> options;       ///< by rising size
    bool locked = false;
    int minimumBits = 0; ///< of the rule that holds; 0 for none
    int maximumBits = 0;
    QString errorTitle;
    QString errorUnit;
    /// Error saved by the last byte that the budget buys; NaN before there is a solution.
    double price = std::numeric_limits<double>::quiet_NaN();

    [[nodiscard]] int chosen() const; ///< of options; −1 for none
    /// From an option to the next one of the hull, up or down; −1 where there is none.
    [[nodiscard]] int next(int option, int direction) const;
};
/// Marks the lower convex hull of options sorted by size.
void markHull(std::vector<OptionCurve::Option>& options);
/// Why the layer has its bits: what the next steps would bring, against the budget's price.
[[nodiscard]] QStringList whyLines(const OptionCurve& curve);

} // namespace gradus
