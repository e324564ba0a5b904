// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/export/export_size.h"
#include "core/session/quantize.h"
#include "tests/support/sample_model.h"
#include "tests/support/tiny_llama.h"

#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

namespace {

LayerChoice grouped(int bits, std::int64_t group, bool symmetric = true)
{
    LayerChoice choice;
    choice.scheme = {bits, Granularity::Group, group, symmetric, DType::F16};
    return choice;
}

/// What the export really writes: the files' own sizes.
std::uint64_t written(const std::shared_ptr<const Model>& model, const Recipe& recipe,
                      ExportFormat format, const std::filesystem::path& output,
                      GptqZeros zeros = GptqZeros::Automatic)
{
    Monitor monitor;
    ExportRequest request;
    request.model = model;
    QuantizeRequest quantization;
    quantization.model = model;
    quantization.recipe = recipe;
    request.run = quantize(quantization, monitor);
    request.format = format;
    request.output = output;
    request.gptqZeros = zeros;
    const ExportResult result = exportRun(request, monitor);
    std::uint64_t bytes = 0;
    for (const std::filesystem::path& file : result.files)
        bytes += std::filesystem::file_size(file);
    return bytes == result.bytes ? bytes : 0;
}

std::vector<Recipe> recipes()
{
    std::vector<Recipe> list(7);
    list[0].standard = grouped(4, 32);
    list[1].standard = grouped(4, 32, false);
    list[1].overrides["model.layers.0.self_attn.q_proj"] = grouped(8, 32);
    list[1].overrides["model.layers.0.mlp.down_proj"] = grouped(2, 32, false);
    list[1].overrides["model.layers.0.mlp.up_proj"] = grouped(3, 64, false);
    list[1].overrides["model.layers.1.mlp.gate_proj"].keepFloat = true;
    list[2].standard = grouped(3, 0);
    list[2].standard.scheme.granularity = Granularity::Channel;
    for (const char* part : {"q_proj", "k_proj", "v_proj"})
        list[2].rules.push_back({std::string("layers\\.0.*") + part, grouped(8, 64)});
    list[3].standard = grouped(8, 32);
    list[3].seed = 123456789;
    list[3].rules.push_back({"mlp", grouped(5, 32)}); // stays float in the format
    list[4].standard = grouped(4, 64);
    list[4].standard.scheme.granularity = Granularity::Tensor;
    list[4].standard.scheme.groupSize = 0;
    list[4].rules.push_back({"embed_tokens", grouped(4, 32)});
    list[5].standard = grouped(4, 32);
    list[5].rules.push_back({"q_proj|down_proj", grouped(4, 32)});
    list[5].rules.back().choice.scheme.scaleType = DType::F32; // stays float
    list[6].standard = grouped(2, 32);
    list[6].standard.method = PowerquantOptions{}; // nothing but the override fits
    list[6].overrides["model.layers.0.self_attn.o_proj"] = grouped(4, 32);
    return list;
}

} // namespace

class TestExportSize : public QObject
{
    Q_OBJECT

private:
    TemporaryFolder m_folder;
    std::shared_ptr<const Model> m_tiny;
    std::shared_ptr<const Model> m_sample;

    std::filesystem::path next()
    {
        static int count = 0;
        return m_folder / concat("out", count++);
    }

private Q_SLOTS:
    void initTestCase()
    {
        TinyLlama tiny;
        tiny.hidden = 64;
        tiny.intermediate = 96;
        tiny.kvHeads = 4;
        tiny.write(m_folder / "tiny");
        m_tiny = openModel(m_folder / "tiny");
        m_sample = sampleModel(m_folder / "sample");
    }

