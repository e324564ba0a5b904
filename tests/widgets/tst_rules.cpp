// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "widgets/models/rule_pattern.h"
#include "widgets/panels/rule_form.h"
#include "widgets/panels/rules_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QLineEdit>
#include <QPushButton>
#include <QSignalSpy>
#include <QTest>
#include <QTreeWidget>

#include <random>

using namespace gradus;

class TestRules : public QObject
{
    Q_OBJECT
private:
    static std::vector<std::string> layers(int blocks = 12)
    {
        std::vector<std::string> names{"model.embed_tokens"};
        for (int b = 0; b < blocks; ++b) {
            for (const char* role : {"attn.q_proj", "attn.k_proj", "mlp.up", "mlp.fc1", "mlp.fc2"})
                names.push_back("model.layers." + std::to_string(b) + "." + role);
        }
        names.push_back("lm_head");
        return names;
    }
    static RuleContext context()
    {
        RuleContext context;
        context.layers = layers(2);
        context.own = {"model.layers.0.attn.q_proj"};
        return context;
    }
    static Rule rule(const char* pattern, int bits = 4)
    {
        Rule made;
        made.pattern = pattern;
        made.choice.scheme.bits = bits;
        return made;
    }
    static QPushButton* ok(QDialog& dialog)
    {
        return dialog.findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Ok);
    }

private Q_SLOTS:
    void patternsAreShort();
    void patternsMeanJustTheseLayers();
    void reach();
    void oneRule();
    void rulesAreEdited();
    void brokenPatternsAreNotAccepted();
};

void TestRules::patternsAreShort()
{
    const auto all = layers();
    const auto of = [&](auto keep) {
        std::vector<std::string> names;
        for (const std::string& name : all) {
            if (keep(name))
                names.push_back(name);
        }
        return patternFor(names, all);
    };
    const auto has = [](const char* part) {
        return [part](const std::string& name) { return name.find(part) != std::string::npos; };
    };
    QCOMPARE(of(has("q_proj")), std::string("^model\\.layers\\.\\d+\\.attn\\.q_proj$"));
    QCOMPARE(of(has("lm_head")), std::string("^lm_head$"));
    QCOMPARE(of(has(".3.attn.q")), std::string("^model\\.layers\\.3\\.attn\\.q_proj$"));
    QCOMPARE(of(has("fc1")), std::string("^model\\.layers\\.\\d+\\.mlp\\.fc1$"));
    QCOMPARE(of([](const std::string& name) {
                 return name == "model.layers.2.mlp.up" || name == "model.layers.10.mlp.up";
             }),
             std::string("^model\\.layers\\.(?:2|10)\\.mlp\\.up$"));
    QCOMPARE(patternFor({}, all), std::string());
}

void TestRules::patternsMeanJustTheseLayers()
{
    auto all = layers();
    all.push_back("odd [name] (1+1)|2 $");
    all.push_back("odd [name] (1+2)|2 $");
    std::mt19937 random(11);
    for (int i = 0; i < 300; ++i) {
        std::vector<std::string> names;
        std::vector<int> places;
        const unsigned share = 1 + random() % 20;
        for (std::size_t at = 0; at < all.size(); ++at) {
            if (random() % 20 < share) {
                names.push_back(all[at]);
                places.push_back(static_cast<int>(at));
            }
        }
        if (!names.empty())
            QCOMPARE(layersMatching(patternFor(names, all), all), places);
    }
}

void TestRules::reach()
{
    const auto all = layers(2);
    const auto got = reachOf({rule("attn"), rule("q_proj|mlp"), rule("[a"), rule("x")}, all,
                             {"model.layers.0.attn.q_proj"});
    QCOMPARE(got.size(), std::size_t(4));
    QCOMPARE(got[0].matched, 4);
    QCOMPARE(got[0].decided, 3); // one has a choice of its own
    QCOMPARE(got[1].matched, 8);
    QCOMPARE(got[1].decided, 6); // the first rule comes before
    QVERIFY(got[2].problem.contains("malformed"));
    QCOMPARE(got[2].matched, 0);
    QCOMPARE(got[3].matched, 0);
    QVERIFY(got[3].problem.isEmpty());
}

