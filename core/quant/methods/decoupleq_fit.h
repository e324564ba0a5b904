// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/methods/decoupleq_layer.h"

namespace gradus {

/// Closed-form scales and zeros for given codes (decoupleQ, eq. 8–10), in double: for each row the
/// normal equations of all its groups together, since H couples them.
///
/// With a group's codes about their mean, ŵ = s·(q − c) + t. The unknowns are the changes of s and
/// t, so that nothing cancels where the error is small. Parameters that the row's codes do not tell
/// apart (constant groups, inputs that depend on each other) stay as they are. Scales and zeros are
/// rounded to what is stored one after the other, each of the rest being chosen for those before
/// it.
class DecoupleqFit
{
public:
    explicit DecoupleqFit(const DecoupleqLayer& layer);

    /// candidate: for each of the rows the codes of current with the best scales and zeros for
    /// them, and the errors. A group whose best scale is negative gets its codes mirrored. Errors
    /// that are not finite mean that there is nothing storable.
    void run(RowList rows, const GridState& current, GridState& candidate) const;

private:
    struct Panel;
    void assemble(Panel& panel) const;
    void solveRows(Panel& panel, GridState& candidate) const;

    const DecoupleqLayer& m_layer;
    std::int64_t m_unknowns;          ///< of a row
    std::vector<double> m_sums;       ///< cols × groups: H summed over the columns of each group
    std::vector<double> m_sumsOfSums; ///< groups × groups: over both
};

} // namespace gradus
