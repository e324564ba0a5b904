// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/packed_linear.h"

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/tensor/half.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

/// Inputs that are summed in one go: sums of sums keep more digits than one long sum.
constexpr std::int64_t runInputs = 512;
constexpr std::int64_t runNibbles = runInputs / nibbleInputs;
constexpr std::int64_t panelRows = packedPanel * packedLanes;

/// A group's inputs are cut into runs of whole words, and nibbles that are left in the last one.
struct RunShape
{
    std::int64_t words = 0; ///< of each plane
    std::int64_t rest = 0;  ///< nibbles of each plane

    explicit RunShape(std::int64_t nibbles)
        : words(nibbles / wordNibbles)
        , rest(nibbles % wordNibbles)
    {
    }
    /// Words per lane of all planes; the nibbles that are left share words.
    [[nodiscard]] std::int64_t size(int bits) const
    {
        return bits * words + (bits * rest + wordNibbles - 1) / wordNibbles;
    }
    [[nodiscard]] std::int64_t nibbles() const { return words * wordNibbles + rest; }

    /// Where the n-th nibble of a plane is.
    struct Place
    {
        std::int64_t word = 0; ///< of the run's
        unsigned shift = 0;
    };
    [[nodiscard]] Place place(std::int64_t n, int plane, int bits) const
    {
        const bool whole = n < words * wordNibbles;
        const std::int64_t at = whole ? n : plane * rest + n - words * wordNibbles;
        return {(whole ? plane * words : bits * words) + at / wordNibbles,
                static_cast<unsigned>(4 * (at % wordNibbles))};
    }
};

template <class Body>
void forEachRun(std::int64_t nibbles, const Body& body)
{
    for (std::int64_t first = 0; first < nibbles; first += runNibbles)
        body(first, RunShape(std::min(runNibbles, nibbles - first)));
}

/// The nibble of four bits of a plane (the first input's lowest): their own sum where the last bit
/// is set, else the negative of the inverted ones'. So the upper half of a table is the lower one
/// negated, and half a table is enough where the sign can be put in by itself.
constexpr std::uint32_t nibbleOf(std::uint32_t bits)
{
    return (bits & 8U) != 0 ? bits & 7U : 8U | (~bits & 7U);
}

/// The sums a table is made of: entry n has +xᵢ where bit i of n is set, −xᵢ elsewhere, and always
/// +x₃; entry n + 8 is its negative.
void makeTable(const float* x, float* table)
{
    using V8 [[gnu::vector_size(32)]] = float;
    const V8 s0 = {-1, 1, -1, 1, -1, 1, -1, 1};
    const V8 s1 = {-1, -1, 1, 1, -1, -1, 1, 1};
    const V8 s2 = {-1, -1, -1, -1, 1, 1, 1, 1};
    const V8 half = (x[3] + x[2] * s2) + (x[1] * s1 + x[0] * s0);
    const V8 negative = -half;
    std::memcpy(table, &half, sizeof half);
    std::memcpy(table + 8, &negative, sizeof negative);
}

/// codes [input][lane] |= the bits of the nibble at shift of each lane's word, as a plane's.
void addBits(const std::uint32_t* words, unsigned shift, int plane, std::int64_t lanes,
             std::uint32_t* codes)
{
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const std::uint32_t nibble = words[lane] >> shift & 15U;
        const std::uint32_t bits = nibble ^ ((nibble >> 3) * 7U) ^ 8U; // nibbleOf's inverse
        for (unsigned i = 0; i < nibbleInputs; ++i)
            codes[i * lanes + lane] |= (bits >> i & 1U) << plane;
    }
}

bool isHalf(float value)
{
    return roundToHalf(value) == value;
}

/// The half in the upper 16 bits of a word; exact, subnormal ones too. No infinity is ever stored.
float upperHalf(std::uint32_t word)
{
    const std::uint32_t bits = (word & 0x80000000U) | ((word & 0x7fff0000U) >> 3);
    return std::bit_cast<float>(bits) * 0x1p112F;
}

std::int64_t rowGrain(std::uint64_t panelBytes, std::int64_t tokens)
{
    constexpr std::uint64_t worth = 128 << 10; // tens of microseconds: well above a task's cost
    return static_cast<std::int64_t>(std::max<std::uint64_t>(
        1, worth / std::max<std::uint64_t>(1, panelBytes * static_cast<std::uint64_t>(tokens))));
}

} // namespace

