// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/session/run.h"
#include "core/session/stored_tuning.h"

#include <string>
#include <string_view>

namespace gradus {

/// A layer as a record of the journal. Throws Error(Internal) on one that no file may hold.
[[nodiscard]] std::string encodeRecord(const LayerResult& layer);
/// Records of earlier versions, too. Trainings that are the same are shared through the pool.
/// Throws Error(Format).
[[nodiscard]] LayerResult decodeRecord(std::string_view payload, TuningPool& trainings);

} // namespace gradus
