// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/layers.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/models/layer_tree.h"
#include "widgets/models/table_text.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>
#include <QTest>

#include <cmath>

using namespace gradus;

class TestLayerTable : public QObject
{
    Q_OBJECT
private:
    std::shared_ptr<const std::vector<LayerRow>> rows(const Recipe& recipe,
                                                      const Results& results = {})
    {
        const auto model = test::madeUpModel();
        const auto plan = test::madeUpPlan(*model, recipe);
        return std::make_shared<const std::vector<LayerRow>>(
            layerRows(*model, recipe, plan.get(), results));
    }
    static MeasuredLayer measured(const std::string& name, const LayerChoice& choice, double error,
                                  const Recipe& recipe)
    {
        MeasuredLayer layer;
        layer.result.name = name;
        layer.result.choice = choice;
        layer.result.weightSqnrDb = 21.34;
        layer.result.relativeOutputError = error;
        layer.recipe = std::make_shared<const Recipe>(recipe);
        return layer;
    }

private Q_SLOTS:
    void planned();
    void blockGain();
    void powerGrids();
    void uniformInputs();
    void measuredAndStale();
    void sequentialStaleness();
    void ratings();
    void editsAreIntents();
    void editsOfSeveralRows();
    void refusals();
    void updatesKeepTheirPlace();
    void sortsByNumber();
    void filters();
    void copies();
};

void TestLayerTable::planned()
{
    LayerTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    QCOMPARE(model.rowCount(), 0);
    Recipe recipe;
    recipe.standard.scheme.granularity = Granularity::Group;
    recipe.standard.scheme.groupSize = 32;
    model.setRows(rows(recipe));
    // 128 × 64 at 4 bits: 4096 B of codes, 256 scales of 2 B, 256 zeros of 4 bits.
    const QStringList expected{
        "Layer\tBlock\tKind\tShape\tParameters\tMethod\tBits\tGroup\tSymmetry\tBits/weight\tSize\t"
        "Weight SQNR\tOutput error\tBlock stage\tExponent\tKept\tAct bits\tAct grid\tError, "
        "weights\tError, inputs\tError, both\tOutliers\tLock",
        "embed\t–\tembedding\t100 × 64\t6,400\tKeep float\tfloat\t–\t–\t16.00\t12.5 "
        "KiB\t–\t–\t–\t–\t–\t–\t–\t–\t–\t–\t–\t",
        "blocks.0.up\t0\tlinear\t128 × 64\t8,192\tRound to "
        "nearest\t4\t32\tasymmetric\t4.62\t4.62 KiB\t–\t–\t–\t–\t–\tfloat\t–\t–\t–\t–\t–\t",
        "blocks.0.down\t0\tlinear\t64 × 128\t8,192\tRound to "
        "nearest\t4\t32\tasymmetric\t4.62\t4.62 KiB\t–\t–\t–\t–\t–\tfloat\t–\t–\t–\t–\t–\t",
        "blocks.1.up\t1\tlinear\t128 × 64\t8,192\tRound to "
        "nearest\t4\t32\tasymmetric\t4.62\t4.62 KiB\t–\t–\t–\t–\t–\tfloat\t–\t–\t–\t–\t–\t",
        "blocks.1.down\t1\tlinear\t64 × 128\t8,192\tRound to "
        "nearest\t4\t32\tasymmetric\t4.62\t4.62 KiB\t–\t–\t–\t–\t–\tfloat\t–\t–\t–\t–\t–\t"};
    QCOMPARE(tableLines(model), expected);
    QCOMPARE(model.index(0, LayerTableModel::Size).data(BarRole).toDouble(), 1.0);
    QVERIFY(!model.index(0, LayerTableModel::Group).flags().testFlag(Qt::ItemIsEditable));
    QVERIFY(model.index(0, LayerTableModel::Bits).flags().testFlag(Qt::ItemIsEditable));
    QVERIFY(!model.index(1, LayerTableModel::Size).flags().testFlag(Qt::ItemIsEditable));
}

