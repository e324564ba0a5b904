// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/export/export.h"
#include "core/session/forecast.h"
#include "core/session/quantize.h"
#include "tests/support/support.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

ForecastRequest request(CalibrationMode mode = CalibrationMode::Float)
{
    ForecastRequest request;
    request.model = openModel(sample);
    request.recipe.standard.method = GptqOptions{};
    request.recipe.calibration.data = (sample / "calibration.txt").string();
    request.recipe.calibration.samples = 6;
    request.recipe.calibration.context = 256;
    request.recipe.calibration.mode = mode;
    request.machine = {1e11, 2e10, 1e9, 2e9, 1e10, 1e9};
    return request;
}

/// Seconds when nothing but one of the machine's speeds takes time: the count of that.
double countOf(ForecastRequest request, double MachineSpeed::*speed)
{
    request.machine = {};
    request.machine.*speed = 1;
    request.toFile = false;
    return forecast(request).seconds;
}

/// Float operations of the sample's products, window by window and tile by tile.
double bruteFlops(const Model& model, const ForecastRequest& request, bool advanceTwice)
{
    const std::int64_t length = request.recipe.calibration.context;
    const std::int64_t windows = request.recipe.calibration.samples;
    double passes = 0;
    double gram = 0;
    double layers = 0;
    const auto blocks = static_cast<int>(model.blocks.size());
    for (const Layer& layer : model.layers) {
        if (layer.kind != LayerKind::Linear || layer.block < 0)
            continue;
        const std::int64_t times = advanceTwice && layer.block + 1 < blocks ? 2 : 1;
        for (std::int64_t w = 0; w < windows * times; ++w)
            passes += 2.0 * static_cast<double>(length * layer.rows * layer.cols);
        // Both traces of the relative output error, then GPTQ's rows, padded to panels of 64.
        layers += 2 * static_cast<double>(layer.rows * layer.cols * layer.cols);
        layers += static_cast<double>((layer.rows + 63) / 64 * 64 * layer.cols * layer.cols);
    }
    for (int block = 0; block < blocks; ++block) {
        const int times = advanceTwice && block + 1 < blocks ? 2 : 1;
        for (std::int64_t query = 0; query < length; query += 128) {
            const std::int64_t keys = query + 128; // 6 heads of 32, scores and values
            passes += static_cast<double>(times * windows) * 6 *
                      static_cast<double>(2 * 2 * 128 * keys * 32);
        }
        for (const std::int64_t d : {192, 192, 192, 512}) // attention, output, up, down
            for (std::int64_t row = 0; row < d; row += 256)
                for (std::int64_t col = 0; col <= row; col += 256)
                    gram += 2.0 * static_cast<double>(windows * length *
                                                      std::min(d - row, std::int64_t(256)) *
                                                      std::min(d - col, std::int64_t(256)));
    }
    return passes + gram + layers;
}

} // namespace

class TestForecast : public QObject
{
    Q_OBJECT

private slots:
    void sizesAreExact()
    {
        ForecastRequest wanted = request();
        wanted.recipe.calibration = {};
        wanted.recipe.standard.method = RtnOptions{};
        Rule rule;
        rule.pattern = "mlp";
        rule.choice = wanted.recipe.standard;
        rule.choice.scheme.bits = 3;
        rule.choice.scheme.granularity = Granularity::Group;
        rule.choice.scheme.groupSize = 48;
        wanted.recipe.rules.push_back(rule);
        const Forecast result = forecast(wanted);

        QuantizeRequest quantization;
        quantization.model = wanted.model;
        quantization.recipe = wanted.recipe;
        Monitor monitor;
        const auto run = quantize(quantization, monitor);
        QCOMPARE(result.storedBytes, run->totals.bytes);
        QCOMPARE(result.floatBytes, run->totals.floatBytes);

        const TemporaryFolder folder;
        ExportRequest target;
        target.model = wanted.model;
        target.run = run;
        target.output = folder / "export";
        (void)exportRun(target, monitor);
        const std::filesystem::path file = folder / "export" / "model.safetensors";
        std::uint64_t header = 0;
        std::ifstream(file, std::ios::binary).read(reinterpret_cast<char*>(&header), 8);
        QCOMPARE(result.safetensorsBytes, std::filesystem::file_size(file) - 8 - header);
    }

