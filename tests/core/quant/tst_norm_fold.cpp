// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/quant/norm_fold.h"
#include "tests/support/affine_oracles.h"
#include "tests/support/support.h"

#include <QTest>

#include <set>

using namespace gradus;
using namespace gradus::test;

namespace {

using Doubles = std::vector<double>;

/// A norm and one layer that reads it, with channel-wise grids of what the norm puts out: all in
/// double beside floats.
struct NormCase
{
    std::size_t tokens;
    std::size_t features;
    Doubles normalized; ///< tokens × features
    std::vector<float> gamma;
    std::vector<float> beta;
    Tensor weight; ///< rows × features
    std::vector<float> bias;
    AffineGrid channels;

    NormCase(std::size_t tokenCount, std::size_t featureCount, int bits, std::uint64_t seed,
             double offset = 1)
        : tokens(tokenCount)
        , features(featureCount)
        , weight({12, static_cast<std::int64_t>(featureCount)})
    {
        RandomStream random(seed);
        for (std::size_t d = 0; d < features; ++d) {
            gamma.push_back(static_cast<float>(std::exp(0.8 * random.normal())));
            beta.push_back(gamma.back() * static_cast<float>(offset * random.normal()));
        }
        for (std::size_t i = 0; i < tokens * features; ++i)
            normalized.push_back(static_cast<double>(static_cast<float>(random.normal())));
        for (float& value : weight.floats())
            value = static_cast<float>(0.1 * random.normal());
        for (std::int64_t r = 0; r < 12; ++r)
            bias.push_back(static_cast<float>(random.normal()));
        channels = channelGrid(outputs().matrix(), bits, InputRange::Percentile);
    }

    [[nodiscard]] double output(std::size_t t, std::size_t d) const
    {
        return normalized[t * features + d] * static_cast<double>(gamma[d]) +
               static_cast<double>(beta[d]);
    }
    [[nodiscard]] Tensor outputs() const
    {
        Tensor x({static_cast<std::int64_t>(tokens), static_cast<std::int64_t>(features)});
        for (std::size_t i = 0; i < x.floats().size(); ++i)
            x.floats()[i] = static_cast<float>(output(i / features, i % features));
        return x;
    }
    [[nodiscard]] double channelCode(std::size_t t, std::size_t d) const
    {
        return oracleCode(output(t, d), static_cast<double>(channels.scale(d)), channels.zero(d),
                          channels.bits);
    }
    [[nodiscard]] double w(std::size_t row, std::size_t d) const
    {
        return static_cast<double>(weight.floats()[row * features + d]);
    }
};

/// x̃ of a token: what the folded norm puts out, in double.
double foldedOutput(const NormCase& norm, const Doubles& gamma, const Doubles& beta, std::size_t t,
                    std::size_t d)
{
    return norm.normalized[t * norm.features + d] * gamma[d] + beta[d];
}

double layerCode(const AffineGrid& layer, double x, std::size_t d)
{
    return oracleCode(x, static_cast<double>(layer.scale(d)), layer.zero(d), layer.bits);
}

/// The fold to another scale and zero than the means.
NormFold foldTo(const AffineGrid& channels, double scale, std::int32_t zero)
{
    NormFold fold;
    fold.layer = gridOf(channels.bits, {static_cast<float>(scale)}, {zero});
    for (std::size_t d = 0; d < channels.scales.size(); ++d) {
        const auto own = static_cast<double>(channels.scale(d));
        fold.ratio.push_back(own / static_cast<double>(fold.layer.scale(0)));
        fold.shift.push_back(own * (channels.zero(d) - zero));
    }
    return fold;
}

/// Codes and what they stand for of a row in 4 bits, min-max, in double.
struct RowCodes
{
    Doubles codes;
    Doubles values;
};

RowCodes quantizedRow(const Doubles& row)
{
    const auto [low, high] = std::minmax_element(row.begin(), row.end());
    const double scale = (*high - *low) / 15;
    const double zero = std::nearbyint(-*low / scale);
    RowCodes result;
    for (const double value : row) {
        result.codes.push_back(oracleCode(value, scale, zero, 4));
        result.values.push_back(scale * (result.codes.back() - zero));
    }
    return result;
}

double largestDifference(const Doubles& a, const Doubles& b)
{
    double difference = 0;
    double size = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = std::max(difference, std::fabs(a[i] - b[i]));
        size = std::max(size, std::fabs(b[i]));
    }
    return difference / size;
}

} // namespace

