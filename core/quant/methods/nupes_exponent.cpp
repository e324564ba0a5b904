// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/methods/nupes_exponent.h"

#include "core/quant/methods/nupes_panel.h"
#include "core/quant/power_levels.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus {

namespace {

constexpr std::size_t lanes = NupesPanel::lanes;
/// Columns of H that are summed by magnitude at once.
constexpr std::int64_t block = 64;

/// A panel's rows as sums over magnitudes need them: row by row.
struct SignedRows
{
    SignedRows(const NupesLayer& layer, NupesRows rows, const QuantizedWeight& weight)
        : cols(static_cast<std::size_t>(layer.cols))
        , places(rows.size() * cols)
        , factors(places.size())
    {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::uint8_t* codes = weight.codes.data() + rows[i] * layer.cols;
            for (std::size_t c = 0; c < cols; ++c) {
                const float scale = weight.scales[layer.scaleIndex(
                    rows[i], static_cast<std::int64_t>(c) / layer.group)];
                places[i * cols + c] = static_cast<std::uint8_t>(layer.placeOf(codes[c]));
                factors[i * cols + c] = codes[c] < layer.middle() ? -scale : scale;
            }
            if (layer.outliers.empty())
                continue;
            const auto row = static_cast<std::size_t>(rows[i]);
            for (std::size_t k = layer.outliers.rowStarts[row];
                 k < layer.outliers.rowStarts[row + 1]; ++k)
                factors[i * cols + layer.outliers.columns[k]] = 0;
        }
    }

    std::size_t cols;
    std::vector<std::uint8_t> places;
    std::vector<float> factors; ///< sgn · scale, 0 of outliers: ŵ = factor · κ[place]
};

/// The columns [begin, begin + block) of H down to their own rows, those rows half, side by side:
/// twice the sum over them is the sum over all of H.
void copyHalf(const NupesLayer& layer, std::int64_t begin, std::vector<float>& to)
{
    const std::int64_t width = std::min(block, layer.cols - begin);
    for (std::int64_t i = 0; i < begin + width; ++i) {
        const float* from = layer.h.data() + i * layer.cols + begin;
        const float share = i < begin ? 1.0F : 0.5F;
        float* row = to.data() + i * block;
        for (std::int64_t q = 0; q < width; ++q)
            row[q] = share * from[q];
        std::fill(row + width, row + block, 0.0F);
    }
}

/// Columns of a row by place, ascending within each: sums over a place stay in registers.
struct ByPlace
{
    struct Term
    {
        std::int32_t column;
        float factor;
    };

    ByPlace(const SignedRows& rows, std::size_t row, std::size_t places)
        : starts(places + 1)
        , terms(rows.cols)
    {
        const std::uint8_t* place = rows.places.data() + row * rows.cols;
        for (std::size_t c = 0; c < rows.cols; ++c)
            ++starts[place[c] + std::size_t{1}];
        for (std::size_t k = 1; k < starts.size(); ++k)
            starts[k] += starts[k - 1];
        std::vector<std::size_t> next = starts;
        for (std::size_t c = 0; c < rows.cols; ++c)
            terms[next[place[c]]++] = {static_cast<std::int32_t>(c),
                                       rows.factors[row * rows.cols + c]};
    }

    std::vector<std::size_t> starts; ///< of each place in terms, and the end
    std::vector<Term> terms;
};

/// Σ factor · H's row over the terms that are above row `end`; sums: block numbers.
void sumRows(const float* h, const ByPlace::Term* term, const ByPlace::Term* last, std::int64_t end,
             float* sums)
{
    float total[block] = {};
    for (; term != last && term->column < end; ++term) {
        const float* from = h + term->column * block;
        for (std::int64_t q = 0; q < block; ++q)
            total[q] += term->factor * from[q];
    }
    std::copy_n(total, block, sums);
}

void addMatrices(const NupesLayer& layer, const SignedRows& rows, std::size_t count, bool byRow,
                 std::vector<MagnitudeForm>& forms)
{
    const std::size_t n = forms.front().size();
    std::vector<ByPlace> split;
    for (std::size_t i = 0; i < count; ++i)
        split.emplace_back(rows, i, n);
    std::vector<float> h(static_cast<std::size_t>(layer.cols * block));
    std::vector<float> sums(static_cast<std::size_t>(block));
    for (std::int64_t begin = 0; begin < layer.cols; begin += block) {
        layer.monitor.checkpoint();
        copyHalf(layer, begin, h);
        const std::int64_t width = std::min(block, layer.cols - begin);
        for (std::size_t i = 0; i < count; ++i) {
            const auto at = i * rows.cols + static_cast<std::size_t>(begin);
            const float* factors = rows.factors.data() + at;
            const std::uint8_t* places = rows.places.data() + at;
            double* matrix = forms[byRow ? i : 0].matrix();
            // The magnitude 0 of Levels::Power never changes.
            for (std::size_t k = layer.midRise() ? 0 : 1; k < n; ++k) {
                sumRows(h.data(), split[i].terms.data() + split[i].starts[k],
                        split[i].terms.data() + split[i].starts[k + 1], begin + width, sums.data());
                for (std::int64_t q = 0; q < width; ++q)
                    matrix[k * n + places[q]] +=
                        static_cast<double>(factors[q] * sums[static_cast<std::size_t>(q)]);
            }
        }
    }
}

