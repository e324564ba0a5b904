// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/tensor/tensor.h"

#include <functional>
#include <span>

namespace gradus {

/// Calls body(feature, its values from the first row to the last) for every column; parallel over
/// columns, with a checkpoint before each when there is a monitor. An Error out of body gets the
/// feature's number as context.
void forEachColumn(ConstMatrixView x, const Monitor* monitor,
                   const std::function<void(std::size_t, std::span<const float>)>& body);

} // namespace gradus