class NormFoldTest : public QObject
{
    Q_OBJECT

private slots:
    void vectorOfTheReference();
    void fractionalZero();
    void floatFunctionStays();
    void codesStay_data();
    void codesStay();
    void codesStayInFloats();
    void halvesMayChangeParity();
    void dequantizedValuesStay();
    void levelsAreCounted();
    void anyScaleDoes();
    void anyZeroDoes();
    void paddedTokens();
    void normsWithoutBeta();
    void offsetsFarBeyondTheWidth();
    void constantFeatures();
    void smoothing();
    void smoothingRefusesNonsense();
    void anyNumberOfThreads();
};

// V4.
void NormFoldTest::vectorOfTheReference()
{
    const NormFold fold = foldNorm(gridOf(4, {1, 3}, {0, 2}), FoldZeros::Mean);
    QVERIFY(fold.layer.scale(0) == 2);
    QCOMPARE(fold.layer.zeros, std::vector<std::int32_t>{1});
    QCOMPARE(fold.layer.bits, 4);
    QVERIFY(fold.layer.fraction == 0);
    QVERIFY((fold.ratio == Doubles{0.5, 1.5}));
    QVERIFY((fold.shift == Doubles{-1, 3}));
    QVERIFY((fold.foldedGamma(std::vector<float>{2, 6}) == Doubles{4, 4}));
    QVERIFY((fold.foldedBeta(std::vector<float>{1, 3}) == Doubles{0, 4}));
    const std::vector<float> weight = {10, 20};
    const Tensor folded = fold.foldedWeight(oneRow(weight));
    QVERIFY(folded.floats()[0] == 5 && folded.floats()[1] == 30);
    const Doubles bias = fold.foldedBias(oneRow(weight), {});
    QVERIFY(bias == Doubles{-50});
    QVERIFY(fold.foldedBias(oneRow(weight), std::vector<float>{7}) == Doubles{-43});
    const std::vector<float> moved = {0, 4};
    std::vector<std::uint8_t> codes(2);
    encodeToGrid(fold.layer, oneRow(moved), codes.data());
    QCOMPARE(codes, (std::vector<std::uint8_t>{1, 3}));
    QVERIFY(5.0 * 0 + 30 * 4 + bias[0] == 70);
}

// V5.
void NormFoldTest::fractionalZero()
{
    const AffineGrid channels = gridOf(4, {1, 1}, {0, 1});
    const NormFold whole = foldNorm(channels, FoldZeros::Mean);
    QCOMPARE(whole.layer.zero(0), 0);
    QVERIFY(whole.layer.fraction == 0);
    const NormFold fractional = foldNorm(channels, FoldZeros::Fractional);
    QVERIFY(fractional.layer.zero(0) + fractional.layer.fraction == 0.5F);
    QVERIFY((fractional.shift == Doubles{-0.5, 0.5}));
    QVERIFY(!fractional.layer.validate(2));
    // A mean that is no code is brought to the nearest.
    QCOMPARE(foldNorm(gridOf(4, {1, 1}, {-70, -3}), FoldZeros::Mean).layer.zero(0), 0);
    QCOMPARE(foldNorm(gridOf(4, {1, 1}, {70, 3}), FoldZeros::Mean).layer.zero(0), 15);
    QCOMPARE(foldNorm(gridOf(4, {1, 1}, {-70, -3}), FoldZeros::Fractional).layer.zero(0), -36);
    const NormFold kept = foldNorm(channels, FoldZeros::Kept);
    QCOMPARE(kept.layer.zeros, channels.zeros);
    QVERIFY(kept.layer.hasOneScale());
    QVERIFY(kept.shift.empty());
}