    void flopsAreThoseOfABruteSum()
    {
        for (const bool sequential : {false, true}) {
            const ForecastRequest wanted =
                request(sequential ? CalibrationMode::Sequential : CalibrationMode::Float);
            QVERIFY(isClose(countOf(wanted, &MachineSpeed::flopsPerSecond),
                            bruteFlops(*wanted.model, wanted, sequential), 1e-9));
        }
    }

    void hashedBytesAreThoseOfTheFiles()
    {
        const ForecastRequest wanted = request();
        std::uint64_t bytes = std::filesystem::file_size(sample / "calibration.txt");
        for (const TensorInfo& info : wanted.model->source.tensors->tensors())
            bytes += info.bytes;
        QVERIFY(isClose(countOf(wanted, &MachineSpeed::hashBytesPerSecond),
                        static_cast<double>(bytes), 1e-12));
    }

    void partsAddUp()
    {
        ForecastRequest wanted = request();
        const Forecast result = forecast(wanted);
        double seconds = 0;
        std::uint64_t largest = 0;
        std::vector<std::string> stages;
        for (const ForecastPart& part : result.parts) {
            QVERIFY(part.seconds > 0);
            seconds += part.seconds;
            largest = std::max(largest, part.memoryBytes);
            stages.emplace_back(forecastStageName(part.stage));
        }
        QVERIFY(isClose(seconds, result.seconds, 1e-12));
        QVERIFY(result.peakMemoryBytes > largest);
        QCOMPARE(stages, (std::vector<std::string>{"reading", "calibration", "hessians", "solving",
                                                   "measuring", "writing"}));
        wanted.correction = 2.5;
        QVERIFY(isClose(forecast(wanted).seconds, 2.5 * result.seconds, 1e-12));
        QCOMPARE(forecast(wanted).peakMemoryBytes, result.peakMemoryBytes);
    }

    void methodsArePartsOfTheirOwn()
    {
        ForecastRequest wanted = request();
        Rule rule;
        rule.pattern = "mlp";
        rule.choice.method = RtnMseOptions{};
        wanted.recipe.rules.push_back(rule);
        std::map<std::string, std::int64_t> layers;
        for (const ForecastPart& part : forecast(wanted).parts)
            if (part.stage == ForecastPart::Stage::Solving)
                layers[part.method] = part.layers;
        QCOMPARE(layers, (std::map<std::string, std::int64_t>{{"gptq", 24}, {"rtn-mse", 18}}));
    }

    void moreOfAnythingTakesMore()
    {
        for (const CalibrationMode mode : {CalibrationMode::Float, CalibrationMode::Sequential}) {
            Forecast last = forecast(request(mode));
            const auto grows = [&](const ForecastRequest& wanted, bool memory) {
                const Forecast next = forecast(wanted);
                const bool more = next.seconds > last.seconds &&
                                  (memory ? next.peakMemoryBytes > last.peakMemoryBytes
                                          : next.peakMemoryBytes >= last.peakMemoryBytes);
                last = next;
                return more;
            };
            ForecastRequest wanted = request(mode);
            for (const int samples : {12, 24, 48}) {
                wanted.recipe.calibration.samples = samples;
                QVERIFY(grows(wanted, true));
            }
            wanted.recipe.calibration.context = 512;
            QVERIFY(grows(wanted, false));
            Rule rule; // and with the head
            rule.pattern = "mlp";
            rule.choice.method = GptqOptions{};
            std::get<GptqOptions>(rule.choice.method).mseClip = true;
            wanted.recipe.rules.push_back(rule);
            QVERIFY(grows(wanted, false));
        }
        QVERIFY(forecast(request(CalibrationMode::Sequential)).seconds >
                forecast(request(CalibrationMode::Float)).seconds);
    }

