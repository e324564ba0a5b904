// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/graph/model.h"
#include "core/session/recipe.h"
#include "widgets/models/fed_data.h"

namespace gradus {

/// Opens the calibration data and feeds nothing: describes it, and takes the normalization of the
/// first samples back to show them. What is wrong with the data becomes FedData::problem.
[[nodiscard]] FedData lookAtData(const Model& model, const CalibrationChoice& choice,
                                 Monitor& monitor);

/// One image of a batch (batch × channels × height × width, or channels last) as pixels. mean and
/// deviation: what it was normalized with; both empty: nothing is known, and what lies outside of
/// 0 … 255 is stretched.
[[nodiscard]] QImage fedImage(const Tensor& batch, std::int64_t index, bool channelsFirst,
                              const std::vector<float>& mean, const std::vector<float>& deviation);

} // namespace gradus