// I1 on one layer.
void NormFoldTest::floatFunctionStays()
{
    const NormCase norm(60, 40, 4, 1);
    for (const FoldZeros zeros : {FoldZeros::Mean, FoldZeros::Fractional, FoldZeros::Kept}) {
        const NormFold fold = foldNorm(norm.channels, zeros);
        const Doubles gamma = fold.foldedGamma(norm.gamma);
        const Doubles beta = fold.foldedBeta(norm.beta);
        const Doubles bias = fold.foldedBias(norm.weight.matrix(), norm.bias);
        const Tensor weight = fold.foldedWeight(norm.weight.matrix());
        Doubles before;
        Doubles after;
        Doubles afterInFloats;
        for (std::size_t t = 0; t < norm.tokens; ++t)
            for (std::size_t r = 0; r < 12; ++r) {
                double own = static_cast<double>(norm.bias[r]);
                double exact = bias[r];
                double rounded = bias[r];
                for (std::size_t d = 0; d < norm.features; ++d) {
                    const double x = foldedOutput(norm, gamma, beta, t, d);
                    own += norm.w(r, d) * norm.output(t, d);
                    exact += norm.w(r, d) * fold.ratio[d] * x;
                    rounded += static_cast<double>(weight.floats()[r * norm.features + d]) * x;
                }
                before.push_back(own);
                after.push_back(exact);
                afterInFloats.push_back(rounded);
            }
        QVERIFY(largestDifference(after, before) < 1e-12);
        QVERIFY(largestDifference(afterInFloats, before) < 1e-5);
    }
}

void NormFoldTest::codesStay_data()
{
    QTest::addColumn<int>("bits");
    for (const int bits : {2, 4, 6, 8})
        QTest::addRow("%d bits", bits) << bits;
}

// I2 in double: not one differs; with a fraction many do.
void NormFoldTest::codesStay()
{
    QFETCH(const int, bits);
    const NormCase norm(2000, 64, bits, static_cast<std::uint64_t>(bits));
    for (const FoldZeros zeros : {FoldZeros::Mean, FoldZeros::Kept, FoldZeros::Fractional}) {
        const NormFold fold = foldNorm(norm.channels, zeros);
        const Doubles gamma = fold.foldedGamma(norm.gamma);
        const Doubles beta = fold.foldedBeta(norm.beta);
        std::int64_t differing = 0;
        for (std::size_t t = 0; t < norm.tokens; ++t)
            for (std::size_t d = 0; d < norm.features; ++d) {
                const double x = foldedOutput(norm, gamma, beta, t, d);
                differing += layerCode(fold.layer, x, d) != norm.channelCode(t, d) ? 1 : 0;
            }
        if (zeros == FoldZeros::Fractional)
            QVERIFY(differing > 1000);
        else
            QCOMPARE(differing, std::int64_t(0));
    }
}

// I2 in floats: fewer than 10⁻⁵, by one each.
void NormFoldTest::codesStayInFloats()
{
    const NormCase norm(12000, 128, 4, 22);
    const Tensor x = norm.outputs();
    std::vector<std::uint8_t> before(x.floats().size());
    encodeToGrid(norm.channels, x.matrix(), before.data());
    for (const FoldZeros zeros : {FoldZeros::Mean, FoldZeros::Kept}) {
        const NormFold fold = foldNorm(norm.channels, zeros);
        const Doubles gamma = fold.foldedGamma(norm.gamma);
        const Doubles beta = fold.foldedBeta(norm.beta);
        Tensor moved(
            {static_cast<std::int64_t>(norm.tokens), static_cast<std::int64_t>(norm.features)});
        for (std::size_t i = 0; i < moved.floats().size(); ++i) {
            const std::size_t d = i % norm.features;
            moved.floats()[i] =
                static_cast<float>(norm.normalized[i]) * static_cast<float>(gamma[d]) +
                static_cast<float>(beta[d]);
        }
        std::vector<std::uint8_t> after(before.size());
        encodeToGrid(fold.layer, moved.matrix(), after.data());
        std::int64_t differing = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
            const int difference = std::abs(before[i] - after[i]);
            QVERIFY(difference <= 1);
            differing += difference;
        }
        qInfo("%lld of %zu codes differ in floats", static_cast<long long>(differing),
              before.size());
        QVERIFY(static_cast<double>(differing) < 1e-5 * static_cast<double>(before.size()));
    }
}

