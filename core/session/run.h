// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/quantized_weight.h"
#include "core/quant/solve.h"
#include "core/quant/static_inputs.h"
#include "core/quant/tuning.h"
#include "core/session/recipe.h"

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

/// What determined the inputs that a layer was measured (and perhaps solved) on; equal origins,
/// equal inputs. All are short hashes; empty when there were no calibration inputs. See stale.cpp.
struct InputOrigin
{
    std::string calibration; ///< text, windows, context, mode, seed
    /// Sequential modes: what the layers before were quantized to; of trained layers, what all
    /// layers were that the training saw.
    std::string earlier;
    /// What the layers with which it shares an exponent, or a norm that is folded, were asked to
    /// be; empty when it shares none. This depends on no calibration inputs.
    std::string exponents = {};
    [[nodiscard]] bool isKnown() const { return !calibration.empty() || !exponents.empty(); }
    bool operator==(const InputOrigin&) const = default;
};

/// One layer of a run. Numbers that were not measured are NaN.
struct LayerResult
{
    std::string name;
    LayerChoice choice;
    std::shared_ptr<const QuantizedWeight> weight; ///< null when the layer was kept float
    /// The grid of the layer's inputs, when the choice has one.
    std::optional<ActivationGrid> activation;
    /// Where its inputs are quantized to a uniform grid; shared, immutable.
    std::shared_ptr<const StaticInputs> staticInputs;
    double weightSqnrDb = std::numeric_limits<double>::quiet_NaN();
    double weightCosine = std::numeric_limits<double>::quiet_NaN();
    double relativeOutputError = std::numeric_limits<double>::quiet_NaN(); ///< needs calibration
    double damping = 0;
    std::string note;
    std::vector<TracePoint> trace; ///< of methods that improve their result in turn
    /// The trainings that the layer took part in, in their order; layers of one block share them.
    std::vector<std::shared_ptr<const TuningOutcome>> tunings;
    InputOrigin origin;
    double seconds = 0; ///< solving time; not stored in the run file, which holds no times

    [[nodiscard]] std::uint64_t bytes() const { return weight ? weight->size().bytes() : 0; }
    [[nodiscard]] double bitsPerWeight() const
    {
        return weight ? weight->size().bitsPerWeight(weight->rows * weight->cols)
                      : std::numeric_limits<double>::quiet_NaN();
    }
};

struct Provenance
{
    std::string program; ///< "gradus 0.1.0"
    std::string modelPath;
    std::string modelFingerprint; ///< ModelSource::fingerprint
    std::string modelHash;        ///< contentHash of the weights
    std::string calibrationHash;  ///< SHA-256 of the calibration file; empty if none
    std::int64_t calibrationWindows = 0;
    std::int64_t calibrationContext = 0;
};

struct Totals
{
    std::int64_t weights = 0;     ///< quantized weights
    std::uint64_t bytes = 0;      ///< stored bytes of quantized layers
    std::uint64_t floatBytes = 0; ///< of everything kept float, in its source dtype
    double bitsPerWeight = std::numeric_limits<double>::quiet_NaN(); ///< 8·bytes/weights
};

/// The immutable result.
struct Run
{
    Provenance provenance;
    Recipe recipe;
    std::vector<LayerResult> layers; ///< every layer of the model, in model order
    Totals totals;

    [[nodiscard]] const LayerResult* find(std::string_view layer) const;
};

/// Float tensors of the model that the run replaced by trainings, folds of norms and corrections of
/// biases, by name.
[[nodiscard]] std::map<std::string, std::shared_ptr<const Tensor>>
tunedParameters(const std::vector<LayerResult>& layers);

/// The totals of results that cover every layer of the model.
[[nodiscard]] Totals totalsOf(const Model& model, const std::vector<LayerResult>& layers);

/// HDF5, written atomically; equal runs give equal bytes. Schema in run_file.cpp and in the file's
/// own attributes. writeRun serves both .gradus and `export --format hdf5`.
void writeRun(const Run& run, const std::filesystem::path& path, Monitor& monitor);
/// Throws Error(Io | Format) naming file and object.
[[nodiscard]] std::shared_ptr<const Run> readRun(const std::filesystem::path& path);
/// True when the file looks like a run (HDF5 signature and our schema attribute).
[[nodiscard]] bool isRunFile(const std::filesystem::path& path);

} // namespace gradus
