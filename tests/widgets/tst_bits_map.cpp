// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/session_runs.h"
#include "tests/support/support.h"
#include "widgets/panels/bits_map_panel.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QFile>
#include <QHelpEvent>
#include <QImage>
#include <QLabel>
#include <QMenu>
#include <QPaintEvent>
#include <QScrollBar>
#include <QTest>
#include <QWheelEvent>

using namespace gradus;
using gradus::test::madeUpModel;
using gradus::test::madeUpRun;
using gradus::test::rowsOf;

using Names = std::vector<std::string>;

namespace {
std::vector<LayerRow> named(const std::vector<std::pair<std::string, int>>& layers)
{
    std::vector<LayerRow> rows;
    for (const auto& [name, block] : layers) {
        LayerRow row;
        row.name = name;
        row.blockIndex = block;
        if (block >= 0)
            row.block = "h." + std::to_string(block);
        rows.push_back(row);
    }
    return rows;
}

QStringList titles(const std::vector<BitsMapLayout::Line>& lines)
{
    QStringList list;
    for (const BitsMapLayout::Line& line : lines)
        list.append(line.title);
    return list;
}
} // namespace

class TestBitsMap : public QObject
{
    Q_OBJECT
private:
    std::shared_ptr<Model> m_model = madeUpModel(4);
    std::shared_ptr<SessionRun> m_run = madeUpRun(1, QStringLiteral("four"), *m_model, 4);
    Recipe m_recipe = m_run->run->recipe;
    std::unique_ptr<BitsMapPanel> m_panel;
    std::vector<Names> m_selections;
    std::vector<std::pair<LayerChoices, QString>> m_edits;
    std::vector<std::pair<Names, bool>> m_locks;

    BitsMap& map() { return *m_panel->map(); }
    void setRows() { m_panel->setRows(rowsOf(*m_model, m_recipe, m_run->results)); }
    QPoint centre(const std::string& layer) { return map().cellRect(layer).center(); }
    void click(const std::string& layer, Qt::KeyboardModifiers modifiers = {})
    {
        QTest::mouseClick(map().viewport(), Qt::LeftButton, modifiers, centre(layer));
    }
    void sweep(const QPoint& from, const QPoint& to, Qt::KeyboardModifiers modifiers = {})
    {
        QWidget* view = map().viewport();
        QTest::mousePress(view, Qt::LeftButton, modifiers, from);
        for (const QPoint& at : {(from + to) / 2, to}) {
            QMouseEvent move(QEvent::MouseMove, at, view->mapToGlobal(at), Qt::NoButton,
                             Qt::LeftButton, modifiers);
            QApplication::sendEvent(view, &move);
        }
        QTest::mouseRelease(view, Qt::LeftButton, modifiers, to);
    }

private Q_SLOTS:
    void init();
    void layouts();
    void layoutsWithoutBlocks();
    void layoutOfContainer();
    void colours();
    void clicksAndSweeps();
    void titlesSelectLines();
    void keysMove();
    void keysEdit();
    void menuEdits();
    void paintsOnlyWhatChanged();
    void zooms();
    void staysInPlace();
    void saves();
    void tellsInWords();
    void manyBlocks();
};

void TestBitsMap::init()
{
    m_recipe = m_run->run->recipe;
    m_selections.clear();
    m_edits.clear();
    m_locks.clear();
    m_panel = std::make_unique<BitsMapPanel>();
    connect(m_panel.get(), &BitsMapPanel::selectionRequested, this,
            [this](const Names& names) { m_selections.push_back(names); });
    connect(m_panel.get(), &BitsMapPanel::editRequested, this,
            [this](const LayerChoices& choices, const QString& text) {
                m_edits.emplace_back(choices, text);
            });
    connect(m_panel.get(), &BitsMapPanel::lockRequested, this,
            [this](const Names& names, bool on) { m_locks.emplace_back(names, on); });
    m_panel->setStandard(m_recipe.standard);
    setRows();
    m_panel->resize(560, 400);
    m_panel->show();
    QVERIFY(QTest::qWaitForWindowExposed(m_panel.get()));
    map().setFocus();
}