// Section 10, point 1: an odd r2 moves what is even, so that halves alone may differ. Kept zeros
// are added after rounding, and know nothing of it.
void NormFoldTest::halvesMayChangeParity()
{
    const AffineGrid channels = gridOf(4, {1, 1}, {4, 6});
    const std::vector<float> x = {0.5F, 0.5F, 1.25F, 1.75F};
    std::vector<std::uint8_t> before(4);
    encodeToGrid(channels, ConstMatrixView(x.data(), 2, 2), before.data());
    QCOMPARE(before, (std::vector<std::uint8_t>{4, 6, 5, 8}));
    const auto after = [&](FoldZeros zeros) {
        const NormFold fold = foldNorm(channels, zeros);
        const Doubles beta = fold.foldedBeta({});
        std::vector<float> moved = x;
        for (std::size_t i = 0; i < 4; ++i)
            moved[i] =
                moved[i] / static_cast<float>(fold.ratio[i % 2]) + static_cast<float>(beta[i % 2]);
        std::vector<std::uint8_t> codes(4);
        encodeToGrid(fold.layer, ConstMatrixView(moved.data(), 2, 2), codes.data());
        return codes;
    };
    QCOMPARE(after(FoldZeros::Kept), before);
    // r2 is −1 and 1: −0.5 goes to 0, 1.5 to 2; both are one more.
    QCOMPARE(after(FoldZeros::Mean), (std::vector<std::uint8_t>{5, 7, 5, 8}));
}

// I5.
void NormFoldTest::dequantizedValuesStay()
{
    const NormCase norm(10, 64, 4, 5);
    const NormFold fold = foldNorm(norm.channels, FoldZeros::Mean);
    const auto scale = static_cast<double>(fold.layer.scale(0));
    for (std::size_t d = 0; d < norm.features; ++d)
        for (int code = 0; code <= 15; ++code) {
            const double before =
                static_cast<double>(norm.channels.scale(d)) * (code - norm.channels.zero(d));
            const double after =
                fold.ratio[d] * scale * (code - fold.layer.zero(0)) - fold.shift[d];
            QVERIFY(
                isClose(after, before, 1e-12, 1e-12 * static_cast<double>(norm.channels.scale(d))));
        }
}

// I6.
void NormFoldTest::levelsAreCounted()
{
    for (const int bits : {2, 3, 4}) {
        const NormCase norm(800, 33, bits, 66);
        for (const FoldZeros zeros : {FoldZeros::Mean, FoldZeros::Fractional}) {
            const NormFold fold = foldNorm(norm.channels, zeros);
            const Doubles gamma = fold.foldedGamma(norm.gamma);
            const Doubles beta = fold.foldedBeta(norm.beta);
            std::vector<float> moved;
            for (std::size_t t = 0; t < norm.tokens; ++t)
                for (std::size_t d = 0; d < norm.features; ++d)
                    moved.push_back(static_cast<float>(foldedOutput(norm, gamma, beta, t, d)));
            std::vector<float> out(moved.size());
            roundToGrid(fold.layer, oneRow(moved),
                        MatrixView(out.data(), 1, static_cast<std::int64_t>(out.size())));
            const std::size_t levels = std::set<float>(out.begin(), out.end()).size();
            if (zeros == FoldZeros::Fractional) {
                QVERIFY(fold.layer.fraction != 0);
                QCOMPARE(levels, (std::size_t(1) << bits) + 1);
            } else {
                QCOMPARE(levels, std::size_t(1) << bits);
            }
        }
    }
}

