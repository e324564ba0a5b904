// SPDX-License-Identifier: GPL-3.0-or-later
//
// Fisher errors against plain loops and differences of the loss, in double.
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/io/npy.h"
#include "core/session/fisher_errors.h"
#include "core/session/quantize.h"
#include "core/session/weight_readers.h"
#include "tests/support/onnx_case_writer.h"
#include "tests/support/sensitivity_tables.h"
#include "tests/support/support.h"
#include "tests/support/tiny_image_model.h"
#include "tests/support/tiny_llama.h"

#include <QTest>

#include <array>
#include <fstream>
#include <functional>
#include <limits>
#include <stdexcept>

using namespace gradus;
using namespace gradus::test;

namespace {

using Vector = std::vector<double>;

/// Images of two channels through a grouped convolution, tanh, a product, tanh, another product to
/// one number.
class SmallNetwork
{
public:
    static constexpr int side = 5;
    static constexpr int pixels = side * side;
    static constexpr int images = 7;

    explicit SmallNetwork(const std::filesystem::path& folder)
    {
        using namespace onnx;
        const auto weight = [&](const std::string& name, const std::vector<std::int64_t>& shape,
                                double scale) {
            RandomStream random(4, name, "small");
            std::vector<float> values(
                static_cast<std::size_t>(elementCount(Shape(shape.begin(), shape.end()))));
            for (float& value : values)
                value = static_cast<float>(scale * random.normal());
            weights[name].assign(values.begin(), values.end());
            return initializer(floats(name, shape, values));
        };
        const std::string graph =
            input("x", 1, {-1, 2, side, side}) + weight("a", {4, 1, 3, 3}, 0.4) +
            weight("b", {3, 4 * pixels}, 0.15) + weight("c", {1, 3}, 1) +
            node("Conv", {"x", "a"}, {"ya"}, attribute("group", 2) + axes("pads", {1, 1, 1, 1})) +
            node("Tanh", {"ya"}, {"ta"}) + node("Flatten", {"ta"}, {"f"}) +
            node("Gemm", {"f", "b"}, {"yb"}, attribute("transB", 1)) +
            node("Tanh", {"yb"}, {"tb"}) +
            node("Gemm", {"tb", "c"}, {"z"}, attribute("transB", 1)) + output("z", 1, {-1, 1});
        std::ofstream(folder / "m.onnx", std::ios::binary) << onnx::model(graph, 13);
        auto made = std::make_shared<Model>(*openModel(folder / "m.onnx"));
        made->task = ModelTask::Other;
        model = made;
        Tensor fed({images, 2, side, side});
        RandomStream random(6);
        for (float& value : fed.floats())
            value = static_cast<float>(random.normal());
        data.assign(fed.floats().begin(), fed.floats().end());
        writeNpy(folder / "x.npy", fed.view());
    }

    /// What a convolution's kernel sees at a pixel of a channel.
    [[nodiscard]] double seen(int image, int channel, int pixel, int tap) const
    {
        const int y = pixel / side + tap / 3 - 1;
        const int x = pixel % side + tap % 3 - 1;
        if (y < 0 || x < 0 || y >= side || x >= side)
            return 0;
        return data[static_cast<std::size_t>((image * 2 + channel) * pixels + y * side + x)];
    }
    [[nodiscard]] Vector convolved(int image, const Vector& kernel) const
    {
        Vector out;
        for (int o = 0; o < 4; ++o)
            for (int p = 0; p < pixels; ++p) {
                double sum = 0;
                for (int t = 0; t < 9; ++t)
                    sum += kernel[static_cast<std::size_t>(o * 9 + t)] * seen(image, o / 2, p, t);
                out.push_back(sum);
            }
        return out;
    }
    [[nodiscard]] static Vector product(const Vector& x, const Vector& weight)
    {
        Vector out;
        for (std::size_t o = 0; o < weight.size() / x.size(); ++o) {
            double sum = 0;
            for (std::size_t i = 0; i < x.size(); ++i)
                sum += weight[o * x.size() + i] * x[i];
            out.push_back(sum);
        }
        return out;
    }
    [[nodiscard]] static Vector bent(Vector x)
    {
        for (double& value : x)
            value = std::tanh(value);
        return x;
    }
    [[nodiscard]] double fromA(const Vector& ya) const
    {
        return fromB(product(bent(ya), weights.at("b")));
    }
    [[nodiscard]] double fromB(const Vector& yb) const
    {
        return product(bent(yb), weights.at("c"))[0];
    }

