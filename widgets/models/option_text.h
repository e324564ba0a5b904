// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/options.h"

#include <QString>

namespace gradus {

/// Words for the options of methods, and what one option says about another.

/// "act_order" → "Act order".
[[nodiscard]] QString optionTitle(const std::string& name);
/// "block stage" → "Block stage", in the user's language.
[[nodiscard]] QString optionSectionTitle(const std::string& section);
/// "box-descent" → "Box descent", in the user's language; the value itself when it has no title.
/// option: whose value it is, where two options have values of one name.
[[nodiscard]] QString optionChoiceTitle(const std::string& choice, const std::string& option = {});
/// What is chosen of a power grid beside the defaults: "a 0.63, clip"; empty for other methods.
[[nodiscard]] QString powerGridText(const MethodOptions& options);
/// A real number as short as it reads back: "0.4", "1e-5".
[[nodiscard]] QString realOptionText(double value);
/// The help, the default, and the range of a number: a tool tip.
[[nodiscard]] QString optionHelp(const OptionDescription& option);

/// The option that decides over all others of its section, which has a title and a state then:
/// "block_stage" of "block stage"; empty when there is none.
[[nodiscard]] std::string sectionSwitch(const MethodDescription& method,
                                        const std::string& section);
/// False while other options keep this one from changing anything; `why` is then a sentence that
/// says what it needs.
[[nodiscard]] bool optionMatters(const MethodOptions& options, const std::string& name,
                                 QString* why = nullptr);

} // namespace gradus
