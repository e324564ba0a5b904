// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/calibration.h"

#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/tensor/linalg.h"

#include <algorithm>
#include <cassert>

namespace gradus {

namespace {

/// Features per task when ranges are taken: whole cache lines of every row.
constexpr std::int64_t featureGrain = 256;
constexpr std::int64_t rowGrain = 64;

} // namespace

InputAccumulator::InputAccumulator(std::int64_t features, bool withHessian, std::int64_t sampleRows)
    : m_withHessian(withHessian)
    , m_sampleRows(std::max<std::int64_t>(sampleRows, 0))
{
    assert(features >= 0);
    const auto d = static_cast<std::size_t>(features);
    m_statistics.features = features;
    m_statistics.minimum.resize(d);
    m_statistics.maximum.resize(d);
    m_statistics.secondMoment.resize(d);
    if (withHessian)
        m_statistics.hessian.resize(d * d);
}

void InputAccumulator::add(ConstMatrixView x, const Monitor* monitor)
{
    assert(m_statistics.cross.empty());
    require(x, monitor);
    sum(x, monitor);
}

void InputAccumulator::addBeside(ConstMatrixView x, ConstMatrixView floatNetworks,
                                 const Monitor* monitor)
{
    assert(!m_statistics.cross.empty() || m_statistics.features == 0);
    require(x, monitor);
    if (floatNetworks.rows != x.rows)
        throw Error(ErrorCode::Shape, concat("the float network's inputs have ", floatNetworks.rows,
                                             " rows, expected ", x.rows));
    require(floatNetworks, monitor);
    accumulateCross(floatNetworks, x, m_statistics.cross, monitor);
    sum(x, monitor);
}

void InputAccumulator::collectCross()
{
    assert(m_statistics.rows == 0);
    const auto d = static_cast<std::size_t>(m_statistics.features);
    m_statistics.cross.resize(d * d);
}

void InputAccumulator::require(ConstMatrixView x, const Monitor* monitor) const
{
    const std::int64_t d = m_statistics.features;
    if (x.cols != d)
        throw Error(ErrorCode::Shape, concat("input has ", x.cols, " features, expected ", d));
    const auto bad = parallelReduce(
        x.rows, rowGrain, std::int64_t(0),
        [&](std::int64_t begin, std::int64_t end) {
            std::int64_t count = 0;
            for (std::int64_t r = begin; r < end; ++r)
                count += countNonFinite(x.row(r));
            return count;
        },
        [](std::int64_t& total, std::int64_t part) { total += part; }, monitor);
    if (bad > 0)
        throw Error(ErrorCode::Numeric, concat("calibration input has ", bad,
                                               bad == 1 ? " value that is" : " values that are",
                                               " not finite, expected none"));
}

void InputAccumulator::sum(ConstMatrixView x, const Monitor* monitor)
{
    if (x.rows == 0)
        return;
    const std::int64_t d = m_statistics.features;
    InputStatistics& s = m_statistics;
    parallelFor(
        d, featureGrain,
        [&](std::int64_t begin, std::int64_t end) {
            const auto width = static_cast<std::size_t>(end - begin);
            float* lo = s.minimum.data() + begin;
            float* hi = s.maximum.data() + begin;
            double* square = s.secondMoment.data() + begin;
            if (s.rows == 0) {
                std::copy_n(x.data + begin, width, lo);
                std::copy_n(x.data + begin, width, hi);
            }
            for (std::int64_t r = 0; r < x.rows; ++r) {
                const float* row = x.data + r * x.stride + begin;
                for (std::size_t j = 0; j < width; ++j) {
                    lo[j] = row[j] < lo[j] ? row[j] : lo[j];
                    hi[j] = row[j] > hi[j] ? row[j] : hi[j];
                }
                if (!m_withHessian) // otherwise the diagonal of H
                    for (std::size_t j = 0; j < width; ++j)
                        square[j] += static_cast<double>(row[j]) * static_cast<double>(row[j]);
            }
        },
        monitor);
    if (m_withHessian)
        accumulateGram(x, s.hessian, monitor);
    if (m_magnitudes)
        addMagnitudes(x, monitor);
    addSamples(x);
    s.rows += x.rows;
}

void InputAccumulator::collectMagnitudes()
{
    assert(m_statistics.rows == 0);
    if (!m_magnitudes)
        m_magnitudes = std::make_shared<SignedMagnitudes>();
}

void InputAccumulator::addMagnitudes(ConstMatrixView x, const Monitor* monitor)
{
    // Parts are exact, so that their borders do not matter; large ones, as a histogram is too.
    constexpr std::int64_t values = 1 << 19;
    m_magnitudes->join(parallelReduce(
        x.rows, std::max<std::int64_t>(1, values / std::max<std::int64_t>(1, x.cols)),
        SignedMagnitudes(),
        [&](std::int64_t begin, std::int64_t end) {
            SignedMagnitudes part;
            for (std::int64_t r = begin; r < end; ++r)
                part.add(x.row(r));
            return part;
        },
        [](SignedMagnitudes& total, const SignedMagnitudes& part) { total.join(part); }, monitor));
}

void InputAccumulator::addSamples(ConstMatrixView x)
{
    // Keeps every stride-th row. When twice the wanted number is there, every other one goes and
    // the stride doubles: an even sample of a stream whose length nobody knows.
    if (m_sampleRows == 0)
        return;
    const auto d = static_cast<std::size_t>(m_statistics.features);
    std::int64_t kept = (m_statistics.rows + m_sampleStride - 1) / m_sampleStride;
    for (std::int64_t r = 0; r < x.rows; ++r) {
        if ((m_statistics.rows + r) % m_sampleStride != 0)
            continue;
        const std::span<const float> row = x.row(r);
        m_samples.insert(m_samples.end(), row.begin(), row.end());
        if (++kept == 2 * m_sampleRows) {
            for (std::int64_t i = 1; i < m_sampleRows; ++i)
                std::copy_n(m_samples.begin() +
                                static_cast<std::ptrdiff_t>(2 * i) * static_cast<std::ptrdiff_t>(d),
                            d,
                            m_samples.begin() +
                                static_cast<std::ptrdiff_t>(i) * static_cast<std::ptrdiff_t>(d));
            m_samples.resize(static_cast<std::size_t>(m_sampleRows) * d);
            kept = m_sampleRows;
            m_sampleStride *= 2;
        }
    }
}

InputStatistics InputAccumulator::finish()
{
    InputStatistics& s = m_statistics;
    const auto d = static_cast<std::size_t>(s.features);
    const double share = s.rows > 0 ? 1 / static_cast<double>(s.rows) : 0;
    if (m_withHessian) {
        parallelFor(s.features, rowGrain, [&](std::int64_t begin, std::int64_t end) {
            for (auto r = static_cast<std::size_t>(begin); r < static_cast<std::size_t>(end); ++r)
                for (std::size_t c = 0; c <= r; ++c)
                    s.hessian[r * d + c] *= share;
        });
        mirrorLower(s.hessian, s.features);
        for (std::size_t j = 0; j < d; ++j)
            s.secondMoment[j] = s.hessian[j * d + j];
    } else {
        for (double& moment : s.secondMoment)
            moment *= share;
    }
    for (double& value : s.cross)
        value *= share;
    if (const auto kept = d > 0 ? m_samples.size() / d : 0; kept > 0) {
        const std::size_t wanted = std::min(kept, static_cast<std::size_t>(m_sampleRows));
        s.sample = Tensor(Shape{static_cast<std::int64_t>(wanted), s.features});
        for (std::size_t i = 0; i < wanted; ++i)
            std::copy_n(m_samples.begin() + static_cast<std::ptrdiff_t>(i * kept / wanted * d), d,
                        s.sample.floats().begin() + static_cast<std::ptrdiff_t>(i * d));
    }
    m_samples = {};
    s.magnitudes = std::move(m_magnitudes);
    return std::move(m_statistics);
}

} // namespace gradus
