// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/quant/methods/common.h"
#include "core/quant/methods/power_fit.h"
#include "core/quant/methods/power_outliers.h"
#include "core/quant/methods/power_trace.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace gradus {

namespace {

/// PowerQuant of one layer (reference nupes.md, sections 3, 4 and 10): outliers out, then exponent
/// and scales, then codes.
class PowerquantLayer
{
public:
    PowerquantLayer(const LayerProblem& problem, const PowerquantOptions& options, Monitor& monitor)
        : m_problem(problem)
        , m_options(options)
        , m_monitor(monitor)
        , m_scheme(storedScheme(problem.scheme, options))
        , m_trace(problem, monitor)
        , m_rounded(Shape{problem.weight.rows, problem.weight.cols})
    {
        m_all = magnitudesOf(problem.weight);
        for (const float magnitude : m_all)
            requireScalable(magnitude, m_scheme.scaleType);
    }

    SolveResult solve()
    {
        recordUniform();
        m_monitor.report(0.1, "outliers");
        removeOutliers();
        m_monitor.report(0.3, "exponent");
        Solution best = solveWith(m_scheme);
        if (m_scheme.bits == 2 && m_options.midRise == MidRise::Auto) {
            Scheme midRise = m_scheme;
            midRise.levels = Levels::PowerMidRise;
            Solution other = solveWith(midRise);
            if (other.fitted.error < best.fitted.error)
                best = std::move(other);
        }
        m_monitor.report(0.9, "codes");
        recordSteps(best);
        return encoded(best);
    }

private:
    struct Solution
    {
        Scheme scheme;
        FittedGrids fitted;
    };

    [[nodiscard]] std::vector<float> magnitudesOf(ConstMatrixView weight) const
    {
        Scheme limited = m_scheme;
        limited.clip = m_problem.scheme.clip;
        return granuleMagnitudes(weight, limited, m_monitor);
    }

    [[nodiscard]] std::optional<double> fixedExponent() const
    {
        if (m_options.exponent > 0)
            return m_options.exponent;
        if (m_options.exponentScope == ExponentScope::Model)
            return m_problem.modelExponent;
        return std::nullopt;
    }

    [[nodiscard]] PowerFitProblem fitProblem(ConstMatrixView weight, const Scheme& scheme,
                                             std::span<const float> largest) const
    {
        PowerFitProblem fit;
        fit.weight = weight;
        fit.scheme = scheme;
        fit.largest = largest;
        fit.family = powerFamily(scheme, m_options.rounding, m_options.exponents);
        fit.family.fixedExponent = fixedExponent();
        fit.clip = m_options.clip;
        fit.minimumClip = m_options.minimumClip;
        fit.search = m_options.search;
        fit.norm = m_options.norm;
        return fit;
    }

    [[nodiscard]] PowerFitProblem fitOfInliers(const Scheme& scheme) const
    {
        PowerFitProblem fit = fitProblem(inliers(), scheme, m_largest);
        if (m_outliers.empty())
            fit.source = &m_problem.powerErrors;
        return fit;
    }

    /// The weights that are not outliers.
    [[nodiscard]] ConstMatrixView inliers() const
    {
        return m_outliers.empty() ? m_problem.weight : std::as_const(m_inliers).matrix();
    }

    void record(TraceStage stage, const Scheme& scheme, const PowerGrids& grids,
                PowerRounding rounding)
    {
        roundPower(inliers(), scheme, grids, rounding, m_rounded.matrix(), m_monitor);
        restoreOutliers(m_outliers, m_rounded.matrix());
        const double sum = std::accumulate(grids.exponents.begin(), grids.exponents.end(), 0.0);
        m_trace.record(stage, std::as_const(m_rounded).matrix(),
                       sum / static_cast<double>(grids.exponents.size()), m_monitor);
    }

    /// Uniform levels with the largest magnitudes as scales: where every method begins.
    void recordUniform()
    {
        record(TraceStage::RoundToNearest, m_scheme,
               {clippedScales(m_all, 1, m_scheme.scaleType), {1.0F}}, PowerRounding::Nearest);
    }

    void removeOutliers()
    {
        m_largest = m_all;
        const std::int64_t count =
            outlierCount(m_options, m_problem.weight.rows, m_problem.weight.cols);
        if (count == 0)
            return;
        m_outliers = findOutliers(fitProblem(m_problem.weight, m_scheme, m_all),
                                  m_problem.scheme.clip, count, m_monitor);
        m_inliers = withoutOutliers(m_problem.weight, m_outliers);
        m_largest = magnitudesOf(inliers());
    }

