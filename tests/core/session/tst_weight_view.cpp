// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/eval/metrics.h"
#include "core/quant/comparable_weight.h"
#include "core/quant/grid.h"
#include "core/quant/solve.h"
#include "core/session/weight_view.h"
#include "tests/support/quant_oracles.h"
#include "tests/support/sample_model.h"
#include "tests/support/support.h"

#include <QTest>

#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

using namespace gradus;
using namespace gradus::test;

namespace {

constexpr int bins = 50;

std::shared_ptr<const WeightFacts> factsOf(Tensor weight)
{
    auto facts = std::make_shared<WeightFacts>();
    facts->layer = "blocks.0.q";
    facts->weight = std::move(weight);
    const std::span<const float> values = std::as_const(facts->weight).floats();
    facts->moments = moments(values);
    facts->outlierShare = outlierShare(values, facts->moments);
    facts->original = histogram(values, facts->moments.minimum, facts->moments.maximum, bins);
    return facts;
}

std::shared_ptr<const InputStatistics> inputsOf(std::int64_t features)
{
    InputAccumulator accumulator(features, true);
    const Tensor x = correlatedInputs(2 * features, features, 7);
    accumulator.add(x.matrix());
    return std::make_shared<InputStatistics>(accumulator.finish());
}

PreviewRequest requestOf(std::int64_t rows, std::int64_t cols, Granularity granularity)
{
    PreviewRequest request;
    request.facts = factsOf(randomMatrix(rows, cols, 0.05, 4));
    request.choice.scheme.granularity = granularity;
    request.choice.scheme.groupSize = 32;
    request.bins = bins;
    return request;
}

QuantizedWeight solved(const PreviewRequest& request, const MethodOptions& method)
{
    Monitor monitor;
    LayerProblem problem;
    problem.weight = request.facts->weight.matrix();
    problem.scheme = request.choice.scheme;
    problem.inputs = request.inputs;
    return solve(problem, method, monitor).weight;
}

WeightPreview previewed(const PreviewRequest& request)
{
    Monitor monitor;
    return previewWeight(request, monitor);
}

bool same(const Histogram& a, const Histogram& b)
{
    return a.lo == b.lo && a.hi == b.hi && a.counts == b.counts && a.below == b.below &&
           a.above == b.above;
}

/// Everything a preview says, against the separate functions over whole matrices.
void compareWith(const WeightPreview& preview, const PreviewRequest& request,
                 const QuantizedWeight& quantized)
{
    const ConstMatrixView w = request.facts->weight.matrix();
    const Tensor decoded = dequantize(quantized);
    const WeightError error = weightError(w, decoded.matrix());
    QCOMPARE(preview.layer, std::string("blocks.0.q"));
    QCOMPARE(preview.rows, w.rows);
    QVERIFY(preview.weightSqnrDb == error.sqnrDb);
    QVERIFY(preview.weightCosine == error.cosine);
    QCOMPARE(preview.bytes, quantized.size().bytes());
    QVERIFY(preview.bitsPerWeight == quantized.size().bitsPerWeight(w.rows * w.cols));

    QCOMPARE(preview.rowLow.size(), std::size_t(w.rows));
    QCOMPARE(preview.rowHigh.size(), std::size_t(w.rows));
    const int top = quantized.scheme.maximumCode();
    double lowest = 1e30;
    double highest = -1e30;
    for (std::int64_t r = 0; r < w.rows; ++r) {
        float low = 1e30F;
        float high = -1e30F;
        for (std::int64_t c = 0; c < w.cols; ++c) {
            const std::size_t i = quantized.parameterIndex(r, c);
            const UniformGrid grid{quantized.scales[i], int(quantized.zeros[i]), top};
            low = std::min(low, grid.decode(0));
            high = std::max(high, grid.decode(top));
        }
        QVERIFY(preview.rowLow[std::size_t(r)] == low);
        QVERIFY(preview.rowHigh[std::size_t(r)] == high);
        lowest = std::min(lowest, static_cast<double>(low));
        highest = std::max(highest, static_cast<double>(high));
    }
    QCOMPARE(preview.colLow.size(), std::size_t(w.cols));
    QCOMPARE(preview.colHigh.size(), std::size_t(w.cols));
    for (std::int64_t c = 0; c < w.cols; ++c) {
        float low = 1e30F;
        float high = -1e30F;
        for (std::int64_t r = 0; r < w.rows; ++r) {
            const std::size_t i = quantized.parameterIndex(r, c);
            const UniformGrid grid{quantized.scales[i], int(quantized.zeros[i]), top};
            low = std::min(low, grid.decode(0));
            high = std::max(high, grid.decode(top));
        }
        QVERIFY(preview.colLow[std::size_t(c)] == low);
        QVERIFY(preview.colHigh[std::size_t(c)] == high);
    }
    QVERIFY(preview.clipLow == lowest && preview.clipHigh == highest);
    QCOMPARE(preview.levels.size(), std::size_t(top) + 1);
    QVERIFY(std::is_sorted(preview.levels.begin(), preview.levels.end()));
    QVERIFY(preview.levels.front() == quantized.scales[0] * -quantized.zeros[0]);

    const double lo = std::min(lowest, request.facts->moments.minimum);
    const double hi = std::max(highest, request.facts->moments.maximum);
    QVERIFY(same(preview.original, histogram(request.facts->weight.floats(), lo, hi, bins)));
    QVERIFY(same(preview.dequantized, histogram(decoded.floats(), lo, hi, bins)));
    Tensor errors = decoded.clone();
    for (std::size_t i = 0; i < errors.floats().size(); ++i)
        errors.floats()[i] -= request.facts->weight.floats()[i];
    const double most = preview.error.hi;
    QVERIFY(preview.error.lo == -most);
    QVERIFY(isClose(most, error.maximum, 1e-6));
    QVERIFY(same(preview.error, histogram(errors.floats(), -most, most, bins)));
    QCOMPARE(preview.error.below + preview.error.above, std::int64_t(0));
}

} // namespace

