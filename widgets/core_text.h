// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>

#include <string_view>

namespace gradus {

/// A text of core's descriptions (titles, summaries and options of methods, kinds of layers) in the
/// language of the window. Core itself knows no Qt and writes English; its errors and notes, which
/// are made of values, stay so.
[[nodiscard]] QString coreText(std::string_view english);

/// A sentence of core's with numbers in it, such as a warning about data, in the user's language;
/// as it is when it is none of those that are known.
[[nodiscard]] QString coreSentence(std::string_view english);

} // namespace gradus
