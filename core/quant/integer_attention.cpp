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

/// Exponents that share a sum: 2^7 is the largest power in a byte.
constexpr int exponentsTogether = 8;
/// Smaller powers than that of the scale count as 0 (section 4 stops at 24).
constexpr int largestExponent = 3 * exponentsTogether - 1;

/// One way of turning probabilities into operands that are unsigned bytes, and what sums of these
/// count: all of them together make the probabilities. Unseen keys are 0 in all of them.
struct Plane
{
    enum class Kind
    {
        Codes,
        Seen,   ///< 1 for every key that is seen
        Powers, ///< those that the window has
    };
    Kind kind = Kind::Codes;
    ByteWindow window;
    std::size_t sum = 0; ///< which of the two accumulators
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
    result.planes.emplace_back();
    if (grid.zeros.front() != 0) {
        Plane zeros;
        zeros.kind = Plane::Kind::Seen;
        zeros.factor = -static_cast<std::int64_t>(grid.zeros.front());
        result.planes.push_back(zeros);
    }
    return result;
}

/// Powers 2^(last − e) of the exponents first … last, of even or odd codes where a code counts half
/// an octave: √2^(−c) = 2^(−⌈c/2⌉), times √2 for odd codes.
ByteWindow powersOf(const LogGrid& grid, int odd, int first, int last)
{
    const int k = grid.perOctave;
    const int start = k * first - odd;
    ByteWindow window;
    window.first = static_cast<std::uint8_t>(start & 0xFF); // −1 of odd codes from 1 on
    for (int e = first; e <= last; ++e) {
        const int code = k * e - odd;
        if (code >= 0 && code <= grid.largest())
            window.table[static_cast<std::size_t>(code - start)] =
                static_cast<std::uint8_t>(1 << (last - e));
    }
    return window;
}

/// The last 16 codes of half octaves, odd and even ones together: odd ones are rounded to multiples
/// of the smallest power, by half of it at most, which is less than what counts as 0.
ByteWindow smallPowersOf(const LogGrid& grid)
{
    constexpr int start = 2 * largestExponent - 15;
    ByteWindow window;
    window.first = start;
    for (int i = 0; i < 16 && start + i <= grid.largest(); ++i)
        window.table[static_cast<std::size_t>(i)] =
            static_cast<std::uint8_t>(std::lround(std::exp2(largestExponent - 0.5 * (start + i))));
    return window;
}

Planes planesOf(const LogGrid& grid)
{
    const int k = grid.perOctave;
    const int top = std::min(largestExponent, k == 2 ? (grid.largest() + 1) / 2 : grid.largest());
    Planes result;
    result.scale = std::ldexp(static_cast<double>(grid.scale), -top);
    const auto add = [&](const ByteWindow& window, int last, int odd) {
        Plane plane;
        plane.kind = Plane::Kind::Powers;
        plane.window = window;
        plane.sum = static_cast<std::size_t>(odd);
        plane.factor = std::int64_t(1) << (top - last);
        result.planes.push_back(plane);
    };
    for (int first = 0; first <= top; first += exponentsTogether) {
        const int last = std::min(top, first + exponentsTogether - 1);
        if (k == 2 && last == largestExponent)
            add(smallPowersOf(grid), last, 0);
        else
            for (int odd = 0; odd < k; ++odd)
                add(powersOf(grid, odd, first, last), last, odd);
    }
    return result;
}

/// Codes of a matrix.
class Codes
{
public:
    Codes(const AffineGrid& grid, ConstMatrixView x)
        : m_buffer(scratchFloats((x.rows * x.cols + 3) / 4))
        , m_cols(x.cols)
    {
        encodeToGrid(grid, x, values());
    }
    [[nodiscard]] const std::uint8_t* at(std::int64_t row, std::int64_t col) const
    {
        return values() + row * m_cols + col;
    }

private:
    [[nodiscard]] std::uint8_t* values() const
    {
        return reinterpret_cast<std::uint8_t*>(m_buffer.get());
    }

    ScratchFloats m_buffer;
    std::int64_t m_cols;
};

/// Keys and values of one head of one sequence, laid out for products.
struct PackedHead
{
    IntegerPanels keys;                ///< code − 128, keys × features
    std::vector<std::int64_t> keySums; ///< of codes
    IntegerPanels values;              ///< code − 128, features × keys
};

/// Less 128 as signed bytes, four at a time.
constexpr std::uint32_t lessMiddle = 0x80808080U;

void packKeys(const Codes& k, std::int64_t firstRow, std::int64_t firstColumn, std::int64_t headDim,
              PackedHead& head)
{
    const std::int64_t count = head.keys.rows();
    const std::int64_t words = (headDim + 3) / 4;
    std::vector<std::uint32_t> packed(static_cast<std::size_t>(words));
    for (std::int64_t j = 0; j < count; ++j) {
        const std::uint8_t* codes = k.at(firstRow + j, firstColumn);
        std::int32_t sum = 0;
        for (std::int64_t d = 0; d < headDim; ++d)
            sum += codes[d];
        head.keySums[static_cast<std::size_t>(j)] = sum;
        // What queries put beyond the last feature is 0.
        packBytes(codes, headDim, packed.data());
        const std::int64_t panel = j / IntegerPanels::panelRows;
        std::uint32_t* lane = head.keys.lanesAt(panel, 0) + j % IntegerPanels::panelRows;
        for (std::int64_t w = 0; w < words; ++w)
            lane[w * head.keys.lanesOf(panel)] = packed[static_cast<std::size_t>(w)] ^ lessMiddle;
    }
}

