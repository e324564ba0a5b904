// SPDX-License-Identifier: GPL-3.0-or-later
//
// Scales d, m and dmin are half precision. Blocks of 32 hold value j in the low and value j + 16 in
// the high nibble of byte j. Super-blocks have 256 values; value i lies in half h = i / 128, group
// g = i % 128 / 32 at l = i % 32.
#include "core/io/gguf_blocks.h"

#include "core/base/text.h"
#include "core/tensor/half.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace gradus {

static_assert(std::endian::native == std::endian::little,
              "weights are read as they lie in the file");

namespace {

constexpr int superBlock = 256;

unsigned at(const std::byte* bytes, int i)
{
    return std::to_integer<unsigned>(bytes[i]);
}

int signedAt(const std::byte* bytes, int i)
{
    return static_cast<std::int8_t>(at(bytes, i));
}

template <class T>
T load(const std::byte* bytes)
{
    T value;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

float halfAt(const std::byte* bytes)
{
    return halfToFloat(load<std::uint16_t>(bytes));
}

/// put(j, n) for the 32 four-bit numbers of 16 bytes.
template <class Put>
void forNibbles(const std::byte* bytes, const Put& put)
{
    for (int j = 0; j < 16; ++j) {
        put(j, at(bytes, j) & 15U);
        put(j + 16, at(bytes, j) >> 4U);
    }
}

/// As forNibbles, with a fifth bit each from a word before them.
template <class Put>
void forFiveBits(const std::byte* bytes, const Put& put)
{
    const auto high = load<std::uint32_t>(bytes);
    forNibbles(bytes + 4, [&](int j, unsigned n) { put(j, n | (high >> j & 1U) << 4U); });
}

void decodeQ4_0(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    forNibbles(block + 2,
               [&](int j, unsigned n) { values[j] = static_cast<float>(int(n) - 8) * d; });
}

void decodeQ4_1(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    const float m = halfAt(block + 2);
    forNibbles(block + 4, [&](int j, unsigned n) { values[j] = static_cast<float>(n) * d + m; });
}

void decodeQ5_0(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    forFiveBits(block + 2,
                [&](int j, unsigned n) { values[j] = static_cast<float>(int(n) - 16) * d; });
}

void decodeQ5_1(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    const float m = halfAt(block + 2);
    forFiveBits(block + 4, [&](int j, unsigned n) { values[j] = static_cast<float>(n) * d + m; });
}

void decodeQ8_0(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    for (int j = 0; j < 32; ++j)
        values[j] = static_cast<float>(signedAt(block + 2, j)) * d;
}

/// The two bits of value i in Q2_K, Q3_K and TQ2_0.
unsigned twoBits(const std::byte* quants, int i)
{
    return at(quants, i / 128 * 32 + i % 32) >> (2 * (i % 128 / 32)) & 3U;
}

void decodeQ2_K(const std::byte* block, float* values)
{
    const std::byte* quants = block + 16;
    const float d = halfAt(block + 80);
    const float dmin = halfAt(block + 82);
    for (int sub = 0; sub < 16; ++sub) { // low nibble: scale; high nibble: minimum
        const float scale = d * static_cast<float>(at(block, sub) & 15U);
        const float minimum = dmin * static_cast<float>(at(block, sub) >> 4U);
        for (int i = 16 * sub; i < 16 * sub + 16; ++i)
            values[i] = scale * static_cast<float>(twoBits(quants, i)) - minimum;
    }
}

void decodeQ3_K(const std::byte* block, float* values)
{
    const std::byte* quants = block + 32; // the block starts with the third bits
    const std::byte* scales = block + 96;
    const float d = halfAt(block + 108);
    for (int sub = 0; sub < 16; ++sub) {
        const unsigned low = sub < 8 ? at(scales, sub) & 15U : at(scales, sub - 8) >> 4U;
        const unsigned high = at(scales, 8 + sub % 4) >> (2 * (sub / 4)) & 3U;
        const float scale = d * static_cast<float>(int(low | high << 4U) - 32);
        for (int i = 16 * sub; i < 16 * sub + 16; ++i) {
            const bool third = (at(block, i % 32) >> (i / 32) & 1U) != 0;
            const int n = static_cast<int>(twoBits(quants, i)) - (third ? 0 : 4);
            values[i] = scale * static_cast<float>(n);
        }
    }
}

/// Of sub-block j of Q4_K and Q5_K: eight pairs of six bits in twelve bytes.
struct SixBits
{
    unsigned scale = 0;
    unsigned minimum = 0;
};

SixBits sixBits(const std::byte* scales, int j)
{
    if (j < 4)
        return {at(scales, j) & 63U, at(scales, j + 4) & 63U};
    return {(at(scales, j + 4) & 15U) | at(scales, j - 4) >> 6U << 4U,
            at(scales, j + 4) >> 4U | at(scales, j) >> 6U << 4U};
}

/// put(j, i, n) for the four-bit numbers of Q4_K and Q5_K: sub-block j, value i.
template <class Put>
void forSubBlocks(const std::byte* quants, const Put& put)
{
    for (int j = 0; j < 8; ++j) // two sub-blocks in 32 bytes, low nibbles first
        for (int l = 0; l < 32; ++l)
            put(j, 32 * j + l, at(quants, j / 2 * 32 + l) >> (4 * (j % 2)) & 15U);
}

/// scale · n − minimum per sub-block; fifth(i, j) is the bit above the four.
template <class Fifth>
void decodeSubBlocks(const std::byte* block, const std::byte* quants, float* values,
                     const Fifth& fifth)
{
    const float d = halfAt(block);
    const float dmin = halfAt(block + 2);
    std::array<float, 8> scale{};
    std::array<float, 8> minimum{};
    for (int j = 0; j < 8; ++j) {
        const SixBits bits = sixBits(block + 4, j);
        scale[static_cast<std::size_t>(j)] = d * static_cast<float>(bits.scale);
        minimum[static_cast<std::size_t>(j)] = dmin * static_cast<float>(bits.minimum);
    }
    forSubBlocks(quants, [&](int j, int i, unsigned n) {
        const auto sub = static_cast<std::size_t>(j);
        values[i] = scale[sub] * static_cast<float>(n | fifth(i, j) << 4U) - minimum[sub];
    });
}

void decodeQ4_K(const std::byte* block, float* values)
{
    decodeSubBlocks(block, block + 16, values, [](int, int) { return 0U; });
}

void decodeQ5_K(const std::byte* block, float* values)
{
    const std::byte* high = block + 16;
    decodeSubBlocks(block, block + 48, values,
                    [high](int i, int j) { return at(high, i % 32) >> j & 1U; });
}

void decodeQ6_K(const std::byte* block, float* values)
{
    const std::byte* high = block + 128;
    const std::byte* scales = block + 192;
    const float d = halfAt(block + 208);
    for (int i = 0; i < superBlock; ++i) {
        const int h = i / 128;
        const int g = i % 128 / 32;
        const int l = i % 32;
        const unsigned low = at(block, 64 * h + 32 * (g % 2) + l) >> (4 * (g / 2)) & 15U;
        const unsigned top = at(high, 32 * h + l) >> (2 * g) & 3U;
        const float scale = d * static_cast<float>(signedAt(scales, i / 16));
        values[i] = scale * static_cast<float>(int(low | top << 4U) - 32);
    }
}

constexpr std::array<float, 16> nonLinear{-127, -104, -83, -65, -49, -35, -22, -10,
                                          1,    13,   25,  38,  53,  69,  89,  113};

void decodeIQ4_NL(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    forNibbles(block + 2, [&](int j, unsigned n) { values[j] = d * nonLinear[n]; });
}

void decodeIQ4_XS(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    const auto highScales = load<std::uint16_t>(block + 2);
    const std::byte* lowScales = block + 4;
    for (int sub = 0; sub < 8; ++sub) {
        const unsigned low = at(lowScales, sub / 2) >> (4 * (sub % 2)) & 15U;
        const unsigned high = unsigned(highScales) >> (2 * sub) & 3U;
        const float scale = d * static_cast<float>(int(low | high << 4U) - 32);
        float* to = values + 32 * sub;
        forNibbles(block + 8 + 16 * sub, [&](int j, unsigned n) { to[j] = scale * nonLinear[n]; });
    }
}

void decodeTQ2_0(const std::byte* block, float* values)
{
    const float d = halfAt(block + 64);
    for (int i = 0; i < superBlock; ++i)
        values[i] = static_cast<float>(int(twoBits(block, i)) - 1) * d;
}

/// Three numbers 0, 1, 2 from each byte on, as digits of a fraction to base 3: a byte holds
/// ceil(256 · (t₀/3 + t₁/9 + …)), so that times 3 a digit stands above it.
void decodeTQ1_0(const std::byte* block, float* values)
{
    const float d = halfAt(block + 52);
    const auto digits = [&](const std::byte* bytes, int count, int perByte) {
        for (int digit = 0, power = 1; digit < perByte; ++digit, power *= 3)
            for (int i = 0; i < count; ++i) {
                const unsigned rest = at(bytes, i) * static_cast<unsigned>(power) & 255U;
                *values++ = static_cast<float>(int(rest * 3 >> 8) - 1) * d;
            }
    };
    digits(block, 32, 5);
    digits(block + 32, 16, 5);
    digits(block + 48, 4, 4);
}

/// A float of four bits: a sign, two bits of exponent, one of mantissa.
float fourBitFloat(unsigned n)
{
    static constexpr std::array<float, 8> magnitudes{0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
    return (n & 8U) != 0 ? -magnitudes[n & 7U] : magnitudes[n & 7U];
}

/// OCP microscaling: floats of four bits times a power of two.
void decodeMXFP4(const std::byte* block, float* values)
{
    const int exponent = static_cast<int>(at(block, 0)) - 127;
    forNibbles(block + 1,
               [&](int j, unsigned n) { values[j] = std::ldexp(fourBitFloat(n), exponent); });
}

/// A float of eight bits without a sign: four of exponent, three of mantissa. What would be no
/// number counts as 0.
float unsignedE4M3(unsigned n)
{
    const int mantissa = static_cast<int>(n & 7U);
    const int exponent = static_cast<int>(n >> 3U & 15U);
    if ((n & 127U) == 127U)
        return 0;
    return exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                         : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
}

/// Four times 16 values with a scale each; byte j has value j in the low, j + 8 in the high nibble.
void decodeNVFP4(const std::byte* block, float* values)
{
    for (int sub = 0; sub < 4; ++sub) {
        const float scale = unsignedE4M3(at(block, sub));
        for (int j = 0; j < 8; ++j) {
            const unsigned byte = at(block, 4 + 8 * sub + j);
            values[16 * sub + j] = fourBitFloat(byte & 15U) * scale;
            values[16 * sub + j + 8] = fourBitFloat(byte >> 4U) * scale;
        }
    }
}

void decodeQ1_0(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    for (int i = 0; i < 128; ++i)
        values[i] = (at(block + 2, i / 8) >> (i % 8) & 1U) != 0 ? d : -d;
}

void decodeQ2_0(const std::byte* block, float* values)
{
    const float d = halfAt(block);
    for (int i = 0; i < 64; ++i)
        values[i] = static_cast<float>(int(at(block + 2, i / 4) >> (2 * (i % 4)) & 3U) - 1) * d;
}

constexpr GgufType plain(std::int32_t id, std::string_view name, std::uint64_t bytes, DType dtype)
{
    return {id, name, 1, bytes, dtype, nullptr};
}

constexpr GgufType blocks(std::int32_t id, std::string_view name, std::uint64_t values,
                          std::uint64_t bytes, void (*decode)(const std::byte*, float*) = nullptr)
{
    return {id, name, values, bytes, std::nullopt, decode};
}

constexpr std::array<GgufType, 35> types{{
    plain(0, "F32", 4, DType::F32),
    plain(1, "F16", 2, DType::F16),
    blocks(2, "Q4_0", 32, 18, decodeQ4_0),
    blocks(3, "Q4_1", 32, 20, decodeQ4_1),
    blocks(6, "Q5_0", 32, 22, decodeQ5_0),
    blocks(7, "Q5_1", 32, 24, decodeQ5_1),
    blocks(8, "Q8_0", 32, 34, decodeQ8_0),
    blocks(9, "Q8_1", 32, 36),
    blocks(10, "Q2_K", superBlock, 84, decodeQ2_K),
    blocks(11, "Q3_K", superBlock, 110, decodeQ3_K),
    blocks(12, "Q4_K", superBlock, 144, decodeQ4_K),
    blocks(13, "Q5_K", superBlock, 176, decodeQ5_K),
    blocks(14, "Q6_K", superBlock, 210, decodeQ6_K),
    blocks(15, "Q8_K", superBlock, 292),
    blocks(16, "IQ2_XXS", superBlock, 66),
    blocks(17, "IQ2_XS", superBlock, 74),
    blocks(18, "IQ3_XXS", superBlock, 98),
    blocks(19, "IQ1_S", superBlock, 50),
    blocks(20, "IQ4_NL", 32, 18, decodeIQ4_NL),
    blocks(21, "IQ3_S", superBlock, 110),
    blocks(22, "IQ2_S", superBlock, 82),
    blocks(23, "IQ4_XS", superBlock, 136, decodeIQ4_XS),
    plain(24, "I8", 1, DType::I8),
    plain(25, "I16", 2, DType::I16),
    plain(26, "I32", 4, DType::I32),
    plain(27, "I64", 8, DType::I64),
    plain(28, "F64", 8, DType::F64),
    blocks(29, "IQ1_M", superBlock, 56),
    plain(30, "BF16", 2, DType::BF16),
    blocks(34, "TQ1_0", superBlock, 54, decodeTQ1_0),
    blocks(35, "TQ2_0", superBlock, 66, decodeTQ2_0),
    blocks(39, "MXFP4", 32, 17, decodeMXFP4),
    blocks(40, "NVFP4", 64, 36, decodeNVFP4),
    blocks(41, "Q1_0", 128, 18, decodeQ1_0),
    blocks(42, "Q2_0", 64, 18, decodeQ2_0),
}};

} // namespace

const GgufType* findGgufType(std::int32_t id)
{
    const auto* const found =
        std::find_if(types.begin(), types.end(), [id](const GgufType& t) { return t.id == id; });
    return found == types.end() ? nullptr : &*found;
}

std::string ggufTypesRead()
{
    std::string names;
    for (const GgufType& type : types)
        if (type.isRead())
            names += concat(names.empty() ? "" : ", ", type.name);
    return names;
}

} // namespace gradus
