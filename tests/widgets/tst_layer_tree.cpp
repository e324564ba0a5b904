// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/format.h"
#include "tests/support/layers.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/layer_tree.h"
#include "widgets/models/table_text.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include <algorithm>
#include <random>

using namespace gradus;

class TestLayerTree : public QObject
{
    Q_OBJECT
private:
    static std::shared_ptr<const std::vector<LayerRow>>
    rows(const Recipe& recipe = {}, const Results& results = {}, int blocks = 2)
    {
        const auto model = test::madeUpModel(blocks);
        const auto plan = test::madeUpPlan(*model, recipe);
        return std::make_shared<const std::vector<LayerRow>>(
            layerRows(*model, recipe, plan.get(), results));
    }
    static void measure(Results& results, const std::string& name, const Recipe& recipe,
                        double error)
    {
        const auto own = recipe.overrides.find(name);
        MeasuredLayer layer;
        layer.result.name = name;
        layer.result.choice = own == recipe.overrides.end() ? recipe.standard : own->second;
        layer.result.weightSqnrDb = 30 - 100 * error;
        layer.result.relativeOutputError = error;
        layer.recipe = std::make_shared<const Recipe>(recipe);
        results[name] = layer;
    }
    /// Names as shown, those under a block indented; the block's own text before them.
    static QStringList outline(const LayerTree& tree, const QModelIndex& parent = {})
    {
        QStringList lines;
        for (int row = 0; row < tree.rowCount(parent); ++row) {
            const QModelIndex index = tree.index(row, 0, parent);
            lines.append((parent.isValid() ? "  " : "") + index.data().toString());
            lines.append(outline(tree, index));
        }
        return lines;
    }
    static LayerExpression filter(const char* text)
    {
        return *LayerExpression::parse(text, nullptr);
    }

private Q_SLOTS:
    void groups();
    void sumsUp();
    void sortsGroups();
    void filtersWithinGroups();
    void movesKeepPersistentIndexes();
    void editsOfABlock();
    void changesReachTheCells();
    void naturalOrder();
    void randomWalk();
};

void TestLayerTree::groups()
{
    LayerTableModel model;
    LayerTree tree(&model);
    QAbstractItemModelTester tester(&tree, QAbstractItemModelTester::FailureReportingMode::Fatal);
    tree.setGrouped(true);
    QCOMPARE(tree.rowCount(), 0);
    model.setRows(rows());
    QCOMPARE(outline(tree),
             (QStringList{"Outside of blocks · 1 layer", "  embed", "Block 0 · 2 layers",
                          "  blocks.0.up", "  blocks.0.down", "Block 1 · 2 layers", "  blocks.1.up",
                          "  blocks.1.down"}));
    const QModelIndex block = tree.index(1, 0);
    QVERIFY(tree.isBlock(block));
    QCOMPARE(tree.layerAt(block), -1);
    QCOMPARE(tree.layersAt(block), (std::vector<int>{1, 2}));
    const QModelIndex down = tree.index(1, LayerTableModel::Bits, block);
    QCOMPARE(tree.layerAt(down), 2);
    QCOMPARE(tree.parent(down), block);
    QCOMPARE(tree.indexOfLayer(2, LayerTableModel::Bits), down);
    QCOMPARE(tree.mapFromSource(tree.mapToSource(down)), down);
    QVERIFY(!tree.mapToSource(block).isValid());
    QCOMPARE(tree.order(), (std::vector<int>{0, 1, 2, 3, 4}));
    tree.setGrouped(false);
    QCOMPARE(outline(tree), (QStringList{"embed", "blocks.0.up", "blocks.0.down", "blocks.1.up",
                                         "blocks.1.down"}));
    QVERIFY(!tree.isBlock(tree.index(0, 0)));
}

