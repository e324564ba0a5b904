// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/packed_sums.h"

#include <cassert>
#include <cstddef>

// Chosen when the program runs, so that a portable build has the fast ones too. The vector
// extensions of the compilers have no table look-up in common, hence intrinsics, here only.
#if defined(__x86_64__) && defined(__GNUC__)
#    define GRADUS_PACKED_X86 1
#    include <immintrin.h>
#endif

namespace gradus {

namespace {

template <int vectors, int tokens>
void sumPlain(const PlaneRun& run, float* totals)
{
    constexpr int lanes = static_cast<int>(packedLanes);
    float sums[std::size_t(tokens)][std::size_t(vectors)][std::size_t(packedLanes)] = {};
    const auto add = [&](const std::uint32_t* word, unsigned shift, const float* table) {
        for (int v = 0; v < vectors; ++v)
            for (int t = 0; t < tokens; ++t)
                for (int l = 0; l < lanes; ++l)
                    sums[t][v][l] +=
                        table[t * run.tokenStride + ((word[v * lanes + l] >> shift) & 15U)];
    };
    const float* table = run.tables;
    for (std::int64_t w = 0; w < run.wordCount; ++w)
        for (unsigned k = 0; k < wordNibbles; ++k, table += packedTable)
            add(run.words + w * vectors * lanes, 4 * k, table);
    for (std::int64_t k = run.restFirst; k < run.restFirst + run.restCount; ++k) {
        add(run.rest + k / wordNibbles * vectors * lanes,
            static_cast<unsigned>(4 * (k % wordNibbles)), table);
        table += packedTable;
    }
    for (int t = 0; t < tokens; ++t)
        for (int v = 0; v < vectors; ++v)
            for (int l = 0; l < lanes; ++l)
                totals[(t * vectors + v) * lanes + l] += run.weight * sums[t][v][l];
}

#ifdef GRADUS_PACKED_X86

/// Words ahead of the one in use that are asked for: memory answers late.
constexpr std::int64_t prefetchBytes = 2048;

template <int vectors, int tokens>
__attribute__((target("avx512f,avx512bw"))) void sumAvx512(const PlaneRun& run, float* totals)
{
    constexpr std::int64_t lanes = packedLanes;
    __m512 sums[std::size_t(tokens)][std::size_t(vectors)];
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            sums[t][v] = _mm512_setzero_ps();
    const float* table = run.tables;
    const std::uint32_t* words = run.words;
    for (std::int64_t w = 0; w < run.wordCount; ++w, words += vectors * lanes) {
        __m512i codes[std::size_t(vectors)];
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            codes[v] = _mm512_loadu_si512(words + v * lanes);
            __builtin_prefetch(reinterpret_cast<const char*>(words + v * lanes) + prefetchBytes);
        }
#    pragma GCC unroll 8
        for (unsigned k = 0; k < wordNibbles; ++k, table += packedTable) {
            // vpermps takes the lowest four bits of an index by itself. Shifts share their ports
            // with it, so most are high halves of products instead, in 16 bits.
            if (k == 4) {
#    pragma GCC unroll 4
                for (int v = 0; v < vectors; ++v)
                    codes[v] = _mm512_srli_epi32(codes[v], 16);
            }
            const unsigned left = k % 4;
            const __m512i factor = _mm512_set1_epi16(static_cast<short>(1U << (16 - 4 * left)));
            __m512i index[std::size_t(vectors)];
#    pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v)
                index[v] = left == 0 ? codes[v] : _mm512_mulhi_epu16(codes[v], factor);
#    pragma GCC unroll 4
            for (int t = 0; t < tokens; ++t) {
                const __m512 entries = _mm512_loadu_ps(table + t * run.tokenStride);
#    pragma GCC unroll 4
                for (int v = 0; v < vectors; ++v)
                    sums[t][v] =
                        _mm512_add_ps(sums[t][v], _mm512_permutexvar_ps(index[v], entries));
            }
        }
    }
    for (std::int64_t k = run.restFirst; k < run.restFirst + run.restCount; ++k) {
        const std::uint32_t* word = run.rest + k / wordNibbles * vectors * lanes;
        const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(4 * (k % wordNibbles)));
        __m512i index[std::size_t(vectors)];
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v)
            index[v] = _mm512_srl_epi32(_mm512_loadu_si512(word + v * lanes), shift);
#    pragma GCC unroll 4
        for (int t = 0; t < tokens; ++t) {
            const __m512 entries = _mm512_loadu_ps(table + t * run.tokenStride);
#    pragma GCC unroll 4
            for (int v = 0; v < vectors; ++v)
                sums[t][v] = _mm512_add_ps(sums[t][v], _mm512_permutexvar_ps(index[v], entries));
        }
        table += packedTable;
    }
    const __m512 weight = _mm512_set1_ps(run.weight);
#    pragma GCC unroll 4
    for (int t = 0; t < tokens; ++t)
