// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/comparison.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus {

SampleMean meanOverSamples(const std::vector<double>& sums, std::int64_t partsPerSample)
{
    const auto n = static_cast<double>(sums.size());
    const auto each = static_cast<double>(partsPerSample);
    SampleMean mean;
    mean.value = std::accumulate(sums.begin(), sums.end(), 0.0) / (n * each);
    if (n > 1) {
        double squares = 0;
        for (const double sum : sums)
            squares += (sum / each - mean.value) * (sum / each - mean.value);
        mean.standardError = std::sqrt(squares / (n * (n - 1)));
    }
    if (!std::isfinite(mean.value))
        throw Error(ErrorCode::Numeric,
                    "the model's output is not finite; a weight may be damaged or out of range");
    return mean;
}

std::int64_t rowsPerHead(std::int64_t vocabulary)
{
    constexpr std::int64_t elements = 1 << 24;
    return std::max<std::int64_t>(16, elements / std::max<std::int64_t>(1, vocabulary));
}

Tensor outputRows(Tensor output, std::int64_t samples, const Model& model)
{
    if (output.dtype() != DType::F32)
        throw Error(ErrorCode::Unsupported,
                    concat("output ", quoted(model.graph.outputs.front().name), " is ",
                           dtypeName(output.dtype()), ", expected float scores"));
    if (output.count() % samples != 0 || output.empty())
        throw Error(ErrorCode::Shape,
                    concat("output ", quoted(model.graph.outputs.front().name), " is ",
                           shapeText(output.shape()), " for ", samples, " samples"));
    if (const std::int64_t bad = countNonFinite(output.floats()); bad > 0)
        throw Error(ErrorCode::Numeric,
                    "the model's output is not finite; a weight may be damaged or out of range");
    output.reshape({samples, output.count() / samples});
    return output;
}

void takeLogarithms(Tensor& rows)
{
    constexpr float least = 1e-30F;
    for (float& value : rows.floats())
        value = std::log(std::max(value, least));
}

} // namespace gradus
