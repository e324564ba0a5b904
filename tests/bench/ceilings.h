// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/parallel.h"
#include "core/tensor/linalg.h"
#include "tests/support/quant_oracles.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

/// What this machine can do at all, measured beside what is compared with it.
namespace gradus::bench {

template <class Work>
double secondsOf(const Work& work)
{
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Floating-point operations a second of a product of two 2048 × 2048 matrices.
class SgemmCeiling
{
public:
    double operator()()
    {
        return 2.0 * size * size * size / secondsOf([&] {
                   multiply(std::as_const(m_a).matrix(), std::as_const(m_b).matrix(), m_c.matrix());
               });
    }

private:
    static constexpr std::int64_t size = 2048;
    Tensor m_a = test::randomMatrix(size, size, 1, 1);
    Tensor m_b = test::randomMatrix(size, size, 1, 2);
    Tensor m_c = Tensor::zeros(DType::F32, {size, size});
};

/// Bytes read and written a second by a copy of 128 MiB.
class CopyCeiling
{
public:
    double operator()()
    {
        const auto count = static_cast<std::int64_t>(m_from.size());
        return 2.0 * static_cast<double>(count) / secondsOf([&] {
                   parallelFor(count, 1 << 20, [&](std::int64_t begin, std::int64_t end) {
                       std::memcpy(m_to.data() + begin, m_from.data() + begin,
                                   static_cast<std::size_t>(end - begin));
                   });
               });
    }

private:
    std::vector<char> m_from = std::vector<char>(std::size_t(128) << 20, 1);
    std::vector<char> m_to = std::vector<char>(std::size_t(128) << 20, 2);
};

/// Times work in turn with the ceiling; amount: what one call of work does, in the ceiling's units.
template <class Ceiling, class Work>
void compare(benchmark::State& state, const char* name, Ceiling&& ceiling, double amount,
             const Work& work)
{
    std::vector<double> ratios;
    std::vector<double> rates;
    for (auto _ : state) {
        const double limit = ceiling();
        const double seconds = secondsOf(work);
        state.SetIterationTime(seconds);
        ratios.push_back(amount / seconds / limit);
        rates.push_back(limit);
    }
    const auto median = [](std::vector<double> values) {
        std::sort(values.begin(), values.end());
        return values.empty() ? 0 : values[values.size() / 2];
    };
    state.counters["ratio"] = median(ratios);
    state.counters["ceiling"] = median(rates);
    state.SetLabel(name);
}

} // namespace gradus::bench