void TestBitsMap::layouts()
{
    const BitsMapLayout layout = bitsMapLayout(named({{"embed", -1},
                                                      {"h.0.attn.q", 0},
                                                      {"h.0.attn.out.dense", 0},
                                                      {"h.0.mlp.dense", 0},
                                                      {"h.1.attn.q", 1},
                                                      {"h.1.extra", 1},
                                                      {"head", -1}}));
    QCOMPARE(titles(layout.rows), (QStringList{"0", "1", "embed", "head"}));
    QCOMPARE(titles(layout.columns), (QStringList{"q", "out.dense", "mlp.dense", "extra"}));
    QCOMPARE(layout.columns[1].name, QStringLiteral("attn.out.dense"));
    QCOMPARE(layout.blockRows, 2);
    QCOMPARE(layout.layerAt({1, 0}), 4);
    QCOMPARE(layout.layerAt({1, 1}), -1);
    QCOMPARE(layout.layerAt({1, 3}), 5);
    QCOMPARE(layout.layerAt({2, 0}), 0);
    QCOMPARE(layout.layerAt({3, 0}), 6);
    QVERIFY(bitsMapLayout({}).rows.empty());
    // What every name ends with tells none from another.
    const BitsMapLayout ends = bitsMapLayout(named({{"h.0.query.weight", 0},
                                                    {"h.0.key.weight", 0},
                                                    {"h.1.query.weight", 1},
                                                    {"h.1.key.weight", 1}}));
    QCOMPARE(ends.columns.size(), std::size_t(2));
    QCOMPARE(ends.columns[0].title, QStringLiteral("query"));
    QCOMPARE(ends.columns[1].title, QStringLiteral("key"));
    // A convolutional network whose blocks repeat nothing: all layers in order, not a staircase.
    std::vector<std::pair<std::string, int>> chain;
    for (int i = 0; i < 28; ++i)
        chain.emplace_back("conv_" + std::to_string(i), i);
    const BitsMapLayout strip = bitsMapLayout(named(chain));
    QCOMPARE(strip.blockRows, 0);
    QCOMPARE(strip.width, 8);
    QCOMPARE(strip.places[27].row, 3);
    QCOMPARE(strip.places[27].column, 3);
}

void TestBitsMap::layoutsWithoutBlocks()
{
    // Names tell the blocks, in the order of their numbers.
    const BitsMapLayout layout = bitsMapLayout(named({{"vit.patch", -1},
                                                      {"vit.layer.0.query", -1},
                                                      {"vit.layer.0.out.dense", -1},
                                                      {"vit.layer.10.query", -1},
                                                      {"vit.layer.10.out.dense", -1},
                                                      {"vit.layer.2.query", -1},
                                                      {"vit.layer.2.out.dense", -1},
                                                      {"classifier", -1}}));
    QCOMPARE(titles(layout.rows), (QStringList{"0", "2", "10", "patch", "classifier"}));
    QCOMPARE(titles(layout.columns), (QStringList{"query", "dense"}));
    QCOMPARE(layout.layerAt({1, 1}), 6);
    QCOMPARE(layout.rows[2].name, QStringLiteral("vit.layer.10"));

    // Nothing repeats: all layers stand side by side, each somewhere.
    std::vector<std::pair<std::string, int>> loose;
    for (int i = 0; i < 300; ++i)
        loose.emplace_back(
            "part" + std::to_string(i) + "." + std::to_string(i) + ".w" + std::to_string(i), -1);
    const BitsMapLayout strip = bitsMapLayout(named(loose));
    QCOMPARE(strip.blockRows, 0);
    QCOMPARE(strip.layers.size(), std::size_t(300));
    QCOMPARE(strip.width, 8);
    QCOMPARE(strip.rows.back().title, QStringLiteral("297–300"));

    QCOMPARE(
        shortestEnds({QStringLiteral("a.b"), QStringLiteral("c.b"), QStringLiteral("b")}),
        (std::vector<QString>{QStringLiteral("a.b"), QStringLiteral("c.b"), QStringLiteral("b")}));
}

void TestBitsMap::layoutOfContainer()
{
    const auto data = test::dataFolder();
    if (!data)
        QSKIP("GRADUS_DATA is not set");
    const auto model = openModel(*data / "vit-tiny-tinyimagenet");
    const BitsMapLayout layout = bitsMapLayout(layerRows(*model, Recipe(), nullptr, {}));
    QCOMPARE(layout.layers.size(), model->layers.size());
    QCOMPARE(layout.blockRows, 12);
    QCOMPARE(layout.columns.size(), std::size_t(6));
    QCOMPARE(layout.rows[2].name, QStringLiteral("vit.encoder.layer.2"));
    QCOMPARE(titles(layout.columns).first(), QStringLiteral("query"));
}