/// Tokens ready for look-ups.
struct PackedLinear::Prepared
{
    std::int64_t tokens = 0;
    Tensor tables;
    std::int64_t tokenStride = 0; ///< in tables
    std::vector<float> sums;      ///< tokens × groups
};

std::optional<std::string> whyNotPacked(const QuantizedWeight& weight)
{
    if (weight.scheme.levels != Levels::Uniform)
        return "power levels";
    if (!weight.outliers.empty())
        return "outliers";
    if (weight.scheme.bits < 2 || weight.scheme.bits > 4)
        return concat(weight.scheme.bits, " bits");
    return std::nullopt;
}

PackedLinear::PackedLinear(const QuantizedWeight& weight)
    : m_rows(weight.rows)
    , m_cols(weight.cols)
    , m_bits(weight.scheme.bits)
{
    if (const auto why = whyNotPacked(weight))
        throw Error(ErrorCode::Unsupported, concat("no packed product for ", *why,
                                                   "; expected uniform codes of 2, 3 or 4 bits"));
    assert(weight.codes.size() == static_cast<std::size_t>(m_rows * m_cols));
    assert(weight.zeros.size() == weight.scales.size());
    m_halves = std::all_of(weight.scales.begin(), weight.scales.end(), isHalf) &&
               std::all_of(weight.zeros.begin(), weight.zeros.end(), isHalf);
    orderInputs(weight);
    const std::int64_t vectors = (m_rows + packedLanes - 1) / packedLanes;
    m_words = Tensor::zeros(DType::I32, {vectors * wordsPerLane() * packedLanes});
    parallelFor(panels(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; ++panel)
            packPanel(weight, panel);
    });
}

void PackedLinear::orderInputs(const QuantizedWeight& weight)
{
    const bool indexed =
        !weight.groupIndex.empty() && weight.scheme.granularity != Granularity::Tensor;
    const std::int64_t size = std::max<std::int64_t>(1, effectiveGroup(weight.scheme, m_cols));
    m_groups.resize(static_cast<std::size_t>(weight.groups()));
    if (indexed) {
        m_order.resize(static_cast<std::size_t>(m_cols));
        std::iota(m_order.begin(), m_order.end(), 0);
        const auto groupOf = [&](std::int32_t input) {
            return weight.groupIndex[static_cast<std::size_t>(input)];
        };
        std::stable_sort(m_order.begin(), m_order.end(),
                         [&](std::int32_t a, std::int32_t b) { return groupOf(a) < groupOf(b); });
        for (const std::int32_t group : weight.groupIndex)
            ++m_groups[static_cast<std::size_t>(group)].inputs;
    }
    std::int64_t input = 0;
    for (Group& group : m_groups) {
        if (!indexed)
            group.inputs = std::min(size, m_cols - input);
        group.firstInput = input;
        group.firstTable = m_tables;
        input += group.inputs;
        m_tables += group.nibbles();
    }
    assert(input == m_cols);
}

std::int64_t PackedLinear::wordsPerLane() const
{
    std::int64_t words = 0;
    for (const Group& group : m_groups) {
        words += m_halves ? 1 : 2;
        forEachRun(group.nibbles(),
                   [&](std::int64_t, const RunShape& shape) { words += shape.size(m_bits); });
    }
    return words;
}

std::int64_t PackedLinear::panels() const
{
    return (m_rows + panelRows - 1) / panelRows;
}

std::int64_t PackedLinear::vectorsOf(std::int64_t panel) const
{
    const std::int64_t rows = std::min(panelRows, m_rows - panel * panelRows);
    return (rows + packedLanes - 1) / packedLanes;
}

const std::uint32_t* PackedLinear::panelWords(std::int64_t panel) const
{
    // Only the last panel can have fewer vectors.
    const std::int64_t vectors = (m_rows + packedLanes - 1) / packedLanes;
    const std::int64_t perVector = m_words.count() / std::max<std::int64_t>(1, vectors);
    return reinterpret_cast<const std::uint32_t*>(m_words.bytes().data()) +
           panel * packedPanel * perVector;
}