    std::map<std::string, Vector> weights;
    Vector data;
    std::shared_ptr<const Model> model;
};

bool isNear(float a, double b)
{
    return std::fabs(static_cast<double>(a) - b) < 1e-4;
}

/// The square of Σ over outputs of ∂z/∂y·(y − ŷ), by central differences.
double weighted(const Vector& y, const Vector& rounded,
                const std::function<double(const Vector&)>& rest)
{
    constexpr double step = 1e-5;
    double sum = 0;
    for (std::size_t o = 0; o < y.size(); ++o) {
        Vector up = y;
        Vector down = y;
        up[o] += step;
        down[o] -= step;
        const double slope = (rest(up) - rest(down)) / (2 * step);
        sum += slope * (y[o] - rounded[o]);
    }
    return sum * sum;
}

} // namespace

class TestSensitivityFisher : public QObject
{
    Q_OBJECT

private slots:
    void isWhatDifferencesOfTheOutputSay()
    {
        TemporaryFolder folder;
        const SmallNetwork network(folder.path());
        QCOMPARE(network.model->whyNotRunnable, std::string());
        QCOMPARE(network.model->layers.size(), std::size_t(3));
        SensitivityRequest wanted;
        wanted.model = network.model;
        LayerChoice all = candidate(4, RtnOptions{});
        wanted.recipe.rules = {{".", all}};
        wanted.recipe.calibration.data = (folder / "x.npy").string();
        wanted.recipe.calibration.samples = SmallNetwork::images;
        wanted.candidates = {candidate(2, RtnOptions{}), candidate(3, GptqOptions{})};
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        QCOMPARE(table.unit, SensitivityTable::Unit::OutputShare);
        QCOMPARE(table.rows.size(), std::size_t(3));
        for (std::size_t c = 0; c < table.candidates.size(); ++c) {
            QuantizeRequest quantization;
            quantization.model = network.model;
            quantization.recipe = wanted.recipe;
            quantization.recipe.rules.front().choice = table.candidates[c];
            quantization.recipe.calibration.mode = CalibrationMode::Float;
            const auto run = quantize(quantization, silent);
            std::array<double, 3> sums{};
            double squares = 0;
            std::array<Vector, 3> rounded;
            for (std::size_t l = 0; l < 3; ++l) {
                const Tensor values = dequantize(*run->layers[l].weight);
                rounded[l].assign(values.floats().begin(), values.floats().end());
            }
            for (int n = 0; n < SmallNetwork::images; ++n) {
                const Vector ya = network.convolved(n, network.weights.at("a"));
                const Vector ta = SmallNetwork::bent(ya);
                const Vector yb = SmallNetwork::product(ta, network.weights.at("b"));
                const Vector tb = SmallNetwork::bent(yb);
                const Vector z = SmallNetwork::product(tb, network.weights.at("c"));
                squares += z[0] * z[0];
                sums[0] += weighted(ya, network.convolved(n, rounded[0]),
                                    [&](const Vector& y) { return network.fromA(y); });
                sums[1] += weighted(yb, SmallNetwork::product(ta, rounded[1]),
                                    [&](const Vector& y) { return network.fromB(y); });
                sums[2] += weighted(z, SmallNetwork::product(tb, rounded[2]),
                                    [](const Vector& y) { return y[0]; });
            }
            for (std::size_t l = 0; l < 3; ++l)
                QVERIFY(isClose(table.rows[l].candidates[c].fisher, sums[l] / squares, 1e-4));
        }
    }

