// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/static_settings.h"

#include <QTest>

#include <functional>

using namespace gradus;

namespace {

ActivationChoice eightBits()
{
    ActivationChoice choice;
    choice.bits = 8;
    return choice;
}

StaticSettings settingsOf(const MethodOptions& method,
                          const std::function<void(ActivationChoice&)>& change = {})
{
    ActivationChoice choice = eightBits();
    if (change)
        change(choice);
    return staticSettings(choice, method).value();
}

constexpr auto uniform = [](ActivationChoice& choice) {
    choice.quantizer = ActivationQuantizer::Uniform;
};

} // namespace

class TestStaticSettings : public QObject
{
    Q_OBJECT

private slots:
    void namesComeBack()
    {
        for (const auto value : {ActivationQuantizer::Method, ActivationQuantizer::Power,
                                 ActivationQuantizer::Uniform}) {
            QVERIFY(!activationQuantizerName(value).empty());
            QVERIFY(activationQuantizerFromName(activationQuantizerName(value)) == value);
        }
        for (const auto value :
             {InputGranularity::Method, InputGranularity::Tensor, InputGranularity::Channel}) {
            QVERIFY(!inputGranularityName(value).empty());
            QVERIFY(inputGranularityFromName(inputGranularityName(value)) == value);
        }
        QVERIFY(!activationQuantizerFromName("log"));
        QVERIFY(!inputGranularityFromName("group"));
    }

    void whoTakesUniformGrids()
    {
        for (const MethodDescription& method : methods()) {
            const bool isStatic = isStaticMethod(method.defaults);
            QCOMPARE(isStatic, method.name.find("static") != std::string::npos ||
                                   method.name == "smoothquant" || method.name == "repq-vit" ||
                                   method.name == "repquant");
            ActivationChoice choice = eightBits();
            QVERIFY(quantizerOf(choice, method.defaults) ==
                    (isStatic ? ActivationQuantizer::Uniform : ActivationQuantizer::Power));
            QCOMPARE(staticSettings(choice, method.defaults).has_value(), isStatic);
            // What was said counts, whatever the method.
            choice.quantizer = ActivationQuantizer::Power;
            QVERIFY(!staticSettings(choice, method.defaults));
            choice.quantizer = ActivationQuantizer::Uniform;
            QVERIFY(staticSettings(choice, method.defaults).has_value());
            // Static methods quantize inputs unless they are told not to.
            QCOMPARE(defaultActivation(method.defaults, 5).bits, isStatic ? 5 : 0);
            QVERIFY(!isStatic || method.needsCalibration);
        }
    }

    void everyBitZeroIsNothing()
    {
        ActivationChoice choice;
        const MethodOptions method = RepquantOptions{};
        QVERIFY(!staticSettings(choice, method));
        choice.attentionBits = 0;
        choice.probabilityBits = 0;
        QVERIFY(!staticSettings(choice, method));
        choice.probabilityBits = 6; // the softmax alone
        const auto softmax = staticSettings(choice, method);
        QVERIFY(softmax.has_value());
        QCOMPARE(softmax->bits, 0);
        QCOMPARE(softmax->attentionBits, 0);
        QCOMPARE(softmax->probabilityBits, 6);
    }

    void bitsOfAttentionFollowTheInputs()
    {
        const StaticSettings follows = settingsOf(MinmaxStaticOptions{});
        QCOMPARE(follows.bits, 8);
        QCOMPARE(follows.attentionBits, 8);
        QCOMPARE(follows.probabilityBits, 8);
        const StaticSettings own = settingsOf(MinmaxStaticOptions{}, [](auto& choice) {
            choice.attentionBits = 4;
            choice.probabilityBits = 0;
        });
        QCOMPARE(own.bits, 8);
        QCOMPARE(own.attentionBits, 4);
        QCOMPARE(own.probabilityBits, 0);
    }