std::vector<MagnitudeForm> panelForms(const NupesLayer& layer, NupesRows rows, NupesState& state,
                                      bool byRow)
{
    const SignedRows split(layer, rows, state.weight);
    std::vector<MagnitudeForm> forms(byRow ? rows.size() : 1,
                                     MagnitudeForm(static_cast<std::size_t>(layer.largest()) + 1));
    {
        const NupesPanel panel(layer, rows, state.weight);
        const ColumnDescent descent(layer.h.data(), layer.cols, layer.monitor);
        const std::vector<float> e = panel.residual();
        std::vector<float> g(e.size());
        descent.gradient(e.data(), g.data());
        double errors[lanes] = {};
        addProducts(e.data(), g.data(), layer.cols, errors);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            state.errors[static_cast<std::size_t>(rows[i])] = std::max(errors[i], 0.0);
            double* gradient = forms[byRow ? i : 0].gradient();
            for (std::size_t c = 0; c < split.cols; ++c)
                gradient[split.places[i * split.cols + c]] +=
                    static_cast<double>(split.factors[i * split.cols + c]) *
                    static_cast<double>(g[c * lanes + i]);
        }
    }
    addMatrices(layer, split, rows.size(), byRow, forms);
    for (MagnitudeForm& form : forms)
        form.complete();
    return forms;
}

/// The change of the error from the exponent a to others.
class ExponentCurve
{
public:
    ExponentCurve(const NupesLayer& layer, const MagnitudeForm& form, float a)
        : m_layer(layer)
        , m_form(form)
        , m_levels(layer.scheme, static_cast<double>(a))
        , m_delta(form.size())
    {
    }

    double operator()(float exponent)
    {
        const PowerLevels levels(m_layer.scheme, static_cast<double>(exponent));
        for (std::size_t i = 0; i < m_delta.size(); ++i)
            m_delta[i] = levels.magnitudes()[i] - m_levels.magnitudes()[i];
        return m_form.change(m_delta);
    }

private:
    const NupesLayer& m_layer;
    const MagnitudeForm& m_form;
    PowerLevels m_levels;
    std::vector<double> m_delta;
};

constexpr std::array<float, 2> exactExponents{0.5F, 1.0F};

struct Candidate
{
    float exponent;
    double change;
};

/// A scan, and a golden section about its best point.
Candidate freeMinimum(ExponentCurve& curve, float a)
{
    constexpr int points = 32;
    const double low = std::max(0.15, 0.8 * static_cast<double>(a));
    const double high = std::min(1.6, 1.25 * static_cast<double>(a));
    Candidate best{a, 0};
    const auto look = [&](double exponent) {
        const auto stored = static_cast<float>(exponent);
        const double change = curve(stored);
        if (change < best.change)
            best = {stored, change};
        return change;
    };
    const double step = (high - low) / points;
    for (int i = 0; i <= points; ++i)
        look(low + step * i);
    double from = std::max(low, static_cast<double>(best.exponent) - step);
    double to = std::min(high, static_cast<double>(best.exponent) + step);
    const double golden = (std::sqrt(5.0) - 1) / 2;
    double left = to - golden * (to - from);
    double right = from + golden * (to - from);
    double atLeft = look(left);
    double atRight = look(right);
    for (int i = 0; i < 25; ++i) {
        const bool lower = atLeft < atRight;
        (lower ? to : from) = lower ? right : left;
        (lower ? right : left) = lower ? left : right;
        (lower ? atRight : atLeft) = lower ? atLeft : atRight;
        double& place = lower ? left : right;
        place = lower ? to - golden * (to - from) : from + golden * (to - from);
        (lower ? atLeft : atRight) = look(place);
    }
    return best;
}

/// Each row's best exponent, for some rows at a time: a form of 8 bits takes 130 KiB.
void chooseRowExponents(const NupesLayer& layer, NupesRows rows, ExponentChoice choice,
                        NupesState& state, std::vector<float>& exponents)
{
    constexpr std::size_t formBytes = std::size_t(128) << 20;
    const auto n = static_cast<std::size_t>(layer.largest()) + 1;
    const std::size_t slice = std::max<std::size_t>(1, formBytes / (n * n * 8 * lanes)) * lanes;
    for (std::size_t first = 0; first < rows.size(); first += slice) {
        const NupesRows some = rows.subspan(first, std::min(slice, rows.size() - first));
        const std::vector<MagnitudeForm> forms = magnitudeForms(layer, some, state, true);
        parallelFor(
            static_cast<std::int64_t>(some.size()), 1,
            [&](std::int64_t i, std::int64_t) {
                const auto place = static_cast<std::size_t>(i);
                const auto row = static_cast<std::size_t>(some[place]);
                exponents[row] =
                    betterExponent(layer, forms[place], exponents[row], choice, state.errors[row]);
            },
            &layer.monitor);
    }
}

} // namespace