    void outcomesAreDrawnFromTheModel()
    {
        TemporaryFolder folder;
        const TinyImageModel tiny(folder / "model");
        constexpr std::int64_t images = 600; // one draw each
        tiny.writeData(folder.path(), images);
        const auto model = tiny.model();
        CalibrationChoice calibration;
        calibration.data = (folder / "images.npy").string();
        calibration.samples = images;
        calibration.mean = {0};
        calibration.deviation = {1};
        Monitor silent;
        const CalibrationSamples samples = calibrationSamples(*model, calibration, 1, {}, silent);
        const Weights weights(model, std::uint64_t(1) << 28);
        std::size_t head = 0;
        while (model->layers[head].name != "head")
            ++head;
        OutputGradients pass(*model, weights, samples, {head}, 1);
        std::vector<std::vector<float>> inputs;
        std::vector<std::vector<float>> gradients;
        pass.run(
            [&](const OutputGradient& gradient) {
                QCOMPARE(gradient.layer, head);
                for (std::int64_t n = 0; n < gradient.inputs.rows; ++n) {
                    const auto x = gradient.inputs.row(n);
                    const auto g = gradient.gradients.row(n);
                    inputs.emplace_back(x.begin(), x.end());
                    gradients.emplace_back(g.begin(), g.end());
                }
            },
            silent);
        QCOMPARE(pass.draws(), 1);
        QCOMPARE(pass.whyNot(head), std::string());
        QCOMPARE(pass.outcomes(), images);
        QCOMPARE(inputs.size(), static_cast<std::size_t>(images));
        // Of a softmax, the slope is p − the outcome's unit vector e; outcomes are drawn with
        // p·|e − p|²/Z and weighted so that the square of the gradient is Z for all of them.
        const auto weight = weights.get("head.weight");
        const auto bias = weights.get("head.bias");
        std::array<double, TinyImageModel::classes> expected{};
        std::array<double, TinyImageModel::classes> drawn{};
        double variance = 0;
        double signs = 0;
        for (std::size_t n = 0; n < inputs.size(); ++n) {
            std::array<double, TinyImageModel::classes> p{};
            double total = 0;
            for (std::size_t c = 0; c < p.size(); ++c) {
                double y = static_cast<double>(bias->floats()[c]);
                for (std::size_t i = 0; i < inputs[n].size(); ++i)
                    y += static_cast<double>(inputs[n][i]) *
                         static_cast<double>(
                             std::as_const(*weight).matrix().row(static_cast<std::int64_t>(c))[i]);
                total += p[c] = std::exp(y);
            }
            for (double& probability : p)
                probability /= total;
            double z = 1;
            for (const double probability : p)
                z -= probability * probability;
            int matches = 0;
            for (std::size_t outcome = 0; outcome < p.size(); ++outcome) {
                std::array<double, TinyImageModel::classes> slope = p;
                slope[outcome] -= 1;
                double w = 0;
                for (const double value : slope)
                    w += value * value;
                expected[outcome] += p[outcome] * w / z;
                for (const double sign : {-1.0, 1.0}) {
                    bool all = true;
                    for (std::size_t c = 0; c < p.size(); ++c)
                        all = all && isNear(gradients[n][c], sign * std::sqrt(z / w) * slope[c]);
                    if (all) {
                        ++matches;
                        drawn[outcome] += 1;
                        signs += sign;
                    }
                }
            }
            QCOMPARE(matches, 1);
            variance += z;
        }
        QVERIFY(std::fabs(signs) < 4.5 * std::sqrt(static_cast<double>(images)));
        for (std::size_t c = 0; c < drawn.size(); ++c)
            QVERIFY(std::fabs(drawn[c] - expected[c]) <
                    4.5 * std::sqrt(expected[c] * (1 - expected[c] / images)));
        QVERIFY(variance > 1); // else there was nothing to draw
    }

