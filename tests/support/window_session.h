// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/main_window.h"
#include "widgets/panels/message_bar.h"

#include <QAction>
#include <QElapsedTimer>
#include <QProcessEnvironment>
#include <QTest>
#include <QToolButton>

#include <functional>
#include <optional>

namespace gradus::test {

inline QString samplePath()
{
    return QStringLiteral(GRADUS_SOURCE_DIR "/resources/samples/lm-kjv-3M");
}

/// A window that remembers nothing and asks nothing.
inline MainWindow::Options quiet()
{
    MainWindow::Options options;
    options.remember = false;
    options.confirmClose = false;
    return options;
}

/// Runs a verb and waits for its end.
inline bool await(const std::function<void(Workbench::Then)>& verb)
{
    std::optional<bool> result;
    verb([&](bool ok) { result = ok; });
    QElapsedTimer clock;
    clock.start();
    while (!result && clock.elapsed() < 120'000)
        QTest::qWait(5);
    return result.value_or(false);
}

inline bool planned(MainWindow& window)
{
    return QTest::qWaitFor(
        [&] { return window.workbench()->isPlanned() && window.workbench()->document()->plan(); },
        60'000);
}

/// Few calibration tokens, so that a run takes a moment; many, so that it can be interrupted.
inline bool setTokens(MainWindow& window, std::int64_t samples, std::int64_t context)
{
    Document* document = window.workbench()->document();
    CalibrationChoice calibration = document->recipe().calibration;
    calibration.samples = samples;
    calibration.context = context;
    document->setCalibration(calibration, QStringLiteral("calibration"));
    return planned(window);
}

/// Opens the sample, waits for the plan; runs are short.
inline bool openSample(MainWindow& window, const QString& path = samplePath())
{
    Workbench* bench = window.workbench();
    return await([&](auto then) { bench->openModel(path, then); }) && setTokens(window, 2, 64);
}

/// The action of a menu with this text, ampersands aside; nullptr if none or several.
inline QAction* menuAction(MainWindow& window, const QString& text)
{
    QAction* found = nullptr;
    const QList<QAction*> all = window.findChildren<QAction*>();
    for (QAction* each : all) {
        if (each->text().remove(QLatin1Char('&')) != text)
            continue;
        if (found)
            return nullptr;
        found = each;
    }
    return found;
}

/// Clicks the button that a message offers. False when there is none of this text.
inline bool clickMessage(MainWindow& window, const QString& text)
{
    const auto* bar = window.findChild<MessageBar*>();
    if (!bar || !bar->isVisibleTo(&window) || !bar->actionTexts().contains(text))
        return false;
    for (QToolButton* each : bar->findChildren<QToolButton*>()) {
        if (each->text() == text) {
            each->click();
            return true;
        }
    }
    return false;
}

/// A run's equality that counts: the layers' codes and numbers.
inline bool sameResults(const Run& a, const Run& b)
{
    if (a.layers.size() != b.layers.size())
        return false;
    const auto bits = [](double x, double y) { return std::memcmp(&x, &y, sizeof x) == 0; };
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
        const LayerResult& x = a.layers[i];
        const LayerResult& y = b.layers[i];
        if (x.name != y.name || !(x.choice == y.choice) || !x.weight != !y.weight ||
            (x.weight &&
             !(x.weight->codes == y.weight->codes && x.weight->scales == y.weight->scales &&
               x.weight->zeros == y.weight->zeros)) ||
            !bits(x.weightSqnrDb, y.weightSqnrDb) ||
            !bits(x.relativeOutputError, y.relativeOutputError))
            return false;
    }
    return true;
}

} // namespace gradus::test
