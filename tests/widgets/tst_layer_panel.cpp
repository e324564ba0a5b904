// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "tests/support/layers.h"
#include "tests/support/support.h"
#include "widgets/models/layer_tree.h"
#include "widgets/models/table_text.h"
#include "widgets/panels/filter_line.h"
#include "widgets/panels/layer_table_panel.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QFile>
#include <QHeaderView>
#include <QLabel>
#include <QSignalSpy>
#include <QTest>

using namespace gradus;

/// The layer table as a person uses it: keys, clicks, the filter line.
class TestLayerPanel : public QObject
{
    Q_OBJECT
private:
    using Names = std::vector<std::string>;

    static std::shared_ptr<const std::vector<LayerRow>> rows(const Recipe& recipe = {},
                                                             int blocks = 2)
    {
        const auto model = test::madeUpModel(blocks);
        const auto plan = test::madeUpPlan(*model, recipe);
        std::map<std::string, LayerStatistics> statistics;
        statistics["blocks.0.up"].outlierShare = 0.0012;
        return std::make_shared<const std::vector<LayerRow>>(
            layerRows(*model, recipe, plan.get(), {}, &statistics));
    }
    static void show(LayerTablePanel& panel, int width = 1200)
    {
        panel.resize(width, 400);
        panel.show();
        QVERIFY(QTest::qWaitForWindowExposed(&panel));
        panel.activateWindow();
        panel.view()->setFocus();
    }
    static FilterLine* line(LayerTablePanel& panel) { return panel.findChild<FilterLine*>(); }
    static void click(LayerTablePanel& panel, const QModelIndex& at,
                      Qt::KeyboardModifiers modifiers = Qt::NoModifier)
    {
        panel.view()->scrollTo(at);
        QTest::mouseClick(panel.view()->viewport(), Qt::LeftButton, modifiers,
                          panel.view()->visualRect(at).center());
    }

private Q_SLOTS:
    void keysSetBits();
    void keysAlongTheRow();
    void keysOnManyRows();
    void lockKey();
    void lockClickLeavesTheSelection();
    void deleteResets();
    void homeAndEnd();
    void filterLineAndTable();
    void wrongFilterKeepsTheOneInForce();
    void hiddenLayersAreNotEdited();
    void selectionSurvivesFilters();
    void blocksSelectTheirLayers();
    void groupingKeepsTheSelection();
    void newModelIsSaid();
    void columns();
    void stateRoundTrip();
    void strangeStatesAreRefused();
    void thirdClickIsTheModelsOrder();
    void copiesWhatIsShown();
    void savesCsv();
    void manyLayers();
};

void TestLayerPanel::keysSetBits()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    LayerChoices choices;
    connect(&panel, &LayerTablePanel::editRequested, this,
            [&](const LayerChoices& c, const QString&) { choices = c; });
    panel.selectLayer("blocks.0.up"); // the name is the current cell
    QTest::keyClick(panel.view(), Qt::Key_3);
    QCOMPARE(choices.size(), std::size_t(1));
    QCOMPARE(choices["blocks.0.up"].scheme.bits, 3);
    choices.clear();
    QTest::keyClick(panel.view(), Qt::Key_9); // no such bits
    QCOMPARE(choices.size(), std::size_t(0));
    // In the group's column a number is a group.
    const QModelIndex group = panel.view()->currentIndex().siblingAtColumn(LayerTableModel::Group);
    panel.view()->selectionModel()->setCurrentIndex(group, QItemSelectionModel::NoUpdate);
    QTest::keyClick(panel.view(), Qt::Key_3);
    auto* combo = panel.view()->viewport()->findChild<QComboBox*>();
    QVERIFY(combo);
    QTest::keyClick(combo, Qt::Key_2);
    QTest::keyClick(combo, Qt::Key_Return);
    QTRY_COMPARE(choices.size(), std::size_t(1));
    QCOMPARE(choices["blocks.0.up"].scheme.groupSize, std::int64_t(32));
}