    void errorsDoNotDependOnOtherLayers()
    {
        TemporaryFolder folder;
        const TinyImageModel tiny(folder / "model");
        tiny.writeData(folder.path(), 20);
        const auto model = tiny.model();
        CalibrationChoice calibration;
        calibration.data = (folder / "images.npy").string();
        calibration.samples = 20;
        calibration.mean = {0};
        calibration.deviation = {1};
        Monitor silent;
        const CalibrationSamples samples = calibrationSamples(*model, calibration, 1, {}, silent);
        const Weights weights(model, std::uint64_t(1) << 28);
        const auto run = [&] {
            QuantizeRequest request;
            request.model = model;
            request.recipe.standard = candidate(3, RtnOptions{});
            return quantize(request, silent);
        }();
        FisherErrors all(*model, weights, samples, 1);
        for (std::size_t i = 0; i < model->layers.size(); ++i)
            all.want(i, {[&run, i] { return run->layers[i]; }});
        all.run(silent);
        for (std::size_t i = 0; i < model->layers.size(); ++i) {
            FisherErrors one(*model, weights, samples, 1);
            one.want(i, {[&run, i] { return run->layers[i]; }});
            one.run(silent);
            QVERIFY(same(one.error(i, 0), all.error(i, 0)));
            QCOMPARE(one.whyNot(i, 0), std::string());
            QCOMPARE(one.remark(i), all.remark(i));
            const bool spare = model->layers[i].name == "spare"; // which nothing reads
            QCOMPARE(all.remark(i).empty(), !spare);
            QCOMPARE(all.error(i, 0) == 0, spare);
        }
        OutputGradients pass(*model, weights, samples, {0}, 1);
        QCOMPARE(pass.draws(), 4); // of few samples
    }

    void textsAreOfTheirScoredTokens_data()
    {
        QTest::addColumn<int>("windows");
        QTest::addColumn<int>("draws");
        QTest::newRow("few: all rows, of two draws") << 4 << 2;
        QTest::newRow("many: some of the rows") << 80 << 1;
    }