    void gptqIsExact()
    {
        for (const Recipe& recipe : recipes()) {
            QCOMPARE(exportBytes(m_tiny, recipe, ExportFormat::Gptq),
                     written(m_tiny, recipe, ExportFormat::Gptq, next()));
            QCOMPARE(exportBytes(m_tiny, recipe, ExportFormat::Gptq, GptqZeros::V2),
                     written(m_tiny, recipe, ExportFormat::Gptq, next(), GptqZeros::V2));
        }
        // A model without config.json, whose names match no override.
        Recipe recipe;
        recipe.standard = grouped(4, 32);
        recipe.rules.push_back({"k_proj", grouped(3, 64, false)});
        QCOMPARE(exportBytes(m_sample, recipe, ExportFormat::Gptq),
                 written(m_sample, recipe, ExportFormat::Gptq, next()));
    }

    void dequantizedIsExactWhateverTheChoices()
    {
        for (const Recipe& recipe : recipes())
            QCOMPARE(exportBytes(m_tiny, recipe, ExportFormat::Safetensors),
                     written(m_tiny, recipe, ExportFormat::Safetensors, next()));
        const Recipe first = recipes()[0];
        const std::uint64_t bytes = exportBytes(m_tiny, first, ExportFormat::Safetensors);
        QCOMPARE(exportBytes(m_tiny, recipes()[1], ExportFormat::Safetensors), bytes);
        const ExportCosts costs = exportCosts(m_tiny, first, ExportFormat::Safetensors);
        std::uint64_t sum = costs.fixedCost;
        for (const Layer& layer : m_tiny->layers)
            sum += costs.cost(layer, first.standard).value();
        QCOMPARE(sum, bytes);
    }

    void othersSayWhy()
    {
        const Recipe recipe = recipes()[0];
        const auto codeOf = [&](const Recipe& asked, ExportFormat format) {
            try {
                (void)exportBytes(m_tiny, asked, format);
            } catch (const Error& error) {
                return error.code();
            }
            return ErrorCode::Internal;
        };
        QVERIFY(codeOf(recipe, ExportFormat::Hdf5) == ErrorCode::Unsupported);
        QVERIFY(codeOf(recipe, ExportFormat::Onnx) == ErrorCode::Usage);
        Recipe none;
        none.standard.keepFloat = true;
        QVERIFY(codeOf(none, ExportFormat::Gptq) == ErrorCode::Unsupported);
        none.standard = grouped(6, 32);
        QVERIFY(codeOf(none, ExportFormat::Gptq) == ErrorCode::Unsupported);
    }

    void costsAreNeverBelow()
    {
        for (const Recipe& recipe : recipes()) {
            const ExportCosts costs = exportCosts(m_tiny, recipe, ExportFormat::Gptq);
            std::uint64_t sum = costs.fixedCost;
            const auto choices = resolve(recipe, *m_tiny);
            for (std::size_t i = 0; i < choices.size(); ++i) {
                LayerChoice choice = choices[i];
                auto cost = costs.cost(m_tiny->layers[i], choice);
                if (!cost) {
                    choice.keepFloat = true;
                    cost = costs.cost(m_tiny->layers[i], choice);
                }
                sum += cost.value();
            }
            const std::uint64_t exact = exportBytes(m_tiny, recipe, ExportFormat::Gptq);
            QVERIFY2(sum >= exact, concat(sum, " < ", exact).c_str());
            QVERIFY2(sum - exact < 1700 + 700 * choices.size(),
                     concat(sum, " against ", exact).c_str());
        }
        const ExportCosts costs = exportCosts(m_tiny, {}, ExportFormat::Gptq);
        const Layer& layer = *m_tiny->findLayer("model.layers.0.self_attn.q_proj");
        for (const int bits : {2, 3, 4, 8})
            QVERIFY(costs.cost(layer, grouped(bits, 32)));
        for (const int bits : {5, 6, 7})
            QVERIFY(!costs.cost(layer, grouped(bits, 32)));
        QVERIFY(!costs.cost(layer, grouped(4, 24))); // 64 inputs
        LayerChoice power = grouped(4, 32);
        power.method = PowerquantOptions{};
        QVERIFY(!costs.cost(layer, power));
        LayerChoice floatZeros = grouped(4, 32, false);
        floatZeros.method = DecoupleqOptions{};
        QCOMPARE(costs.cost(layer, floatZeros).has_value(),
                 !storedScheme(floatZeros.scheme, floatZeros.method).floatZeros);
    }