// I3, with row quantizers that scale along.
void NormFoldTest::anyScaleDoes()
{
    const NormCase norm(40, 48, 4, 3);
    const NormFold usual = foldNorm(norm.channels, FoldZeros::Mean);
    const auto mean = static_cast<double>(usual.layer.scale(0));
    const auto outputsAt = [&](double scale, std::vector<Doubles>& weightCodes) {
        const NormFold fold = foldTo(norm.channels, scale, usual.layer.zero(0));
        const Doubles gamma = fold.foldedGamma(norm.gamma);
        const Doubles beta = fold.foldedBeta(norm.beta);
        const Doubles bias = fold.foldedBias(norm.weight.matrix(), norm.bias);
        weightCodes.clear();
        std::vector<Doubles> weights;
        for (std::size_t r = 0; r < 12; ++r) {
            Doubles row;
            for (std::size_t d = 0; d < norm.features; ++d)
                row.push_back(norm.w(r, d) * fold.ratio[d]);
            const RowCodes codes = quantizedRow(row);
            weightCodes.push_back(codes.codes);
            weights.push_back(codes.values);
        }
        Doubles outputs;
        for (std::size_t t = 0; t < norm.tokens; ++t)
            for (std::size_t r = 0; r < 12; ++r) {
                double sum = bias[r];
                for (std::size_t d = 0; d < norm.features; ++d) {
                    const double x = foldedOutput(norm, gamma, beta, t, d);
                    const double code = layerCode(fold.layer, x, d);
                    if (code != norm.channelCode(t, d))
                        return Doubles();
                    sum += weights[r][d] * static_cast<double>(fold.layer.scale(0)) *
                           (code - fold.layer.zero(0));
                }
                outputs.push_back(sum);
            }
        return outputs;
    };
    std::vector<Doubles> usualCodes;
    const Doubles expected = outputsAt(mean, usualCodes);
    QVERIFY(!expected.empty());
    for (const double factor : {0.1, 0.5, 1.7, 2.0, 100.0}) {
        std::vector<Doubles> codes;
        const Doubles outputs = outputsAt(mean * factor, codes);
        QVERIFY(!outputs.empty());
        QVERIFY(codes == usualCodes);
        QVERIFY(largestDifference(outputs, expected) < 1e-12);
    }
    // The same of the library's own rows, where a factor of 2 rounds nothing.
    const NormFold twice = foldTo(norm.channels, 2 * mean, usual.layer.zero(0));
    const Tensor one = usual.foldedWeight(norm.weight.matrix());
    const Tensor half = twice.foldedWeight(norm.weight.matrix());
    for (std::int64_t r = 0; r < 12; ++r) {
        const InputBounds a = boundsOf(one.matrix().row(r), 4, InputRange::Percentile);
        const InputBounds b = boundsOf(half.matrix().row(r), 4, InputRange::Percentile);
        QVERIFY(a.step.scale == 2 * b.step.scale);
        QCOMPARE(a.step.zero, b.step.zero);
    }
}

// I4: with a bias of the weights as they are stored, or corrected by means; not with W~'s.
void NormFoldTest::anyZeroDoes()
{
    const NormCase norm(50, 48, 4, 4);
    enum class Bias
    {
        OfQuantized,
        Corrected,
        OfFloats,
    };
    const auto outputsAt = [&](std::int32_t zero, Bias kind) {
        const auto scale =
            static_cast<double>(foldNorm(norm.channels, FoldZeros::Mean).layer.scale(0));
        const NormFold fold = foldTo(norm.channels, scale, zero);
        const Doubles gamma = fold.foldedGamma(norm.gamma);
        const Doubles beta = fold.foldedBeta(norm.beta);
        Tensor weight = fold.foldedWeight(norm.weight.matrix());
        for (std::int64_t r = 0; r < 12; ++r) {
            const std::span<float> row = weight.matrix().row(r);
            const Doubles exact(row.begin(), row.end());
            const RowCodes codes = quantizedRow(exact);
            std::copy(codes.values.begin(), codes.values.end(), row.begin());
        }
        // In the folded domain the shift is s̃·r2.
        NormFold ofQuantized = fold;
        for (std::size_t d = 0; d < norm.features; ++d)
            ofQuantized.shift[d] /= fold.ratio[d];
        const Doubles bias = kind == Bias::OfFloats
                                 ? fold.foldedBias(norm.weight.matrix(), norm.bias)
                                 : ofQuantized.foldedBias(weight.matrix(), norm.bias);
        Doubles outputs;
        Doubles means(12);
        for (std::size_t t = 0; t < norm.tokens; ++t)
            for (std::size_t r = 0; r < 12; ++r) {
                double sum = kind == Bias::Corrected ? 0 : bias[r];
                for (std::size_t d = 0; d < norm.features; ++d) {
                    const double x = foldedOutput(norm, gamma, beta, t, d);
                    sum += static_cast<double>(weight.floats()[r * norm.features + d]) *
                           static_cast<double>(fold.layer.scale(0)) *
                           (layerCode(fold.layer, x, d) - zero);
                }
                outputs.push_back(sum);
                means[r] += sum / static_cast<double>(norm.tokens);
            }
        if (kind == Bias::Corrected)
            for (std::size_t i = 0; i < outputs.size(); ++i)
                outputs[i] -= means[i % 12];
        return outputs;
    };
    for (const Bias kind : {Bias::OfQuantized, Bias::Corrected, Bias::OfFloats}) {
        const Doubles expected = outputsAt(7, kind);
        for (const std::int32_t zero : {-300, 0, 8, 15, 1000}) {
            const double difference = largestDifference(outputsAt(zero, kind), expected);
            // The library's shift is of s, this one's of s̃: what cancels is 2⁻⁵³ of 1000 steps.
            if (kind == Bias::OfFloats)
                QVERIFY(difference > 1e-3);
            else
                QVERIFY(difference < 1e-12);
        }
    }
}