    /// The sum of squares over the rows that are looked at, with what they stand for, by plain
    /// loops.
    void textsAreOfTheirScoredTokens()
    {
        QFETCH(int, windows);
        QFETCH(int, draws);
        constexpr std::int64_t length = 64;
        constexpr std::int64_t mostRows = 4096;
        TemporaryFolder folder;
        TinyLlama tiny;
        tiny.blocks = 1;
        tiny.tied = false;
        tiny.write(folder / "model");
        const auto model = openModel(folder / "model");
        CalibrationSamples samples;
        samples.windows.length = length;
        RandomStream random(9);
        for (std::int64_t i = 0; i < windows * length; ++i)
            samples.windows.tokens.push_back(
                static_cast<Token>(random.below(static_cast<std::uint64_t>(tiny.vocabulary))));
        samples.data = windowsDataset(*model, samples.windows);
        samples.chosen = allSamples(windows);
        samples.context = length;
        const Weights weights(model, std::uint64_t(1) << 28);
        Monitor silent;
        QuantizeRequest request;
        request.model = model;
        request.recipe.rules = {{".", candidate(3, RtnOptions{})}};
        const auto run = quantize(request, silent);
        FisherErrors errors(*model, weights, samples, 1);
        std::vector<std::size_t> layers;
        for (const char* name : {"lm_head", "model.layers.0.mlp.down_proj"}) {
            layers.push_back(
                static_cast<std::size_t>(model->findLayer(name) - model->layers.data()));
            const LayerResult* result = run->find(name);
            QVERIFY(result != nullptr && result->weight != nullptr);
            errors.want(layers.back(), {[result] { return *result; }});
        }
        errors.run(silent);
        struct Rows
        {
            std::vector<Vector> inputs;
            std::vector<Vector> gradients;
        };
        std::map<std::size_t, Rows> seen;
        OutputGradients pass(*model, weights, samples, layers, 1);
        pass.run(
            [&](const OutputGradient& gradient) {
                for (std::int64_t r = 0; r < gradient.inputs.rows; ++r) {
                    const auto x = gradient.inputs.row(r);
                    const auto g = gradient.gradients.row(r);
                    seen[gradient.layer].inputs.emplace_back(x.begin(), x.end());
                    seen[gradient.layer].gradients.emplace_back(g.begin(), g.end());
                }
            },
            silent);
        QCOMPARE(pass.draws(), draws);
        QCOMPARE(pass.outcomes(), windows * (length - 1)); // the last of a window predicts nothing
        for (const std::size_t l : layers) {
            const Layer& layer = model->layers[l];
            const Rows& rows = seen[l];
            const std::int64_t each = layer.name == "lm_head" ? length - 1 : length;
            const std::int64_t all = windows * each * draws;
            QCOMPARE(static_cast<std::int64_t>(rows.inputs.size()), all);
            const Tensor rounded = dequantize(*run->layers[l].weight);
            const auto weight = weights.matrix(layer.weight);
            const auto errorOf = [&](std::int64_t row) {
                const auto at = static_cast<std::size_t>(row);
                double sum = 0;
                for (std::int64_t o = 0; o < layer.rows; ++o) {
                    double moved = 0;
                    for (std::int64_t i = 0; i < layer.cols; ++i) {
                        const auto w = static_cast<std::size_t>(o * layer.cols + i);
                        moved += (static_cast<double>(weight->floats()[w]) -
                                  static_cast<double>(rounded.floats()[w])) *
                                 rows.inputs[at][static_cast<std::size_t>(i)];
                    }
                    const double slope = rows.gradients[at][static_cast<std::size_t>(o)];
                    sum += slope * slope * moved * moved;
                }
                return sum;
            };
            double whole = 0;
            for (std::int64_t row = 0; row < all; ++row)
                whole += errorOf(row);
            // One of each of so many equal parts.
            const std::int64_t parts = std::min(all, mostRows);
            RandomStream picks(1, layer.name, "tokens");
            double picked = 0;
            for (std::int64_t k = 0; k < parts; ++k) {
                const std::int64_t begin = all * k / parts;
                const std::int64_t end = all * (k + 1) / parts;
                picked += errorOf(begin + static_cast<std::int64_t>(picks.below(
                                              static_cast<std::uint64_t>(end - begin))));
            }
            const double unit = 2.0 * windows * (length - 1) * draws;
            const double expected =
                picked * static_cast<double>(all) / static_cast<double>(parts) / unit;
            QVERIFY(isClose(errors.error(l, 0), expected, 1e-4));
            QVERIFY(isClose(errors.error(l, 0), whole / unit, 0.2));
            QVERIFY(errors.whyNot(l, 0).empty() && errors.remark(l).empty());
        }
    }

    void candidatesAreJudgedByThemselves()
    {
        TemporaryFolder folder;
        const TinyImageModel tiny(folder / "model");
        tiny.writeData(folder.path(), 20);
        const auto model = tiny.model();
        CalibrationChoice calibration;
        calibration.data = (folder / "images.npy").string();
        calibration.samples = 20;
        calibration.mean = {0};
        calibration.deviation = {1};
        Monitor silent;
        const CalibrationSamples samples = calibrationSamples(*model, calibration, 1, {}, silent);
        const Weights weights(model, std::uint64_t(1) << 28);
        QuantizeRequest request;
        request.model = model;
        request.recipe.standard = candidate(3, RtnOptions{});
        const auto run = quantize(request, silent);
        LayerResult endless = run->layers[0];
        auto broken = std::make_shared<QuantizedWeight>(*endless.weight);
        broken->scales[0] = std::numeric_limits<float>::infinity();
        endless.weight = broken;
        FisherErrors alone(*model, weights, samples, 1);
        alone.want(0, {[&] { return run->layers[0]; }});
        alone.run(silent);
        FisherErrors both(*model, weights, samples, 1);
        both.want(0, {[&] { return endless; }, [&] { return run->layers[0]; }});
        both.run(silent);
        QVERIFY(std::isnan(both.error(0, 0)) && !both.whyNot(0, 0).empty());
        QVERIFY(same(both.error(0, 1), alone.error(0, 0)) && both.whyNot(0, 1).empty());
    }

