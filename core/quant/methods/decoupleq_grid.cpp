// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/decoupleq_grid.h"

#include "core/base/parallel.h"
#include "core/quant/grid.h"
#include "core/quant/methods/common.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

// With scales p·s₁ and zeros that do not depend on p, Ŵ = p·A where A = s₁ ∘ (Q − zero), for any
// grouping. Stepping p down changes few codes. So the steps are cut into chunks; at the first p₀ of
// a chunk E₀ = p₀·A₀ − W is multiplied by H, and within it, D being s₁ times the changes of codes,
//
//   E = E₀ + δ·A₀ + p·D                               δ = p − p₀
//   E·H·Eᵀ = E₀HE₀ᵀ + 2δ·A₀HE₀ᵀ + δ²·A₀HA₀ᵀ + 2p·D·(HE₀ᵀ + δ·HA₀ᵀ) + p²·DHDᵀ
//
// where A₀H = (E₀H + WH)/p₀ costs nothing, and DHDᵀ grows with each change by the elements of H
// that it shares with the changes before it. Everything is a difference against E₀, so that nothing
// cancels where the error is small. c chunks cost c products and the pairs of changes within them;
// with 2 bits 0.7 codes change per weight and 4 products do, where each p by itself needs 160.

namespace gradus {

namespace {

/// Columns of H that the pairs of all rows of a panel are formed with while they are cached.
constexpr std::int64_t pairCols = 32;
constexpr std::int64_t productCols = 512;

/// Chunks that make products and pairs cost about the same, for so many changes of codes per
/// weight: measured.
int chunksFor(double changes)
{
    const auto chunks = static_cast<int>(std::lround(std::clamp(5 * changes, 2.0, 1000.0)));
    return chunks > gridSteps / 2 ? gridSteps : chunks;
}

/// First steps of the chunks, evenly spread in log p, and the end.
std::vector<int> chunkBorders(int chunks)
{
    std::vector<int> borders{0};
    const double last = std::log(static_cast<double>(gridShrinking(gridSteps)));
    for (int c = 1; c < chunks; ++c) {
        const double p = std::exp(last * c / chunks);
        const int step = chunks == gridSteps ? c : static_cast<int>(std::lround((1 - p) * 200));
        if (step > borders.back() && step < gridSteps)
            borders.push_back(step);
    }
    borders.push_back(gridSteps);
    return borders;
}

void roundRow(const DecoupleqLayer& layer, std::int64_t row, const GridState& start, int step,
              std::uint8_t* codes)
{
    const float* w = layer.weight.data + row * layer.weight.stride;
    const float maximum = layer.maximumCode();
    for (std::int64_t g = 0; g < layer.groups; ++g) {
        const auto at = static_cast<std::size_t>(row * layer.groups + g);
        const float scale = start.scales[at] * gridShrinking(step);
        const float zero = start.zeros[at];
        const std::int64_t last = std::min((g + 1) * layer.group, layer.cols);
        for (std::int64_t c = g * layer.group; c < last; ++c)
            codes[c] = static_cast<std::uint8_t>(
                static_cast<std::int32_t>(nearestCode(w[c], scale, zero, maximum)));
    }
}

/// Codes of one row that change within a chunk, each by one.
struct Changes
{
    std::vector<std::int32_t> column;   ///< in the order of steps
    std::vector<float> value;           ///< ± s₁
    std::vector<float> pairs;           ///< Σ value · H with all changes before
    std::vector<std::int32_t> first;    ///< change with which each step of the chunk begins
    std::vector<std::int32_t> byColumn; ///< the changes in the order of columns
};

double dot(const float* a, const float* b, std::int64_t count)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = 0; i < count; ++i)
        sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return sum;
}

float gatheredDot(const float* h, const std::int32_t* columns, const float* values,
                  std::int32_t count)
{
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int32_t i = 0; i < count; ++i)
        sum += values[i] * h[columns[i]];
    return sum;
}

