// SPDX-License-Identifier: GPL-3.0-or-later
// Attention of integers: reference repquant.md, section 4.
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/graph/attention_runs.h"
#include "core/quant/integer_panels.h"
#include "core/quant/probability_grid.h"
#include "core/quant/quantized_attention.h"
#include "core/tensor/block_pool.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <vector>

namespace gradus {

namespace {

/// With zeros and keys within these, sums of products with zeros stay within 64 bits.
constexpr std::int32_t largestZero = 1 << 15;
constexpr std::int64_t mostKeys = 1 << 15;

/// Exponents that share a sum: 2^12 · 255 is still an operand of 16 bits times a code.
constexpr int exponentsTogether = 13;
/// Up to here all powers count; grids that reach farther end at cappedExponent.
constexpr int largestExponent = 32;
constexpr int cappedExponent = 24;

/// One way of turning codes of probabilities into operands of 16 bits, and what sums of these
/// count: all of them together make the probabilities.
struct Plane
{
    std::vector<std::int16_t> operands; ///< by code
    std::size_t sum = 0;                ///< which of the two accumulators
    std::int64_t factor = 1;
};

/// out = scale · (sum₀ + √2 · sum₁) with sums of factor · Σ operand · (code of v − its zero).
struct Planes
{
    std::vector<Plane> planes;
    double scale = 1;
};

Planes planesOf(const AffineGrid& grid)
{
    Planes result;
    result.scale = static_cast<double>(grid.scales.front());
    Plane codes;
    for (int code = 0; code <= grid.largest(); ++code)
        codes.operands.push_back(static_cast<std::int16_t>(code));
    result.planes.push_back(std::move(codes));
    if (grid.zeros.front() != 0) {
        Plane zeros;
        zeros.operands.assign(static_cast<std::size_t>(grid.largest()) + 1, 1);
        zeros.factor = -static_cast<std::int64_t>(grid.zeros.front());
        result.planes.push_back(std::move(zeros));
    }
    return result;
}

Planes planesOf(const LogGrid& grid)
{
    const int k = grid.perOctave;
    // √2^(−c) = 2^(−⌈c/2⌉), times √2 for odd codes.
    const auto exponentOf = [k](int code) { return k == 2 ? (code + 1) / 2 : code; };
    int top = exponentOf(grid.largest());
    if (top > largestExponent)
        top = cappedExponent;
    Planes result;
    result.scale = std::ldexp(static_cast<double>(grid.scale), -top);
    for (int odd = 0; odd < k; ++odd)
        for (int first = 0; first <= top; first += exponentsTogether) {
            const int last = std::min(top, first + exponentsTogether - 1);
            Plane plane;
            plane.operands.resize(static_cast<std::size_t>(grid.largest()) + 1);
            plane.sum = static_cast<std::size_t>(odd);
            plane.factor = std::int64_t(1) << (top - last);
            bool any = false;
            for (int code = 0; code <= grid.largest(); ++code) {
                const int exponent = exponentOf(code);
                if (exponent < first || exponent > last || (k == 2 && code % 2 != odd))
                    continue;
                plane.operands[static_cast<std::size_t>(code)] =
                    static_cast<std::int16_t>(1 << (last - exponent));
                any = true;
            }
            if (any)
                result.planes.push_back(std::move(plane));
        }
    return result;
}

/// Codes of a matrix.
struct Codes
{
    std::vector<std::uint8_t> values;
    std::int64_t cols = 0;

