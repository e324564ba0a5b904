// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/stored_static.h"

#include "core/base/text.h"
#include "core/session/stored_tuning.h"

#include <algorithm>
#include <cmath>

namespace gradus {

namespace {

constexpr std::size_t longestName = 1024;

/// Inputs of a weight are its columns, or with groups those of all groups; other counts are named
/// by what is expected.
std::int64_t featuresOf(std::int64_t rows, std::int64_t cols, std::size_t found)
{
    const auto count = static_cast<std::int64_t>(found);
    const bool grouped = cols > 0 && rows > 0 && count % cols == 0 && rows % (count / cols) == 0;
    return cols == 0 || (count > 0 && grouped) ? count : cols;
}

std::optional<std::string> gridProblem(const AffineGrid& grid, std::int64_t rows, std::int64_t cols)
{
    return grid.validate(featuresOf(rows, cols, std::max(grid.scales.size(), grid.zeros.size())));
}

/// One scale and zero for all heads.
std::optional<std::string> attentionProblem(const AttentionGrids& grids)
{
    const std::pair<std::string_view, const std::optional<AffineGrid>*> operands[] = {
        {"query", &grids.query}, {"key", &grids.key}, {"value", &grids.value}};
    for (const auto& [name, grid] : operands)
        if (*grid)
            if (const auto problem = (*grid)->validate(1))
                return concat("the attention's ", name, ": ", *problem);
    if (!grids.probabilities)
        return std::nullopt;
    const auto* uniform = std::get_if<AffineGrid>(&*grids.probabilities);
    const auto problem =
        uniform ? uniform->validate(1) : std::get<LogGrid>(*grids.probabilities).validate();
    return problem ? std::optional(concat("the attention's softmax: ", *problem)) : std::nullopt;
}

std::optional<std::string> histogramProblem(const ProbabilityHistogram& histogram)
{
    constexpr std::int64_t most = std::int64_t(1) << 53;
    const auto isCount = [](std::int64_t count) { return count >= 0 && count <= most; };
    if (isCount(histogram.zeros) &&
        std::all_of(histogram.counts.begin(), histogram.counts.end(), isCount))
        return std::nullopt;
    return "the distribution of probabilities holds a count that is negative or too large";
}

bool allFinite(const std::vector<float>& values)
{
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

/// Whether no value is above the one at its place in the other.
bool inOrder(const std::vector<float>& low, const std::vector<float>& high)
{
    return allFinite(low) && allFinite(high) &&
           std::equal(low.begin(), low.end(), high.begin(),
                      [](float a, float b) { return a <= b; });
}

std::optional<std::string> normProblem(const NormReport& norm, std::int64_t cols)
{
    if (norm.norm.size() > longestName)
        return concat("the name of a norm has ", norm.norm.size(), " bytes, expected at most ",
                      longestName);
    const std::size_t features = norm.scales.size();
    // A kernel reads each channel at several places.
    if (features == 0 || (cols > 0 && cols % static_cast<std::int64_t>(features) != 0))
        return concat("the norm ", quoted(norm.norm), " has ", features,
                      " channels, but the layer has ", cols, " inputs");
    for (const auto* values : {&norm.minimum, &norm.maximum, &norm.low, &norm.high})
        if (values->size() != features)
            return concat("the norm ", quoted(norm.norm), " has limits of ", values->size(),
                          " channels, expected ", features);
    if (!inOrder(norm.minimum, norm.maximum) || !inOrder(norm.low, norm.high))
        return concat("the norm ", quoted(norm.norm),
                      " has a range that is not finite or ends before it begins");
    AffineGrid channels;
    channels.scales = norm.scales;
    channels.zeros = norm.zeros;
    if (norm.zeros.size() != features)
        return concat("the norm ", quoted(norm.norm), " has ", norm.zeros.size(),
                      " zeros, expected ", features);
    if (const auto problem = channels.validate(static_cast<std::int64_t>(features)))
        return concat("the norm ", quoted(norm.norm), ": ", *problem);
    if (norm.codes < 0 || norm.differing < 0 || norm.differing > norm.codes)
        return concat("the norm ", quoted(norm.norm), " has ", norm.differing,
                      " differing codes of ", norm.codes);
    return std::nullopt;
}

} // namespace

std::optional<std::string> staticInputsProblem(const StaticInputs& inputs, std::int64_t rows,
                                               std::int64_t cols)
{
    if (inputs.grid)
        if (auto problem = gridProblem(*inputs.grid, rows, cols))
            return problem;
    if (!inputs.ratio.empty() && cols > 0 && static_cast<std::int64_t>(inputs.ratio.size()) != cols)
        return concat("the weight's columns have ", inputs.ratio.size(), " ratios, expected ",
                      cols);
    for (std::size_t i = 0; i < inputs.ratio.size(); ++i)
        if (!(inputs.ratio[i] > 0 && std::isfinite(inputs.ratio[i])))
            return concat("ratio ", i, " of the weight's columns is ", inputs.ratio[i],
                          ", expected a positive, finite number");
    if (inputs.attention)
        if (auto problem = attentionProblem(*inputs.attention))
            return problem;
    if (inputs.probabilities)
        if (auto problem = histogramProblem(*inputs.probabilities))
            return problem;
    if (inputs.norm)
        if (auto problem = normProblem(*inputs.norm, cols))
            return problem;
    if (auto problem = parametersProblem(inputs.parameters))
        return problem;
    if (inputs.lambda < 0) // NaN and infinity are what they may be, too
        return concat("lambda of the reconstruction is ", inputs.lambda, ", expected at least 0");
    for (const double error : {inputs.errors.weights, inputs.errors.inputs, inputs.errors.both})
        if (error < 0)
            return concat("a relative error is ", error, ", expected at least 0");
    return std::nullopt;
}

} // namespace gradus