class PanelSearch
{
public:
    PanelSearch(const DecoupleqLayer& layer, const GridState& start, std::int64_t first,
                std::int64_t height)
        : m_layer(layer)
        , m_start(start)
        , m_first(first)
        , m_height(height)
        , m_residuals(static_cast<std::size_t>(height * layer.cols))
        , m_residualsH(m_residuals.size())
        , m_weightH(m_residuals.size())
        , m_codes(m_residuals.size())
        , m_changes(static_cast<std::size_t>(height))
    {
    }

    void run(const std::vector<int>& borders, int* best, double* least)
    {
        const bool dense = borders.size() == gridSteps + 1;
        if (!dense)
            multiplyByHessian(m_layer.weight.block(m_first, 0, m_height, m_layer.cols), m_weightH);
        for (std::size_t c = 0; c + 1 < borders.size(); ++c) {
            begin(borders[c]);
            if (!dense) {
                for (std::int64_t i = 0; i < m_height; ++i)
                    findChanges(i, borders[c], borders[c + 1]);
                formPairs();
            }
            for (std::int64_t i = 0; i < m_height; ++i)
                score(i, borders[c], borders[c + 1], best[i], least[i]);
        }
    }

private:
    void multiplyByHessian(ConstMatrixView rows, std::vector<float>& product) const
    {
        const std::int64_t d = m_layer.cols;
        for (std::int64_t c = 0; c < d; c += productCols) {
            m_layer.monitor.checkpoint();
            const std::int64_t some = std::min(productCols, d - c);
            multiplySerial(rows, m_layer.dampedView().block(0, c, d, some),
                           MatrixView(product.data() + c, m_height, some, d), false);
        }
    }

    /// Codes, residuals and their product with H at the first step of a chunk.
    void begin(int step)
    {
        const std::int64_t d = m_layer.cols;
        const auto groups = static_cast<std::size_t>(m_layer.groups);
        std::vector<float> scales(groups);
        for (std::int64_t i = 0; i < m_height; ++i) {
            const std::int64_t row = m_first + i;
            const auto at = static_cast<std::size_t>(row) * groups;
            std::uint8_t* codes = m_codes.data() + i * d;
            roundRow(m_layer, row, m_start, step, codes);
            for (std::size_t g = 0; g < groups; ++g)
                scales[g] = m_start.scales[at + g] * gridShrinking(step);
            m_layer.residual(row, codes, scales.data(), m_start.zeros.data() + at,
                             m_residuals.data() + i * d);
        }
        multiplyByHessian(ConstMatrixView(m_residuals.data(), m_height, d), m_residualsH);
    }

    /// The step in (begin, end) from which on the code of w is beyond k ± 0.5.
    [[nodiscard]] int stepOfChange(float w, float scale, float zero, int from, int to, int begin,
                                   int end) const
    {
        const float maximum = m_layer.maximumCode();
        const auto reached = [&](int step) {
            const auto code =
                static_cast<int>(nearestCode(w, scale * gridShrinking(step), zero, maximum));
            return to > from ? code >= to : code <= to;
        };
        const float border = 0.5F * static_cast<float>(from + to) - zero;
        const float p = w / (scale * border);
        int step = static_cast<int>(
            std::clamp((1 - p) * 200, static_cast<float>(begin + 1), static_cast<float>(end - 1)));
        while (step > begin + 1 && reached(step - 1))
            --step;
        while (!reached(step)) // ends: the code at end − 1 is known to be reached
            ++step;
        return step;
    }

