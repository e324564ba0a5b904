// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/choice.h"
#include "widgets/models/layer_rows.h"

#include <vector>

namespace gradus {

/// What one edit makes of several layers.
struct BulkEdit
{
    LayerChoices choices; ///< only those that change
    int locked = 0;       ///< layers that were left alone because they are locked
    QString text;         ///< labels the undo step
};

/// targets: indices into rows. A single locked layer is edited, for that is meant; among several,
/// locked ones are left alone. Throws Error(Usage) when the value is not a possible one.
[[nodiscard]] BulkEdit bulkEdit(const std::vector<LayerRow>& rows, const std::vector<int>& targets,
                                const ChoiceEdit& edit, const LayerChoice& standard);

} // namespace gradus