void TestBitsMap::colours()
{
    m_recipe.overrides["blocks.3.up"] = m_recipe.standard;
    m_recipe.overrides["blocks.3.up"].scheme.bits = 8;
    m_run->results["blocks.2.down"].result.relativeOutputError = std::nan("");
    setRows();
    auto* combo = m_panel->findChild<QComboBox*>(QStringLiteral("coloring"));
    QCOMPARE(map().cellText("blocks.0.up"), QStringLiteral("4"));
    QCOMPARE(map().cellText("blocks.3.up"), QStringLiteral("8"));
    QCOMPARE(map().cellText("embed"), QStringLiteral("float"));
    QVERIFY(!map().cellColour("embed").isValid());
    QVERIFY(map().cellColour("blocks.3.up") != map().cellColour("blocks.0.up"));
    QCOMPARE(map().cellColour("blocks.0.down"), map().cellColour("blocks.0.up"));

    combo->setCurrentIndex(combo->findText(QStringLiteral("Output error")));
    QCOMPARE(map().colouring(), BitsMap::Colouring::OutputError);
    QCOMPARE(map().cellText("blocks.0.up"), QStringLiteral("1.25"));
    QCOMPARE(map().cellText("blocks.2.down"), QStringLiteral("–"));
    QVERIFY(!map().cellColour("blocks.2.down").isValid());
    // More error, further from the white ground.
    QVERIFY(map().cellColour("blocks.2.up").lightnessF() <
            map().cellColour("blocks.0.up").lightnessF());

    map().setColouring(BitsMap::Colouring::WeightSqnr);
    QCOMPARE(combo->currentText(), QStringLiteral("Weight SQNR"));
    QCOMPARE(map().cellText("blocks.0.up"), QStringLiteral("24.0"));
    map().setColouring(BitsMap::Colouring::Method);
    QCOMPARE(map().cellText("blocks.0.up"), QStringLiteral("RTN"));
    m_run->results["blocks.2.down"].result.relativeOutputError = 0.04375;
    // Short enough for a cell, and different.
    const LayerChoice standard = m_recipe.standard;
    QSet<QString> names;
    for (const MethodDescription& method : methods()) {
        m_recipe.standard.method = method.defaults;
        setRows();
        names.insert(map().cellText("blocks.0.up"));
        QVERIFY(map().cellText("blocks.0.up").size() <= 5);
    }
    QCOMPARE(names.size(), qsizetype(methods().size()));
    QVERIFY(names.contains(QStringLiteral("PQ")));
    m_recipe.standard = standard;
    setRows();

    const QString csv = map().csv();
    QVERIFY(csv.startsWith(QLatin1String("layer,row,column,choice,bits,")));
    QCOMPARE(csv.count(QLatin1Char('\n')), 1 + 9);
    QVERIFY(csv.contains(QLatin1String("\nblocks.3.up,blocks.3,up,\"Round")));
    QVERIFY(csv.contains(QLatin1String("\nembed,,,float,,16,12800,,,0,0\n")));
}

void TestBitsMap::clicksAndSweeps()
{
    click("blocks.1.up");
    QCOMPARE(m_selections.back(), Names{"blocks.1.up"});
    QCOMPARE(map().current(), std::string("blocks.1.up"));
    click("blocks.2.down", Qt::ControlModifier);
    QCOMPARE(m_selections.back(), (Names{"blocks.1.up", "blocks.2.down"}));
    click("blocks.1.up", Qt::ControlModifier);
    QCOMPARE(m_selections.back(), Names{"blocks.2.down"});
    click("blocks.0.down");
    click("blocks.2.up", Qt::ShiftModifier);
    QCOMPARE(m_selections.back(), (Names{"blocks.0.up", "blocks.0.down", "blocks.1.up",
                                         "blocks.1.down", "blocks.2.up", "blocks.2.down"}));
    const auto before = m_selections.size();
    sweep(centre("blocks.1.up"), centre("blocks.3.up") + QPoint(6, 4));
    QCOMPARE(m_selections.size(), before + 1); // told when it is over
    QCOMPARE(m_selections.back(), (Names{"blocks.1.up", "blocks.2.up", "blocks.3.up"}));
    sweep(centre("blocks.0.down"), centre("blocks.1.down") + QPoint(5, 5), Qt::ControlModifier);
    QCOMPARE(m_selections.back(), (Names{"blocks.0.down", "blocks.1.up", "blocks.1.down",
                                         "blocks.2.up", "blocks.3.up"}));
    click("embed");
    QCOMPARE(m_selections.back(), Names{"embed"});
    // Besides the cells nothing changes.
    const auto told = m_selections.size();
    QTest::mouseClick(map().viewport(), Qt::LeftButton, {}, centre("embed") + QPoint(150, 0));
    QCOMPARE(m_selections.size(), told);
    // What others select is shown and not told again.
    map().setSelected({"blocks.1.down", "no such layer"});
    QCOMPARE(map().selected(), Names{"blocks.1.down"});
    QCOMPARE(m_selections.size(), told);
}