    Codes(const AffineGrid& grid, ConstMatrixView x)
        : values(static_cast<std::size_t>(x.rows * x.cols))
        , cols(x.cols)
    {
        encodeToGrid(grid, x, values.data());
    }
    [[nodiscard]] const std::uint8_t* at(std::int64_t row, std::int64_t col) const
    {
        return values.data() + row * cols + col;
    }
};

/// Keys and values of one head of one sequence, laid out for products.
struct PackedHead
{
    IntegerPanels keys;                ///< code − 128, keys × features
    std::vector<std::int64_t> keySums; ///< of codes
    IntegerPanels values;              ///< codes, features × keys
};

PackedHead packHead(const Codes& k, const Codes& v, std::int64_t firstRow, std::int64_t count,
                    std::int64_t firstColumn, std::int64_t headDim, std::int64_t largestOperand)
{
    PackedHead head;
    head.keys = IntegerPanels(OperandStore::Bytes, count, headDim, headDim);
    head.keys.setLargestProduct(255 * 128);
    head.keySums.resize(static_cast<std::size_t>(count));
    std::vector<std::int32_t> operands(static_cast<std::size_t>(std::max(count, headDim)));
    for (std::int64_t j = 0; j < count; ++j) {
        const std::uint8_t* codes = k.at(firstRow + j, firstColumn);
        for (std::int64_t d = 0; d < headDim; ++d) {
            operands[static_cast<std::size_t>(d)] = codes[d] - 128;
            head.keySums[static_cast<std::size_t>(j)] += codes[d];
        }
        head.keys.set(j, 0, operands.data());
    }
    head.values = IntegerPanels(OperandStore::Pairs, headDim, count, count);
    head.values.setLargestProduct(largestOperand * 255);
    for (std::int64_t d = 0; d < headDim; ++d) {
        for (std::int64_t j = 0; j < count; ++j)
            operands[static_cast<std::size_t>(j)] = *v.at(firstRow + j, firstColumn + d);
        head.values.set(d, 0, operands.data());
    }
    return head;
}

constexpr std::int64_t blockDoubles = packedTokens * IntegerPanels::panelRows;

class IntegerAttention final : public AttentionKernel
{
public:
    IntegerAttention(const AttentionGrids& grids, InstructionSet set)
        : m_set(set)
        , m_query(*grids.query)
        , m_key(*grids.key)
        , m_value(*grids.value)
        , m_rounding(*grids.probabilities)
        , m_planes(
              std::visit([](const auto& grid) { return planesOf(grid); }, *grids.probabilities))
    {
        for (const Plane& plane : m_planes.planes)
            for (const std::int16_t operand : plane.operands)
                m_largestOperand = std::max<std::int64_t>(m_largestOperand, operand);
        m_planes.scale *= static_cast<double>(m_value.scales.front());
    }

    void apply(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch,
               const kernel::AttentionMask& mask, MatrixView out,
               const Monitor& monitor) const override
    {
        const std::int64_t headDim = attention.headDim;
        const kernel::AttentionRuns runs(attention, batch, q.rows, k.rows);
        if (runs.keys() > mostKeys)
            throw Error(ErrorCode::Unsupported, concat("no integer attention: ", runs.keys(),
                                                       " keys, expected at most ", mostKeys));
        const Codes queries(m_query, q);
        const Codes keys(m_key, k);
        const Codes values(m_value, v);
        std::vector<PackedHead> heads(static_cast<std::size_t>(batch * attention.kvHeads));
        parallelFor(
            static_cast<std::int64_t>(heads.size()), 1,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i)
                    heads[static_cast<std::size_t>(i)] =
                        packHead(keys, values, i / attention.kvHeads * runs.keys(), runs.keys(),
                                 i % attention.kvHeads * headDim, headDim, m_largestOperand);
            },
            &monitor);
        parallelFor(
            runs.count(), 1,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t index = begin; index < end; ++index) {
                    const kernel::AttentionRun run = runs.at(index);
                    const PackedHead& head = heads[static_cast<std::size_t>(
                        run.sequence * attention.kvHeads + run.kvHead)];
                    const ScratchFloats buffer = scratchFloats(run.count * run.keys);
                    const MatrixView p(buffer.get(), run.count, run.keys);
                    scores(queries, head, run, headDim, p);
                    kernel::attentionSoftmax(attention, run, mask, p);
                    std::vector<std::uint16_t> codes(
                        static_cast<std::size_t>(run.count * run.keys));
                    m_rounding.encode(p, codes.data());
                    products(codes, head, run, run.queriesOf(out, headDim));
                }
            },
            &monitor);
    }