class TestWeightView : public QObject
{
    Q_OBJECT

private slots:
    void factsOfALayer()
    {
        const TemporaryFolder folder;
        const auto model = sampleModel(folder / "model");
        Monitor monitor;
        const Layer* layer = model->findLayer("model.layers.0.mlp.down_proj");
        QVERIFY(layer);
        const auto facts = weightFacts(*model, *layer, bins, monitor);
        QCOMPARE(facts->layer, layer->name);
        QCOMPARE(facts->weight.shape(), (Shape{64, 96}));
        const Moments m = moments(facts->weight.floats());
        QVERIFY(m.std == facts->moments.std && m.count == 64 * 96);
        QVERIFY(
            same(facts->original, histogram(facts->weight.floats(), m.minimum, m.maximum, bins)));
        QVERIFY(facts->outlierShare == outlierShare(facts->weight.floats(), m));
    }

    void agreesWithTheSeparateFunctions()
    {
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (const bool symmetric : {false, true})
                for (const int bits : {2, 4, 8})
                    for (const bool clip : {false, true}) {
                        PreviewRequest request = requestOf(90, 1100, granularity);
                        request.choice.scheme.bits = bits;
                        request.choice.scheme.symmetric = symmetric;
                        if (clip)
                            request.choice.scheme.clip = {-0.06F, 0.09F};
                        const WeightPreview preview = previewed(request);
                        QVERIFY(!preview.fromRun && preview.choice == request.choice);
                        QVERIFY(std::isnan(preview.relativeOutputError));
                        QVERIFY(preview.outputErrorRows == 0 && preview.exact());
                        compareWith(preview, request, solved(request, RtnOptions{}));
                    }
    }

