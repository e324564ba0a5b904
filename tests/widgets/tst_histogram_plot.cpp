// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/support.h"
#include "widgets/plots/histogram_plot.h"
#include "widgets/theme.h"

#include <QApplication>
#include <QFile>
#include <QFileInfo>
#include <QImage>
#include <QSignalSpy>
#include <QTest>

using namespace gradus;

class TestHistogramPlot : public QObject
{
    Q_OBJECT
private:
    static std::shared_ptr<WeightPreview> preview(bool keepFloat = false)
    {
        auto w = std::make_shared<WeightPreview>();
        w->layer = "blocks.0.up";
        w->choice.keepFloat = keepFloat;
        w->moments.count = 60;
        w->original = {-1, 1, {10, 20, 25, 5}, 0, 0};
        if (!keepFloat) {
            w->dequantized = {-1, 1, {0, 30, 30, 0}, 0, 0};
            w->levels = {-0.5f, 0.0f, 0.5f};
            w->clipLow = -0.75;
            w->clipHigh = 0.75;
        }
        return w;
    }
    static QByteArray contents(const QString& path)
    {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }

private Q_SLOTS:
    void showsWhatItIsGiven();
    void saves();
    void cannotSave();
    void draws();
};

void TestHistogramPlot::showsWhatItIsGiven()
{
    HistogramPlot plot;
    QCOMPARE(plot.csv(), QString());
    plot.setPreview(preview());
    const QString expected = "# layer,blocks.0.up\n"
                             "# scheme,\"Round to nearest, 4 bit, per channel, asymmetric\"\n"
                             "# levels,-0.5,0,0.5\n"
                             "# range,-0.75,0.75\n"
                             "from,to,original,quantized\n"
                             "-1,-0.5,10,0\n-0.5,0,20,30\n0,0.5,25,30\n0.5,1,5,0\n";
    QCOMPARE(plot.csv(), expected);
    // What is visible: the header, and the bins that the shown range touches.
    plot.setShownRange(Qt::Horizontal, 0.1, 0.4);
    QCOMPARE(plot.visibleCsv(),
             expected.section(QLatin1Char('\n'), 0, 4) + QStringLiteral("\n0,0.5,25,30\n"));
    plot.setPreview(preview(true));
    QVERIFY(plot.csv().contains("-1,-0.5,10,\n"));
    QVERIFY(!plot.csv().contains("levels"));
    plot.setPreview(nullptr);
    QCOMPARE(plot.csv(), QString());
    QSignalSpy changed(&plot, &HistogramPlot::logScaleChanged);
    const bool before = plot.logScale();
    plot.setLogScale(!before);
    plot.setLogScale(!before);
    QCOMPARE(changed.size(), 1);
}

void TestHistogramPlot::saves()
{
    test::TemporaryFolder folder;
    HistogramPlot plot;
    plot.resize(500, 320);
    plot.setPreview(preview());
    const std::pair<const char*, QByteArray> kinds[] = {
        {"png", "\x89PNG"}, {"svg", "<?xml"}, {"pdf", "%PDF"}, {"csv", "# layer"}};
    for (const auto& [kind, start] : kinds) {
        const QString path =
            QString::fromStdString((folder / std::string("plot.")).string()) + kind;
        QString error;
        QVERIFY2(plot.save(path, &error), qPrintable(error));
        QVERIFY2(contents(path).startsWith(start), kind);
    }
}

void TestHistogramPlot::cannotSave()
{
    test::TemporaryFolder folder;
    HistogramPlot plot;
    plot.setPreview(preview());
    const QString base = QString::fromStdString(folder.path().string());
    QString error;
    QVERIFY(!plot.save(base + "/plot.bmp", &error));
    QVERIFY2(error.contains("bmp"), qPrintable(error));
    for (const char* kind : {"png", "pdf", "csv", "svg"}) {
        error.clear();
        const QString path = base + "/missing/plot." + kind;
        QVERIFY2(!plot.save(path, &error), kind);
        QVERIFY2(error.contains(path), qPrintable(error));
    }
}

/// The empty state, both scales and both themes differ from each other on the screen.
void TestHistogramPlot::draws()
{
    HistogramPlot plot;
    plot.resize(500, 320);
    plot.show();
    QVERIFY(QTest::qWaitForWindowExposed(&plot));
    const auto shot = [&] {
        QCoreApplication::processEvents();
        plot.replotNow();
        return plot.grab().toImage();
    };
    QList<QImage> shots{shot()};
    plot.setPreview(preview());
    shots << shot();
    plot.setLogScale(!plot.logScale());
    shots << shot();
    QApplication::setPalette(themePalette(Theme::Dark));
    shots << shot();
    plot.setPreview(preview(true));
    shots << shot();
    for (int i = 0; i < shots.size(); ++i) {
        for (int j = 0; j < i; ++j)
            QVERIFY2(shots[i] != shots[j], qPrintable(QString("%1 = %2").arg(i).arg(j)));
    }
}

QTEST_MAIN(TestHistogramPlot)
#include "tst_histogram_plot.moc"