void TestLayerPanel::keysAlongTheRow()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    panel.selectLayers({"blocks.0.up", "blocks.1.up"});
    const Names both = panel.selectedLayers();
    std::vector<int> visited;
    for (std::size_t i = 0; i + 1 < panel.visibleColumns().size(); ++i) {
        QTest::keyClick(panel.view(), Qt::Key_Right);
        visited.push_back(panel.view()->currentIndex().column());
    }
    std::vector<int> expected = panel.visibleColumns();
    expected.erase(expected.begin());
    QCOMPARE(visited, expected);
    QTest::keyClick(panel.view(), Qt::Key_Right); // the end
    QCOMPARE(panel.view()->currentIndex().column(), expected.back());
    QCOMPARE(panel.selectedLayers(), both);
    QTest::keyClick(panel.view(), Qt::Key_Left);
    QCOMPARE(panel.view()->currentIndex().column(), expected[expected.size() - 2]);
    QTest::keyClick(panel.view(), Qt::Key_Down); // down moves on, as ever
    QCOMPARE(panel.selectedLayers(), Names{"blocks.0.down"});
    QCOMPARE(panel.view()->currentIndex().column(), expected[expected.size() - 2]);
}

void TestLayerPanel::keysOnManyRows()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    LayerChoices choices;
    QString label;
    connect(&panel, &LayerTablePanel::editRequested, this,
            [&](const LayerChoices& c, const QString& text) {
                choices = c;
                label = text;
            });
    QTest::keyClick(panel.view(), Qt::Key_A, Qt::ControlModifier);
    QCOMPARE(panel.selectedLayers().size(), std::size_t(5));
    QTest::keyClick(panel.view(), Qt::Key_F2);
    auto* combo = panel.view()->viewport()->findChild<QComboBox*>();
    QVERIFY(combo);
    QTRY_VERIFY(combo->view()->isVisible());
    combo->view()->setCurrentIndex(combo->model()->index(combo->findData("8"), 0));
    QTest::keyClick(combo->view(), Qt::Key_Return);
    QTRY_COMPARE(choices.size(), std::size_t(5));
    QCOMPARE(label, QString("bits 8 of 5 layers"));
}

void TestLayerPanel::lockKey()
{
    LayerTablePanel panel;
    Recipe recipe;
    recipe.locked = {"blocks.0.up"};
    panel.setRows(rows(recipe));
    show(panel);
    Names asked;
    bool lock = false;
    connect(&panel, &LayerTablePanel::lockRequested, this, [&](const Names& names, bool locked) {
        asked = names;
        lock = locked;
    });
    panel.selectLayer("blocks.0.up");
    QTest::keyClick(panel.view(), Qt::Key_Space);
    QCOMPARE(asked, Names{"blocks.0.up"});
    QCOMPARE(lock, false);
    // Several: those that are not yet locked.
    panel.selectLayers({"blocks.0.up", "blocks.0.down"});
    QTest::keyClick(panel.view(), Qt::Key_Space);
    QCOMPARE(asked, Names{"blocks.0.down"});
    QCOMPARE(lock, true);
    // An edit of several passes over the locked one and says so.
    QSignalSpy noticed(&panel, &LayerTablePanel::noticed);
    panel.view()->model()->setData(panel.view()->model()->index(2, LayerTableModel::Bits), "3",
                                   Qt::EditRole);
    QCOMPARE(noticed.size(), 1);
    QCOMPARE(noticed[0][0].toString(), QString("1 locked layer was left alone"));
}

void TestLayerPanel::lockClickLeavesTheSelection()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    Names asked;
    connect(&panel, &LayerTablePanel::lockRequested, this,
            [&](const Names& names, bool) { asked = names; });
    panel.selectLayers({"blocks.0.up", "blocks.0.down"});
    QSignalSpy moved(&panel, &LayerTablePanel::selectionChanged);
    click(panel, panel.tree()->index(4, LayerTableModel::Lock));
    QCOMPARE(asked, Names{"blocks.1.down"});
    click(panel, panel.tree()->index(1, LayerTableModel::Lock)); // one of the selected
    QCOMPARE(asked, (Names{"blocks.0.up", "blocks.0.down"}));
    QCOMPARE(moved.size(), 0);
    QCOMPARE(panel.tree()->index(1, LayerTableModel::Lock).data(Qt::AccessibleTextRole).toString(),
             QString("not locked"));
}