// V12 and section 3.6: what a token of zeros becomes.
void NormFoldTest::paddedTokens()
{
    const NormCase norm(300, 40, 4, 12);
    const NormFold fold = foldNorm(norm.channels, FoldZeros::Mean);
    const Doubles pad = fold.foldedBeta({}); // (0 + s⊙r2)/r1 = s̃·r2
    const Doubles bias = fold.foldedBias(norm.weight.matrix(), norm.bias);
    const auto scale = static_cast<double>(fold.layer.scale(0));
    int shifted = 0;
    for (std::size_t d = 0; d < norm.features; ++d) {
        const std::int32_t zero = norm.channels.zero(d);
        shifted += zero != fold.layer.zero(0) ? 1 : 0;
        QVERIFY(isClose(pad[d], scale * (zero - fold.layer.zero(0)), 1e-12, 1e-15));
        const double code = layerCode(fold.layer, pad[d], d);
        QVERIFY(code == std::clamp(static_cast<double>(zero), 0.0, 15.0));
    }
    QVERIFY(shifted > 20);
    for (std::size_t r = 0; r < 12; ++r) {
        double sum = bias[r];
        double wrong = bias[r];
        for (std::size_t d = 0; d < norm.features; ++d)
            sum += norm.w(r, d) * fold.ratio[d] * pad[d];
        QVERIFY(isClose(sum, static_cast<double>(norm.bias[r]), 1e-12, 1e-12));
        // A padding of zeros is wrong by −W·(s⊙r2).
        wrong -= static_cast<double>(norm.bias[r]);
        QVERIFY(std::fabs(wrong) > 1e-6);
    }
}

// I11 and section 3.7: a β of its own, or zeros that stay where they are.
void NormFoldTest::normsWithoutBeta()
{
    NormCase norm(400, 50, 4, 11);
    norm.beta.assign(norm.features, 0);
    for (float& gamma : norm.gamma)
        gamma = std::fabs(gamma);
    // Skewed, or all zeros would be alike.
    for (std::size_t i = 0; i < norm.normalized.size(); ++i) {
        const double share = 0.2 + 0.8 * static_cast<double>(i % norm.features) / 50;
        if (norm.normalized[i] < 0)
            norm.normalized[i] *= share;
    }
    norm.channels = channelGrid(norm.outputs().matrix(), 4, InputRange::Percentile);
    const NormFold moved = foldNorm(norm.channels, FoldZeros::Mean);
    const NormFold kept = foldNorm(norm.channels, FoldZeros::Kept);
    const Doubles gamma = moved.foldedGamma(norm.gamma);
    QVERIFY(gamma == kept.foldedGamma(norm.gamma));
    const Doubles beta = moved.foldedBeta({});
    QVERIFY(kept.foldedBeta({}) == Doubles(norm.features, 0));
    const Doubles bias = moved.foldedBias(norm.weight.matrix(), {});
    QVERIFY(kept.foldedBias(norm.weight.matrix(), {}) == Doubles(12, 0));
    const auto scale = static_cast<double>(kept.layer.scale(0));
    Doubles first;
    Doubles second;
    for (std::size_t t = 0; t < norm.tokens; ++t) {
        Doubles codes;
        for (std::size_t d = 0; d < norm.features; ++d) {
            const double x = norm.normalized[t * norm.features + d] * gamma[d];
            codes.push_back(layerCode(kept.layer, x, d));
            QVERIFY(layerCode(moved.layer, x + beta[d], d) == codes.back());
            QVERIFY(norm.channelCode(t, d) == codes.back());
        }
        for (std::size_t r = 0; r < 12; ++r) {
            double one = bias[r];
            double two = 0;
            for (std::size_t d = 0; d < norm.features; ++d) {
                const double w = norm.w(r, d) * moved.ratio[d];
                one += w * scale * (codes[d] - moved.layer.zero(0));
                two += w * scale * (codes[d] - kept.layer.zero(d));
            }
            first.push_back(one);
            second.push_back(two);
        }
    }
    QVERIFY(largestDifference(first, second) < 1e-12);
}