    void whatTheMethodsAskFor()
    {
        StaticSettings expected;
        expected.range = InputRange::MinMax;
        expected.weights = RtnOptions{};
        QVERIFY(settingsOf(MinmaxStaticOptions{}) == expected);
        MinmaxStaticOptions fqVit;
        fqVit.softmax = ProbabilityQuantizer::Log2;
        expected.probabilities = ProbabilityQuantizer::Log2;
        QVERIFY(settingsOf(fqVit) == expected);
        expected.probabilities = ProbabilityQuantizer::Uniform;

        expected.range = InputRange::Percentile;
        expected.weights = PercentileStaticOptions{};
        QVERIFY(settingsOf(PercentileStaticOptions{}) == expected);
        expected.range = InputRange::Mse;
        expected.weights = RtnMseOptions{};
        QVERIFY(settingsOf(MseStaticOptions{}) == expected);

        expected.range = InputRange::MinMax;
        expected.weights = RtnOptions{};
        expected.smoothing = 0.5;
        QVERIFY(settingsOf(SmoothquantOptions{}) == expected);
        expected.smoothing.reset();

        expected = {};
        expected.range = InputRange::Percentile;
        expected.byChannel = true;
        expected.probabilities = ProbabilityQuantizer::LogSqrt2;
        expected.weights = PercentileStaticOptions{};
        QVERIFY(settingsOf(RepqVitOptions{}) == expected);
        expected.zeros = FoldZeros::Fractional;
        RepqVitOptions repqVit;
        repqVit.fractionalZeros = true;
        QVERIFY(settingsOf(repqVit) == expected);
        expected.zeroState = ZeroState::Extra;
        repqVit.zeroState = ZeroState::Extra;
        repqVit.staleRanges = true;
        expected.stale = true;
        QVERIFY(settingsOf(repqVit) == expected);
        RepqVitOptions official; // the same by one switch, whatever the others say
        official.official = true;
        official.zeroState = ZeroState::None;
        QVERIFY(settingsOf(official) == expected);

        expected = {};
        expected.range = InputRange::Percentile;
        expected.byChannel = true;
        expected.clipping = ClipSearch::Grid;
        expected.probabilities = ProbabilityQuantizer::LogSqrt2;
        expected.reconstruct = true;
        expected.weights = GptqOptions{};
        QVERIFY(settingsOf(RepquantOptions{}) == expected);
        RepquantOptions repquant;
        repquant.clipping = ClipSearch::Learned;
        repquant.reconstruct = false;
        repquant.lambda = 0.25;
        repquant.asymmetric = false;
        repquant.softmax = ProbabilityQuantizer::Log2;
        repquant.zeroState = ZeroState::None;
        repquant.weights = ReconstructedWeight::Nupes;
        expected.clipping = ClipSearch::Learned;
        expected.reconstruct = false;
        expected.lambda = 0.25;
        expected.asymmetric = false;
        expected.probabilities = ProbabilityQuantizer::Log2;
        expected.zeroState = ZeroState::None;
        expected.weights = NupesOptions{};
        QVERIFY(settingsOf(repquant) == expected);
    }

    void otherMethodsStayTheWeights()
    {
        StaticSettings expected;
        expected.range = InputRange::Percentile;
        for (const MethodDescription& method : methods()) {
            if (isStaticMethod(method.defaults))
                continue;
            expected.weights = method.defaults;
            QVERIFY(settingsOf(method.defaults, uniform) == expected);
        }
    }

    void whatIsSaidOfInputsWins()
    {
        const StaticSettings tensor = settingsOf(RepquantOptions{}, [](auto& choice) {
            choice.granularity = InputGranularity::Tensor;
            choice.range = InputRange::Mse;
            choice.softmax = ProbabilityQuantizer::Uniform;
        });
        QVERIFY(!tensor.byChannel);
        QVERIFY(tensor.clipping == ClipSearch::None); // of channels
        QVERIFY(tensor.range == InputRange::Mse);
        QVERIFY(tensor.probabilities == ProbabilityQuantizer::Uniform);
        QVERIFY(tensor.reconstruct);
        // A fold by channel leaves nothing to smooth.
        const StaticSettings channel = settingsOf(SmoothquantOptions{}, [](auto& choice) {
            choice.granularity = InputGranularity::Channel;
        });
        QVERIFY(channel.byChannel);
        QVERIFY(!channel.smoothing);
        const StaticSettings weights = settingsOf(GptqOptions{}, [](auto& choice) {
            choice.quantizer = ActivationQuantizer::Uniform;
            choice.granularity = InputGranularity::Channel;
        });
        QVERIFY(weights.byChannel);
        QVERIFY(weights.zeros == FoldZeros::Mean);
    }

    void weightMethods()
    {
        for (const MethodDescription& method : methods()) {
            const MethodOptions weights = weightMethod(method.defaults);
            QVERIFY(weightMethod(weights) == weights);
            if (!isStaticMethod(method.defaults)) {
                QVERIFY(weights == method.defaults);
                QCOMPARE(weightNeedsCalibration(method.defaults), method.needsCalibration);
            }
        }
        RepquantOptions options;
        QVERIFY(weightNeedsCalibration(options));
        options.weights = ReconstructedWeight::Rtn;
        QVERIFY(weightMethod(options) == MethodOptions(RtnOptions{}));
        QVERIFY(!weightNeedsCalibration(options));
        QVERIFY(!weightNeedsCalibration(RepqVitOptions{}));
        options.weights = ReconstructedWeight::Decoupleq;
        const auto decoupleq = std::get<DecoupleqOptions>(weightMethod(options));
        QVERIFY(!decoupleq.blockStage && !decoupleq.fineTune);
        // What is stored is what that makes.
        Scheme scheme;
        QVERIFY(storedScheme(scheme, options).floatZeros);
        QVERIFY(powerGridOf(options) == nullptr);
        options.weights = ReconstructedWeight::Nupes;
        QVERIFY(storedScheme(scheme, options).levels == Levels::Power);
        const MethodOptions nupes = options;
        QVERIFY(powerGridOf(nupes) != nullptr);
        QCOMPARE(storedExtras(scheme, nupes, 4, 8).exponents, std::int64_t(1));
        QVERIFY(storedScheme(scheme, MinmaxStaticOptions{}) == scheme);
    }
};

QTEST_APPLESS_MAIN(TestStaticSettings)
#include "tst_static_settings.moc"