void TestLayerPanel::deleteResets()
{
    LayerTablePanel panel;
    Recipe recipe;
    recipe.overrides["blocks.0.up"].scheme.bits = 3;
    recipe.overrides["blocks.0.down"].scheme.bits = 3;
    recipe.locked = {"blocks.0.down"};
    panel.setRows(rows(recipe));
    show(panel);
    Names asked;
    connect(&panel, &LayerTablePanel::resetRequested, this,
            [&](const Names& names) { asked = names; });
    QSignalSpy noticed(&panel, &LayerTablePanel::noticed);
    panel.view()->selectAll();
    QTest::keyClick(panel.view(), Qt::Key_Delete);
    QCOMPARE(asked, Names{"blocks.0.up"}); // what has something to reset and is not locked
    QCOMPARE(noticed.size(), 1);
    asked.clear();
    panel.selectLayer("blocks.0.down"); // by itself, on purpose
    QTest::keyClick(panel.view(), Qt::Key_Delete);
    QCOMPARE(asked, Names{"blocks.0.down"});
}

void TestLayerPanel::homeAndEnd()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    panel.selectLayer("blocks.0.down");
    QTest::keyClick(panel.view(), Qt::Key_End);
    QCOMPARE(panel.currentLayer(), std::string("blocks.1.down"));
    QTest::keyClick(panel.view(), Qt::Key_Home, Qt::ShiftModifier);
    QCOMPARE(panel.selectedLayers().size(), std::size_t(5));
    QTest::keyClick(panel.view(), Qt::Key_Down);
    QTest::keyClick(panel.view(), Qt::Key_Home);
    QCOMPARE(panel.selectedLayers(), Names{"embed"});
}

void TestLayerPanel::filterLineAndTable()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    QTest::keyClick(panel.view(), Qt::Key_F, Qt::ControlModifier);
    QTRY_VERIFY(line(panel)->hasFocus());
    QTest::keyClicks(line(panel), "down");
    QCOMPARE(panel.shownLayers(), (Names{"blocks.0.down", "blocks.1.down"}));
    QTest::keyClick(line(panel), Qt::Key_Down);
    QTRY_VERIFY(panel.view()->hasFocus());
    QCOMPARE(panel.selectedLayers(), Names{"blocks.0.down"});
    panel.focusFilter();
    QCOMPARE(line(panel)->selectedText(), QString("down"));
    QTest::keyClick(line(panel), Qt::Key_Escape);
    QTRY_VERIFY(panel.view()->hasFocus());
    QCOMPARE(panel.filterText(), QString("down"));
    QCOMPARE(line(panel)->history(), QStringList{"down"});
    bool counted = false;
    for (const QLabel* label : panel.findChildren<QLabel*>())
        counted = counted || label->text() == "2 of 5 layers";
    QVERIFY(counted);
}