    [[nodiscard]] Solution solveWith(const Scheme& scheme) const
    {
        PowerFitProblem fit = fitOfInliers(scheme);
        Solution solution{scheme, fitPowerGrids(fit, m_monitor)};
        if (m_options.exponentScope != ExponentScope::Row || m_problem.weight.rows == 0)
            return solution;
        if (fit.family.fixedExponent)
            solution.fitted.grids.exponents.assign(static_cast<std::size_t>(m_problem.weight.rows),
                                                   solution.fitted.grids.exponents[0]);
        else
            solution.fitted = fitRowExponents(fit, solution.fitted, m_monitor);
        return solution;
    }

    void recordSteps(const Solution& best)
    {
        if (!m_outliers.empty())
            record(TraceStage::Outliers, m_scheme,
                   {clippedScales(m_largest, 1, m_scheme.scaleType), {1.0F}},
                   PowerRounding::Nearest);
        if (m_options.clip != PowerClip::None || best.scheme.levels != m_scheme.levels) {
            PowerFitProblem fit = fitOfInliers(best.scheme);
            fit.family.fixedExponent = 1;
            record(TraceStage::Clip, best.scheme, fitUniformGrids(fit, m_monitor).grids,
                   m_options.rounding);
        }
        record(TraceStage::Exponent, best.scheme, best.fitted.grids, PowerRounding::PowerDomain);
        if (m_options.rounding == PowerRounding::Nearest)
            record(TraceStage::Nearest, best.scheme, best.fitted.grids, PowerRounding::Nearest);
    }

    [[nodiscard]] SolveResult encoded(const Solution& best)
    {
        SolveResult result;
        QuantizedWeight& out = result.weight;
        out = emptyWeight(best.scheme, m_problem.weight.rows, m_problem.weight.cols);
        out.scales = best.fitted.grids.scales;
        std::fill(out.zeros.begin(), out.zeros.end(),
                  static_cast<float>(1 << (best.scheme.bits - 1)));
        out.exponents = best.fitted.grids.exponents;
        encodePower(inliers(), best.scheme, best.fitted.grids, m_options.rounding, out.codes,
                    m_monitor);
        out.outliers = std::move(m_outliers);
        result.report.note = note(best, out);
        result.report.trace = m_trace.take();
        return result;
    }

    [[nodiscard]] std::string note(const Solution& best, const QuantizedWeight& out) const
    {
        const auto range = [](std::string_view one, std::string_view many, double low,
                              double high) {
            const std::string first = formatReal(low, 3);
            const std::string last = formatReal(high, 3);
            return first == last ? concat(one, " ", first) : concat(many, " ", first, " to ", last);
        };
        const auto [least, most] = std::minmax_element(out.exponents.begin(), out.exponents.end());
        std::string text =
            range("exponent", "exponents", static_cast<double>(*least), static_cast<double>(*most));
        if (m_options.clip != PowerClip::None) {
            double low = 1;
            double high = 0;
            for (std::size_t i = 0; i < m_largest.size(); ++i)
                if (m_largest[i] > 0) {
                    const double share = std::min(1.0, static_cast<double>(out.scales[i]) /
                                                           static_cast<double>(m_largest[i]));
                    low = std::min(low, share);
                    high = std::max(high, share);
                }
            if (high > 0)
                text += ", " + range("clip", "clips", low, high);
        }
        if (best.scheme.levels == Levels::PowerMidRise)
            text += ", levels without zero";
        if (const std::size_t count = out.outliers.columns.size(); count > 0)
            text += concat(", ", count, count == 1 ? " outlier" : " outliers");
        return text;
    }

    const LayerProblem& m_problem;
    const PowerquantOptions& m_options;
    Monitor& m_monitor;
    Scheme m_scheme; ///< of uniform and power levels with zero, unless mid-rise is asked for
    PowerTrace m_trace;
    Tensor m_rounded;
    std::vector<float> m_all;     ///< largest magnitudes
    std::vector<float> m_largest; ///< of those that are no outliers
    SparseWeights m_outliers;
    Tensor m_inliers;
};

} // namespace

SolveResult solvePowerquant(const LayerProblem& problem, const PowerquantOptions& options,
                            Monitor& monitor)
{
    requireFinite(problem.weight, monitor);
    return PowerquantLayer(problem, options, monitor).solve();
}

} // namespace gradus