void TestBitsMap::titlesSelectLines()
{
    const QRect first = map().cellRect("blocks.0.down");
    QTest::mouseClick(map().viewport(), Qt::LeftButton, {}, QPoint(first.center().x(), 4));
    QCOMPARE(m_selections.back(),
             (Names{"blocks.0.down", "blocks.1.down", "blocks.2.down", "blocks.3.down"}));
    QTest::mouseClick(map().viewport(), Qt::LeftButton, Qt::ControlModifier,
                      QPoint(4, first.center().y()));
    QCOMPARE(m_selections.back(), (Names{"blocks.0.up", "blocks.0.down", "blocks.1.down",
                                         "blocks.2.down", "blocks.3.down"}));
}

void TestBitsMap::keysMove()
{
    click("blocks.1.up");
    QTest::keyClick(&map(), Qt::Key_Right);
    QCOMPARE(m_selections.back(), Names{"blocks.1.down"});
    QTest::keyClick(&map(), Qt::Key_Right); // the end of the row
    QCOMPARE(map().current(), std::string("blocks.1.down"));
    QTest::keyClick(&map(), Qt::Key_Down, Qt::ShiftModifier);
    QCOMPARE(m_selections.back(), (Names{"blocks.1.down", "blocks.2.down"}));
    QTest::keyClick(&map(), Qt::Key_Left, Qt::ShiftModifier);
    QCOMPARE(m_selections.back(),
             (Names{"blocks.1.up", "blocks.1.down", "blocks.2.up", "blocks.2.down"}));
    QTest::keyClick(&map(), Qt::Key_End);
    QCOMPARE(m_selections.back(), Names{"embed"}); // the strip is below
    QTest::keyClick(&map(), Qt::Key_Up);
    QCOMPARE(m_selections.back(), Names{"blocks.3.up"});
    QTest::keyClick(&map(), Qt::Key_Home);
    QCOMPARE(m_selections.back(), Names{"blocks.0.up"});
    QTest::keyClick(&map(), Qt::Key_A, Qt::ControlModifier);
    QCOMPARE(m_selections.back().size(), std::size_t(9));
}

void TestBitsMap::keysEdit()
{
    m_recipe.locked.insert("blocks.2.up");
    setRows();
    sweep(centre("blocks.1.up"), centre("blocks.2.down") + QPoint(5, 5));
    QTest::keyClick(&map(), Qt::Key_3);
    QCOMPARE(m_edits.size(), std::size_t(1));
    const LayerChoices& choices = m_edits[0].first;
    QCOMPARE(choices.size(), std::size_t(3)); // the locked one is left alone
    QCOMPARE(choices.count("blocks.2.up"), std::size_t(0));
    QCOMPARE(choices.at("blocks.1.up").scheme.bits, 3);
    QCOMPARE(m_edits[0].second, QStringLiteral("bits 3 of 3 layers"));
    QTest::keyClick(&map(), Qt::Key_4); // already so
    QCOMPARE(m_edits.size(), std::size_t(1));
    QTest::keyClick(&map(), Qt::Key_9);
    QTest::keyClick(&map(), Qt::Key_1);
    QCOMPARE(m_edits.size(), std::size_t(1));
    QTest::keyClick(&map(), Qt::Key_F);
    QVERIFY(m_edits.back().first.at("blocks.1.down").keepFloat);
    click("blocks.2.up"); // alone, a locked layer is meant
    QTest::keyClick(&map(), Qt::Key_8);
    QCOMPARE(m_edits.back().first.at("blocks.2.up").scheme.bits, 8);
    QTest::keyClick(&map(), Qt::Key_Space);
    QCOMPARE(m_locks.back(), std::make_pair(Names{"blocks.2.up"}, false));
    click("blocks.1.up", Qt::ControlModifier);
    QTest::keyClick(&map(), Qt::Key_Space);
    QCOMPARE(m_locks.back(), std::make_pair(Names{"blocks.1.up", "blocks.2.up"}, true));
    // A float layer gets the standard with the bits.
    click("embed");
    QTest::keyClick(&map(), Qt::Key_5);
    LayerChoice expected = m_recipe.standard;
    expected.scheme.bits = 5;
    QVERIFY(m_edits.back().first.at("embed") == expected);
    // Nothing here changes before new rows come.
    QCOMPARE(map().cellText("embed"), QStringLiteral("float"));
}

