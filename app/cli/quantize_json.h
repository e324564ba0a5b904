// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/run.h"

#include <memory>
#include <string>
#include <vector>

namespace gradus::cli {

/// Every training of the run once, in the order of the layers.
[[nodiscard]] std::vector<std::shared_ptr<const TuningOutcome>> trainingsOf(const Run& run);

/// The report of a run that `quantize --json` writes.
[[nodiscard]] std::string runJson(const Run& run, double seconds);

} // namespace gradus::cli