private:
    /// p = s_q·s_k · Σ (q − z_q)(k − z_k), with keys less 128 in the sums.
    void scores(const Codes& queries, const PackedHead& head, const kernel::AttentionRun& run,
                std::int64_t headDim, MatrixView p) const
    {
        const float factor = scoreFactor(m_query, m_key);
        const std::int64_t zq = m_query.zeros.front();
        const std::int64_t zk = m_key.zeros.front();
        const std::int64_t words = head.keys.inputWords();
        std::vector<std::uint32_t> inputs(static_cast<std::size_t>(packedTokens * words));
        std::array<std::int64_t, packedTokens> querySums{};
        alignas(64) double totals[blockDoubles];
        const std::int64_t lastKey = run.firstKey + run.keys;
        for (std::int64_t first = 0; first < run.count;) {
            const std::int64_t tokens = tokensTogether(run.count - first);
            for (std::int64_t t = 0; t < tokens; ++t) {
                const std::uint8_t* codes =
                    queries.at(run.queryRow + run.first + first + t, run.head * headDim);
                packBytes(codes, headDim, inputs.data() + t * words);
                std::int64_t sum = 0;
                for (std::int64_t d = 0; d < headDim; ++d)
                    sum += codes[d];
                querySums[static_cast<std::size_t>(t)] = sum;
            }
            for (std::int64_t panel = run.firstKey / IntegerPanels::panelRows;
                 panel * IntegerPanels::panelRows < lastKey; ++panel) {
                const std::int64_t lanes = head.keys.lanesOf(panel);
                std::fill_n(totals, tokens * lanes, 0.0);
                head.keys.addProducts(m_set, panel, 0, head.keys.groups().front().words,
                                      inputs.data(), words, tokens, totals);
                const std::int64_t firstKey = panel * IntegerPanels::panelRows;
                const std::int64_t from = std::max(run.firstKey, firstKey);
                const std::int64_t to = std::min(lastKey, firstKey + lanes);
                for (std::int64_t t = 0; t < tokens; ++t) {
                    const std::int64_t ofQuery =
                        (128 - zk) * querySums[static_cast<std::size_t>(t)] + headDim * zq * zk;
                    float* row = p.row(first + t).data();
                    for (std::int64_t j = from; j < to; ++j)
                        row[j - run.firstKey] =
                            factor *
                            static_cast<float>(
                                static_cast<std::int64_t>(totals[t * lanes + j - firstKey]) +
                                ofQuery - zq * head.keySums[static_cast<std::size_t>(j)]);
                }
            }
            first += tokens;
        }
    }

    /// One block of queries of one plane: operands two in a word, beginning at an even key. False
    /// when all are 0.
    bool fillPlane(const Plane& plane, const std::uint16_t* codes, const kernel::AttentionRun& run,
                   std::int64_t tokens, std::int64_t words, std::uint32_t* inputs,
                   std::int64_t* operandSums) const
    {
        const std::int64_t lead = run.firstKey % 2;
        std::uint32_t any = 0;
        for (std::int64_t t = 0; t < tokens; ++t) {
            const std::uint16_t* from = codes + t * run.keys;
            std::uint32_t* to = inputs + t * words;
            const auto operand = [&](std::int64_t key) -> std::uint32_t {
                const std::size_t code = from[key];
                return code < plane.operands.size()
                           ? static_cast<std::uint32_t>(plane.operands[code])
                           : 0;
            };
            std::int64_t sum = 0;
            std::int64_t key = -lead;
            for (std::int64_t w = 0; w < words; ++w, key += 2) {
                const std::uint32_t low = key >= 0 ? operand(key) : 0;
                const std::uint32_t high = key + 1 < run.keys ? operand(key + 1) : 0;
                to[w] = low | high << 16;
                sum += low + high;
                any |= to[w];
            }
            operandSums[t] = sum;
        }
        return any != 0;
    }

    void products(const std::vector<std::uint16_t>& codes, const PackedHead& head,
                  const kernel::AttentionRun& run, MatrixView out) const
    {
        const std::int64_t zv = m_value.zeros.front();
        const std::int64_t firstWord = run.firstKey / 2;
        const std::int64_t words = (run.firstKey % 2 + run.keys + 1) / 2;
        std::vector<std::uint32_t> inputs(static_cast<std::size_t>(packedTokens * words));
        std::array<std::int64_t, packedTokens> operandSums{};
        const std::int64_t headDim = head.values.rows();
        std::array<std::vector<std::int64_t>, 2> sums;
        for (auto& sum : sums)
            sum.resize(static_cast<std::size_t>(packedTokens * headDim));
        alignas(64) double totals[blockDoubles];
        for (std::int64_t first = 0; first < run.count;) {
            const std::int64_t tokens = tokensTogether(run.count - first);
            for (auto& sum : sums)
                std::fill(sum.begin(), sum.end(), 0);
            for (const Plane& plane : m_planes.planes) {
                if (!fillPlane(plane, codes.data() + first * run.keys, run, tokens, words,
                               inputs.data(), operandSums.data()))
                    continue;
                std::int64_t* sum = sums[plane.sum].data();
                for (std::int64_t panel = 0; panel < head.values.panels(); ++panel) {
                    const std::int64_t lanes = head.values.lanesOf(panel);
                    std::fill_n(totals, tokens * lanes, 0.0);
                    head.values.addProducts(m_set, panel, firstWord, words, inputs.data(), words,
                                            tokens, totals);
                    const std::int64_t begin = panel * IntegerPanels::panelRows;
                    const std::int64_t end = std::min(headDim, begin + lanes);
                    for (std::int64_t t = 0; t < tokens; ++t) {
                        const std::int64_t zeros = zv * operandSums[static_cast<std::size_t>(t)];
                        for (std::int64_t d = begin; d < end; ++d)
                            sum[t * headDim + d] +=
                                (static_cast<std::int64_t>(totals[t * lanes + d - begin]) - zeros) *
                                plane.factor;
                    }
                }
            }
            for (std::int64_t t = 0; t < tokens; ++t)
                for (std::int64_t d = 0; d < headDim; ++d) {
                    const auto at = static_cast<std::size_t>(t * headDim + d);
                    out.row(first + t)[static_cast<std::size_t>(d)] = static_cast<float>(
                        m_planes.scale * (static_cast<double>(sums[0][at]) +
                                          std::numbers::sqrt2 * static_cast<double>(sums[1][at])));
                }
            first += tokens;
        }
    }

    InstructionSet m_set;
    AffineGrid m_query;
    AffineGrid m_key;
    AffineGrid m_value;
    ProbabilityRounding m_rounding;
    Planes m_planes;
    std::int64_t m_largestOperand = 1;
};

