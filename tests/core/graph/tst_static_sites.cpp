// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/static_sites.h"
#include "tests/support/sample_run.h"
#include "tests/support/support.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_gpt2.h"
#include "tests/support/tiny_llama.h"
#include "tests/support/tiny_opt.h"
#include "tests/support/tiny_vit.h"
#include "tests/support/windowed_onnx.h"

#include <QTest>

#include <fstream>
#include <set>

using namespace gradus;
using namespace gradus::test;
using namespace gradus::test::onnx;

namespace {

/// The sites of a model, by parts of its layers' names.
struct Found
{
    std::shared_ptr<const Model> model;
    StaticSites sites;

    explicit Found(std::shared_ptr<const Model> of)
        : model(std::move(of))
        , sites(*model)
    {
    }

    /// Of the only layer whose name holds `part`.
    [[nodiscard]] std::size_t index(const std::string& part) const
    {
        std::vector<std::size_t> found;
        for (std::size_t i = 0; i < model->layers.size(); ++i)
            if (model->layers[i].name.find(part) != std::string::npos)
                found.push_back(i);
        if (found.size() != 1)
            throw std::runtime_error(concat(part, " is in ", found.size(), " names"));
        return found.front();
    }
    [[nodiscard]] const StaticSite& at(const std::string& part) const
    {
        return sites.of(index(part));
    }
    [[nodiscard]] std::vector<std::size_t> indices(const std::vector<std::string>& parts) const
    {
        std::set<std::size_t> found; // in model order
        for (const std::string& part : parts)
            found.insert(index(part));
        return {found.begin(), found.end()};
    }
    /// Whether each of them stands behind one norm that can be folded for all of them.
    [[nodiscard]] bool foldTogether(const std::vector<std::string>& parts, bool biased) const
    {
        const int norm = at(parts.front()).norm;
        for (const std::string& part : parts) {
            const StaticSite& site = at(part);
            if (site.norm != norm || norm < 0 || !site.whyNotFoldable.empty() ||
                site.readers != indices(parts) || site.biased != biased || site.padded ||
                site.sharesBias || site.attention >= 0) {
                qWarning("%s: norm %d, %s", part.c_str(), site.norm, site.whyNotFoldable.c_str());
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool isBehindAttention(const std::string& part) const
    {
        const StaticSite& site = at(part);
        return site.norm < 0 && site.readers.empty() && site.attention >= 0 &&
               std::holds_alternative<op::Attention>(
                   model->graph.nodes[static_cast<std::size_t>(site.attention)].op);
    }
    [[nodiscard]] bool isAlone(const std::string& part) const
    {
        const StaticSite& site = at(part);
        return site.norm < 0 && site.attention < 0 && site.readers.empty() &&
               site.whyNotFoldable.empty();
    }
};

template <class Tiny>
Found foundIn(Tiny tiny, const TemporaryFolder& folder)
{
    tiny.write(folder / "model");
    return Found(openModel(folder / "model"));
}

Found foundIn(const std::string& onnxModel, const TemporaryFolder& folder)
{
    writeBytes(folder / "m.onnx", onnxModel);
    return Found(openModel(folder / "m.onnx"));
}

bool contains(const std::string& text, const std::string& part)
{
    if (text.find(part) != std::string::npos)
        return true;
    qWarning("\"%s\" lacks \"%s\"", text.c_str(), part.c_str());
    return false;
}

/// x (batch × 4 × 8) → MatMul → norm "n" → the nodes → MatMul of "v" with "w" → y. What the norm
/// reads is an output, too, so that norm and layer are in one block.
std::string chain(const std::string& nodes, const std::string& read = "n",
                  const std::string& ending = {}, std::int64_t width = 8)
{
    std::string graph = input("x", 1, {-1, 4, 8});
    graph +=
        WindowedOnnx::random("gamma", {8}, 0.1, 1) + WindowedOnnx::random("beta", {8}, 0.1) +
        WindowedOnnx::random("first", {8, 8}, 0.5) + node("MatMul", {"x", "first"}, {"h"}) +
        node("LayerNormalization", {"h", "gamma", "beta"}, {"n"}, attribute("axis", -1), "norm") +
        nodes + WindowedOnnx::random("w", {width, 6}, 0.5) + WindowedOnnx::random("b", {6}, 0.5) +
        node("MatMul", {read, "w"}, {"m"}, {}, "product") + node("Add", {"m", "b"}, {"y"}) +
        node("Sigmoid", {"h"}, {"kept"});
    return onnx::model(graph + output("y", 1, {-1, -1, 6}) + ending + output("kept", 1, {-1, 4, 8}),
                       17);
}

} // namespace

class TestStaticSites : public QObject
{
    Q_OBJECT

private slots:
    void llama()
    {
        const TemporaryFolder folder;
        for (const bool tied : {false, true}) {
            TinyLlama tiny;
            tiny.tied = tied;
            const Found found = foundIn(tiny, folder);
            for (const std::string block : {"layers.0.", "layers.1."}) {
                QVERIFY(found.foldTogether({block + "self_attn.q_proj", block + "self_attn.k_proj",
                                            block + "self_attn.v_proj"},
                                           false));
                QVERIFY(
                    found.foldTogether({block + "mlp.gate_proj", block + "mlp.up_proj"}, false));
                QVERIFY(found.isBehindAttention(block + "self_attn.o_proj"));
                QVERIFY(found.isAlone(block + "mlp.down_proj"));
            }
            QVERIFY(found.at("layers.0.self_attn.q_proj").norm !=
                    found.at("layers.1.self_attn.q_proj").norm);
            QVERIFY(found.at("layers.0.self_attn.o_proj").attention !=
                    found.at("layers.1.self_attn.o_proj").attention);
            if (!tied)
                QVERIFY(found.foldTogether({"lm_head"}, false));
            else
                for (std::size_t i = 0; i < found.model->layers.size(); ++i)
                    if (found.model->layers[i].block < 0 && found.sites.of(i).norm >= 0)
                        QVERIFY(contains(found.sites.of(i).whyNotFoldable, "serves elsewhere"));
        }
        // Biases of its layers, none of its norms.
        TinyLlama biased;
        biased.biases = true;
        QVERIFY(foundIn(biased, folder)
                    .foldTogether({"layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj",
                                   "layers.0.self_attn.v_proj"},
                                  false));
    }

    void gpt2()
    {
        const TemporaryFolder folder;
        const Found found = foundIn(TinyGpt2(), folder);
        for (const std::string block : {"h.0.", "h.1."}) {
            QVERIFY(found.foldTogether({block + "attn.c_attn"}, true));
            QVERIFY(found.foldTogether({block + "mlp.c_fc"}, true));
            QVERIFY(found.isBehindAttention(block + "attn.c_proj"));
            QVERIFY(found.isAlone(block + "mlp.c_proj"));
        }
    }

    void optWithNormsInFront()
    {
        const TemporaryFolder folder;
        for (const bool biases : {true, false}) {
            TinyOpt tiny;
            tiny.biases = biases;
            const Found found = foundIn(tiny, folder);
            for (const std::string block : {"layers.0.", "layers.1."}) {
                QVERIFY(found.foldTogether({block + "self_attn.q_proj", block + "self_attn.k_proj",
                                            block + "self_attn.v_proj"},
                                           biases));
                QVERIFY(found.foldTogether({block + "fc1"}, biases));
                QVERIFY(found.isBehindAttention(block + "self_attn.out_proj"));
                QVERIFY(found.isAlone(block + "fc2"));
            }
        }
    }

    /// OPT-350m: the norms' outputs are the residual stream.
    void optWithNormsBehind()
    {
        const TemporaryFolder folder;
        TinyOpt tiny;
        tiny.normalizesFirst = false;
        const Found found = foundIn(tiny, folder);
        QVERIFY(found.isAlone("layers.0.self_attn.q_proj")); // it reads the embeddings
        for (const char* name : {"layers.0.fc1", "layers.1.fc1", "layers.1.self_attn.q_proj",
                                 "layers.1.self_attn.k_proj", "layers.1.self_attn.v_proj"}) {
            QVERIFY(found.at(name).norm >= 0);
            QVERIFY(!found.at(name).whyNotFoldable.empty());
        }
        QVERIFY(contains(found.at("layers.0.fc1").whyNotFoldable, "as well"));
        QVERIFY(contains(found.at("layers.1.self_attn.q_proj").whyNotFoldable,
                         "what one block hands to the next"));
        QVERIFY(found.isBehindAttention("layers.0.self_attn.out_proj"));
    }

    void bert()
    {
        const TemporaryFolder folder;
        const Found found = foundIn(TinyBert(), folder);
        for (const std::string block : {"layer.0.", "layer.1."}) {
            for (const char* name :
                 {"attention.self.query", "attention.self.value", "intermediate.dense"}) {
                QVERIFY(found.at(block + name).norm >= 0);
                QVERIFY(!found.at(block + name).whyNotFoldable.empty());
            }
            QVERIFY(found.isBehindAttention(block + "attention.output.dense"));
        }
    }

    void vitAndDeit()
    {
        const TemporaryFolder folder;
        for (const char* type : {"vit", "deit"}) {
            TinyVit tiny;
            tiny.type = type;
            tiny.teacher = tiny.isDeit();
            const Found found = foundIn(tiny, folder);
            for (const std::string block : {"layer.0.", "layer.1."}) {
                const std::string a = block + "attention.attention.";
                QVERIFY(found.foldTogether({a + "query", a + "key", a + "value"}, true));
                QVERIFY(found.foldTogether({block + "intermediate.dense"}, true));
                QVERIFY(found.isBehindAttention(block + "attention.output.dense"));
            }
            QVERIFY(found.isAlone("patch_embeddings"));
            // The last norm's rows are picked for the heads.
            if (tiny.teacher)
                QVERIFY(found.foldTogether({"cls_classifier", "distillation_classifier"}, true));
            else
                QVERIFY(found.foldTogether({"classifier"}, true));
        }
        TinyVit headless;
        headless.headless = true;
        QVERIFY(foundIn(headless, folder)
                    .foldTogether({"layer.1.intermediate.dense"}, true)); // not the last norm
    }

    void windowsOfZeroPaddedTokens()
    {
        const TemporaryFolder folder;
        const Found found = foundIn(WindowedOnnx().text(), folder);
        QCOMPARE(found.model->whyNotRunnable, std::string());
        const StaticSite& site = found.at("qkv");
        QVERIFY2(site.whyNotFoldable.empty(), site.whyNotFoldable.c_str());
        QVERIFY(site.norm >= 0);
        QVERIFY(std::holds_alternative<op::LayerNorm>(
            found.model->graph.nodes[static_cast<std::size_t>(site.norm)].op));
        QVERIFY(site.padded);
        QVERIFY(site.biased);
        QCOMPARE(site.readers, found.indices({"qkv"}));
        QVERIFY(found.isBehindAttention("proj"));

        // Other numbers than 0 are no token's.
        WindowedOnnx ones;
        ones.padding = 1;
        const Found other = foundIn(ones.text(), folder);
        QCOMPARE(other.at("qkv").norm, -1);
    }

    void rowsMayMove_data()
    {
        QTest::addColumn<std::string>("nodes");
        const std::string axes1 = initializer(integers("a", {1})) +
                                  initializer(integers("o", {0})) + initializer(integers("e", {2}));
        QTest::newRow("slice of rows") << axes1 + node("Slice", {"n", "o", "e", "a"}, {"v"});
        QTest::newRow("rows in another order")
            << initializer(integers("s", {-1, 2, 2, 8})) + initializer(integers("r", {-1, 4, 8})) +
                   node("Reshape", {"n", "s"}, {"four"}) +
                   node("Transpose", {"four"}, {"turned"}, axes("perm", {0, 2, 1, 3})) +
                   node("Reshape", {"turned", "r"}, {"v"});
        QTest::newRow("concat") << node("Concat", {"n", "n"}, {"v"}, attribute("axis", 1));
        QTest::newRow("concat, axis from the end")
            << node("Concat", {"n", "n"}, {"v"}, attribute("axis", -2));
        QTest::newRow("gather") << initializer(integers("i", {3, 0, 0})) +
                                       node("Gather", {"n", "i"}, {"v"}, attribute("axis", 1));
        QTest::newRow("split") << initializer(integers("s", {2, 2})) + node("Split", {"n", "s"},
                                                                            {"v", "other"},
                                                                            attribute("axis", 1));
        // Its size alone is no value.
        QTest::newRow("shape") << node("Shape", {"n"}, {"s"}) + node("Reshape", {"n", "s"}, {"v"});
    }

    void rowsMayMove()
    {
        QFETCH(std::string, nodes);
        const TemporaryFolder folder;
        const Found found = foundIn(chain(nodes, "v"), folder);
        QCOMPARE(found.model->whyNotRunnable, std::string());
        QVERIFY(found.foldTogether({"w"}, true));
    }

    void refusals_data()
    {
        QTest::addColumn<std::string>("model");
        QTest::addColumn<std::string>("why"); ///< "": nothing is known to be a norm's rows
        const auto row = [](const char* name, const std::string& model, const std::string& why) {
            QTest::newRow(name) << model << why;
        };
        row("output of the graph", chain({}, "n", output("n", 1, {-1, 4, 8})), "the model's");
        row("no layer reads it",
            chain(node("Relu", {"n"}, {"z"}, {}, "relu"), "n", output("z", 1, {-1, 4, 8})), "relu");
        row("residual",
            chain(node("Add", {"n", "x"}, {"z"}, {}, "sum"), "n", output("z", 1, {-1, 4, 8})),
            "sum");
        row("concat of features beside",
            chain(node("Concat", {"n", "n"}, {"z"}, attribute("axis", 2), "wide"), "n",
                  output("z", 1, {-1, 4, 16})),
            "wide");
        row("concat with other rows beside",
            chain(node("Concat", {"n", "x"}, {"z"}, attribute("axis", 1), "long"), "n",
                  output("z", 1, {-1, 8, 8})),
            "long");
        const std::string slice =
            initializer(integers("a", {2})) + initializer(integers("o", {1})) +
            initializer(integers("e", {9})) + node("Slice", {"n", "o", "e", "a"}, {"z"}, {}, "cut");
        row("slice of features beside", chain(slice, "n", output("z", 1, {-1, 4, 7})), "cut");
        const std::string turn = node("Transpose", {"n"}, {"z"}, axes("perm", {0, 2, 1}), "turned");
        row("features turned beside", chain(turn, "n", output("z", 1, {-1, 8, 4})), "turned");
        const std::string shared =
            node("LayerNormalization", {"x", "gamma"}, {"z"}, attribute("axis", -1), "second");
        row("shared weight", chain(shared, "n", output("z", 1, {-1, 4, 8})), "share its weight");
        const std::string sharedBias = WindowedOnnx::random("gamma2", {8}, 0.1, 1) +
                                       node("LayerNormalization", {"x", "gamma2", "beta"}, {"z"},
                                            attribute("axis", -1), "second");
        row("shared bias", chain(sharedBias, "n", output("z", 1, {-1, 4, 8})), "share its bias");
        const std::string again =
            node("Relu", {"x"}, {"r"}) + node("MatMul", {"r", "w"}, {"z"}, {}, "again");
        row("shared weight of the reader", chain({}, "n", again + output("z", 1, {-1, 4, 6})),
            "serves elsewhere");

        // What the layer itself reads is no norm's rows any more.
        row("the layer reads features beside each other",
            chain(node("Concat", {"n", "n"}, {"v"}, attribute("axis", -1)), "v", {}, 16), "");
        row("the layer reads other rows, too",
            chain(node("Concat", {"n", "x"}, {"v"}, attribute("axis", 1)), "v"), "");
        row("the layer reads some features",
            chain(initializer(integers("a", {-1})) + initializer(integers("o", {0})) +
                      initializer(integers("e", {5})) + node("Slice", {"n", "o", "e", "a"}, {"v"}),
                  "v", {}, 5),
            "");
        // As many, but backwards.
        row("the layer reads the features backwards",
            chain(initializer(integers("a", {2})) + initializer(integers("o", {7})) +
                      initializer(integers("e", {-9})) + initializer(integers("s", {-1})) +
                      node("Slice", {"n", "o", "e", "a", "s"}, {"v"}),
                  "v"),
            "");
        row("the layer reads gathered features",
            chain(initializer(integers("i", {7, 6, 5, 4, 3, 2, 1, 0})) +
                      node("Gather", {"n", "i"}, {"v"}, attribute("axis", 2)),
                  "v"),
            "");
        row("the layer reads features padded by others",
            chain(initializer(integers("p", {0, 0, 2, 0, 0, -2})) + node("Pad", {"n", "p"}, {"v"}),
                  "v"),
            "");
        row("the layer reads repeated rows at the edges",
            chain(initializer(integers("p", {0, 1, 0, 0, 1, 0})) +
                      node("Pad", {"n", "p"}, {"v"}, textAttribute("mode", "edge")),
                  "v"),
            "");
    }

    void refusals()
    {
        QFETCH(std::string, model);
        QFETCH(std::string, why);
        const TemporaryFolder folder;
        const Found found = foundIn(model, folder);
        QCOMPARE(found.model->whyNotRunnable, std::string());
        const StaticSite& site = found.at("w");
        if (why.empty()) {
            QCOMPARE(site.norm, -1);
            QVERIFY(site.readers.empty());
        } else {
            QVERIFY(site.norm >= 0);
            QVERIFY(contains(site.whyNotFoldable, why));
        }
    }

    void sharedBiasesAreSeen()
    {
        const TemporaryFolder folder;
        const std::string second = WindowedOnnx::random("u", {8, 6}, 0.5) +
                                   node("MatMul", {"n", "u"}, {"um"}, {}, "second") +
                                   node("Add", {"um", "b"}, {"z"});
        const Found found = foundIn(chain(second, "n", output("z", 1, {-1, 4, 6})), folder);
        QCOMPARE(found.at("w").readers.size(), std::size_t(2));
        for (const char* name : {"w", "u"}) {
            QVERIFY(found.at(name).whyNotFoldable.empty());
            QVERIFY(!found.at(name).biased);
            // The bias of the sum may have stayed an addition of its own.
            const Layer& layer = found.model->layers[found.index(name)];
            const auto& linear = std::get<op::Linear>(
                found.model->graph.nodes[static_cast<std::size_t>(layer.node)].op);
            QCOMPARE(found.at(name).sharesBias, !linear.bias.empty());
        }
    }

    void layersOfModelsThatDoNotRunHaveNone()
    {
        const TemporaryFolder folder;
        TinyVit tiny;
        tiny.write(folder / "model");
        Model model = *openModel(folder / "model");
        model.whyNotRunnable = "for this test";
        const StaticSites sites(model);
        for (std::size_t i = 0; i < model.layers.size(); ++i) {
            QCOMPARE(sites.of(i).norm, -1);
            QCOMPARE(sites.of(i).attention, -1);
        }
    }
};

QTEST_GUILESS_MAIN(TestStaticSites)
#include "tst_static_sites.moc"
