// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/data/open_dataset.h"
#include "core/data/text_windows.h"
#include "core/session/recipe.h"

#include <memory>
#include <string>
#include <vector>

namespace gradus {

/// What a model is calibrated on, whatever its kind.
struct CalibrationSamples
{
    std::shared_ptr<const Dataset> data; ///< null: none
    std::vector<std::int64_t> chosen;    ///< of data, in their order
    TokenWindows windows;                ///< of a language model, the same once more
    std::int64_t context = 0;            ///< tokens of a sample; 0: it is no text

    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(chosen.size()); }
};

/// Whether the model is fed windows of a text, cut as perplexity cuts them.
[[nodiscard]] bool readsText(const Model& model, const std::filesystem::path& data);

/// The samples that a calibration choice with data means: of a language model windows of a text
/// (see calibrationWindows), else as many as asked for, drawn by the seed. What looks wrong with
/// the data is noted, and so is when there are fewer.
[[nodiscard]] CalibrationSamples
calibrationSamples(const Model& model, const CalibrationChoice& choice, std::uint64_t seed,
                   const std::filesystem::path& tokenizer, Monitor& monitor);

/// Windows of tokens for the model's inputs.
[[nodiscard]] std::shared_ptr<const Dataset> windowsDataset(const Model& model,
                                                            TokenWindows windows);

/// Samples that the graph takes at once and no other number of; 1 where it takes any.
[[nodiscard]] std::int64_t fixedBatch(const Model& model);
/// The samples and the last one again, until whole batches of that size are full.
[[nodiscard]] std::vector<std::int64_t> inWholeBatches(std::vector<std::int64_t> samples,
                                                       std::int64_t batch);

/// What openDataset is asked for.
[[nodiscard]] DataChoice dataChoice(const CalibrationChoice& choice,
                                    const std::filesystem::path& tokenizer);

/// What nothing is said about, as `own` says it: the layout, and the mean with the deviation, which
/// belong together.
void inheritNormalization(const CalibrationChoice& own, std::vector<float>& mean,
                          std::vector<float>& deviation, std::string& layout);

/// SHA-256 of a data file; of a folder, of its files' names and contents in the order of their
/// names.
[[nodiscard]] std::string dataHash(const std::filesystem::path& data, const Monitor& monitor);
/// The same of the data of a calibration; with further inputs, a hash of theirs and it.
[[nodiscard]] std::string dataHash(const CalibrationChoice& choice, const Monitor& monitor);

/// All samples of a data set: 0, 1, …
[[nodiscard]] std::vector<std::int64_t> allSamples(std::int64_t count);

} // namespace gradus
