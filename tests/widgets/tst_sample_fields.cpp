// SPDX-License-Identifier: GPL-3.0-or-later
//
// What is asked and shown of data that is no text: the fields, the strip below them, and how the
// run panel places both in a low dock.
#include "tests/support/support.h"
#include "widgets/core_text.h"
#include "widgets/panels/fed_strip.h"
#include "widgets/panels/run_panel.h"
#include "widgets/panels/sample_fields.h"

#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QSignalSpy>
#include <QTest>

#include <limits>

using namespace gradus;

namespace {

FedData fedImages(int count)
{
    FedData fed;
    fed.description = QStringLiteral("300 images, 8 × 8");
    fed.minimum = -1;
    fed.maximum = 1;
    fed.mean = 0.125;
    fed.lookedAt = count;
    for (int i = 0; i < count; ++i) {
        QImage image(8, 8, QImage::Format_RGB32);
        image.fill(QColor::fromHsv(40 * i, 255, 255)); // each its own color
        fed.images.push_back(image);
        fed.captions.append(QString::number(i));
    }
    return fed;
}

template <class T>
T* named(const QWidget& in, const char* name)
{
    for (T* each : in.findChildren<T*>())
        if (each->accessibleName() == QLatin1String(name))
            return each;
    return nullptr;
}

} // namespace

class TestSampleFields : public QObject
{
    Q_OBJECT
private Q_SLOTS:
    void numbers()
    {
        QCOMPARE(numbersFromText(" 1, 2.5;3 "), (std::vector<float>{1, 2.5F, 3}));
        QCOMPARE(numbersFromText(""), std::vector<float>());
        for (const char* bad : {"x", "1 nan", "inf", "1,,x"})
            QVERIFY2(!numbersFromText(bad), bad);
        QCOMPARE(numbersText({127.5F, 0, -3}), QString("127.5 0 -3"));
        const std::vector<float> odd{0.485F, 1.0F / 3};
        QCOMPARE(numbersFromText(numbersText(odd))->front(), odd.front());
    }

    void showsWhatTheKindNeeds()
    {
        QWidget form;
        auto* grid = new QGridLayout(&form);
        SampleFields fields;
        fields.addTo(grid, 0, 2);
        const auto shown = [&](const char* name) {
            const auto* edit = named<QWidget>(form, name);
            return edit && !edit->isHidden();
        };
        fields.setKind(FeedKind::Images, {});
        QVERIFY(shown("Labels") && shown("Mean") && shown("Deviation") && shown("Layout"));
        fields.setKind(FeedKind::Arrays, {});
        QVERIFY(shown("Labels") && shown("Mean") && !shown("Layout"));
        fields.setKind(FeedKind::Tokens, {});
        QVERIFY(shown("Labels") && !shown("Mean"));
        fields.setKind(FeedKind::Text, {});
        QVERIFY(!shown("Labels") && !shown("Mean") && !shown("Layout"));
        // What the model states stands in the empty fields, one number for equal ones.
        const auto* mean = named<QLineEdit>(form, "Mean");
        const auto* deviation = named<QLineEdit>(form, "Deviation");
        fields.setKind(FeedKind::Images, {});
        QCOMPARE(mean->placeholderText(), QString("none stated"));
        ImageInput image;
        image.mean = {127.5F, 127.5F, 127.5F};
        image.deviation = {1, 2, 3};
        fields.setKind(FeedKind::Images, image);
        QCOMPARE(mean->placeholderText(), QString("Model's: 127.5"));
        QCOMPARE(deviation->placeholderText(), QString("Model's: 1 2 3"));
    }

    void valuesGoInAndOut()
    {
        QWidget form;
        auto* grid = new QGridLayout(&form);
        SampleFields fields;
        fields.addTo(grid, 0, 2);
        fields.setKind(FeedKind::Images, {});
        CalibrationChoice choice;
        choice.data = "images.npy";
        choice.labels = "labels.npy";
        choice.mean = {1, 2, 3};
        choice.deviation = {4};
        choice.layout = "nhwc";
        QSignalSpy changed(&fields, &SampleFields::changed);
        fields.setValues(choice);
        QCOMPARE(changed.count(), 0); // showing is not asking
        CalibrationChoice taken;
        taken.data = "images.npy";
        QVERIFY(fields.take(taken));
        QVERIFY(taken == choice);
        // Text that is no number leaves the choice as it was.
        auto* mean = named<QLineEdit>(form, "Mean");
        mean->setText("12 apples");
        QVERIFY(!fields.take(taken));
        QVERIFY(taken == choice);
        mean->setText("7");
        Q_EMIT mean->editingFinished();
        QCOMPARE(changed.count(), 1);
        QCOMPARE(changed.front()[0].toString(), QString("normalization"));
        QVERIFY(fields.take(taken));
        QCOMPARE(taken.mean, std::vector<float>{7});
        named<QLineEdit>(form, "Labels")->clear();
        QCOMPARE(changed.count(), 2);
        QVERIFY(fields.take(taken));
        QVERIFY(taken.labels.empty());
    }