    void methodsArePreviewedByTheirRounding()
    {
        PreviewRequest request = requestOf(20, 70, Granularity::Group);
        RtnMseOptions mse;
        mse.steps = 20;
        request.choice.method = mse;
        compareWith(previewed(request), request, solved(request, mse));
        GptqOptions gptq;
        request.choice.method = gptq;
        compareWith(previewed(request), request, solved(request, RtnOptions{}));
        gptq.mseClip = true;
        request.choice.method = gptq;
        compareWith(previewed(request), request, solved(request, RtnMseOptions{}));
    }

    void aRunsOwnCodesAreShown()
    {
        PreviewRequest request = requestOf(40, 64, Granularity::Group);
        request.inputs = inputsOf(64);
        GptqOptions gptq;
        gptq.actOrder = true;
        gptq.staticGroups = false;
        request.choice.method = gptq;
        const auto run = std::make_shared<QuantizedWeight>(solved(request, gptq));
        QVERIFY(!run->groupIndex.empty());
        request.fromRun = run;
        const WeightPreview preview = previewed(request);
        QVERIFY(preview.fromRun);
        compareWith(preview, request, *run);
        const Tensor decoded = dequantize(*run);
        QVERIFY(isClose(preview.relativeOutputError,
                        relativeOutputError(request.facts->weight.matrix(), decoded.matrix(),
                                            request.inputs->hessian),
                        1e-5));
        request.fromRun.reset();
        QVERIFY(previewed(request).relativeOutputError > preview.relativeOutputError);
    }