void PackedLinear::packPanel(const QuantizedWeight& weight, std::int64_t panel)
{
    const std::int64_t vectors = vectorsOf(panel);
    const std::int64_t across = vectors * packedLanes; // lanes, and words from one to the next
    auto* words = const_cast<std::uint32_t*>(panelWords(panel));
    const std::int64_t rows = std::min(across, m_rows - panel * panelRows);
    const bool shared = weight.scheme.granularity == Granularity::Tensor;
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        for (std::int64_t lane = 0; lane < rows; ++lane) {
            const std::size_t row = static_cast<std::size_t>(panel * panelRows + lane);
            const std::size_t at = shared ? 0 : row * m_groups.size() + g;
            const float scale = weight.scales[at];
            const float zero = weight.zeros[at];
            if (m_halves) {
                words[lane] = floatToHalf(scale) | std::uint32_t(floatToHalf(zero)) << 16;
            } else {
                words[lane] = std::bit_cast<std::uint32_t>(scale);
                words[across + lane] = std::bit_cast<std::uint32_t>(zero);
            }
        }
        words += (m_halves ? 1 : 2) * across;
        const auto code = [&](std::int64_t lane, std::int64_t input) -> std::uint32_t {
            if (input >= group.inputs)
                return 0;
            input += group.firstInput;
            if (!m_order.empty())
                input = m_order[static_cast<std::size_t>(input)];
            return weight
                .codes[static_cast<std::size_t>((panel * panelRows + lane) * m_cols + input)];
        };
        forEachRun(group.nibbles(), [&](std::int64_t first, const RunShape& shape) {
            for (std::int64_t n = 0; n < shape.nibbles(); ++n)
                for (std::int64_t lane = 0; lane < rows; ++lane) {
                    std::uint32_t codes[nibbleInputs];
                    for (std::int64_t i = 0; i < nibbleInputs; ++i)
                        codes[i] = code(lane, (first + n) * nibbleInputs + i);
                    for (int p = 0; p < m_bits; ++p) {
                        std::uint32_t bits = 0;
                        for (unsigned i = 0; i < nibbleInputs; ++i)
                            bits |= (codes[i] >> p & 1U) << i;
                        const auto [word, shift] = shape.place(n, p, m_bits);
                        words[word * across + lane] |= nibbleOf(bits) << shift;
                    }
                }
            words += shape.size(m_bits) * across;
        });
    }
}

void PackedLinear::parameters(const std::uint32_t* words, std::int64_t vectors, float* scales,
                              float* zeros) const
{
    const std::int64_t across = vectors * packedLanes;
    if (m_halves) {
        for (std::int64_t lane = 0; lane < across; ++lane) {
            scales[lane] = upperHalf(words[lane] << 16);
            zeros[lane] = upperHalf(words[lane]);
        }
    } else {
        std::memcpy(scales, words, static_cast<std::size_t>(across) * sizeof(float));
        std::memcpy(zeros, words + across, static_cast<std::size_t>(across) * sizeof(float));
    }
}

void PackedLinear::prepare(std::span<const float> x, float* tables, float* sums) const
{
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        double sum = 0;
        for (std::int64_t first = 0; first < group.inputs; first += nibbleInputs) {
            float four[nibbleInputs] = {};
            const std::int64_t count = std::min(nibbleInputs, group.inputs - first);
            for (std::int64_t i = 0; i < count; ++i) {
                const auto input = static_cast<std::size_t>(group.firstInput + first + i);
                four[i] = x[m_order.empty() ? input : static_cast<std::size_t>(m_order[input])];
            }
            sum += (static_cast<double>(four[0]) + static_cast<double>(four[1])) +
                   (static_cast<double>(four[2]) + static_cast<double>(four[3]));
            makeTable(four, tables);
            tables += packedTable;
        }
        sums[g] = static_cast<float>(sum);
    }
}