/// Section 10, point 3: features whose offset is 10⁴ widths. β cancels in double, and what is left
/// for floats is more exact than the norm's own outputs were.
void NormFoldTest::offsetsFarBeyondTheWidth()
{
    NormCase norm(2000, 40, 4, 31);
    for (std::size_t d = 0; d < norm.features; ++d)
        norm.beta[d] = norm.gamma[d] * 1e4F * 6;
    std::vector<float> scales;
    std::vector<std::int32_t> zeros;
    for (std::size_t d = 0; d < norm.features; ++d) {
        double low = norm.output(0, d);
        double high = low;
        for (std::size_t t = 1; t < norm.tokens; ++t) {
            low = std::min(low, norm.output(t, d));
            high = std::max(high, norm.output(t, d));
        }
        const AffineStep step = affineStep(low, high, 4);
        scales.push_back(step.scale);
        zeros.push_back(step.zero);
    }
    norm.channels = gridOf(4, scales, zeros);
    const NormFold fold = foldNorm(norm.channels, FoldZeros::Mean);
    const Doubles gamma = fold.foldedGamma(norm.gamma);
    const Doubles beta = fold.foldedBeta(norm.beta);
    const Tensor x = norm.outputs();
    std::vector<std::uint8_t> direct(x.floats().size());
    encodeToGrid(norm.channels, x.matrix(), direct.data());
    Tensor moved({2000, 40});
    for (std::size_t i = 0; i < direct.size(); ++i)
        moved.floats()[i] =
            static_cast<float>(norm.normalized[i]) * static_cast<float>(gamma[i % 40]) +
            static_cast<float>(beta[i % 40]);
    std::vector<std::uint8_t> folded(direct.size());
    encodeToGrid(fold.layer, moved.matrix(), folded.data());
    int directWrong = 0;
    int foldedWrong = 0;
    int exactWrong = 0;
    for (std::size_t i = 0; i < direct.size(); ++i) {
        const double code = norm.channelCode(i / 40, i % 40);
        directWrong += direct[i] != code ? 1 : 0;
        foldedWrong += folded[i] != code ? 1 : 0;
        exactWrong +=
            layerCode(fold.layer, foldedOutput(norm, gamma, beta, i / 40, i % 40), i % 40) != code
                ? 1
                : 0;
    }
    qInfo("wrong codes of %zu: %d direct, %d folded", direct.size(), directWrong, foldedWrong);
    QCOMPARE(exactWrong, 0);
    QVERIFY(directWrong > 100);
    QVERIFY(foldedWrong * 10 < directWrong);
}

/// Section 10, point 4: dead features are exact, and a hindrance to no other.
void NormFoldTest::constantFeatures()
{
    NormCase norm(500, 30, 4, 44);
    norm.gamma[3] = 0; // β alone
    norm.gamma[7] = 0;
    norm.beta[7] = 0;
    norm.gamma[9] = 0;
    norm.beta[9] = -5.3F;
    norm.channels = channelGrid(norm.outputs().matrix(), 4, InputRange::Percentile);
    const NormFold fold = foldNorm(norm.channels, FoldZeros::Mean);
    QVERIFY(!fold.layer.validate(30));
    const Doubles gamma = fold.foldedGamma(norm.gamma);
    const Doubles beta = fold.foldedBeta(norm.beta);
    const auto scale = static_cast<double>(fold.layer.scale(0));
    for (std::size_t d = 0; d < norm.features; ++d) {
        QVERIFY(std::isfinite(gamma[d]) && std::isfinite(beta[d]));
        for (std::size_t t = 0; t < norm.tokens; ++t) {
            const double x = foldedOutput(norm, gamma, beta, t, d);
            const double code = layerCode(fold.layer, x, d);
            QVERIFY(code == norm.channelCode(t, d));
            if (d == 3 || d == 7 || d == 9) {
                const double value =
                    fold.ratio[d] * scale * (code - fold.layer.zero(0)) - fold.shift[d];
                QVERIFY(isClose(value, static_cast<double>(norm.beta[d]), 1e-12, 1e-12));
            }
        }
    }
}

