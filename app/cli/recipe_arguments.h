// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/cli/commands.h"
#include "core/session/recipe.h"

#include <string>
#include <vector>

namespace gradus::cli {

/// What the command line says about a recipe.
struct RecipeArguments
{
    std::string recipe; ///< a file
    std::string method;
    int bits = 0;
    std::string granularity;
    bool symmetric = false;
    std::string clip;
    std::vector<std::string> options;
    int activationBits = -1; ///< not given
    std::string activationQuantizer;
    std::string activationRange;
    std::string activationGranularity;
    std::string activationSoftmax;
    int attentionBits = -1;
    int softmaxBits = -1;
    std::string activationExponent;
    bool activationNoClip = false;
    bool activationShift = false;
    std::vector<std::string> keep;
    std::string calibration;
    DataArguments data;
    std::string calibrationMode;
    std::int64_t samples = 0;
    std::int64_t context = 0;
    std::int64_t seed = -1;
    bool foldBatchNorms = false;
    std::string tokenizer;
};
/// --recipe, or --method and what belongs to it; withBits: --bits, too.
void addRecipeOptions(CLI::App& verb, RecipeArguments& arguments, bool withBits = true);
/// --calibration and what belongs to it, --seed, --fold-batch-norms, --tokenizer.
void addCalibrationOptions(CLI::App& verb, RecipeArguments& arguments);
/// The recipe that they come to. Throws Error(Usage) on what contradicts itself, or names nothing.
[[nodiscard]] Recipe recipeOf(const RecipeArguments& arguments);

} // namespace gradus::cli