void TestLayerTable::blockGain()
{
    auto outcome = std::make_shared<TuningOutcome>();
    outcome->block = 0;
    outcome->epochLosses = {0.04, 0.02};
    outcome->bestEpoch = 1;
    auto last = std::make_shared<TuningOutcome>(); // the fine-tuning is of no block
    last->epochLosses = {3, 2};
    last->bestEpoch = 1;
    Recipe recipe;
    Results results;
    results["blocks.0.up"] = measured("blocks.0.up", recipe.standard, 0.0073, recipe);
    results["blocks.0.up"].result.tunings = {outcome, last};
    LayerTableModel model;
    model.setRows(rows(recipe, results));
    const QModelIndex gain = model.index(1, LayerTableModel::BlockGain);
    QCOMPARE(gain.data().toString(), QString("+3.01 dB"));
    QVERIFY(std::fabs(gain.data(ExportRole).toString().toDouble() - 3.0103) < 1e-4);
    QCOMPARE(gain.siblingAtRow(2).data().toString(), QString("–"));
    QVERIFY(!gain.siblingAtRow(2).data(SortRole).isValid());
    outcome->bestEpoch = 0; // the start was kept
    model.setRows(rows(recipe, results));
    QCOMPARE(gain.data().toString(), QString("0.00 dB"));
}

/// Exponents of the run, else of the recipe; the share of weights that are kept; inputs.
void TestLayerTable::powerGrids()
{
    Recipe recipe;
    PowerquantOptions options;
    options.exponent = 0.75;
    recipe.standard.method = options;
    recipe.standard.activation.bits = 6;
    Results results;
    results["blocks.0.up"] = measured("blocks.0.up", recipe.standard, 0.0073, recipe);
    auto weight = std::make_shared<QuantizedWeight>();
    weight->scheme = storedScheme(recipe.standard.scheme, options);
    weight->rows = 2;
    weight->cols = 4;
    weight->exponents = {0.5F, 0.75F}; // of rows
    weight->outliers.rowStarts = {0, 1, 1};
    weight->outliers.columns = {3};
    weight->outliers.values = {2};
    results["blocks.0.up"].result.weight = weight;
    LayerTableModel model;
    model.setRows(rows(recipe, results));
    const QModelIndex exponent = model.index(1, LayerTableModel::Exponent);
    const QModelIndex kept = model.index(1, LayerTableModel::Kept);
    const QModelIndex inputs = model.index(1, LayerTableModel::InputBits);
    QCOMPARE(exponent.data().toString(), QString("0.625")); // their mean
    QCOMPARE(exponent.siblingAtRow(2).data().toString(), QString("0.750"));
    QCOMPARE(exponent.siblingAtRow(0).data().toString(), QString("–")); // stays float
    QVERIFY(!exponent.siblingAtRow(0).data(SortRole).isValid());
    QCOMPARE(kept.data(ExportRole).toString().toDouble(), 0.125);
    QCOMPARE(kept.siblingAtRow(2).data(ExportRole).toString().toDouble(), 0.0);
    QCOMPARE(inputs.data().toString(), QString("6"));
    QCOMPARE(inputs.siblingAtRow(0).data().toString(), QString("–"));
    QVERIFY(inputs.flags() & Qt::ItemIsEditable);
    QVERIFY(!(exponent.flags() & Qt::ItemIsEditable));
    QCOMPARE(model.index(1, LayerTableModel::Symmetry).data().toString(), QString("symmetric"));
    QSignalSpy wanted(&model, &LayerTableModel::editRequested);
    QVERIFY(model.setData(inputs, QString("float"), Qt::EditRole));
    QCOMPARE(wanted.size(), 1);
}