    void stripShowsAllSamples()
    {
        FedStrip strip;
        QVERIFY(strip.isHidden());
        strip.setData(fedImages(8));
        QVERIFY(!strip.isHidden());
        QCOMPARE(strip.imageCount(), 8);
        QCOMPARE(strip.text(), QString("300 images, 8 × 8 · fed: -1 to 1, mean 0.125"));
        auto* row = named<QWidget>(strip, "First samples as they are fed");
        QVERIFY(row);
        QCOMPARE(row->accessibleDescription(), QString("0, 1, 2, 3, 4, 5, 6, 7"));
        for (const int width : {260, 340, 640}) {
            strip.resize(width, strip.layout()->totalHeightForWidth(width));
            (void)strip.grab(); // lays it out
            const QImage drawn = row->grab().toImage();
            QVERIFY2(row->height() >= row->heightForWidth(row->width()),
                     qPrintable(QString("%1 of %2 for %3, strip %4 × %5")
                                    .arg(row->height())
                                    .arg(row->heightForWidth(row->width()))
                                    .arg(row->width())
                                    .arg(strip.width())
                                    .arg(strip.height())));
            // The color of each sample can be found, from left to right.
            int from = 0;
            for (int i = 0; i < 8; ++i) {
                const QRgb wanted = QColor::fromHsv(40 * i, 255, 255).rgb();
                int x = from;
                while (x < drawn.width() && drawn.pixel(x, 8) != wanted)
                    ++x;
                QVERIFY2(x < drawn.width(),
                         qPrintable(QString("%1 of %2 pixels").arg(i).arg(width)));
                from = x;
            }
        }
    }

    void stripWarns()
    {
        FedStrip strip;
        FedData fed = fedImages(1);
        fed.warnings = QStringList{"values are odd", "labels are few"};
        strip.setData(fed);
        QVERIFY(strip.text().endsWith("\n⚠ values are odd\n⚠ labels are few"));
        // Samples that are no floats have no range.
        fed.mean = fed.minimum = fed.maximum = std::numeric_limits<double>::quiet_NaN();
        fed.warnings.clear();
        fed.images.clear();
        strip.setData(fed);
        QCOMPARE(strip.text(), fed.description);
        QCOMPARE(strip.imageCount(), 0);
        FedData problem;
        problem.problem = "there are no images";
        strip.setData(problem);
        QCOMPARE(strip.text(), QString("⚠ there are no images"));
        strip.setBusy();
        QVERIFY(strip.text().startsWith("Looking"));
        strip.clear();
        QVERIFY(strip.isHidden());
    }

    /// A low dock takes room from the log, then scrolls the fields: none is squeezed.
    void lowDocks()
    {
        RunPanel panel;
        panel.setFeed(FeedKind::Images);
        FedData fed = fedImages(8);
        fed.warnings = QStringList{"values lie in 0 … 255, and nothing states a mean"};
        panel.setFed(&fed);
        panel.show();
        for (const int height : {260, 366, 700}) {
            panel.resize(368, height);
            QTest::qWait(20);
            QCOMPARE(panel.height(), height);
            auto* area = panel.findChild<QScrollArea*>();
            QVERIFY(area);
            for (QLineEdit* edit : panel.findChildren<QLineEdit*>())
                if (edit->isVisible() && !qobject_cast<QComboBox*>(edit->parentWidget()) &&
                    !edit->parentWidget()->inherits("QAbstractSpinBox"))
                    QVERIFY2(edit->height() >= edit->minimumSizeHint().height(),
                             qPrintable(edit->accessibleName()));
            const auto* log = panel.findChild<QPlainTextEdit*>();
            QVERIFY(log->height() >= log->minimumHeight());
            QVERIFY(panel.rect().contains(QRect(log->mapTo(&panel, QPoint()), log->size())));
            if (height == 700)
                QCOMPARE(area->verticalScrollBar()->maximum(), 0); // nothing to scroll
        }
    }

    void dataOfModelsThatDoNotRun()
    {
        RunPanel panel;
        panel.setFeed(FeedKind::Arrays);
        auto* data = panel.findChildren<QLineEdit*>().front();
        QVERIFY(data->isEnabled());
        panel.setCannotFeed("The model cannot be run: it has LSTM");
        QVERIFY(!data->isEnabled());
        QCOMPARE(data->placeholderText(), QString("none: the model cannot be run"));
        bool told = false;
        for (const QPushButton* button : panel.findChildren<QPushButton*>())
            told = told || (!button->isEnabled() && button->toolTip().contains("LSTM"));
        QVERIFY(told);
        panel.setCannotFeed({});
        QVERIFY(data->isEnabled());
    }

    void coreSentences()
    {
        // Without a translation they come back as they are, whatever was filled in.
        for (const char* text :
             {"300 images, 224 × 224", "1 image, 8 × 8, gray",
              "values lie in 0 … 255, and nothing states a mean",
              "the file is NCHW, the model wants NHWC: turned",
              "5 labels, up to 12, lie outside of the model's 10 classes; their samples count as "
              "not labeled",
              "what nobody knows %1 of", ""})
            QCOMPARE(coreSentence(text), QString::fromUtf8(text));
    }
};

QTEST_MAIN(TestSampleFields)
#include "tst_sample_fields.moc"