    void findChanges(std::int64_t i, int begin, int end)
    {
        const std::int64_t d = m_layer.cols;
        const std::int64_t row = m_first + i;
        const std::uint8_t* before = m_codes.data() + i * d;
        m_after.resize(static_cast<std::size_t>(d));
        roundRow(m_layer, row, m_start, end - 1, m_after.data());
        m_found.clear();
        for (std::int64_t c = 0; c < d; ++c) {
            if (c + 8 <= d && std::memcmp(before + c, m_after.data() + c, 8) == 0) {
                c += 7;
                continue;
            }
            const int last = m_after[static_cast<std::size_t>(c)];
            const auto at = static_cast<std::size_t>(row * m_layer.groups + c / m_layer.group);
            for (int code = before[c]; code != last;) {
                const int next = code < last ? code + 1 : code - 1;
                const float scale = m_start.scales[at];
                const int step = stepOfChange(m_layer.weight.data[row * m_layer.weight.stride + c],
                                              scale, m_start.zeros[at], code, next, begin, end);
                m_found.push_back(
                    {static_cast<std::int32_t>(c), step, next > code ? scale : -scale});
                code = next;
            }
        }
        // By steps, in the order of columns within each.
        Changes& changes = m_changes[static_cast<std::size_t>(i)];
        changes.column.resize(m_found.size());
        changes.value.resize(m_found.size());
        changes.pairs.resize(m_found.size());
        changes.byColumn.resize(m_found.size());
        changes.first.assign(static_cast<std::size_t>(end - begin) + 1, 0);
        for (const Found& found : m_found)
            ++changes.first[static_cast<std::size_t>(found.step - begin) + 1];
        for (std::size_t s = 1; s < changes.first.size(); ++s)
            changes.first[s] += changes.first[s - 1];
        m_next = changes.first;
        for (std::size_t k = 0; k < m_found.size(); ++k) {
            const std::int32_t place = m_next[static_cast<std::size_t>(m_found[k].step - begin)]++;
            changes.column[static_cast<std::size_t>(place)] = m_found[k].column;
            changes.value[static_cast<std::size_t>(place)] = m_found[k].value;
            changes.byColumn[k] = place;
        }
    }

    /// The elements of H that changes share: some columns for all rows, then the next ones.
    void formPairs()
    {
        std::vector<std::size_t> next(static_cast<std::size_t>(m_height));
        for (std::int64_t c = 0; c < m_layer.cols; c += pairCols) {
            m_layer.monitor.checkpoint();
            for (std::size_t i = 0; i < next.size(); ++i) {
                Changes& changes = m_changes[i];
                for (; next[i] < changes.byColumn.size(); ++next[i]) {
                    const auto k = changes.byColumn[next[i]];
                    const auto at = static_cast<std::size_t>(k);
                    if (changes.column[at] >= c + pairCols)
                        break;
                    changes.pairs[at] =
                        gatheredDot(m_layer.damped.data() + changes.column[at] * m_layer.cols,
                                    changes.column.data(), changes.value.data(), k);
                }
            }
        }
    }

    void score(std::int64_t i, int begin, int end, int& best, double& least) const
    {
        const std::int64_t d = m_layer.cols;
        const float* e = m_residuals.data() + i * d;
        const float* eh = m_residualsH.data() + i * d;
        const double base = dot(e, eh, d);
        const auto consider = [&](int step, double error) {
            if (error < least) {
                least = error;
                best = step;
            }
        };
        consider(begin, base);
        if (end == begin + 1)
            return;
        const float* w = m_layer.weight.data + (m_first + i) * m_layer.weight.stride;
        const float* wh = m_weightH.data() + i * d;
        const auto p0 = static_cast<double>(gridShrinking(begin));
        // A₀ = (E₀ + W)/p₀.
        double across = 0;
        double square = 0;
#pragma omp simd reduction(+ : across, square)
        for (std::int64_t c = 0; c < d; ++c) {
            const double a = (static_cast<double>(e[c]) + static_cast<double>(w[c]));
            const double ah = (static_cast<double>(eh[c]) + static_cast<double>(wh[c]));
            across += a * static_cast<double>(eh[c]);
            square += a * ah;
        }
        across /= p0;
        square /= p0 * p0;
        const Changes& changes = m_changes[static_cast<std::size_t>(i)];
        double withResidual = 0; // D·HE₀ᵀ
        double withCodes = 0;    // D·HA₀ᵀ
        double withItself = 0;   // D·H·Dᵀ
        for (int step = begin + 1; step < end; ++step) {
            const auto s = static_cast<std::size_t>(step - begin);
            for (auto k = static_cast<std::size_t>(changes.first[s]);
                 k < static_cast<std::size_t>(changes.first[s + 1]); ++k) {
                const std::int32_t c = changes.column[k];
                const auto v = static_cast<double>(changes.value[k]);
                withResidual += v * static_cast<double>(eh[c]);
                withCodes += v * (static_cast<double>(eh[c]) + static_cast<double>(wh[c])) / p0;
                withItself +=
                    v *
                    (2 * static_cast<double>(changes.pairs[k]) +
                     v * static_cast<double>(m_layer.damped[static_cast<std::size_t>(c * d + c)]));
            }
            const auto p = static_cast<double>(gridShrinking(step));
            const double shift = p - p0;
            consider(step, base + shift * (2 * across + shift * square) +
                               2 * p * (withResidual + shift * withCodes) + p * p * withItself);
        }
    }