/// Columns of inputs on uniform grids, and what was measured of them.
void TestLayerTable::uniformInputs()
{
    Recipe recipe;
    recipe.standard.activation.bits = 4;
    recipe.standard.activation.quantizer = ActivationQuantizer::Uniform;
    Results results;
    results["blocks.0.up"] = measured("blocks.0.up", recipe.standard, 0.0073, recipe);
    auto inputs = std::make_shared<StaticInputs>();
    inputs->errors = {0.01, 0.02, 0.03};
    results["blocks.0.up"].result.staticInputs = inputs;
    LayerTableModel model;
    model.setRows(rows(recipe, results));
    const QModelIndex grid = model.index(1, LayerTableModel::InputQuantizer);
    QCOMPARE(grid.data().toString(), QString("uniform"));
    QCOMPARE(grid.data(ExportRole).toString(), QString("uniform"));
    QCOMPARE(grid.siblingAtRow(0).data().toString(), QString("–")); // stays float
    QVERIFY(grid.flags() & Qt::ItemIsEditable);
    QCOMPARE(model.index(1, LayerTableModel::WeightError).data().toString(), QString("1.00 %"));
    QCOMPARE(model.index(1, LayerTableModel::InputError).data(ExportRole).toString().toDouble(),
             0.02);
    const QModelIndex both = model.index(1, LayerTableModel::BothError);
    QCOMPARE(both.data(SortRole).toDouble(), 0.03);
    QVERIFY(!both.siblingAtRow(2).data(SortRole).isValid());
    QSignalSpy wanted(&model, &LayerTableModel::editRequested);
    QVERIFY(model.setData(grid, QString("power"), Qt::EditRole));
    QCOMPARE(wanted.size(), 1);
    // Inputs of convolutions go to uniform grids only.
    QVERIFY(takesActivationGrid(LayerKind::Convolution, recipe.standard));
    LayerChoice power = recipe.standard;
    power.activation.quantizer = ActivationQuantizer::Power;
    QVERIFY(!takesActivationGrid(LayerKind::Convolution, power));
    QVERIFY(whyInputsStayFloat(LayerKind::Convolution, power).contains("uniform"));
    QVERIFY(takesInputField(LayerKind::Convolution, power, ChoiceField::InputQuantizer));
    QVERIFY(!takesInputField(LayerKind::Convolution, power, ChoiceField::InputBits));
    QVERIFY(!takesInputField(LayerKind::Embedding, recipe.standard, ChoiceField::InputQuantizer));
}

void TestLayerTable::measuredAndStale()
{
    Recipe recipe;
    recipe.calibration.data = "text.txt";
    recipe.calibration.mode = CalibrationMode::Float;
    Results results;
    results["blocks.0.up"] = measured("blocks.0.up", recipe.standard, 0.0073, recipe);
    LayerTableModel model;
    model.setRows(rows(recipe, results));
    const QModelIndex error = model.index(1, LayerTableModel::OutputError);
    QCOMPARE(error.data().toString(), QString("0.73 %"));
    QCOMPARE(model.index(1, LayerTableModel::WeightSqnr).data().toString(), QString("21.3 dB"));
    QCOMPARE(error.data(StaleRole).toBool(), false);
    QCOMPARE(error.data(RatingRole).toInt(), static_cast<int>(Rating::Good));

    LayerChoice three = recipe.standard;
    three.scheme.bits = 3;
    recipe.overrides["blocks.0.up"] = three;
    model.setRows(rows(recipe, results));
    QCOMPARE(error.data(StaleRole).toBool(), true);
    QCOMPARE(error.data().toString(), QString("0.73 %")); // dimmed, not gone
    QVERIFY(error.data(Qt::ToolTipRole).toString().contains("4 bit"));
    // Sizes are the new choice's at once.
    QCOMPARE(model.index(1, LayerTableModel::Bits).data().toString(), QString("3"));

    recipe.overrides.clear();
    recipe.seed = 7;
    model.setRows(rows(recipe, results));
    QCOMPARE(error.data(StaleRole).toBool(), true);
}