void TestRules::oneRule()
{
    RuleDialog dialog(rule("attn", 3), context());
    Rule asked;
    QString label;
    std::vector<std::string> released;
    int requests = 0;
    connect(&dialog, &RuleDialog::ruleRequested, this,
            [&](const Rule& r, const QString& text, const std::vector<std::string>& release) {
                asked = r;
                label = text;
                released = release;
                ++requests;
            });
    QVERIFY(ok(dialog)->isEnabled());
    QLineEdit* pattern = dialog.form()->pattern();
    for (const char* unusable : {"", "nothing_at_all", "[a"}) {
        pattern->clear();
        QTest::keyClicks(pattern, unusable);
        Q_EMIT pattern->textEdited(pattern->text());
        QVERIFY2(!ok(dialog)->isEnabled(), unusable);
        dialog.accept();
    }
    QCOMPARE(requests, 0);
    pattern->clear();
    QTest::keyClicks(pattern, "q_proj");
    QComboBox* bits = dialog.form()->combo(ChoiceField::Bits);
    bits->setCurrentIndex(bits->findData("2"));
    Q_EMIT bits->activated(bits->currentIndex());
    dialog.releaseBox()->setChecked(true);
    dialog.accept();
    QCOMPARE(requests, 1);
    QCOMPARE(asked.pattern, std::string("q_proj"));
    QCOMPARE(asked.choice.scheme.bits, 2);
    QCOMPARE(label, QString("rule for 2 layers"));
    QCOMPARE(released, std::vector<std::string>{"model.layers.0.attn.q_proj"});
}

void TestRules::rulesAreEdited()
{
    RulesDialog dialog({rule("attn", 3), rule("mlp", 2)}, context());
    QCOMPARE(dialog.lines(),
             (QStringList{"attn\tRound to nearest, 3 bit, per channel, asymmetric\t3 of 4",
                          "mlp\tRound to nearest, 2 bit, per channel, asymmetric\t6"}));
    std::vector<Rule> asked;
    int requests = 0;
    connect(&dialog, &RulesDialog::rulesRequested, this,
            [&](const std::vector<Rule>& rules, const QString&) {
                asked = rules;
                ++requests;
            });
    dialog.addRule();
    QVERIFY(!ok(dialog)->isEnabled()); // its pattern is empty
    QTest::keyClicks(dialog.form()->pattern(), "lm_head");
    QVERIFY(ok(dialog)->isEnabled());
    QComboBox* method = dialog.form()->combo(ChoiceField::Method);
    method->setCurrentIndex(method->findData("float"));
    Q_EMIT method->activated(method->currentIndex());
    QVERIFY(!dialog.form()->combo(ChoiceField::Group)->isEnabled());
    dialog.moveRule(-1);
    dialog.moveRule(-1);
    dialog.moveRule(-1); // it is the first already
    QCOMPARE(dialog.lines().front(), QString("lm_head\tfloat\t1"));
    dialog.list()->setCurrentItem(dialog.list()->topLevelItem(2));
    dialog.removeRule();
    dialog.accept();
    QCOMPARE(requests, 1);
    QCOMPARE(asked.size(), std::size_t(2));
    QCOMPARE(asked[0].pattern, std::string("lm_head"));
    QVERIFY(asked[0].choice.keepFloat);
    QVERIFY(asked[1] == rule("attn", 3));

    RulesDialog untouched({rule("attn", 3)}, context());
    QSignalSpy silent(&untouched, &RulesDialog::rulesRequested);
    untouched.accept();
    QCOMPARE(silent.size(), 0);
    RulesDialog none({}, context());
    none.removeRule();
    none.moveRule(1);
    QVERIFY(none.lines().isEmpty());
}

void TestRules::brokenPatternsAreNotAccepted()
{
    RulesDialog dialog({rule("attn"), rule("mlp[")}, context());
    QSignalSpy requested(&dialog, &RulesDialog::rulesRequested);
    QVERIFY(!ok(dialog)->isEnabled());
    dialog.accept();
    QCOMPARE(requested.size(), 0);
    QCOMPARE(dialog.list()->indexOfTopLevelItem(dialog.list()->currentItem()), 1);
    QVERIFY(dialog.list()->currentItem()->toolTip(3).contains("malformed"));
}

QTEST_MAIN(TestRules)
#include "tst_rules.moc"