#    pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) {
            float* to = totals + (t * vectors + v) * lanes;
            _mm512_storeu_ps(to,
                             _mm512_add_ps(_mm512_loadu_ps(to), _mm512_mul_ps(weight, sums[t][v])));
        }
}

/// sum + the table's value for eight lanes: eight sums, and the highest bit of a nibble is the
/// sign.
__attribute__((target("avx2"))) inline __m256 addAvx2(__m256 sum, __m256i index, __m256i sign,
                                                      __m256 entries)
{
    return _mm256_add_ps(
        sum, _mm256_xor_ps(_mm256_permutevar8x32_ps(entries, index), _mm256_castsi256_ps(sign)));
}

/// One vector of rows (two registers) after the other: there are but 16 registers.
template <int vectors, int tokens>
__attribute__((target("avx2"))) void sumAvx2(const PlaneRun& run, float* totals)
{
    constexpr std::int64_t lanes = packedLanes;
    const __m256i signBit = _mm256_set1_epi32(static_cast<int>(0x80000000U));
    const __m256 weight = _mm256_set1_ps(run.weight);
    for (int half = 0; half < 2 * vectors; ++half) {
        __m256 sums[std::size_t(tokens)];
#    pragma GCC unroll 4
        for (int t = 0; t < tokens; ++t)
            sums[t] = _mm256_setzero_ps();
        const float* table = run.tables;
        const std::uint32_t* words = run.words + half * (lanes / 2);
        for (std::int64_t w = 0; w < run.wordCount; ++w, words += vectors * lanes) {
            const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
#    pragma GCC unroll 8
            for (int k = 0; k < wordNibbles; ++k, table += packedTable) {
                const __m256i index = _mm256_srli_epi32(codes, 4 * k);
                const __m256i sign =
                    _mm256_and_si256(_mm256_slli_epi32(codes, 28 - 4 * k), signBit);
#    pragma GCC unroll 4
                for (int t = 0; t < tokens; ++t)
                    sums[t] =
                        addAvx2(sums[t], index, sign, _mm256_loadu_ps(table + t * run.tokenStride));
            }
        }
        for (std::int64_t k = run.restFirst; k < run.restFirst + run.restCount; ++k) {
            const std::uint32_t* word =
                run.rest + k / wordNibbles * vectors * lanes + half * (lanes / 2);
            const int shift = static_cast<int>(4 * (k % wordNibbles));
            const __m256i codes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(word));
            const __m256i index = _mm256_srl_epi32(codes, _mm_cvtsi32_si128(shift));
            const __m256i sign =
                _mm256_and_si256(_mm256_sll_epi32(codes, _mm_cvtsi32_si128(28 - shift)), signBit);
#    pragma GCC unroll 4
            for (int t = 0; t < tokens; ++t)
                sums[t] =
                    addAvx2(sums[t], index, sign, _mm256_loadu_ps(table + t * run.tokenStride));
            table += packedTable;
        }
#    pragma GCC unroll 4
        for (int t = 0; t < tokens; ++t) {
            float* to = totals + t * vectors * lanes + half * (lanes / 2);
            _mm256_storeu_ps(to,
                             _mm256_add_ps(_mm256_loadu_ps(to), _mm256_mul_ps(weight, sums[t])));
        }
    }
}

#endif

template <int vectors, int tokens>
SumPlane choose(InstructionSet set)
{
#ifdef GRADUS_PACKED_X86
    if (set == InstructionSet::Avx512)
        return sumAvx512<vectors, tokens>;
    if (set == InstructionSet::Avx2)
        return sumAvx2<vectors, tokens>;
#endif
    assert(set == InstructionSet::Plain);
    return sumPlain<vectors, tokens>;
}

template <int vectors>
SumPlane choose(InstructionSet set, std::int64_t tokens)
{
    assert(tokens == 1 || tokens == 2 || tokens == 4);
    return tokens == 1   ? choose<vectors, 1>(set)
           : tokens == 2 ? choose<vectors, 2>(set)
                         : choose<vectors, 4>(set);
}

} // namespace

std::vector<InstructionSet> instructionSets()
{
    std::vector<InstructionSet> sets{InstructionSet::Plain};
#ifdef GRADUS_PACKED_X86
    if (__builtin_cpu_supports("avx2"))
        sets.push_back(InstructionSet::Avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        sets.push_back(InstructionSet::Avx512);
#endif
    return sets;
}

SumPlane sumPlane(InstructionSet set, std::int64_t vectors, std::int64_t tokens)
{
    assert(vectors >= 1 && vectors <= packedPanel);
    switch (vectors) {
    case 1:
        return choose<1>(set, tokens);
    case 2:
        return choose<2>(set, tokens);
    case 3:
        return choose<3>(set, tokens);
    default:
        return choose<4>(set, tokens);
    }
}

} // namespace gradus