void TestLayerTree::sumsUp()
{
    Recipe recipe;
    recipe.calibration.mode = CalibrationMode::Float;
    recipe.overrides["blocks.0.up"].scheme.bits = 3;
    recipe.locked = {"blocks.1.up", "blocks.1.down"};
    Results results;
    measure(results, "blocks.0.up", recipe, 0.002);
    measure(results, "blocks.0.down", recipe, 0.04);
    measure(results, "blocks.1.up", recipe, 0.1);
    LayerTableModel model;
    LayerTree tree(&model);
    model.setRows(rows(recipe, results));
    tree.setGrouped(true);
    const auto cell = [&](int block, int column) {
        return tree.index(block, column).data().toString();
    };
    const LayerRow& up = model.row(1);
    const LayerRow& down = model.row(2);
    QCOMPARE(cell(1, LayerTableModel::Bits), QString("3–4"));
    QCOMPARE(cell(2, LayerTableModel::Bits), QString("4"));
    QCOMPARE(cell(0, LayerTableModel::Method), QString("Keep float"));
    QCOMPARE(cell(1, LayerTableModel::Method), QString("Round to nearest"));
    QCOMPARE(cell(1, LayerTableModel::Parameters), QString("16,384"));
    QCOMPARE(cell(1, LayerTableModel::Size),
             QString::fromStdString(formatBytes(up.bytes + down.bytes)));
    QCOMPARE(cell(1, LayerTableModel::BitsPerWeight),
             QString::fromStdString(
                 formatBitsPerWeight(8.0 * static_cast<double>(up.bytes + down.bytes) / 16384)));
    QCOMPARE(cell(1, LayerTableModel::OutputError), QString("4.00 %")); // the worst
    QCOMPARE(cell(1, LayerTableModel::WeightSqnr), QString("26.0 dB")); // the lowest
    QCOMPARE(tree.index(1, LayerTableModel::OutputError).data(RatingRole).toInt(),
             static_cast<int>(Rating::Fair));
    QCOMPARE(cell(2, LayerTableModel::OutputError), QString("10.0 %")); // of those that are known
    QCOMPARE(cell(0, LayerTableModel::OutputError), QString("–"));
    QCOMPARE(tree.index(2, LayerTableModel::Lock).data(LockRole).toBool(), true);
    QCOMPARE(tree.index(1, LayerTableModel::Lock).data(LockRole).toBool(), false);
    QCOMPARE(tree.index(1, LayerTableModel::Bits).data(Qt::EditRole).toString(), QString());
    QCOMPARE(tree.index(2, LayerTableModel::Bits).data(Qt::EditRole).toString(), QString("4"));
    recipe.overrides["blocks.0.down"].keepFloat = true;
    model.setRows(rows(recipe, results));
    QCOMPARE(cell(1, LayerTableModel::Method), QString("mixed"));
    QCOMPARE(cell(1, LayerTableModel::Bits), QString("mixed"));
}

void TestLayerTree::sortsGroups()
{
    Recipe recipe;
    recipe.calibration.mode = CalibrationMode::Float;
    Results results;
    measure(results, "blocks.0.up", recipe, 0.002);
    measure(results, "blocks.0.down", recipe, 0.04);
    measure(results, "blocks.1.up", recipe, 0.1);
    LayerTableModel model;
    LayerTree tree(&model);
    QAbstractItemModelTester tester(&tree, QAbstractItemModelTester::FailureReportingMode::Fatal);
    model.setRows(rows(recipe, results));
    tree.setGrouped(true);
    tree.sort(LayerTableModel::OutputError, Qt::DescendingOrder);
    QCOMPARE(outline(tree), (QStringList{"Block 1 · 2 layers", "  blocks.1.up", "  blocks.1.down",
                                         "Block 0 · 2 layers", "  blocks.0.down", "  blocks.0.up",
                                         "Outside of blocks · 1 layer", "  embed"}));
    tree.sort(LayerTableModel::OutputError, Qt::AscendingOrder); // unknown ones last all the same
    QCOMPARE(outline(tree), (QStringList{"Block 0 · 2 layers", "  blocks.0.up", "  blocks.0.down",
                                         "Block 1 · 2 layers", "  blocks.1.up", "  blocks.1.down",
                                         "Outside of blocks · 1 layer", "  embed"}));
    // By the number that the block shows, not by that of its foremost layer.
    measure(results, "blocks.0.down", recipe, 0.2);
    model.setRows(rows(recipe, results));
    tree.sort(LayerTableModel::OutputError, Qt::AscendingOrder);
    QCOMPARE(outline(tree).front(), QString("Block 1 · 2 layers"));
    tree.sort(LayerTableModel::Name, Qt::DescendingOrder);
    QCOMPARE(outline(tree).front(), QString("Block 1 · 2 layers"));
    tree.sort(-1);
    QCOMPARE(tree.order(), (std::vector<int>{0, 1, 2, 3, 4}));
}

