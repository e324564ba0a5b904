// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/export/export.h"
#include "core/session/allocate.h"

#include <memory>

namespace gradus {

/// ExportResult::bytes of exporting a run of this recipe, before anything is quantized: header,
/// offsets, configuration and companions included. Exact for Safetensors, for Onnx and Keras files
/// that are no archives, and for Gptq but for what only the weights decide: whether any zero point
/// is 0 (with GptqZeros::Automatic none is expected; with one the file is of version 2, and its
/// name in the configuration three bytes longer), whether scales overflow float16, whether
/// act-order changes no order.
/// Throws Error(Unsupported) for Hdf5, whose layout depends on what is reported, and for archives;
/// else what exportRun throws: Error(Unsupported) when the format can hold no layer of the recipe.
[[nodiscard]] std::uint64_t exportBytes(const std::shared_ptr<const Model>& model,
                                        const Recipe& recipe, ExportFormat format,
                                        GptqZeros zeros = GptqZeros::Automatic);

/// Sizes of an exported file as an allocation wants them: by layer, and what is left. Their sum is
/// never below exportBytes(). For Gptq it is above by what depends on other layers: the entries of
/// the configuration's "dynamic" that are not needed because a layer is like most others, and the
/// digits of offsets; a few hundred bytes per layer. For the other formats sums are exact, as their
/// sizes do not depend on choices.
struct ExportCosts
{
    /// Keeps the model alive. Nothing where a choice quantizes what the format would keep float.
    AllocationRules::CostOf cost;
    std::uint64_t fixedCost = 0;
};
[[nodiscard]] ExportCosts exportCosts(const std::shared_ptr<const Model>& model,
                                      const Recipe& recipe, ExportFormat format,
                                      GptqZeros zeros = GptqZeros::Automatic);

/// allocate() on a setup whose costs are exportCosts(), with what they are above the exact size
/// given back as budget, as far as a few solutions find use for it. AllocationResult::cost is the
/// exact size, at most `bytes`. It counts as optimal only where costs are exact. Throws
/// Error(Usage) naming the size of the cheapest allocation's file where that is larger than
/// `bytes`.
[[nodiscard]] AllocationResult allocateForExport(const std::shared_ptr<const Model>& model,
                                                 const Recipe& recipe,
                                                 const SensitivityTable& table,
                                                 const AllocationSetup& setup, std::uint64_t bytes,
                                                 AllocationSolver solver, ExportFormat format,
                                                 GptqZeros zeros, const Monitor& monitor);

} // namespace gradus
