// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/power_sums.h"

#include <cassert>
#include <cstddef>

// Chosen when the program runs; see packed_sums.cpp.
#if defined(__x86_64__) && defined(__GNUC__)
#    define GRADUS_LEVELS_X86 1
#    include <immintrin.h>
#endif

namespace gradus {

namespace {

constexpr int lanes = static_cast<int>(packedLanes);

template <bool nibbles, int vectors, int tokens>
void sumPlain(const LevelRun& run, float* totals)
{
    constexpr int inputs = nibbles ? 8 : 4;
    constexpr unsigned width = nibbles ? 4 : 8;
    constexpr std::uint32_t signBit = nibbles ? 8 : 128;
    for (int i = 0; i < tokens * vectors * lanes; ++i)
        totals[i] = 0;
    for (std::int64_t w = 0; w < run.wordCount; ++w)
        for (int k = 0; k < inputs; ++k)
            for (int i = 0; i < vectors * lanes; ++i) {
                const std::uint32_t code =
                    run.words[w * vectors * lanes + i] >> (width * static_cast<unsigned>(k));
                const float magnitude = run.levels[code & (signBit - 1)];
                const float level = (code & signBit) != 0 ? -magnitude : magnitude;
                for (int t = 0; t < tokens; ++t)
                    totals[t * vectors * lanes + i] +=
                        level * run.inputs[t * run.tokenStride + w * inputs + k];
            }
}

#ifdef GRADUS_LEVELS_X86

constexpr std::int64_t prefetchBytes = 2048;

#    define GRADUS_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq")))
#    define GRADUS_AVX2 __attribute__((target("avx2")))

template <int vectors, int tokens>
GRADUS_AVX512 void sumNibblesAvx512(const LevelRun& run, float* totals)
{
    __m512 sums[std::size_t(tokens)][std::size_t(vectors)];
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            sums[t][v] = _mm512_setzero_ps();
    // Signs included: vpermps takes the lowest four bits of an index by itself.
    const __m256 magnitudes = _mm256_loadu_ps(run.levels);
    const __m512 levels = _mm512_insertf32x8(_mm512_castps256_ps512(magnitudes),
                                             _mm256_xor_ps(magnitudes, _mm256_set1_ps(-0.0F)), 1);
    const std::uint32_t* words = run.words;
    const float* inputs = run.inputs;
    for (std::int64_t w = 0; w < run.wordCount; ++w, words += vectors * lanes, inputs += 8) {
        __m512i codes[std::size_t(vectors)];
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            codes[v] = _mm512_loadu_si512(words + v * lanes);
            __builtin_prefetch(reinterpret_cast<const char*>(words + v * lanes) + prefetchBytes);
        }
#    pragma GCC unroll 8
        for (int k = 0; k < 8; ++k)
#    pragma GCC unroll 4
            for (int t = 0; t < tokens; ++t) {
                // One product for all rows: a table of this input's 16 products.
                const __m512 products =
                    _mm512_mul_ps(levels, _mm512_set1_ps(inputs[t * run.tokenStride + k]));
#    pragma GCC unroll 4
                for (int v = 0; v < vectors; ++v)
                    sums[t][v] = _mm512_add_ps(
                        sums[t][v],
                        _mm512_permutexvar_ps(
                            _mm512_srli_epi32(codes[v], static_cast<unsigned>(4 * k)), products));
            }
    }
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            _mm512_storeu_ps(totals + (t * vectors + v) * lanes, sums[t][v]);
}

/// Magnitudes at places below 16 · parts, from so many registers.
template <int parts>
GRADUS_AVX512 inline __m512 lookUp(const __m512* tables, __m512i places)
{
    if constexpr (parts == 1) {
        return _mm512_permutexvar_ps(places, tables[0]);
    } else if constexpr (parts == 2) {
        return _mm512_permutex2var_ps(tables[0], places, tables[1]);
    } else {
        const __mmask16 upper = _mm512_test_epi32_mask(places, _mm512_set1_epi32(8 * parts));
        return _mm512_mask_blend_ps(upper, lookUp<parts / 2>(tables, places),
                                    lookUp<parts / 2>(tables + parts / 2, places));
    }
}

template <int parts, int vectors, int tokens>
GRADUS_AVX512 void sumBytesAvx512(const LevelRun& run, float* totals)
{
    __m512 sums[std::size_t(tokens)][std::size_t(vectors)];
    __m512 tables[std::size_t(parts)];
#    pragma GCC unroll 8
    for (int i = 0; i < parts; ++i)
        tables[i] = _mm512_loadu_ps(run.levels + 16 * i);
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            sums[t][v] = _mm512_setzero_ps();
    const __m512i signBit = _mm512_set1_epi32(static_cast<int>(0x80000000U));
    const std::uint32_t* words = run.words;
    const float* inputs = run.inputs;
    for (std::int64_t w = 0; w < run.wordCount; ++w, words += vectors * lanes, inputs += 4)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            const __m512i codes = _mm512_loadu_si512(words + v * lanes);
            __builtin_prefetch(reinterpret_cast<const char*>(words + v * lanes) + prefetchBytes);
#    pragma GCC unroll 4
            for (int k = 0; k < 4; ++k) {
                // Look-ups see the lowest bits alone, of which the places are.
                const __m512i places = _mm512_srli_epi32(codes, static_cast<unsigned>(8 * k));
                const __m512i sign = _mm512_and_si512(
                    _mm512_slli_epi32(codes, static_cast<unsigned>(24 - 8 * k)), signBit);
                const __m512 levels =
                    _mm512_xor_ps(lookUp<parts>(tables, places), _mm512_castsi512_ps(sign));
#    pragma GCC unroll 4
                for (int t = 0; t < tokens; ++t)
                    sums[t][v] = _mm512_add_ps(
                        sums[t][v],
                        _mm512_mul_ps(levels, _mm512_set1_ps(inputs[t * run.tokenStride + k])));
            }
        }
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            _mm512_storeu_ps(totals + (t * vectors + v) * lanes, sums[t][v]);
}