void packValues(const Codes& v, std::int64_t firstRow, std::int64_t count, std::int64_t firstColumn,
                PackedHead& head)
{
    const std::int64_t headDim = head.values.rows();
    for (std::int64_t panel = 0; panel < head.values.panels(); ++panel) {
        const std::int64_t begin = panel * IntegerPanels::panelRows;
        const std::int64_t rows = std::min(IntegerPanels::panelRows, headDim - begin);
        for (std::int64_t word = 0; 4 * word < count; ++word) {
            std::uint32_t* lanes = head.values.lanesAt(panel, word);
            // What probabilities put beyond the last key is 0.
            const std::int64_t first = firstRow + 4 * word;
            const auto row = [&](std::int64_t i) {
                return v.at(std::min(first + i, firstRow + count - 1), firstColumn + begin);
            };
            const std::uint8_t* const keys[4] = {row(0), row(1), row(2), row(3)};
            for (std::int64_t d = 0; d < rows; ++d)
                lanes[d] = (std::uint32_t(keys[0][d]) | std::uint32_t(keys[1][d]) << 8 |
                            std::uint32_t(keys[2][d]) << 16 | std::uint32_t(keys[3][d]) << 24) ^
                           lessMiddle;
        }
    }
}

PackedHead packHead(const Codes& k, const Codes& v, std::int64_t firstRow, std::int64_t count,
                    std::int64_t firstColumn, std::int64_t headDim)
{
    PackedHead head;
    head.keys = IntegerPanels(OperandStore::Bytes, count, headDim, headDim);
    head.keys.setLargestProduct(255 * 128);
    head.keySums.resize(static_cast<std::size_t>(count));
    packKeys(k, firstRow, firstColumn, headDim, head);
    head.values = IntegerPanels(OperandStore::Bytes, headDim, count, count);
    head.values.setLargestProduct(255 * 128);
    packValues(v, firstRow, count, firstColumn, head);
    return head;
}