void TestBitsMap::menuEdits()
{
    click("blocks.0.up");
    const QPoint at = centre("blocks.3.down");
    QContextMenuEvent event(QContextMenuEvent::Mouse, at, map().viewport()->mapToGlobal(at));
    QApplication::sendEvent(map().viewport(), &event);
    QCOMPARE(m_selections.back(), Names{"blocks.3.down"}); // what the menu is about
    auto* menu = map().findChild<QMenu*>();
    QVERIFY(menu);
    const auto trigger = [](QMenu* in, const QString& text) {
        for (QAction* action : in->actions()) {
            if (action->text() == text) {
                action->trigger();
                return true;
            }
        }
        return false;
    };
    for (QAction* action : menu->actions()) {
        if (action->text() == QLatin1String("Method"))
            QVERIFY(trigger(action->menu(), QStringLiteral("GPTQ")));
    }
    QCOMPARE(m_edits.size(), std::size_t(1));
    QCOMPARE(methodName(m_edits[0].first.at("blocks.3.down").method), std::string_view("gptq"));
    QApplication::clipboard()->clear();
    QVERIFY(trigger(menu, QStringLiteral("Copy data as CSV")));
    QCOMPARE(QApplication::clipboard()->text(), map().csv());
    QVERIFY(trigger(menu, QStringLiteral("Copy image")));
    QVERIFY(!QApplication::clipboard()->image().isNull());
    QVERIFY(trigger(menu, QStringLiteral("Lock")));
    QCOMPARE(m_locks.back(), std::make_pair(Names{"blocks.3.down"}, true));
}

namespace {
/// Remembers what a widget was asked to paint.
class PaintWatch final : public QObject
{
public:
    QRegion painted;

protected:
    bool eventFilter(QObject*, QEvent* event) override
    {
        if (event->type() == QEvent::Paint)
            painted += static_cast<QPaintEvent*>(event)->region();
        return false;
    }
};
} // namespace

void TestBitsMap::paintsOnlyWhatChanged()
{
    QTest::qWait(20);
    PaintWatch watch;
    map().viewport()->installEventFilter(&watch);
    m_recipe.overrides["blocks.1.up"] = m_recipe.standard;
    m_recipe.overrides["blocks.1.up"].scheme.bits = 7;
    setRows();
    QTRY_VERIFY(watch.painted.contains(centre("blocks.1.up")));
    QVERIFY(!watch.painted.contains(centre("blocks.0.up")));
    QVERIFY(!watch.painted.contains(centre("blocks.3.down")));
    QCOMPARE(map().cellText("blocks.1.up"), QStringLiteral("7"));
}

void TestBitsMap::zooms()
{
    const QSize usual = map().cellRect("blocks.0.up").size();
    QTest::keyClick(&map(), Qt::Key_Plus);
    QVERIFY(map().cellRect("blocks.0.up").width() > usual.width());
    const QPoint at = centre("blocks.3.down");
    for (int i = 0; i < 6; ++i) {
        QWheelEvent wheel(at, map().viewport()->mapToGlobal(at), {}, {0, 120}, Qt::NoButton,
                          Qt::ControlModifier, Qt::NoScrollPhase, false);
        QApplication::sendEvent(map().viewport(), &wheel);
    }
    QVERIFY(map().verticalScrollBar()->maximum() > 0);
    // The far corner can be reached by keys, and comes into view.
    QTest::keyClick(&map(), Qt::Key_End);
    QVERIFY(map().viewport()->rect().intersects(map().cellRect("embed")));
    QTest::keyClick(&map(), Qt::Key_0);
    QCOMPARE(map().verticalScrollBar()->maximum(), 0);
    QCOMPARE(map().horizontalScrollBar()->maximum(), 0);
    map().setZoom(1e9);
    QVERIFY(map().zoom() < 10);
    map().setZoom(0);
    QVERIFY(map().zoom() > 0);
}