void TestLayerTree::filtersWithinGroups()
{
    LayerTableModel model;
    LayerTree tree(&model);
    QAbstractItemModelTester tester(&tree, QAbstractItemModelTester::FailureReportingMode::Fatal);
    model.setRows(rows());
    tree.setGrouped(true);
    tree.setFilter(filter("down"));
    QCOMPARE(outline(tree), (QStringList{"Block 0 · 1 layer", "  blocks.0.down",
                                         "Block 1 · 1 layer", "  blocks.1.down"}));
    QCOMPARE(tree.shownLayers(), 2);
    QVERIFY(!tree.indexOfLayer(1).isValid());
    tree.setFilter(filter("nothing"));
    QCOMPARE(tree.rowCount(), 0);
    QCOMPARE(tree.shownLayers(), 0);
    tree.setGrouped(false);
    QCOMPARE(tree.rowCount(), 0);
    tree.setFilter({});
    QCOMPARE(tree.rowCount(), 5);
    // The filter follows what it asks about.
    tree.setFilter(filter("bits<4"));
    QCOMPARE(tree.rowCount(), 0);
    Recipe recipe;
    recipe.overrides["blocks.1.up"].scheme.bits = 2;
    model.setRows(rows(recipe));
    QCOMPARE(outline(tree), QStringList{"blocks.1.up"});
}

void TestLayerTree::movesKeepPersistentIndexes()
{
    for (const bool grouped : {false, true}) {
        LayerTableModel model;
        LayerTree tree(&model);
        QAbstractItemModelTester tester(&tree,
                                        QAbstractItemModelTester::FailureReportingMode::Fatal);
        model.setRows(rows());
        tree.setGrouped(grouped);
        const QPersistentModelIndex up = tree.indexOfLayer(3, LayerTableModel::Bits);
        const QPersistentModelIndex block = tree.index(1, 2);
        QSignalSpy reset(&tree, &QAbstractItemModel::modelReset);
        tree.sort(LayerTableModel::Name, Qt::DescendingOrder);
        QVERIFY(tree.order() != (std::vector<int>{0, 1, 2, 3, 4}));
        QCOMPARE(tree.layerAt(up), 3);
        QCOMPARE(up.column(), int(LayerTableModel::Bits));
        if (grouped)
            QCOMPARE(block.data().toString(), tree.index(block.row(), 2).data().toString());
        // New numbers, another order, the same indexes.
        tree.sort(LayerTableModel::Bits, Qt::DescendingOrder);
        Recipe recipe;
        recipe.overrides["blocks.1.up"].scheme.bits = 8;
        model.setRows(rows(recipe));
        QCOMPARE(tree.layerAt(up), 3);
        QCOMPARE(up.data().toString(), QString("8"));
        QCOMPARE(reset.size(), 0);
    }
}

void TestLayerTree::editsOfABlock()
{
    LayerTableModel model;
    LayerTree tree(&model);
    Recipe recipe;
    recipe.locked = {"blocks.0.up"};
    model.setRows(rows(recipe));
    tree.setGrouped(true);
    LayerChoices choices;
    connect(&model, &LayerTableModel::editRequested, this,
            [&](const LayerChoices& c, const QString&) { choices = c; });
    QSignalSpy locked(&model, &LayerTableModel::lockedLeftAlone);
    const QModelIndex bits = tree.index(1, LayerTableModel::Bits);
    QVERIFY(bits.flags().testFlag(Qt::ItemIsEditable));
    QVERIFY(!tree.index(1, LayerTableModel::Size).flags().testFlag(Qt::ItemIsEditable));
    QVERIFY(!tree.index(0, LayerTableModel::Group).flags().testFlag(Qt::ItemIsEditable)); // float
    QCOMPARE(tree.buddy(bits), bits);
    QVERIFY(tree.setData(bits, "3", Qt::EditRole));
    QCOMPARE(choices.size(), std::size_t(1)); // its locked layer is left alone
    QCOMPARE(choices.count("blocks.0.down"), std::size_t(1));
    QCOMPARE(locked.size(), 1);
    QCOMPARE(locked[0][0].toInt(), 1);
    QVERIFY(!tree.setData(tree.index(1, LayerTableModel::Size), "3", Qt::EditRole));
    // Within a selection, all of it.
    model.setEditTargets([](int) { return std::vector<int>{1, 2, 3, 4}; });
    QVERIFY(tree.setData(bits, "5", Qt::EditRole));
    QCOMPARE(choices.size(), std::size_t(3));
    // Outside of it, the block alone.
    model.setEditTargets([](int) { return std::vector<int>{1, 3}; });
    QVERIFY(tree.setData(bits, "5", Qt::EditRole));
    QCOMPARE(choices.size(), std::size_t(1));
}