void TestLayerPanel::wrongFilterKeepsTheOneInForce()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    panel.setFilterText("up");
    QCOMPARE(panel.filterProblem(), QString());
    const Names shown = panel.shownLayers();
    QCOMPARE(shown.size(), std::size_t(2));
    panel.setFilterText("bitz<4");
    QVERIFY(panel.filterProblem().contains("bitz"));
    QVERIFY(panel.filterProblem().contains("character 1"));
    QVERIFY(line(panel)->toolTip().contains("bitz"));
    QCOMPARE(panel.shownLayers(), shown);
    QCOMPARE(panel.tree()->filter().text(), QString("\"up\""));
    // Also a pattern that would search without end.
    Recipe recipe;
    auto model = test::madeUpModel(1);
    model->layers[0].name = std::string(60, 'a') + "b";
    const auto plan = test::madeUpPlan(*model, recipe);
    panel.setFilterText("");
    panel.setRows(
        std::make_shared<const std::vector<LayerRow>>(layerRows(*model, recipe, plan.get(), {})));
    panel.setFilterText("/^(a+)+$/");
    QVERIFY(!panel.filterProblem().isEmpty());
    QCOMPARE(panel.shownLayers().size(), std::size_t(3));
    // Or one that does so only on the layers of the next model.
    panel.setRows(rows());
    panel.setFilterText("/^(a+)+$|up/");
    QCOMPARE(panel.filterProblem(), QString());
    QCOMPARE(panel.shownLayers().size(), std::size_t(2));
    panel.setRows(
        std::make_shared<const std::vector<LayerRow>>(layerRows(*model, recipe, plan.get(), {})));
    QVERIFY(!panel.filterProblem().isEmpty());
    QCOMPARE(panel.shownLayers().size(), std::size_t(3));
    panel.setFilterText("");
    QCOMPARE(panel.filterProblem(), QString());
}

void TestLayerPanel::hiddenLayersAreNotEdited()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    LayerChoices choices;
    connect(&panel, &LayerTablePanel::editRequested, this,
            [&](const LayerChoices& c, const QString&) { choices = c; });
    panel.view()->selectAll();
    panel.setFilterText("name~down");
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.0.down", "blocks.1.down"}));
    panel.view()->model()->setData(panel.view()->model()->index(0, LayerTableModel::Bits), "3",
                                   Qt::EditRole);
    QCOMPARE(choices.size(), std::size_t(2));
    QCOMPARE(choices.count("blocks.1.down"), std::size_t(1));
    // Gone from the selection, not merely from sight.
    panel.setFilterText("");
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.0.down", "blocks.1.down"}));
}

void TestLayerPanel::selectionSurvivesFilters()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    panel.selectLayer("blocks.1.up");
    QTest::keyClick(panel.view(), Qt::Key_Right);
    const int column = panel.view()->currentIndex().column();
    QSignalSpy moved(&panel, &LayerTablePanel::selectionChanged);
    panel.setFilterText("up");
    QCOMPARE(panel.selectedLayers(), Names{"blocks.1.up"});
    QCOMPARE(panel.currentLayer(), std::string("blocks.1.up"));
    QCOMPARE(panel.view()->currentIndex().column(), column);
    panel.setFilterText("");
    QCOMPARE(panel.currentLayer(), std::string("blocks.1.up"));
    panel.setGrouped(true);
    panel.setGrouped(false);
    QCOMPARE(panel.currentLayer(), std::string("blocks.1.up"));
    QCOMPARE(moved.size(), 0); // nobody had to follow
    panel.setFilterText("down");
    QCOMPARE(panel.selectedLayers(), Names{});
    QCOMPARE(moved.size(), 1);
}

void TestLayerPanel::blocksSelectTheirLayers()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    panel.setGrouped(true);
    panel.view()->expandAll();
    const auto block = [&](int row) { return panel.tree()->index(row, 0); };
    const auto layer = [&](int at, int row) { return panel.tree()->index(row, 0, block(at)); };
    click(panel, block(1));
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.0.up", "blocks.0.down"}));
    QCOMPARE(panel.currentLayer(), std::string("blocks.0.up"));
    click(panel, block(2), Qt::ControlModifier);
    QCOMPARE(panel.selectedLayers().size(), std::size_t(4));
    click(panel, block(1), Qt::ControlModifier); // off again
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.1.up", "blocks.1.down"}));
    click(panel, layer(2, 0), Qt::ControlModifier); // one of it
    QCOMPARE(panel.selectedLayers(), Names{"blocks.1.down"});
    QVERIFY(!panel.view()->selectionModel()->isSelected(block(2)));
    click(panel, layer(1, 1));
    QCOMPARE(panel.selectedLayers(), Names{"blocks.0.down"});
    click(panel, block(1)); // from one of them to all
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.0.up", "blocks.0.down"}));
    click(panel, layer(1, 0));
    QCOMPARE(panel.selectedLayers(), Names{"blocks.0.up"});
    // Closed blocks as well.
    panel.view()->collapseAll();
    panel.view()->selectAll();
    QCOMPARE(panel.selectedLayers().size(), std::size_t(5));
    QTest::keyClick(panel.view(), Qt::Key_Home);
    QCOMPARE(panel.selectedLayers(), Names{"embed"});
    // Arrows open and close.
    QTest::keyClick(panel.view(), Qt::Key_Right);
    QVERIFY(panel.view()->isExpanded(block(0)));
    QTest::keyClick(panel.view(), Qt::Key_Left);
    QVERIFY(!panel.view()->isExpanded(block(0)));
}