void NormFoldTest::smoothing()
{
    const std::vector<float> inputs = {4, 9, 0, 1, 16};
    const std::vector<float> weights = {1, 4, 2, 0, 0.25F};
    QVERIFY(allClose(std::span<const double>(smoothingFactors(inputs, weights, 0.5)),
                     std::span<const double>(Doubles{2, 1.5, 1, 1, 8}), 1e-12, 0));
    QVERIFY(allClose(std::span<const double>(smoothingFactors(inputs, weights, 1)),
                     std::span<const double>(Doubles{4, 9, 1, 1, 16}), 1e-12, 0));
    QVERIFY(allClose(std::span<const double>(smoothingFactors(inputs, weights, 0)),
                     std::span<const double>(Doubles{1, 0.25, 1, 1, 4}), 1e-12, 0));
    // At ½ both sides come out alike.
    RandomStream random(5);
    std::vector<float> x(50);
    std::vector<float> w(50);
    for (std::size_t d = 0; d < 50; ++d) {
        x[d] = static_cast<float>(std::exp(3 * random.normal()));
        w[d] = static_cast<float>(std::exp(random.normal()));
    }
    const Doubles factors = smoothingFactors(x, w, 0.5);
    for (std::size_t d = 0; d < 50; ++d)
        QVERIFY(isClose(static_cast<double>(x[d]) / factors[d],
                        static_cast<double>(w[d]) * factors[d], 1e-12));
    QVERIFY(smoothingFactors({}, {}, 0.5).empty());
}

void NormFoldTest::smoothingRefusesNonsense()
{
    const std::vector<float> one = {1};
    const std::vector<float> infinite = {std::numeric_limits<float>::infinity()};
    for (const double alpha : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()})
        QVERIFY_EXCEPTION_THROWN((void)smoothingFactors(one, one, alpha), Error);
    QVERIFY_EXCEPTION_THROWN((void)smoothingFactors(infinite, one, 0.5), Error);
    QVERIFY_EXCEPTION_THROWN((void)smoothingFactors(one, infinite, 0.5), Error);
}

// I14.
void NormFoldTest::anyNumberOfThreads()
{
    RandomStream random(14);
    std::vector<float> scales;
    std::vector<std::int32_t> zeros;
    for (int d = 0; d < 300; ++d) {
        scales.push_back(static_cast<float>(std::exp(random.normal())));
        zeros.push_back(static_cast<std::int32_t>(random.below(40)) - 10);
    }
    const NormFold fold = foldNorm(gridOf(4, scales, zeros), FoldZeros::Mean);
    Tensor weight({900, 300});
    for (float& value : weight.floats())
        value = static_cast<float>(random.normal());
    const auto run = [&](int threads) {
        const ThreadLimit limit(threads);
        const Tensor folded = fold.foldedWeight(weight.matrix());
        return std::pair(std::vector<float>(folded.floats().begin(), folded.floats().end()),
                         fold.foldedBias(weight.matrix(), {}));
    };
    const auto one = run(1);
    for (const int threads : {2, 3, 8})
        QVERIFY(run(threads) == one);
    for (std::size_t r = 0; r < 900; r += 100) {
        double sum = 0;
        for (std::size_t d = 0; d < 300; ++d) {
            const auto w = static_cast<double>(weight.floats()[r * 300 + d]);
            QVERIFY(one.first[r * 300 + d] == static_cast<float>(w * fold.ratio[d]));
            sum -= w * fold.shift[d];
        }
        QVERIFY(isClose(one.second[r], sum, 1e-12, 1e-12));
    }
}

QTEST_GUILESS_MAIN(NormFoldTest)
#include "tst_norm_fold.moc"