void PackedLinear::sumPanel(SumPlane sum, const Prepared& x, std::int64_t panel, MatrixView y) const
{
    const std::int64_t vectors = vectorsOf(panel);
    const std::int64_t across = vectors * packedLanes;
    const std::uint32_t* words = panelWords(panel);
    alignas(64) float out[packedTokens * panelRows] = {};
    alignas(64) float totals[packedTokens * panelRows];
    alignas(64) float scales[panelRows];
    alignas(64) float zeros[panelRows];
    // Σ Q·x = ½·(Σ_p 2^p·Σ ±x + (2^b − 1)·Σ x): a bit is (1 ± 1)/2.
    const float center = 0.5F * static_cast<float>((1 << m_bits) - 1);
    PlaneRun run;
    run.tokenStride = x.tokenStride;
    for (std::size_t g = 0; g < m_groups.size(); ++g) {
        const Group& group = m_groups[g];
        parameters(words, vectors, scales, zeros);
        words += (m_halves ? 1 : 2) * across;
        std::fill_n(totals, x.tokens * across, 0.0F);
        forEachRun(group.nibbles(), [&](std::int64_t first, const RunShape& shape) {
            run.tables = x.tables.floats().data() + (group.firstTable + first) * packedTable;
            run.wordCount = shape.words;
            run.rest = words + m_bits * shape.words * across;
            run.restCount = shape.rest;
            for (int p = 0; p < m_bits; ++p) {
                run.words = words + p * shape.words * across;
                run.restFirst = p * shape.rest;
                run.weight = 0.5F * static_cast<float>(1 << p);
                sum(run, totals);
            }
            words += shape.size(m_bits) * across;
        });
        for (std::int64_t t = 0; t < x.tokens; ++t) {
            const float inputs = x.sums[static_cast<std::size_t>(t) * m_groups.size() + g];
            for (std::int64_t lane = 0; lane < across; ++lane)
                out[t * across + lane] +=
                    scales[lane] * (totals[t * across + lane] + (center - zeros[lane]) * inputs);
        }
    }
    const std::int64_t first = panel * panelRows;
    const std::int64_t rows = std::min(panelRows, m_rows - first);
    for (std::int64_t t = 0; t < x.tokens; ++t)
        std::copy_n(out + t * across, rows, y.data + t * y.stride + first);
}

void PackedLinear::applyLookUp(InstructionSet set, ConstMatrixView x, MatrixView y,
                               const Monitor& monitor) const
{
    assert(x.cols == m_cols && y.cols == m_rows && x.rows == y.rows);
    Prepared prepared;
    // One table more than needed: equal places of several tokens do not meet in the cache.
    prepared.tokenStride = (m_tables + 1) * packedTable;
    prepared.tables = Tensor(Shape{std::min(x.rows, packedTokens) * prepared.tokenStride});
    prepared.sums.resize(static_cast<std::size_t>(packedTokens) * m_groups.size());
    for (std::int64_t first = 0; first < x.rows; first += prepared.tokens) {
        const std::int64_t left = x.rows - first;
        // With AVX-512 one token is quickest by itself: its tables alone are near enough.
        const bool alone = set == InstructionSet::Avx512 || left == 1;
        prepared.tokens = alone ? 1 : left >= 4 ? 4 : 2;
        for (std::int64_t t = 0; t < prepared.tokens; ++t)
            prepare(x.row(first + t), prepared.tables.floats().data() + t * prepared.tokenStride,
                    prepared.sums.data() + static_cast<std::size_t>(t) * m_groups.size());
        const MatrixView out = y.block(first, 0, prepared.tokens, m_rows);
        parallelFor(
            panels(),
            rowGrain(bytes() / static_cast<std::uint64_t>(std::max<std::int64_t>(1, panels())),
                     prepared.tokens),
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t panel = begin; panel < end; ++panel)
                    sumPanel(sumPlane(set, vectorsOf(panel), prepared.tokens), prepared, panel,
                             out);
            },
            &monitor);
    }
}

