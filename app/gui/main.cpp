// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/command_line.h"
#include "app/gui/main_window.h"
#include "app/gui/startup.h"
#include "app/gui/translation.h"
#include "core/session/sensitivity_store.h"
#include "widgets/text.h"
#include "widgets/workbench_style.h"

#include <QApplication>
#include <QLoggingCategory>
#include <QStandardPaths>
#include <QTimer>

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

bool isUnset(const char* variable)
{
    const char* value = std::getenv(variable);
    return !value || !*value;
}

/// What Qt says of a machine without a desktop is of no use to somebody who asked for pictures.
void quietMessages(QtMsgType type, const QMessageLogContext&, const QString& text)
{
    if (type == QtDebugMsg || text.contains(QLatin1String("propagateSizeHints")) ||
        text.contains(QLatin1String("XDG_RUNTIME_DIR")))
        return;
    std::fprintf(stderr, "%s\n", qPrintable(text));
}

} // namespace

int main(int argc, char** argv)
{
    using namespace gradus;
    CommandLine line;
    if (const std::optional<int> status = readCommandLine(argc, argv, line))
        return *status;
    const bool shots = !line.screenshotFolder.empty();
    if (isUnset("QT_QPA_PLATFORM") && isUnset("DISPLAY") && isUnset("WAYLAND_DISPLAY")) {
        if (!shots) {
            std::fprintf(stderr, "gradus: there is no display; use gradus-cli, or --screenshot DIR "
                                 "to render without one\n");
            return 1;
        }
        qputenv("QT_QPA_PLATFORM", "offscreen");
    }
    if (shots) {
        // The same pixels on every machine, whatever its display is scaled by.
        qputenv("QT_ENABLE_HIGHDPI_SCALING", "0");
        qInstallMessageHandler(quietMessages);
    }

    QApplication::setStyle(new WorkbenchStyle); // the application takes it
    QApplication app(argc, argv);
    QCoreApplication::setOrganizationName(QStringLiteral("gradus"));
    QCoreApplication::setApplicationName(QStringLiteral("gradus"));
    QCoreApplication::setApplicationVersion(QStringLiteral(GRADUS_VERSION));
    QGuiApplication::setApplicationDisplayName(QStringLiteral("Gradus"));
    QGuiApplication::setDesktopFileName(QStringLiteral("gradus"));
    Theme theme = shots ? Theme::Light : systemTheme();
    if (line.theme == "dark" || line.theme == "light")
        theme = line.theme == "dark" ? Theme::Dark : Theme::Light;
    applyTheme(theme);
    const QString chosen = !line.language.empty() ? QString::fromStdString(line.language)
                           : shots                ? QStringLiteral("en")
                                                  : Settings(true).language();
    installTranslation(app, chosen);

    MainWindow::Options options;
    options.remember = !shots;
    options.confirmClose = !shots;
    options.fixedTheme = shots || (!line.theme.empty() && line.theme != "system");
    options.size = QSize(line.width, line.height);
    if (!shots) { // pictures neither see what a person has nor change it
        options.sessions = QStandardPaths::writableLocation(QStandardPaths::AppLocalDataLocation) +
                           QStringLiteral("/sessions");
        options.cache = pathText(sensitivityCacheFolder());
    }
    MainWindow window(options);

    StartupRequest request;
    request.model = QString::fromStdString(line.model);
    request.recipe = QString::fromStdString(line.recipe);
    request.run = QString::fromStdString(line.run);
    request.calibration = QString::fromStdString(line.calibration);
    request.capture = line.capture;
    request.quantize = line.quantize;
    if (!line.exportFormat.empty())
        request.exportFormat = exportFormatFromName(line.exportFormat);
    request.exportPath = QString::fromStdString(line.exportPath);
    request.screenshotFolder = QString::fromStdString(line.screenshotFolder);
    Startup startup(&window, request);
    QObject::connect(&startup, &Startup::finished, &app, [shots](const QString& why) {
        if (!why.isEmpty())
            std::fprintf(stderr, "gradus: %s\n", qPrintable(why));
        if (shots)
            QCoreApplication::exit(why.isEmpty() ? 0 : 1);
    });
    window.show();
    if (!shots)
        window.offerRecovery();
    QTimer::singleShot(0, &startup, &Startup::begin);
    return QApplication::exec();
}