/// Half a vector of rows (one register) after the other: there are but 16 registers.
template <bool nibbles, int vectors, int tokens>
GRADUS_AVX2 void sumAvx2(const LevelRun& run, float* totals)
{
    constexpr int count = nibbles ? 8 : 4;
    constexpr int width = nibbles ? 4 : 8;
    const __m256i signBit = _mm256_set1_epi32(static_cast<int>(0x80000000U));
    const __m256i placeBits = _mm256_set1_epi32(127);
    const __m256 few = _mm256_loadu_ps(run.levels);
    for (int half = 0; half < 2 * vectors; ++half) {
        __m256 sums[std::size_t(tokens)];
#    pragma GCC unroll 4
        for (int t = 0; t < tokens; ++t)
            sums[t] = _mm256_setzero_ps();
        const std::uint32_t* words = run.words + half * (lanes / 2);
        const float* inputs = run.inputs;
        for (std::int64_t w = 0; w < run.wordCount;
             ++w, words += vectors * lanes, inputs += count) {
            const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
#    pragma GCC unroll 8
            for (int k = 0; k < count; ++k) {
                const __m256i places = _mm256_srli_epi32(codes, width * k);
                const __m256i sign =
                    _mm256_and_si256(_mm256_slli_epi32(codes, 32 - width * (k + 1)), signBit);
                const __m256 magnitudes =
                    nibbles
                        ? _mm256_permutevar8x32_ps(few, places)
                        : _mm256_i32gather_ps(run.levels, _mm256_and_si256(places, placeBits), 4);
                const __m256 levels = _mm256_xor_ps(magnitudes, _mm256_castsi256_ps(sign));
#    pragma GCC unroll 4
                for (int t = 0; t < tokens; ++t)
                    sums[t] = _mm256_add_ps(
                        sums[t],
                        _mm256_mul_ps(levels, _mm256_set1_ps(inputs[t * run.tokenStride + k])));
            }
        }
#    pragma GCC unroll 4
        for (int t = 0; t < tokens; ++t)
            _mm256_storeu_ps(totals + t * vectors * lanes + half * (lanes / 2), sums[t]);
    }
}

#endif

template <int vectors, int tokens>
LevelSum choose(InstructionSet set, int bits)
{
    const bool nibbles = bits <= 4;
#ifdef GRADUS_LEVELS_X86
    if (set == InstructionSet::Avx512) {
        if (nibbles)
            return sumNibblesAvx512<vectors, tokens>;
        return bits == 5   ? sumBytesAvx512<1, vectors, tokens>
               : bits == 6 ? sumBytesAvx512<2, vectors, tokens>
               : bits == 7 ? sumBytesAvx512<4, vectors, tokens>
                           : sumBytesAvx512<8, vectors, tokens>;
    }
    if (set == InstructionSet::Avx2)
        return nibbles ? sumAvx2<true, vectors, tokens> : sumAvx2<false, vectors, tokens>;
#endif
    assert(set == InstructionSet::Plain);
    return nibbles ? sumPlain<true, vectors, tokens> : sumPlain<false, vectors, tokens>;
}

template <int vectors>
LevelSum choose(InstructionSet set, int bits, std::int64_t tokens)
{
    assert(tokens == 1 || tokens == 2 || tokens == 4);
    return tokens == 1   ? choose<vectors, 1>(set, bits)
           : tokens == 2 ? choose<vectors, 2>(set, bits)
                         : choose<vectors, 4>(set, bits);
}

} // namespace

LevelSum levelSum(InstructionSet set, int bits, std::int64_t vectors, std::int64_t tokens)
{
    assert(vectors >= 1 && vectors <= packedPanel);
    switch (vectors) {
    case 1:
        return choose<1>(set, bits, tokens);
    case 2:
        return choose<2>(set, bits, tokens);
    case 3:
        return choose<3>(set, bits, tokens);
    default:
        return choose<4>(set, bits, tokens);
    }
}

} // namespace gradus
