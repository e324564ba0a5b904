// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/integer_sums.h"

#include <cassert>
#include <cstddef>

// Chosen when the program runs; see packed_sums.cpp.
#if defined(__x86_64__) && defined(__GNUC__)
#    define GRADUS_INTEGER_X86 1
#    include <immintrin.h>
#endif

namespace gradus {

namespace {

constexpr int lanes = static_cast<int>(packedLanes);

/// Input words that a word of the weight meets.
constexpr int inputWords(OperandStore store)
{
    return store == OperandStore::Nibbles ? 2 : 1;
}

std::int32_t signedByte(std::uint32_t word, int place)
{
    return static_cast<std::int8_t>(word >> (8 * place) & 0xFFU);
}
std::int32_t unsignedByte(std::uint32_t word, int place)
{
    return static_cast<std::int32_t>(word >> (8 * place) & 0xFFU);
}
std::int32_t signedPart(std::uint32_t word, int place)
{
    return static_cast<std::int16_t>(word >> (16 * place) & 0xFFFFU);
}

template <OperandStore store>
std::int32_t product(std::uint32_t word, const std::uint32_t* inputs, const std::int8_t* table)
{
    std::int32_t sum = 0;
    if constexpr (store == OperandStore::Nibbles) {
        for (int i = 0; i < 4; ++i)
            sum += table[word >> (8 * i) & 15U] * unsignedByte(inputs[0], i) +
                   table[word >> (8 * i + 4) & 15U] * unsignedByte(inputs[1], i);
    } else if constexpr (store == OperandStore::Bytes) {
        for (int i = 0; i < 4; ++i)
            sum += signedByte(word, i) * unsignedByte(inputs[0], i);
    } else {
        for (int i = 0; i < 2; ++i)
            sum += signedPart(word, i) * signedPart(inputs[0], i);
    }
    return sum;
}

template <OperandStore store, int vectors, int tokens>
void sumPlain(const IntegerRun& run, std::int32_t* totals)
{
    for (int i = 0; i < tokens * vectors * lanes; ++i)
        totals[i] = 0;
    const std::uint32_t* inputs = run.inputs;
    for (std::int64_t w = 0; w < run.wordCount; ++w, inputs += inputWords(store)) {
        const std::uint32_t* words = run.words + w * vectors * lanes;
        for (int t = 0; t < tokens; ++t)
            for (int i = 0; i < vectors * lanes; ++i)
                totals[t * vectors * lanes + i] +=
                    product<store>(words[i], inputs + t * run.tokenStride, run.table);
    }
}

#ifdef GRADUS_INTEGER_X86

constexpr std::int64_t prefetchBytes = 2048;

#    define GRADUS_AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni")))
#    define GRADUS_AVX2 __attribute__((target("avx2")))

template <OperandStore store, int vectors, int tokens>
GRADUS_AVX512 void sumAvx512(const IntegerRun& run, std::int32_t* totals)
{
    __m512i sums[std::size_t(tokens)][std::size_t(vectors)];
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            sums[t][v] = _mm512_setzero_si512();
    __m512i table = _mm512_setzero_si512();
    if constexpr (store == OperandStore::Nibbles)
        table =
            _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(run.table)));
    const __m512i low = _mm512_set1_epi8(15);
    const std::uint32_t* words = run.words;
    const std::uint32_t* inputs = run.inputs;
    for (std::int64_t w = 0; w < run.wordCount;
         ++w, words += vectors * lanes, inputs += inputWords(store)) {
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            const __m512i word = _mm512_loadu_si512(words + v * lanes);
            __builtin_prefetch(reinterpret_cast<const char*>(words + v * lanes) + prefetchBytes);
            if constexpr (store == OperandStore::Nibbles) {
                const __m512i first = _mm512_shuffle_epi8(table, _mm512_and_si512(word, low));
                const __m512i second =
                    _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(word, 4), low));
#    pragma GCC unroll 4
                for (int t = 0; t < tokens; ++t) {
                    const std::uint32_t* x = inputs + t * run.tokenStride;
                    sums[t][v] = _mm512_dpbusd_epi32(
                        sums[t][v], _mm512_set1_epi32(static_cast<int>(x[0])), first);
                    sums[t][v] = _mm512_dpbusd_epi32(
                        sums[t][v], _mm512_set1_epi32(static_cast<int>(x[1])), second);
                }
            } else {
#    pragma GCC unroll 4
                for (int t = 0; t < tokens; ++t) {
                    const __m512i x =
                        _mm512_set1_epi32(static_cast<int>(inputs[t * run.tokenStride]));
                    sums[t][v] = store == OperandStore::Bytes
                                     ? _mm512_dpbusd_epi32(sums[t][v], x, word)
                                     : _mm512_dpwssd_epi32(sums[t][v], x, word);
                }
            }
        }
    }
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            _mm512_storeu_si512(totals + (t * vectors + v) * lanes, sums[t][v]);
}