void TestLayerPanel::groupingKeepsTheSelection()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    panel.selectLayers({"blocks.0.down", "blocks.1.up"});
    panel.setGrouped(true);
    QVERIFY(panel.isGrouped());
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.0.down", "blocks.1.up"}));
    QVERIFY(panel.view()->isExpanded(panel.tree()->index(1, 0))); // the current one is seen
    QVERIFY(!panel.view()->isExpanded(panel.tree()->index(0, 0)));
    panel.view()->header()->setSortIndicator(LayerTableModel::Name, Qt::DescendingOrder);
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.0.down", "blocks.1.up"}));
    panel.setFilterText("blocks"); // what matches is shown
    QVERIFY(panel.view()->isExpanded(panel.tree()->index(1, 0)));
    panel.setGrouped(false);
    QCOMPARE(panel.selectedLayers(), (Names{"blocks.0.down", "blocks.1.up"}));
}

void TestLayerPanel::newModelIsSaid()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    panel.selectLayer("blocks.0.up");
    QSignalSpy moved(&panel, &LayerTablePanel::selectionChanged);
    auto other = test::madeUpModel(1);
    for (Layer& layer : other->layers)
        layer.name = "other." + layer.name;
    const auto plan = test::madeUpPlan(*other, {});
    panel.setRows(
        std::make_shared<const std::vector<LayerRow>>(layerRows(*other, {}, plan.get(), {})));
    QVERIFY(moved.size() >= 1);
    QCOMPARE(panel.selectedLayers(), Names{});
    QCOMPARE(panel.currentLayer(), std::string());
}

void TestLayerPanel::columns()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel, 1280);
    const auto fits = [&] {
        return panel.view()->header()->length() <= panel.view()->viewport()->width();
    };
    const auto shows = [&](int column) {
        const std::vector<int> shown = panel.visibleColumns();
        return std::find(shown.begin(), shown.end(), column) != shown.end();
    };
    QVERIFY(fits());
    for (const int column :
         {LayerTableModel::Name, LayerTableModel::Lock, LayerTableModel::LayerShape,
          LayerTableModel::Bits, LayerTableModel::OutputError, LayerTableModel::Outliers})
        QVERIFY2(shows(column), qPrintable(QString::number(column)));
    QCOMPARE(panel.visibleColumns()[1], int(LayerTableModel::Lock)); // beside the name
    const std::size_t wide = panel.visibleColumns().size();
    panel.resize(880, 400); // less room, fewer columns, the needed ones stay
    QVERIFY(fits());
    QVERIFY(panel.visibleColumns().size() < wide);
    for (const int column : {LayerTableModel::Bits, LayerTableModel::Method, LayerTableModel::Size,
                             LayerTableModel::WeightSqnr, LayerTableModel::OutputError})
        QVERIFY(shows(column));
    panel.resize(1280, 400);
    QCOMPARE(panel.visibleColumns().size(), wide);
    // Chosen by hand, they stay.
    panel.setColumnShown(LayerTableModel::Kind, true);
    panel.setColumnShown(LayerTableModel::Block, false);
    panel.setColumnShown(LayerTableModel::Name, false); // refused
    panel.resize(700, 400);
    QVERIFY(shows(LayerTableModel::Kind));
    QVERIFY(!shows(LayerTableModel::Block));
    QVERIFY(shows(LayerTableModel::Name));
    panel.resize(1280, 400);
    panel.resetColumns();
    QCOMPARE(panel.visibleColumns().size(), wide);
    QVERIFY(fits());
    QCOMPARE(panel.model()->index(1, LayerTableModel::Outliers).data().toString(),
             QString("0.12 %"));
    QCOMPARE(panel.model()->index(2, LayerTableModel::Outliers).data().toString(), QString("–"));
}