    void onlyWhatIsComputedCounts()
    {
        const Forecast whole = forecast(request());
        ForecastRequest part = request();
        part.only = std::set<std::string>{"model.layers.1.mlp.down_proj"};
        const Forecast first = forecast(part);
        part.only = std::set<std::string>{"model.layers.4.mlp.down_proj"};
        const Forecast later = forecast(part);
        QVERIFY(first.seconds < later.seconds); // more blocks before it
        QVERIFY(later.seconds < whole.seconds);
        QCOMPARE(later.storedBytes, whole.storedBytes); // sizes are the recipe's
        part.only->clear();
        for (const ForecastPart& rest : forecast(part).parts)
            QVERIFY(rest.stage == ForecastPart::Stage::Reading ||
                    rest.stage == ForecastPart::Stage::Writing);
    }

    void windowsAreThoseTheTextHolds()
    {
        ForecastRequest wanted = request();
        wanted.recipe.calibration.samples = 1000000;
        const double bound = forecast(wanted).seconds;
        // The text has 220 KB: fewer than 900 windows of 256 tokens.
        wanted.recipe.calibration.samples = 900;
        QCOMPARE(forecast(wanted).seconds, bound);
        wanted.windows = 100; // as a run has found
        QVERIFY(forecast(wanted).seconds < bound / 5);
    }

    void memoryStaysNearTheBudget()
    {
        // Hidden states beyond a quarter of the budget are spilled and count no more.
        ForecastRequest wanted = request();
        wanted.memoryBytes = std::uint64_t(8) << 20;
        wanted.windows = 100;
        const auto some = forecast(wanted).peakMemoryBytes;
        wanted.windows = 10000;
        QCOMPARE(forecast(wanted).peakMemoryBytes, some);
        wanted.memoryBytes = std::uint64_t(8) << 30;
        QVERIFY(forecast(wanted).peakMemoryBytes > std::uint64_t(10000) * 256 * 192 * 4);
    }

    void modelsThatCannotRunAreForecastWithoutCalibration()
    {
        const TemporaryFolder folder;
        std::filesystem::copy_file(sample / "model.safetensors", folder / "model.safetensors");
        ForecastRequest wanted = request();
        wanted.model = openModel(folder / "model.safetensors");
        QVERIFY(!wanted.model->canRun());
        wanted.recipe.calibration = {};
        wanted.recipe.standard.method = RtnOptions{};
        const Forecast result = forecast(wanted);
        QVERIFY(result.seconds > 0);
        QVERIFY(result.storedBytes > 0);
    }

    void machineIsMeasured()
    {
        Monitor monitor;
        const MachineSpeed speed = measureMachine(monitor);
        for (const double value :
             {speed.flopsPerSecond, speed.doubleFlopsPerSecond, speed.exponentialsPerSecond,
              speed.roundingsPerSecond, speed.bytesPerSecond, speed.hashBytesPerSecond})
            QVERIFY(std::isfinite(value) && value > 1e5);
        QVERIFY(speed.flopsPerSecond > speed.exponentialsPerSecond);
        StopAt stop(3);
        QVERIFY_EXCEPTION_THROWN((void)measureMachine(stop), Cancelled);
    }

    void correctionIsLearnt()
    {
        // A machine that always takes three times the uncorrected forecast.
        double correction = 1;
        for (int run = 0; run < 12; ++run)
            correction = learnCorrection(correction, 10 * correction, 30);
        QVERIFY(isClose(correction, 3, 1e-3));
        QCOMPARE(learnCorrection(1, 1, 1e9), 20.0);
        QCOMPARE(learnCorrection(1, 1e9, 1), 0.05);
        QCOMPARE(learnCorrection(2, 0, 1), 2.0);
        QCOMPARE(learnCorrection(2, 1, std::numeric_limits<double>::quiet_NaN()), 2.0);
    }
};

QTEST_APPLESS_MAIN(TestForecast)
#include "tst_forecast.moc"