/// Σ over the four bytes of each of eight words: two halves of sums of pairs.
struct PairSums
{
    __m256i low;
    __m256i high;
};

/// Widened to 16 bits first: sums of two 8-bit products do not fit there otherwise.
GRADUS_AVX2 inline void addBytes(PairSums& sums, __m256i operands, __m256i x)
{
    const __m256i low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(operands));
    const __m256i high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(operands, 1));
    sums.low = _mm256_add_epi32(sums.low, _mm256_madd_epi16(low, x));
    sums.high = _mm256_add_epi32(sums.high, _mm256_madd_epi16(high, x));
}

GRADUS_AVX2 inline __m256i wideInputs(std::uint32_t word)
{
    return _mm256_cvtepu8_epi16(_mm_set1_epi32(static_cast<int>(word)));
}

/// Half a vector of rows (one register) after the other: there are but 16 registers.
template <OperandStore store, int vectors, int tokens>
GRADUS_AVX2 void sumAvx2(const IntegerRun& run, std::int32_t* totals)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i table = zero;
    if constexpr (store == OperandStore::Nibbles)
        table = _mm256_broadcastsi128_si256(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(run.table)));
    const __m256i low = _mm256_set1_epi8(15);
    for (int half = 0; half < 2 * vectors; ++half) {
        PairSums sums[std::size_t(tokens)];
#    pragma GCC unroll 4
        for (int t = 0; t < tokens; ++t)
            sums[t] = {zero, zero};
        const std::uint32_t* words = run.words + half * (lanes / 2);
        const std::uint32_t* inputs = run.inputs;
        for (std::int64_t w = 0; w < run.wordCount;
             ++w, words += vectors * lanes, inputs += inputWords(store)) {
            const __m256i word = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
#    pragma GCC unroll 4
            for (int t = 0; t < tokens; ++t) {
                const std::uint32_t* x = inputs + t * run.tokenStride;
                if constexpr (store == OperandStore::Nibbles) {
                    addBytes(sums[t], _mm256_shuffle_epi8(table, _mm256_and_si256(word, low)),
                             wideInputs(x[0]));
                    addBytes(sums[t],
                             _mm256_shuffle_epi8(table,
                                                 _mm256_and_si256(_mm256_srli_epi16(word, 4), low)),
                             wideInputs(x[1]));
                } else if constexpr (store == OperandStore::Bytes) {
                    addBytes(sums[t], word, wideInputs(x[0]));
                } else {
                    sums[t].low = _mm256_add_epi32(
                        sums[t].low,
                        _mm256_madd_epi16(word, _mm256_set1_epi32(static_cast<int>(x[0]))));
                }
            }
        }
#    pragma GCC unroll 4
        for (int t = 0; t < tokens; ++t) {
            const __m256i total =
                store == OperandStore::Pairs
                    ? sums[t].low
                    : _mm256_permute4x64_epi64(_mm256_hadd_epi32(sums[t].low, sums[t].high), 0xD8);
            _mm256_storeu_si256(
                reinterpret_cast<__m256i*>(totals + t * vectors * lanes + half * (lanes / 2)),
                total);
        }
    }
}

// Indices of 16 and more get their top bit, which makes a shuffle put 0.
constexpr char beyond = 0x70;