void TestLayerPanel::stateRoundTrip()
{
    QByteArray state;
    std::vector<int> shown;
    {
        LayerTablePanel panel;
        panel.setRows(rows());
        show(panel);
        panel.setColumnShown(LayerTableModel::Symmetry, false);
        QHeaderView* header = panel.view()->header();
        header->moveSection(header->visualIndex(LayerTableModel::OutputError), 2);
        header->resizeSection(LayerTableModel::Bits, 91);
        header->setSortIndicator(LayerTableModel::Name, Qt::DescendingOrder);
        panel.setGrouped(true);
        panel.setFilterText("up");
        QTest::keyClick(line(panel), Qt::Key_Escape);
        shown = panel.visibleColumns();
        state = panel.saveState();
    }
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    QVERIFY(panel.restoreState(state));
    QCOMPARE(panel.visibleColumns(), shown);
    QCOMPARE(panel.view()->header()->sectionSize(LayerTableModel::Bits), 91);
    QVERIFY(panel.isGrouped());
    QCOMPARE(panel.filterText(), QString()); // a filter is of the moment; it is in the history
    QCOMPARE(line(panel)->history(), QStringList{"up"});
    QCOMPARE(panel.tree()->order().front(), 3); // sorted as before
    panel.setRows(rows({}, 3));                 // another model keeps the columns
    QCOMPARE(panel.visibleColumns(), shown);
    QCOMPARE(panel.view()->header()->sectionSize(LayerTableModel::Bits), 91);
}

void TestLayerPanel::strangeStatesAreRefused()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    const std::vector<int> shown = panel.visibleColumns();
    const QByteArray good = panel.saveState();
    QVERIFY(!panel.restoreState({}));
    QVERIFY(!panel.restoreState("something else altogether"));
    QVERIFY(!panel.restoreState(good.left(good.size() / 2)));
    QByteArray other = good;
    other[3] = 99; // a later version
    QVERIFY(!panel.restoreState(other));
    QCOMPARE(panel.visibleColumns(), shown);
    QVERIFY(panel.restoreState(good));
}

void TestLayerPanel::thirdClickIsTheModelsOrder()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    QHeaderView* header = panel.view()->header();
    const auto clickTitle = [&] {
        QTest::mouseClick(header->viewport(), Qt::LeftButton, Qt::NoModifier,
                          QPoint(header->sectionViewportPosition(LayerTableModel::Name) + 20, 8));
    };
    clickTitle();
    QCOMPARE(panel.shownLayers().front(), std::string("blocks.0.down"));
    clickTitle();
    QCOMPARE(panel.shownLayers().front(), std::string("embed"));
    QCOMPARE(panel.shownLayers().back(), std::string("blocks.0.down"));
    clickTitle();
    QCOMPARE(panel.shownLayers().back(), std::string("blocks.1.down"));
    QCOMPARE(panel.tree()->order(), (std::vector<int>{0, 1, 2, 3, 4}));
}