MagnitudeForm::MagnitudeForm(std::size_t magnitudes)
    : m_gradient(magnitudes)
    , m_matrix(magnitudes * magnitudes)
{
}

void MagnitudeForm::add(const MagnitudeForm& other)
{
    for (std::size_t i = 0; i < m_gradient.size(); ++i)
        m_gradient[i] += other.m_gradient[i];
    for (std::size_t i = 0; i < m_matrix.size(); ++i)
        m_matrix[i] += other.m_matrix[i];
}

void MagnitudeForm::complete()
{
    const std::size_t n = size();
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k <= i; ++k) {
            const double sum = m_matrix[i * n + k] + m_matrix[k * n + i];
            m_matrix[i * n + k] = sum;
            m_matrix[k * n + i] = sum;
        }
}

double MagnitudeForm::change(const std::vector<double>& delta) const
{
    const std::size_t n = size();
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) {
        double row = 2 * m_gradient[i];
        for (std::size_t k = 0; k < n; ++k)
            row += m_matrix[i * n + k] * delta[k];
        total += row * delta[i];
    }
    return total;
}

std::vector<MagnitudeForm> magnitudeForms(const NupesLayer& layer, NupesRows rows,
                                          NupesState& state, bool byRow)
{
    std::vector<std::vector<MagnitudeForm>> parts((rows.size() + lanes - 1) / lanes);
    overPanels(layer, rows, [&](NupesRows some, std::size_t panel) {
        parts[panel] = panelForms(layer, some, state, byRow);
    });
    std::vector<MagnitudeForm> forms;
    for (std::vector<MagnitudeForm>& part : parts) {
        if (!byRow && !forms.empty())
            forms.front().add(part.front());
        else
            std::move(part.begin(), part.end(), std::back_inserter(forms));
    }
    return forms;
}

float betterExponent(const NupesLayer& layer, const MagnitudeForm& form, float a,
                     ExponentChoice choice, double error)
{
    if (!layer.midRise() && layer.largest() == 1)
        return a; // of {−1, 0, 1} it changes nothing
    ExponentCurve curve(layer, form, a);
    const bool exact =
        std::find(exactExponents.begin(), exactExponents.end(), a) != exactExponents.end();
    Candidate best{a, 0};
    if (choice != ExponentChoice::Free)
        for (const float exponent : exactExponents) {
            const double change = curve(exponent);
            if (change < best.change)
                best = {exponent, change};
        }
    if (choice == ExponentChoice::Exact)
        return best.exponent;
    const Candidate free = freeMinimum(curve, a);
    const bool prefersExact = choice == ExponentChoice::PreferExact && (exact || best.change < 0);
    constexpr double tenthOfDecibel = 0.977237220955811; // 10^(−0.01)
    if (prefersExact && !(error + free.change < tenthOfDecibel * (error + best.change)))
        return best.exponent;
    return free.change < best.change ? free.exponent : best.exponent;
}

std::vector<std::int64_t> stepExponents(const NupesLayer& layer, NupesRows rows,
                                        ExponentChoice choice, NupesState& state)
{
    const bool byRow = state.weight.exponents.size() > 1 || layer.rows == 1;
    std::vector<std::int64_t> moved;
    NupesState candidate{state.weight, {}};
    if (byRow) {
        chooseRowExponents(layer, rows, choice, state, candidate.weight.exponents);
        for (const std::int64_t row : rows)
            if (candidate.weight.exponent(row) != state.weight.exponent(row))
                moved.push_back(row);
    } else if (!rows.empty()) {
        const std::vector<MagnitudeForm> forms = magnitudeForms(layer, rows, state, false);
        float& exponent = candidate.weight.exponents.front();
        const float better = betterExponent(layer, forms.front(), exponent, choice, state.total());
        if (better != exponent)
            moved.assign(rows.begin(), rows.end());
        exponent = better;
    }
    if (moved.empty())
        return {};
    candidate.errors = state.errors;
    // Judged as it is stored, not by the form.
    evaluateRows(layer, moved, candidate);
    if (!byRow) {
        if (!(candidate.total() < state.total()))
            return {};
        state = std::move(candidate);
        return moved;
    }
    std::vector<std::int64_t> taken;
    for (const std::int64_t row : moved)
        if (candidate.errors[static_cast<std::size_t>(row)] <
            state.errors[static_cast<std::size_t>(row)]) {
            state.takeRow(layer, candidate, row);
            state.weight
                .exponents[state.weight.exponents.size() == 1 ? 0 : static_cast<std::size_t>(row)] =
                candidate.weight.exponent(row);
            taken.push_back(row);
        }
    return taken;
}

} // namespace gradus
