// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/alloc/sensitivity_table.h"

#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace gradus {

namespace {

constexpr std::array metricNames{"weight", "output", "fisher", "kl"};

/// Places from 1 in ascending order; equal values share the mean of theirs.
std::vector<double> ranksOf(const std::vector<double>& values)
{
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    std::vector<double> ranks(values.size());
    for (std::size_t i = 0; i < order.size();) {
        std::size_t end = i;
        while (end < order.size() && values[order[end]] == values[order[i]])
            ++end;
        for (std::size_t k = i; k < end; ++k)
            ranks[order[k]] = static_cast<double>(i + end + 1) / 2;
        i = end;
    }
    return ranks;
}

} // namespace

std::string_view sensitivityMetricName(SensitivityMetric metric)
{
    return metricNames[static_cast<std::size_t>(metric)];
}

std::optional<SensitivityMetric> sensitivityMetricFromName(std::string_view name)
{
    for (std::size_t i = 0; i < metricNames.size(); ++i)
        if (metricNames[i] == name)
            return static_cast<SensitivityMetric>(i);
    return std::nullopt;
}

std::string_view sensitivityUnitName(SensitivityTable::Unit unit)
{
    switch (unit) {
    case SensitivityTable::Unit::NatsPerToken:
        return "nats per token";
    case SensitivityTable::Unit::NatsPerSample:
        return "nats per sample";
    case SensitivityTable::Unit::OutputShare:
        return "share of the outputs' mean square";
    }
    return "";
}

double Sensitivity::error(SensitivityMetric metric) const
{
    switch (metric) {
    case SensitivityMetric::Weight:
        return weight;
    case SensitivityMetric::Output:
        return output;
    case SensitivityMetric::Fisher:
        return fisher;
    case SensitivityMetric::Divergence:
        return divergence;
    }
    return weight;
}

const SensitivityTable::Row* SensitivityTable::lacking(SensitivityMetric metric,
                                                       const Names& decided) const
{
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) {
        return !decided.contains(row.layer) &&
               std::any_of(row.candidates.begin(), row.candidates.end(), [&](const Sensitivity& s) {
                   return s.possible && !std::isfinite(s.error(metric));
               });
    });
    return found == rows.end() ? nullptr : &*found;
}

bool SensitivityTable::has(SensitivityMetric metric, const Names& decided) const
{
    return !lacking(metric, decided);
}

std::optional<SensitivityMetric> SensitivityTable::best(const Names& decided) const
{
    for (const SensitivityMetric metric : {SensitivityMetric::Divergence, SensitivityMetric::Fisher,
                                           SensitivityMetric::Output, SensitivityMetric::Weight})
        if (!rows.empty() && has(metric, decided))
            return metric;
    return std::nullopt;
}

const SensitivityTable::Row* SensitivityTable::find(std::string_view layer) const
{
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.layer == layer; });
    return found == rows.end() ? nullptr : &*found;
}

double interactionOf(const SensitivityTable& table)
{
    double separate = 0;
    double together = 0;
    for (const SensitivityPair& pair : table.pairs) {
        separate += pair.separate;
        together += pair.together;
    }
    return table.pairs.empty() ? std::numeric_limits<double>::quiet_NaN() : together / separate;
}

double rankCorrelation(const std::vector<double>& a, const std::vector<double>& b)
{
    const auto n = static_cast<double>(std::min(a.size(), b.size()));
    const auto isNaN = [](double value) { return std::isnan(value); };
    if (a.size() != b.size() || a.size() < 2 || std::any_of(a.begin(), a.end(), isNaN) ||
        std::any_of(b.begin(), b.end(), isNaN)) // which have no rank
        return std::numeric_limits<double>::quiet_NaN();
    // Pearson's of the ranks, whose mean is (n + 1) / 2 with and without ties.
    const std::vector<double> ra = ranksOf(a);
    const std::vector<double> rb = ranksOf(b);
    double aa = 0;
    double bb = 0;
    double ab = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = ra[i] - (n + 1) / 2;
        const double y = rb[i] - (n + 1) / 2;
        aa += x * x;
        bb += y * y;
        ab += x * y;
    }
    if (aa == 0 || bb == 0)
        return std::numeric_limits<double>::quiet_NaN();
    return ab / std::sqrt(aa * bb);
}

std::string candidateName(const LayerChoice& choice)
{
    if (choice.keepFloat)
        return "float";
    const Scheme& scheme = choice.scheme;
    std::string name = concat(scheme.bits, "-bit ", methodName(choice.method));
    if (scheme.granularity == Granularity::Group)
        name += concat(", groups of ", scheme.groupSize);
    else if (scheme.granularity == Granularity::Tensor)
        name += ", per tensor";
    if (choice.activation.enabled())
        name += concat(", inputs ", choice.activation.bits, "-bit");
    return name;
}

} // namespace gradus