void TestLayerPanel::copiesWhatIsShown()
{
    LayerTablePanel panel;
    panel.setRows(rows());
    show(panel);
    for (int column = 1; column < LayerTableModel::ColumnCount; ++column)
        panel.setColumnShown(column,
                             column == LayerTableModel::Bits || column == LayerTableModel::Block);
    QHeaderView* header = panel.view()->header();
    header->moveSection(header->visualIndex(LayerTableModel::Bits), 1);
    panel.selectLayers({"blocks.1.up", "embed"});
    QTest::keyClick(panel.view(), Qt::Key_C, Qt::ControlModifier);
    QTRY_COMPARE(QApplication::clipboard()->text(),
                 QString("Layer\tBits\tBlock\nembed\tfloat\t–\nblocks.1.up\t4\t1\n"));
    panel.setGrouped(true);
    panel.setFilterText("up");
    panel.copyTable();
    QCOMPARE(QApplication::clipboard()->text(),
             QString("Layer\tBits\tBlock\nBlock 0 · 1 layer\t4\t0\nblocks.0.up\t4\t0\n"
                     "Block 1 · 1 layer\t4\t1\nblocks.1.up\t4\t1\n"));
}

void TestLayerPanel::savesCsv()
{
    LayerTablePanel panel;
    auto model = test::madeUpModel(1);
    model->layers[1].name = "a,\"b\"";
    const auto plan = test::madeUpPlan(*model, {});
    panel.setRows(
        std::make_shared<const std::vector<LayerRow>>(layerRows(*model, {}, plan.get(), {})));
    for (int column = 1; column < LayerTableModel::ColumnCount; ++column)
        panel.setColumnShown(
            column, column == LayerTableModel::LayerShape || column == LayerTableModel::Size ||
                        column == LayerTableModel::Group ||
                        column == LayerTableModel::OutputError || column == LayerTableModel::Lock);
    panel.setGrouped(true); // sums are not data
    test::TemporaryFolder folder;
    const QString path = QString::fromStdString((folder / "table.csv").string());
    panel.saveCsv(path);
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const auto bytes = [&](int row) { return QString::number(panel.model()->row(row).bytes); };
    QCOMPARE(QString::fromUtf8(file.readAll()),
             QString("name,locked,shape,group,bytes,relative_output_error\n"
                     "embed,false,100x64,,%1,\n"
                     "\"a,\"\"b\"\"\",false,128x64,channel,%2,\n"
                     "blocks.0.down,false,64x128,channel,%3,\n")
                 .arg(bytes(0), bytes(1), bytes(2)));
    QVERIFY_EXCEPTION_THROWN(panel.saveCsv(path + "/below/a/file"), Error);
}

/// Ten thousand layers: nothing here may take the square of their number.
void TestLayerPanel::manyLayers()
{
    LayerTablePanel panel;
    std::vector<LayerRow> many(10000);
    for (std::size_t i = 0; i < many.size(); ++i) {
        many[i].blockIndex = static_cast<int>(i / 100);
        many[i].name = "blocks." + std::to_string(i / 100) + ".experts." + std::to_string(i % 100) +
                       (i % 2 ? ".up" : ".down");
        many[i].bytes = 1000 + i * 7919 % 1000;
    }
    panel.setRows(std::make_shared<const std::vector<LayerRow>>(many));
    show(panel);
    LayerChoices choices;
    connect(&panel, &LayerTablePanel::editRequested, this,
            [&](const LayerChoices& c, const QString&) { choices = c; });
    for (const bool grouped : {false, true}) {
        panel.setGrouped(grouped);
        panel.setFilterText("up");
        panel.view()->selectAll();
        QCOMPARE(panel.selectedLayers().size(), std::size_t(5000));
        panel.setFilterText(""); // every other row now
        QCOMPARE(panel.selectedLayers().size(), std::size_t(5000));
        panel.view()->selectAll();
        QCOMPARE(panel.selectedLayers().size(), std::size_t(10000));
        panel.view()->header()->setSortIndicator(LayerTableModel::Size, Qt::DescendingOrder);
        QVERIFY(panel.model()->setData(panel.model()->index(1, LayerTableModel::Bits), "3",
                                       Qt::EditRole));
        QCOMPARE(choices.size(), std::size_t(10000));
        panel.view()->header()->setSortIndicator(-1, Qt::AscendingOrder);
        panel.view()->clearSelection();
    }
}

QTEST_MAIN(TestLayerPanel)
#include "tst_layer_panel.moc"