    /// Behind a folded norm the stored weight is near to W·diag(ratio).
    void foldedWeightsAreComparedWithTheModels()
    {
        for (const auto granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group}) {
            PreviewRequest request = requestOf(40, 96, granularity);
            request.inputs = inputsOf(96);
            request.choice.scheme.bits = 8; // one row's columns are of very different sizes
            request.choice.method = RepqVitOptions{};
            request.choice.activation.bits = 8;
            QVERIFY(!previewed(request).ofMethod); // the fold is not known without a run
            auto inputs = std::make_shared<StaticInputs>();
            for (int c = 0; c < 96; ++c)
                inputs->ratio.push_back(c % 7 == 0 ? 6.0F : 0.5F + 0.01F * static_cast<float>(c));
            const ConstMatrixView w = request.facts->weight.matrix();
            PreviewRequest folded = request;
            Tensor product = request.facts->weight.clone();
            for (std::int64_t r = 0; r < w.rows; ++r)
                for (std::size_t c = 0; c < 96; ++c)
                    product.matrix().row(r)[c] *= inputs->ratio[c];
            folded.facts = factsOf(std::move(product));
            const auto run = std::make_shared<QuantizedWeight>(solved(folded, RtnOptions{}));
            request.fromRun = run;
            request.staticInputs = inputs;
            const WeightPreview preview = previewed(request);
            QVERIFY(preview.fromRun && preview.ofMethod);
            const Tensor decoded = comparableWeight(*run, inputs->ratio);
            // Judged by what the fold made of the weight (but for the roundings of Ŵ/ratio ·
            // ratio).
            const WeightError error =
                weightError(folded.facts->weight.matrix(), dequantize(*run).matrix());
            QVERIFY(isClose(preview.weightSqnrDb, error.sqnrDb, 1e-5));
            QVERIFY(preview.weightSqnrDb > 10);
            QVERIFY(isClose(preview.relativeOutputError,
                            relativeOutputError(w, decoded.matrix(), request.inputs->hessian),
                            1e-5));
            // Ends of levels hold what was made of them.
            QVERIFY(preview.levels.empty());
            bool everywhere = true;
            for (std::int64_t r = 0; r < w.rows; ++r)
                for (std::size_t c = 0; c < 96; ++c) {
                    const float value = std::as_const(decoded).matrix().row(r)[c];
                    everywhere = everywhere && value >= preview.colLow[c] &&
                                 value <= preview.colHigh[c] &&
                                 value >= preview.rowLow[std::size_t(r)] &&
                                 value <= preview.rowHigh[std::size_t(r)];
                }
            QVERIFY(everywhere);
            QVERIFY(preview.colHigh[0] < preview.colHigh[1]); // divided by 6, and by 0.51
            // Without the ratio it would be another weight.
            request.staticInputs.reset();
            QVERIFY(previewed(request).weightSqnrDb < preview.weightSqnrDb - 3);
        }
    }

    /// A grouped convolution: each row is judged by the Hessian of its own group.
    void groupsHaveHessiansOfTheirOwn()
    {
        constexpr std::int64_t groups = 4;
        PreviewRequest request = requestOf(24, 9, Granularity::Channel);
        auto inputs = std::make_shared<InputStatistics>();
        inputs->features = 9;
        inputs->groups = groups;
        std::vector<std::vector<double>> hessians;
        for (std::int64_t g = 0; g < groups; ++g) {
            hessians.push_back(inputsOf(9)->hessian);
            for (double& each : hessians.back())
                each *= std::pow(10.0, static_cast<double>(g)); // none can stand for another
            inputs->hessian.insert(inputs->hessian.end(), hessians.back().begin(),
                                   hessians.back().end());
        }
        request.inputs = inputs;
        const Tensor decoded = dequantize(solved(request, RtnOptions{}));
        const ConstMatrixView weight = request.facts->weight.matrix();
        Monitor monitor;
        const auto energies = outputEnergies(*request.facts, *inputs, monitor);
        QCOMPARE(energies->size(), std::size_t(24));
        for (const std::int64_t rows : {0, 1, 5, 7, 24})
            for (const bool kept : {false, true}) {
                request.outputErrorRows = rows;
                request.energies = kept ? energies : nullptr;
                const WeightPreview preview = previewed(request);
                const std::int64_t count = rows > 0 ? rows : 24;
                double error = 0;
                double whole = 0;
                for (std::int64_t i = 0; i < count; ++i) {
                    const std::int64_t r = (2 * i + 1) * 24 / (2 * count);
                    const std::vector<double>& hessian = hessians[static_cast<std::size_t>(r / 6)];
                    const auto w = weight.block(r, 0, 1, 9);
                    error += oracleOutputError(w, decoded.matrix().row(r), hessian);
                    whole += oracleOutputError(w, {}, hessian);
                }
                QVERIFY(isClose(preview.relativeOutputError, error / whole, 1e-4));
            }
        // Groups that do not fit are refused.
        auto wrong = std::make_shared<InputStatistics>();
        wrong->features = 9;
        wrong->groups = 5;
        wrong->hessian = inputs->hessian;
        QVERIFY_EXCEPTION_THROWN((void)outputEnergies(*request.facts, *wrong, monitor), Error);
        request.inputs = wrong;
        request.energies = nullptr;
        QVERIFY_EXCEPTION_THROWN((void)previewed(request), Error);
        wrong->groups = 2;
        QVERIFY_EXCEPTION_THROWN((void)previewed(request), Error);
    }

    void outputErrorIsExactOrEstimated()
    {
        PreviewRequest request = requestOf(600, 128, Granularity::Channel);
        request.inputs = inputsOf(128);
        const WeightPreview exact = previewed(request);
        const Tensor decoded = dequantize(solved(request, RtnOptions{}));
        const double expected = relativeOutputError(request.facts->weight.matrix(),
                                                    decoded.matrix(), request.inputs->hessian);
        QVERIFY(isClose(exact.relativeOutputError, expected, 1e-5));
        QVERIFY(exact.exact() && exact.outputErrorRows == 600);
        Monitor monitor;
        request.energies = outputEnergies(*request.facts, *request.inputs, monitor);
        QVERIFY(isClose(previewed(request).relativeOutputError, expected, 1e-5));
        for (const std::int64_t rows : {1, 7, 64, 599, 600, 5000})
            for (const bool kept : {false, true}) {
                request.outputErrorRows = rows;
                request.energies =
                    kept ? outputEnergies(*request.facts, *request.inputs, monitor) : nullptr;
                const WeightPreview preview = previewed(request);
                QCOMPARE(preview.outputErrorRows, std::min<std::int64_t>(rows, 600));
                QVERIFY(preview.exact() == (rows >= 600));
                // By hand over the rows in the middles of as many equal parts.
                double error = 0;
                double whole = 0;
                for (std::int64_t i = 0; i < preview.outputErrorRows; ++i) {
                    const std::int64_t r = (2 * i + 1) * 600 / (2 * preview.outputErrorRows);
                    const auto w = request.facts->weight.matrix().block(r, 0, 1, 128);
                    error += oracleOutputError(w, decoded.matrix().row(r), request.inputs->hessian);
                    whole += oracleOutputError(w, {}, request.inputs->hessian);
                }
                QVERIFY(isClose(preview.relativeOutputError, error / whole, 1e-4));
                if (rows >= 64)
                    QVERIFY(isClose(preview.relativeOutputError, expected, 0.1));
                // All else does not depend on the sample.
                QVERIFY(preview.weightSqnrDb == exact.weightSqnrDb);
                QVERIFY(same(preview.error, exact.error));
            }
    }

    void awkwardLayers()
    {
        Monitor monitor;
        for (const float value : {0.0F, 0.3F, -1e-8F}) {
            PreviewRequest request = requestOf(3, 5, Granularity::Channel);
            Tensor constant(Shape{3, 5});
            std::fill(constant.floats().begin(), constant.floats().end(), value);
            request.facts = factsOf(std::move(constant));
            request.inputs = inputsOf(5);
            const WeightPreview preview = previewed(request);
            QCOMPARE(std::accumulate(preview.dequantized.counts.begin(),
                                     preview.dequantized.counts.end(), std::int64_t(0)),
                     std::int64_t(15));
            QVERIFY(preview.dequantized.hi > preview.dequantized.lo);
            QVERIFY(preview.error.hi > 0);
            if (value == 0) {
                QVERIFY(preview.weightCosine == 1);
                QVERIFY(std::isnan(preview.relativeOutputError));
            }
        }
        PreviewRequest kept = requestOf(3, 5, Granularity::Channel);
        kept.choice.keepFloat = true;
        kept.inputs = inputsOf(5);
        const WeightPreview preview = previewed(kept);
        QVERIFY(preview.dequantized.counts.empty() && preview.error.counts.empty());
        QVERIFY(preview.levels.empty() && preview.bytes == 0 && preview.exact());
        QVERIFY(same(preview.original, kept.facts->original));
        kept.bins = 9;
        QCOMPARE(previewed(kept).original.counts.size(), std::size_t(9));
        // Inputs that are always zero say nothing.
        PreviewRequest dead = requestOf(3, 5, Granularity::Channel);
        auto zero = std::make_shared<InputStatistics>();
        zero->features = 5;
        zero->hessian.resize(25);
        dead.inputs = zero;
        QVERIFY(std::isnan(previewed(dead).relativeOutputError));
        zero->hessian.clear(); // only ranges were captured
        QVERIFY(previewed(dead).outputErrorRows == 0);
    }

    void refusesWhatDoesNotFit()
    {
        const auto code = [](const PreviewRequest& request) {
            try {
                (void)previewed(request);
            } catch (const Error& error) {
                return std::pair(error.code(),
                                 std::string(error.what()).find("blocks.0.q") != std::string::npos);
            }
            return std::pair(ErrorCode::Internal, false);
        };
        PreviewRequest request = requestOf(4, 64, Granularity::Channel);
        request.inputs = inputsOf(32);
        QCOMPARE(code(request), std::pair(ErrorCode::Shape, true));
        request.inputs = inputsOf(64);
        request.energies = std::make_shared<std::vector<double>>(3);
        QCOMPARE(code(request), std::pair(ErrorCode::Shape, true));
        request.energies.reset();
        request.fromRun = std::make_shared<QuantizedWeight>(
            solved(requestOf(5, 64, Granularity::Channel), RtnOptions{}));
        QCOMPARE(code(request), std::pair(ErrorCode::Shape, true));
        request.fromRun.reset();
        request.choice.scheme.bits = 1;
        QCOMPARE(code(request).first, ErrorCode::Usage);
    }

    void sameBitsForAnyNumberOfThreads()
    {
        PreviewRequest request = requestOf(700, 600, Granularity::Group);
        request.inputs = inputsOf(600);
        for (const std::int64_t rows : {0, 50}) {
            request.outputErrorRows = rows;
            const auto with = [&](int threads) {
                const ThreadLimit limit(threads);
                const WeightPreview p = previewed(request);
                return std::tuple(p.weightSqnrDb, p.weightCosine, p.relativeOutputError,
                                  p.error.counts, p.dequantized.counts, p.original.counts);
            };
            const auto one = with(1);
            QVERIFY(with(2) == one);
            QVERIFY(with(4) == one);
        }
    }

    /// PowerQuant is shown as it will be, NUPES by the grid that it starts from.
    void powerGridsByThemselvesOrTheirStart()
    {
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (const int bits : {2, 4, 8}) {
                PreviewRequest request = requestOf(40, 96, granularity);
                request.choice.scheme.bits = bits;
                PowerquantOptions options;
                options.outliers = 0.01;
                request.choice.method = options;
                const QuantizedWeight quantized = solved(request, options);
                WeightPreview preview = previewed(request);
                QVERIFY(preview.ofMethod && !preview.fromRun);
                QCOMPARE(preview.bytes, quantized.size().bytes());
                const WeightError error =
                    weightError(request.facts->weight.matrix(), dequantize(quantized).matrix());
                QVERIFY(preview.weightSqnrDb == error.sqnrDb);
                QVERIFY(preview.exponentLow == static_cast<double>(quantized.exponents[0]));
                QVERIFY(preview.exponentHigh == preview.exponentLow);
                QCOMPARE(preview.keptFloat, std::int64_t(38)); // 1 % of 3840
                // Levels ascend, are symmetric and end at ± the scale.
                const std::vector<float>& levels = preview.levels;
                const bool midRise = quantized.scheme.levels == Levels::PowerMidRise;
                QCOMPARE(levels.size(), std::size_t((1 << bits) - (midRise ? 0 : 1)));
                QVERIFY(std::is_sorted(levels.begin(), levels.end()));
                for (std::size_t i = 0; i < levels.size(); ++i)
                    QVERIFY(levels[i] == -levels[levels.size() - 1 - i]);
                QVERIFY(levels.back() == quantized.scales[0]);
                // Every weight that is not kept stands on a level within the limits of its row.
                QCOMPARE(preview.rowHigh.size(), std::size_t(40));
                const float highest =
                    *std::max_element(quantized.scales.begin(), quantized.scales.end());
                QVERIFY(preview.clipHigh == static_cast<double>(highest));
                QVERIFY(preview.clipLow == -preview.clipHigh);

                NupesOptions nupes;
                nupes.outliers = 0.01;
                request.choice.method = nupes;
                PowerquantOptions start;
                static_cast<PowerGridOptions&>(start) = nupes;
                start.rounding = PowerRounding::Nearest;
                const QuantizedWeight first = solved(request, start);
                preview = previewed(request);
                QVERIFY(!preview.ofMethod);
                QCOMPARE(preview.bytes, first.size().bytes());
                QVERIFY(preview.exponentLow == static_cast<double>(first.exponents[0]));
            }
    }

    /// What was sorted before serves every later preview of the weight, and changes none.
    void sortedErrorsAreTaken()
    {
        struct Kept
        {
            std::vector<float> scales;
            std::shared_ptr<const PowerErrors> errors;
        };
        for (const Granularity granularity :
             {Granularity::Tensor, Granularity::Channel, Granularity::Group})
            for (const PowerClip clip : {PowerClip::None, PowerClip::Common, PowerClip::Granule}) {
                PreviewRequest plain = requestOf(12, 64, granularity);
                PreviewRequest taking = plain;
                std::vector<Kept> kept;
                int asked = 0;
                taking.powerErrors = [&, facts = plain.facts](const Scheme& scheme,
                                                              std::span<const float> scales) {
                    ++asked;
                    for (const Kept& each : kept)
                        if (std::equal(scales.begin(), scales.end(), each.scales.begin(),
                                       each.scales.end()))
                            return each.errors;
                    Monitor monitor;
                    kept.push_back({{scales.begin(), scales.end()},
                                    std::make_shared<const PowerErrors>(PowerErrors::sorted(
                                        facts->weight.matrix(), scheme, scales, monitor))});
                    return kept.back().errors;
                };
                for (const int bits : {2, 4}) {
                    PowerquantOptions options;
                    options.clip = clip;
                    plain.choice.scheme.bits = taking.choice.scheme.bits = bits;
                    plain.choice.method = taking.choice.method = options;
                    const WeightPreview one = previewed(plain);
                    const WeightPreview other = previewed(taking);
                    QVERIFY(one.weightSqnrDb == other.weightSqnrDb);
                    QVERIFY(one.exponentLow == other.exponentLow);
                    QVERIFY(one.levels == other.levels);
                    QVERIFY(one.dequantized.counts == other.dequantized.counts);
                }
                QVERIFY(asked >= 2);
                QCOMPARE(kept.size(), std::size_t(1)); // sorted once for all bits
                // Outliers and rows are other weights; a given exponent needs no errors.
                asked = 0;
                PowerquantOptions options;
                options.exponent = 0.75;
                taking.choice.method = options;
                (void)previewed(taking);
                QCOMPARE(asked, 0);
                options.exponent = 0;
                options.outliers = 0.01;
                plain.choice.method = taking.choice.method = options;
                QVERIFY(previewed(plain).weightSqnrDb == previewed(taking).weightSqnrDb);
                QCOMPARE(asked, 0);
            }
    }

    void exponentsOfRowsAndOfTheModel()
    {
        PreviewRequest request = requestOf(30, 200, Granularity::Channel);
        PowerquantOptions options;
        options.exponentScope = ExponentScope::Row;
        request.choice.method = options;
        WeightPreview preview = previewed(request);
        QVERIFY(preview.exponentLow < preview.exponentHigh);
        options.exponentScope = ExponentScope::Model;
        request.choice.method = options;
        request.modelExponent = 0.625;
        preview = previewed(request);
        QVERIFY(preview.exponentLow == 0.625 && preview.exponentHigh == 0.625);
        QVERIFY(preview.ofMethod);
        request.modelExponent.reset(); // unknown without a run: the layer's own instead
        QVERIFY(!previewed(request).ofMethod);
        options.exponent = 0.75; // given for all layers
        request.choice.method = options;
        preview = previewed(request);
        QVERIFY(preview.ofMethod && preview.exponentLow == 0.75);
        request.choice.method = RtnOptions{};
        preview = previewed(request);
        QVERIFY(std::isnan(preview.exponentLow) && preview.ofMethod);
        request.choice.method = GptqOptions{};
        QVERIFY(!previewed(request).ofMethod);
    }

    void stopsAtEveryCheckpoint()
    {
        PreviewRequest request = requestOf(300, 700, Granularity::Group);
        request.inputs = inputsOf(700);
        int stops = 0;
        for (bool finished = false; !finished && stops < 100;) {
            StopAt monitor(stops);
            try {
                (void)previewWeight(request, monitor);
                finished = true;
            } catch (const Cancelled&) {
                ++stops;
            }
        }
        QVERIFY(stops >= 15 && stops < 100);
    }
};

QTEST_APPLESS_MAIN(TestWeightView)
#include "tst_weight_view.moc"
