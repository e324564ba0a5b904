// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/graph/kernels.h"
#include "core/quant/solve.h"
#include "core/session/forecast.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <vector>

namespace gradus {

namespace {

/// A call whose speed is measured.
struct Probe
{
    double amount; ///< done by one call
    double* speed; ///< of which per second
    std::function<void()> call;
};

/// Rounds over all probes, the fastest call of each counts: what disturbs only adds, and seldom for
/// all of the time.
void measure(const std::vector<Probe>& probes, Monitor& monitor)
{
    using Clock = std::chrono::steady_clock;
    constexpr int rounds = 6;
    constexpr double enough = 0.0012; // seconds per round and probe
    for (const Probe& probe : probes)
        probe.call(); // warms up
    for (int round = 0; round < rounds; ++round)
        for (const Probe& probe : probes) {
            double total = 0;
            while (total < enough) {
                monitor.checkpoint();
                const auto start = Clock::now();
                probe.call();
                const double seconds =
                    std::max(std::chrono::duration<double>(Clock::now() - start).count(), 1e-9);
                total += seconds;
                *probe.speed = std::max(*probe.speed, probe.amount / seconds);
            }
        }
}

Tensor randomMatrix(std::int64_t rows, std::int64_t cols)
{
    Tensor matrix({rows, cols});
    RandomStream random(1, "machine", "speed");
    for (float& value : matrix.floats())
        value = static_cast<float>(random.uniform() - 0.5);
    return matrix;
}

} // namespace

MachineSpeed measureMachine(Monitor& monitor)
{
    MachineSpeed speed;
    constexpr std::int64_t m = 512;
    constexpr std::int64_t k = 256;
    const Tensor a = randomMatrix(m, k);
    const Tensor b = randomMatrix(m, k);
    Tensor c({m, m});

    constexpr std::size_t d = 192;
    std::vector<double> h(d * d, 0.25);
    for (std::size_t i = 0; i < d; ++i)
        h[i * d + i] = 2;
    std::vector<double> u(h.size());

    const Tensor x = randomMatrix(32, 2048);
    Tensor y({32, 2048});
    LayerProblem problem;
    problem.name = "machine";
    problem.weight = a.matrix();

    const std::vector<char> from(std::size_t(8) << 20, 1);
    std::vector<char> to(from.size());
    const std::string text(std::size_t(1) << 18, 'a');

    const auto real = [](auto value) { return static_cast<double>(value); };
    measure({{2 * real(m) * real(m) * real(k), &speed.flopsPerSecond,
              [&] { multiplyTransposed(a.matrix(), b.matrix(), c.matrix()); }},
             {2.0 / 3 * real(d) * real(d) * real(d), &speed.doubleFlopsPerSecond,
              [&] { (void)inverseCholeskyUpper(h, d, u); }},
             {real(x.count()), &speed.exponentialsPerSecond,
              [&] { kernel::silu(x.floats(), y.floats()); }},
             {real(a.count()), &speed.roundingsPerSecond,
              [&] { (void)solveRtn(problem, {}, monitor); }},
             {real(from.size()), &speed.bytesPerSecond,
              [&] { std::memcpy(to.data(), from.data(), from.size()); }},
             {real(text.size()), &speed.hashBytesPerSecond, [&] { (void)sha256(text); }}},
            monitor);
    return speed;
}

} // namespace gradus
