// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/semidefinite_solve.h"

namespace gradus {

void SemidefiniteSolve::factorize(std::size_t unknowns, double* p, double* r, double* d,
                                  const Monitor* monitor)
{
    const std::size_t n = unknowns;
    std::vector<double> scaled(n * lanes); // L_jk · D_k of the row at hand
    const auto at = [n](std::size_t i, std::size_t j) { return (i * n + j) * lanes; };
    for (std::size_t j = 0; j < n; ++j) {
        if (monitor && j % 8 == 0)
            monitor->checkpoint();
        double* row = p + at(j, 0);
        double sum[lanes] = {};
        double known[lanes] = {};
        for (std::size_t k = 0; k < j * lanes; ++k)
            scaled[k] = row[k] * d[k];
        for (std::size_t k = 0; k < j; ++k)
            for (std::size_t v = 0; v < lanes; ++v) {
                sum[v] += row[k * lanes + v] * scaled[k * lanes + v];
                known[v] += row[k * lanes + v] * r[k * lanes + v] * d[k * lanes + v];
            }
        double inverse[lanes];
        for (std::size_t v = 0; v < lanes; ++v) {
            const double pivot = row[j * lanes + v] - sum[v];
            const bool keep = pivot > smallestPivot * row[j * lanes + v];
            d[j * lanes + v] = keep ? pivot : 0;
            inverse[v] = keep ? 1 / pivot : 0;
            r[j * lanes + v] = (r[j * lanes + v] - known[v]) * inverse[v];
        }
        for (std::size_t i = j + 1; i < n; ++i) {
            double* to = p + at(i, 0);
            double acc[lanes] = {};
            for (std::size_t k = 0; k < j; ++k)
                for (std::size_t v = 0; v < lanes; ++v)
                    acc[v] += to[k * lanes + v] * scaled[k * lanes + v];
            for (std::size_t v = 0; v < lanes; ++v)
                to[j * lanes + v] = (to[j * lanes + v] - acc[v]) * inverse[v];
        }
    }
}

double SemidefiniteSolve::conditional(std::size_t unknowns, const double* l, const double* z,
                                      const double* x, std::size_t i, std::size_t lane)
{
    double value = z[i * lanes + lane];
    for (std::size_t k = i + 1; k < unknowns; ++k)
        value -= l[(k * unknowns + i) * lanes + lane] * x[k];
    return value;
}

} // namespace gradus