    void outputsThatAreZeroHaveNoShares()
    {
        using namespace onnx;
        TemporaryFolder folder;
        const std::string graph = input("x", 1, {-1, 2}) +
                                  initializer(floats("w", {2, 2}, {-1, -0.3F, -0.6F, -2})) +
                                  node("Gemm", {"x", "w"}, {"h"}, attribute("transB", 1)) +
                                  node("Relu", {"h"}, {"z"}) + output("z", 1, {-1, 2});
        std::ofstream(folder / "m.onnx", std::ios::binary) << onnx::model(graph, 13);
        Tensor fed({5, 2});
        for (std::size_t i = 0; i < fed.floats().size(); ++i)
            fed.floats()[i] = static_cast<float>(i + 1);
        writeNpy(folder / "x.npy", fed.view());
        auto model = std::make_shared<Model>(*openModel(folder / "m.onnx"));
        model->task = ModelTask::Other;
        SensitivityRequest wanted;
        wanted.model = model;
        wanted.recipe.rules = {{".", candidate(4, RtnOptions{})}};
        wanted.recipe.calibration.data = (folder / "x.npy").string();
        wanted.candidates = {candidate(3, RtnOptions{})};
        wanted.metric = SensitivityMetric::Divergence;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        const Sensitivity& s = table.rows[0].candidates[0];
        QVERIFY(s.possible && std::isnan(s.fisher) && std::isnan(s.divergence));
        QVERIFY2(s.note.find("all zero") != std::string::npos, s.note.c_str());
        QCOMPARE(*table.best(), SensitivityMetric::Output);
    }