void TestLayerTable::sequentialStaleness()
{
    Recipe recipe;
    recipe.calibration.data = "text.txt";
    recipe.calibration.mode = CalibrationMode::Sequential;
    Results results;
    for (const char* name : {"blocks.0.up", "blocks.0.down", "blocks.1.up", "blocks.1.down"})
        results[name] = measured(name, recipe.standard, 0.02, recipe);
    recipe.overrides["blocks.0.down"].scheme.bits = 3;
    const auto stale = [&](int row) { return !(*rows(recipe, results))[row].stale.isEmpty(); };
    QCOMPARE(stale(1), false); // same block, not after it
    QCOMPARE(stale(2), true);
    QCOMPARE(stale(3), true); // saw its outputs
    recipe.calibration.mode = CalibrationMode::Float;
    for (auto& [name, result] : results)
        result.recipe = std::make_shared<const Recipe>(recipe);
    QCOMPARE(stale(2), true);
    QCOMPARE(stale(3), false);
}

void TestLayerTable::ratings()
{
    QCOMPARE(ratingOfError(std::numeric_limits<double>::quiet_NaN()), Rating::None);
    QCOMPARE(ratingOfError(0), Rating::Good);
    QCOMPARE(ratingOfError(0.01), Rating::Good);
    QCOMPARE(ratingOfError(0.011), Rating::Fair);
    QCOMPARE(ratingOfError(0.06), Rating::Poor);
}

void TestLayerTable::editsAreIntents()
{
    LayerTableModel model;
    model.setRows(rows(Recipe()));
    const QStringList before = tableLines(model);
    LayerChoices choices;
    QString text;
    connect(&model, &LayerTableModel::editRequested, this,
            [&](const LayerChoices& c, const QString& t) {
                choices = c;
                text = t;
            });
    QVERIFY(model.setData(model.index(1, LayerTableModel::Bits), "3", Qt::EditRole));
    QCOMPARE(choices.size(), std::size_t(1));
    QCOMPARE(choices["blocks.0.up"].scheme.bits, 3);
    QCOMPARE(text, QString("bits 3 of blocks.0.up"));
    QCOMPARE(tableLines(model), before);

    choices.clear();
    QVERIFY(model.setData(model.index(1, LayerTableModel::Bits), "4", Qt::EditRole));
    QVERIFY(choices.empty()); // it has 4 already
    QVERIFY(!model.setData(model.index(1, LayerTableModel::Size), "4", Qt::EditRole));
    QVERIFY(!model.setData(model.index(1, LayerTableModel::Bits), "4", Qt::DisplayRole));
}

void TestLayerTable::editsOfSeveralRows()
{
    LayerTableModel model;
    Recipe recipe;
    recipe.overrides["blocks.0.up"].scheme.bits = 8;
    recipe.overrides["blocks.0.up"].method = GptqOptions{};
    recipe.locked = {"blocks.1.down"};
    model.setRows(rows(recipe));
    model.setEditTargets([](int) { return std::vector<int>{0, 1, 2, 4}; });
    LayerChoices choices;
    QString text;
    connect(&model, &LayerTableModel::editRequested, this,
            [&](const LayerChoices& c, const QString& t) {
                choices = c;
                text = t;
            });
    QVERIFY(model.setData(model.index(2, LayerTableModel::Group), "64", Qt::EditRole));
    // Not the float embedding, which has no group; not the locked layer.
    QCOMPARE(choices.size(), std::size_t(2));
    QCOMPARE(text, QString("group 64 of 2 layers"));
    // Only the edited field changes.
    QCOMPARE(choiceText(choices["blocks.0.up"]), QString("GPTQ, 8 bit, group 64, asymmetric"));
    QCOMPARE(choiceText(choices["blocks.0.down"]),
             QString("Round to nearest, 4 bit, group 64, asymmetric"));
    QVERIFY(model.setData(model.index(2, LayerTableModel::Bits), "float", Qt::EditRole));
    QCOMPARE(choices.size(), std::size_t(2));
    // Locked, but edited by itself and on purpose.
    model.setEditTargets({});
    QVERIFY(model.setData(model.index(4, LayerTableModel::Bits), "2", Qt::EditRole));
    QCOMPARE(choices.count("blocks.1.down"), std::size_t(1));
}