    struct Found
    {
        std::int32_t column;
        int step;
        float value;
    };

    const DecoupleqLayer& m_layer;
    const GridState& m_start;
    std::int64_t m_first;
    std::int64_t m_height;
    std::vector<float> m_residuals;  ///< E₀
    std::vector<float> m_residualsH; ///< E₀H
    std::vector<float> m_weightH;    ///< WH
    std::vector<std::uint8_t> m_codes;
    std::vector<Changes> m_changes;
    std::vector<std::uint8_t> m_after;
    std::vector<Found> m_found;
    std::vector<std::int32_t> m_next;
};

/// Changes of codes per weight over the whole grid, from up to 64 rows.
double changesPerWeight(const DecoupleqLayer& layer, const GridState& start)
{
    const std::int64_t stride = (layer.rows + 63) / 64;
    std::vector<std::uint8_t> before(static_cast<std::size_t>(layer.cols));
    std::vector<std::uint8_t> after(before.size());
    std::int64_t changes = 0;
    std::int64_t weights = 0;
    for (std::int64_t row = 0; row < layer.rows; row += stride) {
        roundRow(layer, row, start, 0, before.data());
        roundRow(layer, row, start, gridSteps - 1, after.data());
        for (std::size_t c = 0; c < before.size(); ++c)
            changes += std::abs(before[c] - after[c]);
        weights += layer.cols;
    }
    return static_cast<double>(changes) / static_cast<double>(weights);
}

} // namespace

std::vector<int> searchGrid(const DecoupleqLayer& layer, const GridState& start, GridState& state)
{
    std::vector<int> best(static_cast<std::size_t>(layer.rows));
    std::vector<double> least(best.size(), std::numeric_limits<double>::infinity());
    const std::vector<int> borders = chunkBorders(chunksFor(changesPerWeight(layer, start)));
    parallelFor(
        layer.rows, productRows(layer.rows),
        [&](std::int64_t begin, std::int64_t end) {
            PanelSearch(layer, start, begin, end - begin)
                .run(borders, best.data() + begin, least.data() + begin);
            for (std::int64_t row = begin; row < end; ++row) {
                const int step = best[static_cast<std::size_t>(row)];
                roundRow(layer, row, start, step, state.codes.data() + row * layer.cols);
                for (auto at = static_cast<std::size_t>(row * layer.groups);
                     at < static_cast<std::size_t>((row + 1) * layer.groups); ++at) {
                    state.scales[at] =
                        storedScale(static_cast<double>(start.scales[at] * gridShrinking(step)),
                                    layer.scheme.scaleType);
                    state.zeros[at] = start.zeros[at];
                }
            }
        },
        &layer.monitor);
    return best;
}

} // namespace gradus