    /// A weight that two nodes read, one that sees zeros alone, and one whose rounding overflows.
    void placesThatAreOutOfTheOrdinaryAreNoted()
    {
        using namespace onnx;
        TemporaryFolder folder;
        const std::string graph =
            input("x", 1, {-1, 2}) + initializer(floats("w", {2, 2}, {1, 0.3F, 0.6F, 2})) +
            initializer(floats("never", {2}, {-1e6F, -1e6F})) +
            initializer(floats("dead", {2, 2}, {1, 0.3F, 0.6F, 2})) +
            initializer(floats("large", {2, 2}, {2.1e38F, 1.2e38F, 1e38F, 1e38F})) +
            node("Gemm", {"x", "w"}, {"a"}, attribute("transB", 1)) + node("Tanh", {"a"}, {"b"}) +
            node("Gemm", {"b", "w"}, {"c"}, attribute("transB", 1)) +
            node("Add", {"c", "never"}, {"n"}) + node("Relu", {"n"}, {"zeros"}) +
            node("Gemm", {"zeros", "dead"}, {"d"}, attribute("transB", 1)) +
            initializer(floats("one", {2}, {1, 1})) + node("Add", {"zeros", "one"}, {"ones"}) +
            node("Gemm", {"ones", "large"}, {"l"}, attribute("transB", 1)) +
            node("Add", {"l", "d"}, {"z"}) + output("z", 1, {-1, 2});
        std::ofstream(folder / "m.onnx", std::ios::binary) << onnx::model(graph, 13);
        Tensor fed({5, 2});
        for (std::size_t i = 0; i < fed.floats().size(); ++i)
            fed.floats()[i] = static_cast<float>(i + 1);
        writeNpy(folder / "x.npy", fed.view());
        auto model = std::make_shared<Model>(*openModel(folder / "m.onnx"));
        QCOMPARE(model->whyNotRunnable, std::string());
        model->task = ModelTask::Classification;
        SensitivityRequest wanted;
        wanted.model = model;
        wanted.recipe.rules = {{".", candidate(4, RtnOptions{})}};
        wanted.recipe.calibration.data = (folder / "x.npy").string();
        wanted.candidates = {candidate(2, RtnOptions{}), candidate(8, RtnOptions{})};
        for (LayerChoice& choice : wanted.candidates)
            choice.scheme.scaleType = DType::F32;
        wanted.metric = SensitivityMetric::Divergence;
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        std::string shown;
        for (const SensitivityTable::Row& row : table.rows)
            for (const Sensitivity& s : row.candidates)
                shown += concat(row.layer, ' ', s.output, ' ', s.fisher, ' ', s.divergence, ' ',
                                s.possible ? "" : "not ", s.note, '\n');
        const auto rowOf = [&](const std::string& weight) -> const SensitivityTable::Row& {
            for (const SensitivityTable::Row& row : table.rows)
                if (model->findLayer(row.layer)->weight == weight)
                    return row;
            throw std::runtime_error(weight);
        };
        QVERIFY2(rowOf("dead").candidates[0].output == 0, shown.c_str());
        QVERIFY2(rowOf("dead").candidates[0].fisher == 0, shown.c_str());
        const auto& large = rowOf("large").candidates;
        QVERIFY2(!large[0].possible && large[1].possible, shown.c_str());
        QVERIFY2(large[0].note.find("not finite") != std::string::npos, shown.c_str());
        QVERIFY2(std::isfinite(large[1].divergence), shown.c_str());
        const std::string& note = rowOf("w").candidates[0].note;
        QVERIFY2(note.find("in 2 places") != std::string::npos, shown.c_str());
        const WeightReaders readers = readersOf(model->graph, "w");
        QCOMPARE(readers.nodes.size(), std::size_t(2));
        QVERIFY(leadToOutput(model->graph, readers));
        QVERIFY(!leadToOutput(model->graph, readersOf(model->graph, "nobody")));
    }

    void operatorsWithoutGradientsAreNamed()
    {
        using namespace onnx;
        TemporaryFolder folder;
        const std::string graph =
            input("x", 1, {-1, 4}) +
            initializer(floats("w", {3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3})) +
            initializer(floats("v", {2, 3}, {1, 0.5F, 2, 1, 3, 1})) +
            node("Gemm", {"x", "w"}, {"h"}, attribute("transB", 1)) +
            node("Floor", {"h"}, {"r"}, {}, "the floor") +
            node("Gemm", {"r", "v"}, {"z"}, attribute("transB", 1)) + output("z", 1, {-1, 2});
        std::ofstream(folder / "m.onnx", std::ios::binary) << onnx::model(graph, 13);
        Tensor fed({5, 4});
        for (std::size_t i = 0; i < fed.floats().size(); ++i)
            fed.floats()[i] = static_cast<float>(i) / 7;
        writeNpy(folder / "x.npy", fed.view());
        SensitivityRequest wanted;
        wanted.model = openModel(folder / "m.onnx");
        wanted.recipe.rules = {{".", candidate(4, RtnOptions{})}};
        wanted.recipe.calibration.data = (folder / "x.npy").string();
        wanted.candidates = {candidate(3, RtnOptions{})};
        Monitor silent;
        const SensitivityTable table = measureSensitivity(wanted, silent);
        QCOMPARE(table.rows.size(), std::size_t(2));
        const Sensitivity& first = table.rows[0].candidates[0];
        QVERIFY(std::isnan(first.fisher) && first.output > 0);
        QVERIFY2(first.note.find("the floor") != std::string::npos, first.note.c_str());
        QVERIFY(table.rows[1].candidates[0].fisher > 0);
        QCOMPARE(*table.best(), SensitivityMetric::Output);
    }
};

QTEST_APPLESS_MAIN(TestSensitivityFisher)
#include "tst_sensitivity_fisher.moc"