void TestLayerTable::refusals()
{
    LayerTableModel model;
    model.setRows(rows(Recipe()));
    QSignalSpy refused(&model, &LayerTableModel::editRefused);
    QSignalSpy requested(&model, &LayerTableModel::editRequested);
    QVERIFY(!model.setData(model.index(1, LayerTableModel::Bits), "17", Qt::EditRole));
    QVERIFY(!model.setData(model.index(1, LayerTableModel::Group), "some", Qt::EditRole));
    QCOMPARE(refused.size(), 2);
    QVERIFY(refused[0][0].toString().contains("17"));
    QCOMPARE(requested.size(), 0);
}

void TestLayerTable::updatesKeepTheirPlace()
{
    LayerTableModel model;
    QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
    model.setRows(rows(Recipe()));
    QPersistentModelIndex kept(model.index(3, 0));
    QSignalSpy resets(&model, &QAbstractItemModel::modelReset);
    QSignalSpy changes(&model, &QAbstractItemModel::dataChanged);
    Recipe recipe;
    recipe.standard.scheme.bits = 8;
    model.setRows(rows(recipe));
    QCOMPARE(resets.size(), 0);
    QCOMPARE(changes.size(), 1);
    QVERIFY(kept.isValid());
    QCOMPARE(model.rowOf("blocks.1.up"), 3);
    model.setRows(std::make_shared<const std::vector<LayerRow>>());
    QCOMPARE(resets.size(), 1);
    QVERIFY(!kept.isValid());
    QCOMPARE(model.rowOf("blocks.1.up"), -1);
}

void TestLayerTable::sortsByNumber()
{
    Recipe recipe;
    Results results;
    results["blocks.0.up"] = measured("blocks.0.up", recipe.standard, 0.2, recipe);
    results["blocks.0.down"] = measured("blocks.0.down", recipe.standard, 0.0009, recipe);
    results["blocks.1.up"] = measured("blocks.1.up", recipe.standard, 0.03, recipe);
    LayerTableModel model;
    model.setRows(rows(recipe, results));
    LayerTree filter(&model);
    QAbstractItemModelTester tester(&filter, QAbstractItemModelTester::FailureReportingMode::Fatal);
    filter.sort(LayerTableModel::OutputError, Qt::DescendingOrder);
    QStringList shown;
    for (int row = 0; row < filter.rowCount(); ++row)
        shown.append(filter.index(row, LayerTableModel::OutputError).data().toString());
    QCOMPARE(shown, (QStringList{"20.0 %", "3.00 %", "0.09 %", "–", "–"}));
    QCOMPARE(filter.index(2, 0).data().toString(), QString("blocks.0.down"));
    filter.sort(-1);
    QCOMPARE(filter.index(0, 0).data().toString(), QString("embed"));
}

void TestLayerTable::filters()
{
    LayerTableModel model;
    model.setRows(rows(Recipe()));
    LayerTree tree(&model);
    const auto filter = [&](const char* text) {
        ExpressionProblem problem;
        const auto expression = LayerExpression::parse(text, &problem);
        if (!expression)
            return -1;
        tree.setFilter(*expression);
        return tree.rowCount();
    };
    QCOMPARE(tree.rowCount(), 5);
    QCOMPARE(filter("UP"), 2);
    QCOMPARE(filter("up  blocks.1"), 1);
    QCOMPARE(filter("embedding"), 1);
    QCOMPARE(filter("nothing"), 0);
    QCOMPARE(filter(""), 5);
}

void TestLayerTable::copies()
{
    LayerTableModel model;
    model.setRows(rows(Recipe()));
    QCOMPARE(selectionAsTsv(model, {}), QString());
    const QString text = selectionAsTsv(model, {model.index(2, 0), model.index(1, 0)});
    const QStringList all = tableLines(model);
    QCOMPARE(text, QString(all[0] + "\n" + all[2] + "\n" + all[3] + "\n")); // in the table's order
    QCOMPARE(text.split('\n')[1].split('\t').size(), int(LayerTableModel::ColumnCount));
}

QTEST_MAIN(TestLayerTable)
#include "tst_layer_table.moc"