/// Other rows for the same layers keep selection and zoom; another model starts afresh.
void TestBitsMap::staysInPlace()
{
    click("blocks.1.up");
    map().setZoom(2);
    setRows();
    QCOMPARE(map().selected(), Names{"blocks.1.up"});
    QCOMPARE(map().zoom(), 2.0);
    m_panel->setRows(rowsOf(*madeUpModel(2), m_recipe, {}));
    QCOMPARE(map().selected(), Names{"blocks.1.up"}); // it is there too
    m_panel->setRows(std::make_shared<std::vector<LayerRow>>());
    QVERIFY(map().isEmpty());
    QVERIFY(map().selected().empty());
    QCOMPARE(map().csv(), QString());
    QTest::keyClick(&map(), Qt::Key_Right);
    QTest::keyClick(&map(), Qt::Key_4);
    QVERIFY(m_edits.empty());
    QVERIFY(!map().grab().isNull());
}

void TestBitsMap::saves()
{
    const test::TemporaryFolder folder;
    QString error;
    for (const char* name : {"map.png", "map.svg", "map.pdf", "map.csv"}) {
        const QString path = QString::fromStdString((folder / name).string());
        QVERIFY2(map().save(path, &error), name);
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QVERIFY(file.size() > 200);
    }
    // The image is the whole map however little is in view.
    const QString small = QString::fromStdString((folder / "small.png").string());
    const QString large = QString::fromStdString((folder / "large.png").string());
    map().setZoom(1);
    QVERIFY(map().save(small, &error));
    map().setZoom(4);
    QVERIFY(map().save(large, &error));
    QVERIFY(QImage(large).height() > 2 * QImage(small).height());
    QVERIFY(QImage(large).height() > 2 * map().viewport()->height());
    QVERIFY(!map().save(QString::fromStdString((folder / "map.txt").string()), &error));
    QVERIFY(error.contains(QLatin1String("png, svg, pdf or csv")));
    QVERIFY(!map().save(QString::fromStdString((folder / "no").string()) + "/map.png", &error));
    QVERIFY(error.contains(QLatin1String("cannot be written")));
}

void TestBitsMap::tellsInWords()
{
    m_recipe.locked.insert("blocks.0.up");
    m_recipe.overrides["blocks.0.down"] = m_recipe.standard;
    m_recipe.overrides["blocks.0.down"].scheme.bits = 2;
    setRows();
    const QString tip = map().cellToolTip("blocks.0.up");
    QVERIFY(tip.startsWith(QLatin1String("blocks.0.up\nRound")));
    QVERIFY(tip.contains(QLatin1String("output error 1.25 %, weight SQNR 24.0 dB")));
    QVERIFY(tip.contains(QLatin1String("Locked")));
    QVERIFY(map().cellToolTip("blocks.0.down").contains(QLatin1String("Measured with")));
    QVERIFY(!map().accessibleName().isEmpty());
    click("blocks.0.up");
    QCOMPARE(map().accessibleDescription(), tip);
    QCOMPARE(m_panel->findChildren<QLabel*>().last()->text(), QStringLiteral("1 layer selected"));
}

void TestBitsMap::manyBlocks()
{
    const auto model = madeUpModel(5000);
    m_panel->setRows(rowsOf(*model, m_recipe, {}));
    QCOMPARE(map().mapLayout().blockRows, 5000);
    QVERIFY(map().verticalScrollBar()->maximum() > 100000);
    QTest::keyClick(&map(), Qt::Key_End);
    QVERIFY(map().viewport()->rect().intersects(map().cellRect("embed")));
    QTest::keyClick(&map(), Qt::Key_A, Qt::ControlModifier);
    QTest::keyClick(&map(), Qt::Key_3);
    QCOMPARE(m_edits.back().first.size(), std::size_t(10001));
    QVERIFY(!map().grab().isNull());
}

QTEST_MAIN(TestBitsMap)
#include "tst_bits_map.moc"
