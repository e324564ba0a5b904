// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/parallel.h"
#include "core/session/capture.h"
#include "core/session/quantize.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;
using namespace gradus::test;

namespace {

const std::filesystem::path sample =
    std::filesystem::path(GRADUS_SOURCE_DIR) / "resources/samples/lm-kjv-3M";

using Captured = std::map<std::string, std::shared_ptr<const InputStatistics>>;

CaptureRequest request()
{
    CaptureRequest request;
    request.model = openModel(sample);
    request.calibration.data = (sample / "calibration.txt").string();
    request.calibration.samples = 5;
    request.calibration.context = 48;
    request.seed = 2;
    return request;
}

class Notes final : public Monitor
{
public:
    void note(std::string_view line) override { text += line; }
    void report(double fraction, std::string_view) override
    {
        rising = rising && fraction >= last && fraction <= 1;
        last = fraction;
    }
    std::string text;
    double last = 0;
    bool rising = true;
};

Captured capture(const CaptureRequest& request, Monitor& monitor)
{
    Captured captured;
    captureInputs(request, monitor,
                  [&](const Layer& layer, std::shared_ptr<const InputStatistics> inputs) {
                      captured[layer.name] = std::move(inputs);
                  });
    return captured;
}

bool equal(const InputStatistics& a, const InputStatistics& b)
{
    return a.features == b.features && a.rows == b.rows && a.hessian == b.hessian &&
           a.minimum == b.minimum && a.maximum == b.maximum && a.secondMoment == b.secondMoment;
}

} // namespace

class TestCapture : public QObject
{
    Q_OBJECT

private slots:
    void equalsWhatQuantizeSees()
    {
        const CaptureRequest wanted = request();
        Notes monitor;
        const Captured captured = capture(wanted, monitor);
        QVERIFY(monitor.rising);
        QCOMPARE(monitor.last, 1.0);
        QVERIFY2(monitor.text.empty(), monitor.text.c_str());

        QuantizeRequest quantization;
        quantization.model = wanted.model;
        quantization.recipe.calibration = wanted.calibration;
        quantization.recipe.calibration.mode = CalibrationMode::Float;
        quantization.recipe.seed = wanted.seed;
        Rule all; // the head, too
        all.pattern = ".";
        all.choice = quantization.recipe.standard;
        quantization.recipe.rules.push_back(all);
        Captured seen;
        quantization.inputSink = [&](const Layer& layer,
                                     std::shared_ptr<const InputStatistics> inputs) {
            seen[layer.name] = std::move(inputs);
        };
        Monitor silent;
        (void)quantize(quantization, silent);
        std::size_t linear = 0;
        for (const Layer& layer : wanted.model->layers)
            linear += layer.kind == LayerKind::Linear ? 1 : 0;
        QCOMPARE(captured.size(), linear);
        QCOMPARE(seen.size(), linear);
        for (const auto& [name, inputs] : seen) {
            QVERIFY2(equal(*inputs, *captured.at(name)), name.c_str());
            QCOMPARE(inputs->rows, 5 * 48);
        }
        // One object for layers that read one input.
        QCOMPARE(captured.at("model.layers.0.self_attn.q_proj"),
                 captured.at("model.layers.0.self_attn.v_proj"));
        QVERIFY(captured.at("model.layers.0.self_attn.q_proj") !=
                captured.at("model.layers.0.self_attn.o_proj"));
    }

    void isTheSameForAnyNumberOfThreads()
    {
        Monitor monitor;
        const Captured all = capture(request(), monitor);
        const ThreadLimit one(1);
        for (const auto& [name, inputs] : capture(request(), monitor))
            QVERIFY2(equal(*inputs, *all.at(name)), name.c_str());
    }

    void hessiansStayWithinTheBudget()
    {
        Monitor silent;
        CaptureRequest wanted = request();
        const Captured all = capture(wanted, silent);
        std::uint64_t bytes = 0;
        std::set<const InputStatistics*> distinct;
        for (const auto& [name, inputs] : all)
            if (distinct.insert(inputs.get()).second)
                bytes += inputs->hessian.size() * sizeof(double);

        wanted.memoryBytes = bytes; // half of them
        Notes monitor;
        const Captured some = capture(wanted, monitor);
        QVERIFY2(monitor.text.find("half of the memory budget") != std::string::npos,
                 monitor.text.c_str());
        std::uint64_t kept = 0;
        std::size_t smallestLeftOut = std::size_t(-1);
        std::size_t largestKept = 0;
        distinct.clear();
        for (const auto& [name, inputs] : some) {
            const InputStatistics& expected = *all.at(name);
            QVERIFY(inputs->minimum == expected.minimum);
            QVERIFY(inputs->maximum == expected.maximum);
            QVERIFY(allClose(std::span<const double>(inputs->secondMoment),
                             std::span<const double>(expected.secondMoment), 1e-5, 0));
            if (inputs->hessian.empty()) {
                smallestLeftOut = std::min(smallestLeftOut, expected.hessian.size());
                continue;
            }
            QVERIFY(inputs->hessian == expected.hessian);
            largestKept = std::max(largestKept, inputs->hessian.size());
            if (distinct.insert(inputs.get()).second)
                kept += inputs->hessian.size() * sizeof(double);
        }
        QVERIFY(kept > 0 && kept <= bytes / 2);
        QVERIFY(largestKept <= smallestLeftOut);
        // Full: not even one more would have fitted.
        QVERIFY(kept + smallestLeftOut * sizeof(double) > bytes / 2);
    }

    void cancels()
    {
        for (int k = 0; k < 40; ++k) {
            StopAt stop(k);
            QVERIFY_EXCEPTION_THROWN(capture(request(), stop), Cancelled);
        }
    }

    void badRequestsAreSaid()
    {
        Monitor monitor;
        CaptureRequest wanted = request();
        wanted.calibration.data.clear();
        QVERIFY_EXCEPTION_THROWN(capture(wanted, monitor), Error);
        auto model = std::make_shared<Model>(*wanted.model);
        model->whyNotRunnable = "its architecture is unknown";
        wanted = request();
        wanted.model = model;
        QVERIFY_EXCEPTION_THROWN(capture(wanted, monitor), Error);
    }
};

QTEST_APPLESS_MAIN(TestCapture)
#include "tst_capture.moc"