void TestLayerTree::changesReachTheCells()
{
    LayerTableModel model;
    LayerTree tree(&model);
    model.setRows(rows());
    QSignalSpy changed(&tree, &QAbstractItemModel::dataChanged);
    model.setRows(rows());
    QCOMPARE(changed.size(), 0); // nothing has
    Recipe recipe;
    recipe.overrides["blocks.1.up"].scheme.bits = 3;
    model.setRows(rows(recipe));
    QCOMPARE(changed.size(), 1); // one row
    QCOMPARE(changed[0][0].toModelIndex().row(), 3);
    QCOMPARE(changed[0][1].toModelIndex().row(), 3);
    tree.setGrouped(true);
    changed.clear();
    recipe.overrides["blocks.1.up"].scheme.bits = 2;
    model.setRows(rows(recipe));
    QCOMPARE(changed.size(), 2); // and its block
    QCOMPARE(tree.index(2, LayerTableModel::Bits).data().toString(), QString("2–4"));
    // The bar of every size is drawn against the largest one.
    changed.clear();
    recipe.overrides["embed"].scheme.bits = 2;
    model.setRows(rows(recipe));
    QVERIFY(changed.size() > 2);
}

void TestLayerTree::naturalOrder()
{
    LayerTableModel model;
    LayerTree tree(&model);
    model.setRows(rows({}, {}, 12));
    tree.sort(LayerTableModel::Name, Qt::AscendingOrder);
    QStringList names = outline(tree);
    QCOMPARE(names.front(), QString("blocks.0.down"));
    QVERIFY(names.indexOf("blocks.2.up") < names.indexOf("blocks.10.down"));
    tree.sort(LayerTableModel::Name, Qt::DescendingOrder);
    QStringList back = outline(tree);
    std::reverse(back.begin(), back.end());
    QCOMPARE(back, names);
}

/// Any sequence of filters, orders, groupings and new rows leaves a sound model that shows just the
/// layers that the filter accepts.
void TestLayerTree::randomWalk()
{
    LayerTableModel model;
    LayerTree tree(&model);
    QAbstractItemModelTester tester(&tree, QAbstractItemModelTester::FailureReportingMode::Fatal);
    std::mt19937 random(3);
    const char* filters[] = {"", "up", "bits<4", "block>2 or float", "nothing", "/[05]/"};
    int blocks = 5;
    Recipe recipe;
    for (int step = 0; step < 400; ++step) {
        switch (random() % 6) {
        case 0:
            tree.setFilter(filter(filters[random() % 6]));
            break;
        case 1:
            tree.sort(static_cast<int>(random() % (LayerTableModel::ColumnCount + 1)) - 1,
                      random() % 2 ? Qt::AscendingOrder : Qt::DescendingOrder);
            break;
        case 2:
            tree.setGrouped(random() % 2);
            break;
        case 3:
            blocks = static_cast<int>(random() % 7);
            recipe.overrides.clear();
            model.setRows(rows(recipe, {}, blocks));
            break;
        default:
            if (blocks > 0) {
                const unsigned block = random() % static_cast<unsigned>(blocks);
                recipe.overrides["blocks." + std::to_string(block) + ".up"].scheme.bits =
                    2 + static_cast<int>(random() % 7);
            }
            model.setRows(rows(recipe, {}, blocks));
        }
        std::vector<int> shown = tree.order();
        QCOMPARE(static_cast<int>(shown.size()), tree.shownLayers());
        std::sort(shown.begin(), shown.end());
        std::vector<int> expected;
        for (int row = 0; row < model.rowCount(); ++row) {
            if (tree.filter().matches(model.row(row),
                                      [&]() -> const QString& { return model.cellText(row); }))
                expected.push_back(row);
            const QModelIndex at = tree.indexOfLayer(row);
            QVERIFY(!at.isValid() || tree.layerAt(at) == row);
        }
        QCOMPARE(shown, expected);
    }
}

QTEST_APPLESS_MAIN(TestLayerTree)
#include "tst_layer_tree.moc"