    /// From a budget in bytes of the file to the file.
    void allocationsFitTheFile()
    {
        Recipe recipe;
        recipe.standard = grouped(4, 32);
        SensitivityTable table;
        for (const int bits : {2, 3, 4, 5, 8})
            table.candidates.push_back(grouped(bits, 32));
        const auto choices = resolve(recipe, *m_tiny);
        for (std::size_t i = 0; i < choices.size(); ++i) {
            if (choices[i].keepFloat)
                continue;
            SensitivityTable::Row row;
            row.layer = m_tiny->layers[i].name;
            for (const LayerChoice& candidate : table.candidates) {
                Sensitivity entry;
                entry.weight = double(i + 1) * std::pow(4, -candidate.scheme.bits);
                row.candidates.push_back(entry);
            }
            table.rows.push_back(row);
        }
        const ExportCosts costs = exportCosts(m_tiny, recipe, ExportFormat::Gptq);
        AllocationRules rules;
        rules.cost = costs.cost;
        rules.fixedCost = costs.fixedCost;
        const AllocationSetup setup =
            allocationSetup(*m_tiny, recipe, table, SensitivityMetric::Weight, rules);
        for (const RuleItem& item : setup.ruleItems)
            QCOMPARE(item.bits, (std::vector<int>{2, 3, 4, 8}));
        const std::uint64_t least = setup.problem.leastCost() + setup.fixedCost;
        for (const std::uint64_t budget : {least, least + 5000, least + 12345, least + 40000}) {
            const AllocationResult plain =
                allocate(setup, {AllocationBudget::Kind::Bytes, double(budget)},
                         AllocationSolver::Exact, Monitor());
            const AllocationResult result =
                allocateForExport(m_tiny, recipe, table, setup, budget, AllocationSolver::Exact,
                                  ExportFormat::Gptq, GptqZeros::Automatic, Monitor());
            QVERIFY(result.cost <= budget);
            QVERIFY(result.predictedError <= plain.predictedError);
            QVERIFY(!result.allocation.optimal); // costs are above the exact size
            const Recipe allocated =
                allocatedRecipe(recipe, *m_tiny, table, setup, result.allocation);
            QCOMPARE(written(m_tiny, allocated, ExportFormat::Gptq, next()), result.cost);
        }
        // The cheapest file is smaller than its costs say: what it takes is the least.
        const auto within = [&](std::uint64_t budget, AllocationSolver solver) {
            return allocateForExport(m_tiny, recipe, table, setup, budget, solver,
                                     ExportFormat::Gptq, GptqZeros::Automatic, Monitor());
        };
        Recipe cheapest = recipe;
        cheapest.standard = grouped(2, 32);
        const std::uint64_t exact = exportBytes(m_tiny, cheapest, ExportFormat::Gptq);
        QVERIFY(exact < least);
        for (const AllocationSolver solver : {AllocationSolver::Exact, AllocationSolver::Uniform}) {
            const AllocationResult result = within(exact, solver);
            QCOMPARE(result.cost, exact);
            QCOMPARE(result.solver, solver);
            QVERIFY(within((exact + least) / 2, solver).cost <= (exact + least) / 2);
            try {
                (void)within(exact - 1, solver);
                QFAIL("it fits");
            } catch (const Error& error) {
                QCOMPARE(error.code(), ErrorCode::Usage);
                QVERIFY2(std::string(error.what()).find(concat(exact)) != std::string::npos,
                         error.what());
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestExportSize)
#include "tst_export_size.moc"
