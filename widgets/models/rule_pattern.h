// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/recipe.h"

#include <QString>

#include <set>
#include <string>
#include <vector>

namespace gradus {

/// A short regular expression that is found in exactly these of the layers' names: numbers become
/// \d+ where all layers of that shape are meant, lists of numbers where not, and what fits neither
/// is named. "" for no names.
[[nodiscard]] std::string patternFor(const std::vector<std::string>& names,
                                     const std::vector<std::string>& all);

/// Which of the layers a pattern is found in, as places in the list. Throws Error(Usage) when it is
/// malformed or backtracks without end.
[[nodiscard]] std::vector<int> layersMatching(const std::string& pattern,
                                              const std::vector<std::string>& layers);

/// What a rule among others comes to.
struct RuleReach
{
    int matched = 0; ///< layers that the pattern is found in
    int decided = 0; ///< of them, those that no earlier rule and no choice of their own takes
    QString problem; ///< why the pattern cannot be used; empty when it can
};
/// own: layers with a choice of their own.
[[nodiscard]] std::vector<RuleReach> reachOf(const std::vector<Rule>& rules,
                                             const std::vector<std::string>& layers,
                                             const std::set<std::string>& own);

} // namespace gradus
