// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "app/gui/workbench.h"

#include <QObject>

#include <functional>
#include <vector>

namespace gradus {

class MainWindow;

/// What the command line asks of the window, step after step.
struct StartupRequest
{
    QString model;
    QString recipe;
    QString run;
    QString calibration;
    bool capture = false;
    bool quantize = false;
    std::optional<ExportFormat> exportFormat;
    QString exportPath;
    QString screenshotFolder; ///< empty: the window stays open
};

class Startup final : public QObject
{
    Q_OBJECT
public:
    Startup(MainWindow* window, StartupRequest request, QObject* parent = nullptr);
    void begin();

Q_SIGNALS:
    /// All steps are done, or one failed: why is empty or a sentence.
    void finished(const QString& why);

private:
    using Step = std::function<void(Workbench::Then)>;
    void next();
    void whenPlanned(const Workbench::Then& then);
    void screenshots(const Workbench::Then& then);
    void whenSettled(const std::function<void()>& then);

    MainWindow* m_window;
    StartupRequest m_request;
    std::vector<Step> m_steps;
    std::size_t m_at = 0;
    int m_calm = 0;    ///< looks in a row at which nothing was being computed
    QString m_problem; ///< the last failure said by the workbench
};

} // namespace gradus
