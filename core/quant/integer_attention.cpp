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
/// Of a head: 2^16 products of a code with a signed byte still fit into 32 bits.
constexpr std::int64_t mostFeatures = 1 << 15;

/// Exponents that share a sum: 2^14 is the largest signed operand of 16 bits.
constexpr int exponentsTogether = 15;
/// Smaller powers than that of the scale count as 0: all of them together are less than the
/// rounding of floats. Two sums for each accumulator reach there.
constexpr int largestExponent = 2 * exponentsTogether - 1;

/// One way of turning codes of probabilities into operands of 16 bits, and what sums of these
/// count: all of them together make the probabilities. Unseen keys are 0 in all of them.
struct Plane
{
    enum class Kind
    {
        Codes,
        Seen,   ///< 1 for every key that is seen
        Powers, ///< 2^(last − exponent) for exponents first … last
    };
    Kind kind = Kind::Codes;
    int largest = 0; ///< code
    int halves = 0;  ///< of an octave, that a code counts: 1 for log√2, else 0
    int odd = 0;     ///< which codes, where codes count halves
    int first = 0;
    int last = 0;
    std::size_t sum = 0; ///< which of the two accumulators
    std::int64_t factor = 1;

    [[nodiscard]] std::int64_t largestOperand() const
    {
        return kind == Kind::Codes ? largest : kind == Kind::Seen ? 1 : 1 << (last - first);
    }
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
    codes.largest = grid.largest();
    result.planes.push_back(codes);
    if (grid.zeros.front() != 0) {
        Plane zeros = codes;
        zeros.kind = Plane::Kind::Seen;
        zeros.factor = -static_cast<std::int64_t>(grid.zeros.front());
        result.planes.push_back(zeros);
    }
    return result;
}

Planes planesOf(const LogGrid& grid)
{
    const int k = grid.perOctave;
    // √2^(−c) = 2^(−⌈c/2⌉), times √2 for odd codes.
    const int top = std::min(largestExponent, k == 2 ? (grid.largest() + 1) / 2 : grid.largest());
    Planes result;
    result.scale = std::ldexp(static_cast<double>(grid.scale), -top);
    for (int odd = 0; odd < k; ++odd)
        for (int first = 0; first <= top; first += exponentsTogether) {
            Plane plane;
            plane.kind = Plane::Kind::Powers;
            plane.largest = grid.largest();
            plane.halves = k - 1;
            plane.odd = odd;
            plane.first = first;
            plane.last = std::min(top, first + exponentsTogether - 1);
            plane.sum = static_cast<std::size_t>(odd);
            plane.factor = std::int64_t(1) << (top - plane.last);
            result.planes.push_back(plane);
        }
    return result;
}

/// Operands of `words` pairs of codes, two in a word, the first one lowest; returns their sum.
template <class Operand>
std::uint32_t fillWords(const std::uint16_t* codes, std::int64_t words, std::uint32_t* to,
                        const Operand& operand)
{
    std::uint32_t sum = 0;
    for (std::int64_t w = 0; w < words; ++w) {
        const std::uint32_t low = operand(codes[2 * w]);
        const std::uint32_t high = operand(codes[2 * w + 1]);
        to[w] = low | high << 16;
        sum += low + high;
    }
    return sum;
}