std::optional<std::string> whyNotInteger(std::string_view what, const AffineGrid& grid)
{
    if (grid.fraction != 0)
        return concat(what, " have a zero with a fraction");
    if (std::abs(static_cast<std::int64_t>(grid.zeros.front())) > largestZero)
        return concat(what, " have the zero ", grid.zeros.front(), ", expected at most ",
                      largestZero, " in magnitude");
    return std::nullopt;
}

} // namespace

std::optional<std::string> whyNotIntegerAttention(const AttentionGrids& grids)
{
    if (const auto why = grids.validate())
        return why;
    const auto missing = [](std::string_view what) { return concat(what, " stay floats"); };
    if (!grids.query)
        return missing("queries");
    if (!grids.key)
        return missing("keys");
    if (!grids.value)
        return missing("values");
    if (!grids.probabilities)
        return missing("probabilities");
    if (const auto why = whyNotInteger("queries", *grids.query))
        return why;
    if (const auto why = whyNotInteger("keys", *grids.key))
        return why;
    if (const auto why = whyNotInteger("values", *grids.value))
        return why;
    if (const auto* affine = std::get_if<AffineGrid>(&*grids.probabilities))
        return whyNotInteger("probabilities", *affine);
    return std::nullopt;
}

std::shared_ptr<const AttentionKernel> integerAttention(const AttentionGrids& grids,
                                                        std::optional<InstructionSet> set)
{
    if (const auto why = whyNotIntegerAttention(grids))
        throw Error(ErrorCode::Unsupported, concat("no integer attention: ", *why));
    return std::make_shared<const IntegerAttention>(grids, set ? *set : instructionSets().back());
}

} // namespace gradus