/// row = factor · (totals + ofQuery − zero · keySums), which fits into Number.
template <class Number>
void scaleScores(const std::int32_t* totals, const std::int64_t* keySums, std::int64_t count,
                 std::int64_t ofQuery, std::int64_t zero, float factor, float* row)
{
    const auto constant = static_cast<Number>(ofQuery);
    const auto each = static_cast<Number>(zero);
    for (std::int64_t j = 0; j < count; ++j) {
        const Number product = each * static_cast<Number>(keySums[j]);
        row[j] = factor * static_cast<float>(static_cast<Number>(totals[j]) + constant - product);
    }
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
                                 i % attention.kvHeads * headDim, headDim);
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
                    products(p, head, run, run.queriesOf(out, headDim));
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
        const bool isSmall =
            headDim * (255 + std::abs(zq)) * (255 + std::abs(zk) + 128) < (std::int64_t(1) << 31);
        const auto scale = isSmall ? scaleScores<std::int32_t> : scaleScores<std::int64_t>;
        const std::int64_t words = head.keys.inputWords();
        std::vector<std::uint32_t> inputs(static_cast<std::size_t>(packedTokens * words));
        std::array<std::int64_t, packedTokens> querySums{};
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
                querySums[static_cast<std::size_t>(t)] = sum;
            }
            for (std::int64_t panel = run.firstKey / IntegerPanels::panelRows;
                 panel * IntegerPanels::panelRows < lastKey; ++panel) {
                const std::int64_t lanes = head.keys.lanesOf(panel);
                head.keys.products(m_set, panel, 0, head.keys.groups().front().words, inputs.data(),
                                   words, tokens, totals);
                const std::int64_t firstKey = panel * IntegerPanels::panelRows;
                const std::int64_t from = std::max(run.firstKey, firstKey);
                const std::int64_t to = std::min(lastKey, firstKey + lanes);
                for (std::int64_t t = 0; t < tokens; ++t)
                    scale(totals + t * lanes + from - firstKey, head.keySums.data() + from,
                          to - from,
                          (128 - zk) * querySums[static_cast<std::size_t>(t)] + headDim * zk * zq,
                          zq, factor, p.row(first + t).data() + from - run.firstKey);
            }
            first += tokens;
        }
    }

    /// Rows of probabilities as operands: whole words, from the one with the run's first key on.
    struct Rows
    {
        std::int64_t firstWord;
        std::int64_t words;
        std::int64_t bytes;              ///< of a row, a multiple of windowGrain
        std::vector<std::uint8_t> codes; ///< [token][byte]
        std::vector<std::uint32_t> operands;
        std::array<std::int64_t, packedTokens> sums{};

        explicit Rows(const kernel::AttentionRun& run)
            : firstWord(run.firstKey / 4)
            , words((run.firstKey % 4 + run.keys + 3) / 4)
            , bytes((4 * words + windowGrain - 1) / windowGrain * windowGrain)
            , codes(static_cast<std::size_t>(packedTokens * bytes), ProbabilityRounding::none)
            , operands(codes.size() / 4)
        {
        }
    };

    /// Returns whether there is anything but zeros.
    bool fill(const Plane& plane, ConstMatrixView p, std::int64_t firstToken, std::int64_t tokens,
              std::int64_t firstByte, Rows& rows) const
    {
        std::int64_t all = 0;
        rows.sums = {};
        for (std::int64_t t = 0; t < tokens; ++t) {
            const std::uint8_t* codes = rows.codes.data() + t * rows.bytes;
            auto* operands = reinterpret_cast<std::uint8_t*>(rows.operands.data()) + t * rows.bytes;
            std::uint32_t sum = 0;
            if (plane.kind == Plane::Kind::Powers) {
                sum = selectBytes(m_set, plane.window, codes, rows.bytes, operands);
            } else {
                const std::span<const float> row = p.row(firstToken + t);
                const bool seen = plane.kind == Plane::Kind::Seen;
                std::fill_n(operands, rows.bytes, std::uint8_t(0));
                for (std::int64_t j = 0; j < p.cols; ++j) {
                    const auto at = static_cast<std::size_t>(j);
                    const std::uint8_t own = seen ? (row[at] == 0 ? 0 : 1) : codes[firstByte + j];
                    operands[firstByte + j] = own;
                    sum += own;
                }
            }
            rows.sums[static_cast<std::size_t>(t)] = sum;
            all += sum;
        }
        return all > 0;
    }

    void products(ConstMatrixView p, const PackedHead& head, const kernel::AttentionRun& run,
                  MatrixView out) const
    {
        const std::int64_t zv = m_value.zeros.front();
        const std::int64_t firstByte = run.firstKey % 4;
        const std::int64_t headDim = head.values.rows();
        Rows rows(run);
        const std::int64_t stride = rows.bytes / 4;
        // Whole numbers, which doubles hold: of values less 128, and what these lack of values less
        // their zero, which all features share.
        std::array<std::vector<double>, 2> sums;
        for (auto& sum : sums)
            sum.resize(static_cast<std::size_t>(packedTokens * headDim));
        std::array<std::array<std::int64_t, packedTokens>, 2> rest{};
        alignas(64) std::int32_t totals[blockSums];
        for (std::int64_t first = 0; first < run.count;) {
            const std::int64_t tokens = tokensTogether(run.count - first);
            for (std::vector<double>& sum : sums)
                std::fill(sum.begin(), sum.end(), 0.0);
            rest = {};
            for (std::int64_t t = 0; t < tokens; ++t)
                m_rounding.encode(p.row(first + t), rows.codes.data() + t * rows.bytes + firstByte);
            for (const Plane& plane : m_planes.planes) {
                if (!fill(plane, p, first, tokens, firstByte, rows))
                    continue;
                for (std::size_t t = 0; t < packedTokens; ++t)
                    rest[plane.sum][t] += (128 - zv) * rows.sums[t] * plane.factor;
                const auto factor = static_cast<double>(plane.factor);
                for (std::int64_t panel = 0; panel < head.values.panels(); ++panel) {
                    const std::int64_t lanes = head.values.lanesOf(panel);
                    head.values.products(m_set, panel, rows.firstWord, rows.words,
                                         rows.operands.data(), stride, tokens, totals);
                    const std::int64_t begin = panel * IntegerPanels::panelRows;
                    const std::int64_t count = std::min(headDim - begin, lanes);
                    for (std::int64_t t = 0; t < tokens; ++t) {
                        double* sum = sums[plane.sum].data() + t * headDim + begin;
                        const std::int32_t* own = totals + t * lanes;
                        for (std::int64_t d = 0; d < count; ++d)
                            sum[d] += factor * static_cast<double>(own[d]);
                    }
                }
            }
            for (std::int64_t t = 0; t < tokens; ++t) {
                const std::span<float> row = out.row(first + t);
                const double* even = sums[0].data() + t * headDim;
                const double* odd = sums[1].data() + t * headDim;
                const std::int64_t restOfEven = rest[0][static_cast<std::size_t>(t)];
                const std::int64_t restOfOdd = rest[1][static_cast<std::size_t>(t)];
                for (std::int64_t d = 0; d < headDim; ++d) {
                    const auto a =
                        static_cast<double>(static_cast<std::int64_t>(even[d]) + restOfEven);
                    const auto b =
                        static_cast<double>(static_cast<std::int64_t>(odd[d]) + restOfOdd);
                    row[static_cast<std::size_t>(d)] =
                        static_cast<float>(m_planes.scale * (a + std::numbers::sqrt2 * b));
                }
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