GRADUS_AVX512 std::uint32_t selectAvx512(const ByteWindow& window, const std::uint8_t* codes,
                                         std::int64_t count, std::uint8_t* operands)
{
    const __m512i table = _mm512_broadcast_i32x4(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(window.table.data())));
    const __m512i first = _mm512_set1_epi8(static_cast<char>(window.first));
    const __m512i bias = _mm512_set1_epi8(beyond);
    __m512i sums = _mm512_setzero_si512();
    for (std::int64_t i = 0; i < count; i += 64) {
        const __m512i index = _mm512_sub_epi8(_mm512_loadu_si512(codes + i), first);
        const __m512i some = _mm512_shuffle_epi8(table, _mm512_adds_epu8(index, bias));
        _mm512_storeu_si512(operands + i, some);
        sums = _mm512_add_epi64(sums, _mm512_sad_epu8(some, _mm512_setzero_si512()));
    }
    return static_cast<std::uint32_t>(_mm512_reduce_add_epi64(sums));
}

GRADUS_AVX2 std::uint32_t selectAvx2(const ByteWindow& window, const std::uint8_t* codes,
                                     std::int64_t count, std::uint8_t* operands)
{
    const __m256i table = _mm256_broadcastsi128_si256(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(window.table.data())));
    const __m256i first = _mm256_set1_epi8(static_cast<char>(window.first));
    const __m256i bias = _mm256_set1_epi8(beyond);
    __m256i sums = _mm256_setzero_si256();
    for (std::int64_t i = 0; i < count; i += 32) {
        const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + i));
        const __m256i index = _mm256_sub_epi8(code, first);
        const __m256i some = _mm256_shuffle_epi8(table, _mm256_adds_epu8(index, bias));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(operands + i), some);
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(some, _mm256_setzero_si256()));
    }
    alignas(32) std::uint64_t parts[4];
    _mm256_store_si256(reinterpret_cast<__m256i*>(parts), sums);
    return static_cast<std::uint32_t>(parts[0] + parts[1] + parts[2] + parts[3]);
}

bool hasVnni()
{
    static const bool has = __builtin_cpu_supports("avx512vnni") != 0;
    return has;
}

#endif

template <OperandStore store, int vectors, int tokens>
IntegerSum choose(InstructionSet set)
{
#ifdef GRADUS_INTEGER_X86
    if (set == InstructionSet::Avx512 && hasVnni())
        return sumAvx512<store, vectors, tokens>;
    if (set != InstructionSet::Plain)
        return sumAvx2<store, vectors, tokens>;
#endif
    assert(set == InstructionSet::Plain);
    return sumPlain<store, vectors, tokens>;
}

template <OperandStore store, int vectors>
IntegerSum choose(InstructionSet set, std::int64_t tokens)
{
    assert(tokens == 1 || tokens == 2 || tokens == 4);
    return tokens == 1   ? choose<store, vectors, 1>(set)
           : tokens == 2 ? choose<store, vectors, 2>(set)
                         : choose<store, vectors, 4>(set);
}

template <OperandStore store>
IntegerSum choose(InstructionSet set, std::int64_t vectors, std::int64_t tokens)
{
    assert(vectors >= 1 && vectors <= packedPanel);
    switch (vectors) {
    case 1:
        return choose<store, 1>(set, tokens);
    case 2:
        return choose<store, 2>(set, tokens);
    case 3:
        return choose<store, 3>(set, tokens);
    default:
        return choose<store, 4>(set, tokens);
    }
}

} // namespace

IntegerSum integerSum(InstructionSet set, OperandStore store, std::int64_t vectors,
                      std::int64_t tokens)
{
    switch (store) {
    case OperandStore::Nibbles:
        return choose<OperandStore::Nibbles>(set, vectors, tokens);
    case OperandStore::Bytes:
        return choose<OperandStore::Bytes>(set, vectors, tokens);
    case OperandStore::Pairs:
        break;
    }
    return choose<OperandStore::Pairs>(set, vectors, tokens);
}

std::uint32_t selectBytes(InstructionSet set, const ByteWindow& window, const std::uint8_t* codes,
                          std::int64_t count, std::uint8_t* operands)
{
    assert(count % windowGrain == 0);
#ifdef GRADUS_INTEGER_X86
    if (set == InstructionSet::Avx512 && hasVnni())
        return selectAvx512(window, codes, count, operands);
    if (set != InstructionSet::Plain)
        return selectAvx2(window, codes, count, operands);
#endif
    assert(set == InstructionSet::Plain);
    std::uint32_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint8_t>(codes[i] - window.first);
        operands[i] = index < window.table.size() ? window.table[index] : std::uint8_t(0);
        sum += operands[i];
    }
    return sum;
}

} // namespace gradus