std::uint32_t fillPlane(const Plane& plane, const std::uint16_t* codes, std::int64_t words,
                        std::uint32_t* to)
{
    const auto largest = static_cast<std::uint32_t>(plane.largest);
    if (plane.kind == Plane::Kind::Codes)
        return fillWords(codes, words, to, [largest](std::uint32_t code) -> std::uint32_t {
            return code <= largest ? code : 0;
        });
    if (plane.kind == Plane::Kind::Seen)
        return fillWords(codes, words, to, [largest](std::uint32_t code) -> std::uint32_t {
            return code <= largest ? 1 : 0;
        });
    const auto halves = static_cast<std::uint32_t>(plane.halves);
    const auto odd = static_cast<std::uint32_t>(plane.odd);
    const auto last = static_cast<std::uint32_t>(plane.last);
    const auto span = static_cast<std::uint32_t>(plane.last - plane.first);
    return fillWords(codes, words, to, [=](std::uint32_t code) -> std::uint32_t {
        // Exponents beyond the last wrap around, beyond the span too.
        const std::uint32_t shift = last - ((code + halves) >> halves);
        const bool counts = code <= largest && shift <= span && (code & halves) == odd;
        return counts ? 1U << (shift & 15U) : 0U;
    });
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
    IntegerPanels keys;          ///< code − 128, keys × features
    std::vector<double> keySums; ///< of codes
    IntegerPanels values;        ///< codes, features × keys
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
        std::int32_t sum = 0;
        for (std::int64_t d = 0; d < headDim; ++d) {
            operands[static_cast<std::size_t>(d)] = codes[d] - 128;
            sum += codes[d];
        }
        head.keySums[static_cast<std::size_t>(j)] = static_cast<double>(sum);
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

constexpr std::int64_t blockSums = packedTokens * IntegerPanels::panelRows;

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
            m_largestOperand = std::max(m_largestOperand, plane.largestOperand());
        m_planes.scale *= static_cast<double>(m_value.scales.front());
    }

    void apply(ConstMatrixView q, ConstMatrixView k, ConstMatrixView v,
               const op::Attention& attention, std::int64_t batch,
               const kernel::AttentionMask& mask, MatrixView out,
               const Monitor& monitor) const override
    {
        const std::int64_t headDim = attention.headDim;
        const kernel::AttentionRuns runs(attention, batch, q.rows, k.rows);
        if (headDim > mostFeatures)
            throw Error(ErrorCode::Unsupported,
                        concat("no integer attention: heads of ", headDim,
                               " features, expected at most ", mostFeatures));
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
        const auto zq = static_cast<double>(m_query.zeros.front());
        const std::int64_t zk = m_key.zeros.front();
        const std::int64_t words = head.keys.inputWords();
        std::vector<std::uint32_t> inputs(static_cast<std::size_t>(packedTokens * words));
        std::array<double, packedTokens> querySums{};
        alignas(64) std::int32_t totals[blockSums];
        const std::int64_t lastKey = run.firstKey + run.keys;
        for (std::int64_t first = 0; first < run.count;) {
            const std::int64_t tokens = tokensTogether(run.count - first);
            for (std::int64_t t = 0; t < tokens; ++t) {
                const std::uint8_t* codes =
                    queries.at(run.queryRow + run.first + first + t, run.head * headDim);
                packBytes(codes, headDim, inputs.data() + t * words);
                std::int32_t sum = 0;
                for (std::int64_t d = 0; d < headDim; ++d)
                    sum += codes[d];
                querySums[static_cast<std::size_t>(t)] = static_cast<double>(sum);
            }
            for (std::int64_t panel = run.firstKey / IntegerPanels::panelRows;
                 panel * IntegerPanels::panelRows < lastKey; ++panel) {
                const std::int64_t lanes = head.keys.lanesOf(panel);
                head.keys.products(m_set, panel, 0, head.keys.groups().front().words, inputs.data(),
                                   words, tokens, totals);
                const std::int64_t firstKey = panel * IntegerPanels::panelRows;
                const std::int64_t from = std::max(run.firstKey, firstKey);
                const std::int64_t to = std::min(lastKey, firstKey + lanes);
                for (std::int64_t t = 0; t < tokens; ++t) {
                    // Doubles hold all of these exactly.
                    const double ofQuery =
                        static_cast<double>(128 - zk) * querySums[static_cast<std::size_t>(t)] +
                        static_cast<double>(headDim * zk) * zq;
                    float* row = p.row(first + t).data() - run.firstKey;
                    const std::int32_t* total = totals + t * lanes - firstKey;
                    const double* sums = head.keySums.data();
                    for (std::int64_t j = from; j < to; ++j)
                        row[j] = factor * static_cast<float>(static_cast<double>(total[j]) +
                                                             ofQuery - zq * sums[j]);
                }
            }
            first += tokens;
        }
    }

    void products(const std::vector<std::uint16_t>& codes, const PackedHead& head,
                  const kernel::AttentionRun& run, MatrixView out) const
    {
        const std::int64_t zv = m_value.zeros.front();
        const std::int64_t firstWord = run.firstKey / 2;
        const std::int64_t words = (run.firstKey % 2 + run.keys + 1) / 2;
        std::vector<std::uint32_t> inputs(static_cast<std::size_t>(packedTokens * words));
        // Rows of codes from an even key to the end of a word.
        std::vector<std::uint16_t> padded(static_cast<std::size_t>(packedTokens * 2 * words),
                                          ProbabilityRounding::unseen);
        std::array<std::int64_t, packedTokens> operandSums{};
        const std::int64_t headDim = head.values.rows();
        std::array<std::vector<std::int64_t>, 2> sums;
        for (auto& sum : sums)
            sum.resize(static_cast<std::size_t>(packedTokens * headDim));
        alignas(64) double totals[blockSums];
        for (std::int64_t first = 0; first < run.count;) {
            const std::int64_t tokens = tokensTogether(run.count - first);
            for (auto& sum : sums)
                std::fill(sum.begin(), sum.end(), 0);
            for (std::int64_t t = 0; t < tokens; ++t)
                std::copy_n(codes.data() + (first + t) * run.keys, run.keys,
                            padded.data() + t * 2 * words + run.firstKey % 2);
            for (const Plane& plane : m_planes.planes) {
                std::int64_t all = 0;
                for (std::int64_t t = 0; t < tokens; ++t) {
                    const auto at = static_cast<std::size_t>(t);
                    operandSums[at] = fillPlane(plane, padded.data() + t * 2 * words, words,
                                                inputs.data() + t * words);
                    all += operandSums[at];
                }
                if (all == 0)
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