/// emit(input in the order of the stream, floats of the panel's lanes), input by input.
template <class Emit>
void PackedLinear::decodeRows(std::int64_t panel, const Emit& emit) const
{
    const std::int64_t vectors = vectorsOf(panel);
    const std::int64_t across = vectors * packedLanes;
    const std::uint32_t* words = panelWords(panel);
    alignas(64) float scales[panelRows];
    alignas(64) float zeros[panelRows];
    alignas(64) std::uint32_t codes[nibbleInputs * panelRows];
    alignas(64) float values[panelRows];
    for (const Group& group : m_groups) {
        parameters(words, vectors, scales, zeros);
        words += (m_halves ? 1 : 2) * across;
        forEachRun(group.nibbles(), [&](std::int64_t first, const RunShape& shape) {
            for (std::int64_t n = 0; n < shape.nibbles(); ++n) {
                std::fill_n(codes, nibbleInputs * across, 0U);
                for (int p = 0; p < m_bits; ++p) {
                    const auto [word, shift] = shape.place(n, p, m_bits);
                    addBits(words + word * across, shift, p, across, codes);
                }
                const std::int64_t input = (first + n) * nibbleInputs;
                const std::int64_t count = std::min(nibbleInputs, group.inputs - input);
                for (std::int64_t i = 0; i < count; ++i) {
                    for (std::int64_t lane = 0; lane < across; ++lane)
                        values[lane] = scales[lane] * (static_cast<float>(static_cast<std::int32_t>(
                                                           codes[i * across + lane])) -
                                                       zeros[lane]);
                    emit(group.firstInput + input + i, values);
                }
            }
            words += shape.size(m_bits) * across;
        });
    }
}

Tensor PackedLinear::floats() const
{
    Tensor result(Shape{m_rows, m_cols});
    const MatrixView out = result.matrix();
    parallelFor(panels(), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; ++panel) {
            const std::int64_t rows = std::min(panelRows, m_rows - panel * panelRows);
            float* to = out.data + panel * panelRows * m_cols;
            decodeRows(panel, [&](std::int64_t input, const float* values) {
                const std::int64_t col =
                    m_order.empty() ? input : m_order[static_cast<std::size_t>(input)];
                for (std::int64_t r = 0; r < rows; ++r)
                    to[r * m_cols + col] = values[r];
            });
        }
    });
    return result;
}

/// y's part of one panel; x: tokens × inputs in the order of the stream.
void PackedLinear::multiplyPanel(std::int64_t panel, ConstMatrixView x, MatrixView y) const
{
    const std::int64_t rows = std::min(panelRows, m_rows - panel * panelRows);
    Tensor decoded(Shape{runInputs, rows}); // [input][row]
    std::int64_t held = 0;
    std::int64_t done = 0; // inputs before those held
    const auto flush = [&] {
        multiplySerial(x.block(0, done, x.rows, held),
                       std::as_const(decoded).matrix().block(0, 0, held, rows),
                       y.block(0, panel * panelRows, y.rows, rows), done > 0);
        done += held;
        held = 0;
    };
    decodeRows(panel, [&](std::int64_t, const float* values) {
        if (held == runInputs)
            flush();
        std::copy_n(values, rows, decoded.floats().data() + held++ * rows);
    });
    flush();
}

void PackedLinear::applyDecoded(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    assert(x.cols == m_cols && y.cols == m_rows && x.rows == y.rows);
    Tensor ordered;
    if (!m_order.empty()) {
        ordered = Tensor(Shape{x.rows, x.cols});
        for (std::int64_t r = 0; r < x.rows; ++r) {
            const auto from = x.row(r);
            std::transform(
                m_order.begin(), m_order.end(), ordered.matrix().row(r).data(),
                [&](std::int32_t input) { return from[static_cast<std::size_t>(input)]; });
        }
        x = std::as_const(ordered).matrix();
    }
    // Tokens in blocks too: a chunk between two checkpoints stays short.
    constexpr std::int64_t block = 512;
    for (std::int64_t first = 0; first < x.rows; first += block) {
        const std::int64_t count = std::min(block, x.rows - first);
        parallelFor(
            panels(), 1,
            [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t panel = begin; panel < end; ++panel)
                    multiplyPanel(panel, x.block(first, 0, count, m_cols),
                                  y.block(first, 0, count, m_rows));
            },
            &monitor);
    }
}

void PackedLinear::apply(ConstMatrixView x, MatrixView y, const Monitor& monitor) const
{
    static const InstructionSet set = instructionSets().back();
    // Where decoding overtakes look-ups, whose cost grows with the bits: measured on 2048 × 2048.
    const std::int64_t fewTokens = set == InstructionSet::Avx512 ? 128 / m_bits
                                   : set == InstructionSet::Avx2 ? 72 / m_bits
                                                                 : 2;
    if (x.rows <= fewTokens)
        applyLookUp(set, x, y, monitor);
    else
        applyDecoded(x, y, monitor);
}

} // namespace gradus
