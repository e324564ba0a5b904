// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/session/journal.h"
#include "tests/support/sample_run.h"
#include "tests/support/support.h"

#include <QtTest>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <limits>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<LayerResult> layers()
{
    Run run = sampleRun();
    std::vector<LayerResult> some = {
        run.layers[0], run.layers[2],
        sampleLayer("small",
                    sampleWeight({3, Granularity::Group, 4, false, DType::F16}, 2, 9, 5, true))};
    some[1].seconds = 1.25;
    for (LayerResult& layer : run.layers)
        if (layer.activation)
            some.push_back(std::move(layer));
    return some;
}

ErrorCode codeOf(const std::function<void()>& call, std::string* message = nullptr)
{
    try {
        call();
    } catch (const Error& error) {
        if (message)
            *message = error.what();
        return error.code();
    }
    return ErrorCode::Internal;
}

} // namespace

class TestJournal : public QObject
{
    Q_OBJECT

private slots:
    void keepsWhatWasFinished()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        const std::vector<LayerResult> all = layers();
        {
            Journal journal(run, "print", false);
            QVERIFY(journal.finished().empty());
            journal.append(all[0]);
            journal.append(all[1]);
        }
        QCOMPARE(namesIn(folder.path()), std::string("run.gradus.journal"));
        {
            Journal journal(run, "print", true);
            QCOMPARE(journal.finished().size(), std::size_t(2));
            QVERIFY(sameLayer(journal.finished().at(all[0].name), all[0], true));
            QVERIFY(sameLayer(journal.finished().at(all[1].name), all[1], true));
            journal.append(all[2]);
        }
        {
            Journal journal(run, "print", true);
            QCOMPARE(journal.finished().size(), std::size_t(3));
            QVERIFY(sameLayer(journal.finished().at(all[2].name), all[2], true));
            journal.remove();
            journal.remove();
        }
        QCOMPARE(namesIn(folder.path()), std::string());
        const Journal fresh(run, "print", true); // nothing to resume: starts anew
        QVERIFY(fresh.finished().empty());
    }

    void trainingsAreSharedAgain()
    {
        const TemporaryFolder folder;
        Run run = sampleRun();
        {
            Journal journal(folder / "run", "print", false);
            for (const std::size_t i : {2U, 3U, 5U})
                journal.append(run.layers[i]);
        }
        const Journal journal(folder / "run", "print", true);
        const auto at = [&](std::size_t i) { return journal.finished().at(run.layers[i].name); };
        for (const std::size_t i : {2U, 3U, 5U})
            QVERIFY(sameLayer(at(i), run.layers[i]));
        QVERIFY(at(2).tunings[0] == at(3).tunings[0]);
        QVERIFY(at(2).tunings[0] != at(5).tunings[0]);

        // Nothing that is not finite is kept, nor read.
        auto bad = std::make_shared<TuningOutcome>(*run.layers[2].tunings[0]);
        Tensor nan({1});
        nan.floats()[0] = std::numeric_limits<float>::quiet_NaN();
        bad->parameters["p"] = std::make_shared<const Tensor>(std::move(nan));
        run.layers[2].tunings[0] = bad;
        Journal other(folder / "other", "print", false);
        QVERIFY(codeOf([&] { other.append(run.layers[2]); }) == ErrorCode::Internal);
    }

    void powerLayersComeBack()
    {
        const TemporaryFolder folder;
        const std::vector<LayerResult> all = layers();
        QVERIFY(all.size() > 8);
        {
            Journal journal(folder / "run", "print", false);
            for (const LayerResult& layer : all)
                journal.append(layer);
        }
        const Journal journal(folder / "run", "print", true);
        for (const LayerResult& layer : all)
            QVERIFY(sameLayer(journal.finished().at(layer.name), layer, true));
        // Nonsense is not kept.
        Journal other(folder / "other", "print", false);
        for (int kind = 0; kind < 5; ++kind) {
            LayerResult bad = all.back();
            auto weight = std::make_shared<QuantizedWeight>(*bad.weight);
            if (kind == 0)
                weight->exponents[0] = std::numeric_limits<float>::quiet_NaN();
            else if (kind == 1)
                weight->exponents.resize(2, 0.5F);
            else if (kind == 2)
                weight->exponents.clear();
            else if (kind == 3)
                weight->outliers.rowStarts.assign(3, 0);
            else
                bad.activation->limit = 0;
            bad.weight = weight;
            QVERIFY(codeOf([&] { other.append(bad); }) == ErrorCode::Internal);
        }
    }

    /// Records of version 4 end where those of version 5 go on, and these where version 6 does.
    void olderJournalsAreTakenUp_data()
    {
        QTest::addColumn<quint32>("version");
        QTest::newRow("4") << quint32(4);
        QTest::newRow("5") << quint32(5);
    }
    void olderJournalsAreTakenUp()
    {
        QFETCH(quint32, version);
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        const std::vector<LayerResult> all = layers();
        {
            Journal journal(run, "print", false);
            journal.append(all[0]);
            journal.append(all[2]);
        }
        const std::string bytes = fileBytes(journalPath(run));
        // By hand: another version under a good checksum, records without what is new, which are
        // levels and four empty arrays of a weight, no grid, no origin of an exponent; and no
        // static inputs.
        std::string old = bytes.substr(0, 8);
        const auto append = [&old](auto value) {
            old.append(reinterpret_cast<const char*>(&value), sizeof value);
        };
        append(std::uint32_t(version));
        old += bytes.substr(12, 4 + 5);
        old += sha256(old);
        std::size_t at = old.size();
        for (const std::size_t since5 : {std::size_t(1 + 8), std::size_t(1 + 4 * 8 + 1 + 8)}) {
            const std::size_t extra = 1 + (version == 4 ? since5 : 0);
            std::uint64_t length = 0;
            std::memcpy(&length, bytes.data() + at, sizeof length);
            const std::string payload = bytes.substr(at + 72, length - extra);
            append(std::uint64_t(payload.size()));
            old += sha256(payload) + payload;
            at += 72 + length;
        }
        QCOMPARE(at, bytes.size());
        writeBytes(journalPath(run), old);
        {
            Journal journal(run, "print", true);
            QCOMPARE(journal.finished().size(), std::size_t(2));
            QVERIFY(sameLayer(journal.finished().at(all[0].name), all[0], true));
            QVERIFY(sameLayer(journal.finished().at(all[2].name), all[2], true));
            journal.append(all.back());
        }
        const Journal journal(run, "print", true);
        QCOMPARE(journal.finished().size(), std::size_t(3));
        QVERIFY(sameLayer(journal.finished().at(all.back().name), all.back(), true));
        // Of another run it is refused like any.
        QVERIFY(codeOf([&] { Journal(folder / "x", "print", true); }) == ErrorCode::Internal);
        writeBytes(journalPath(folder / "x"), old);
        QVERIFY(codeOf([&] { Journal(folder / "x", "other", true); }) == ErrorCode::Usage);
    }

    void withoutResumeStartsAnew()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        {
            Journal journal(run, "print", false);
            journal.append(layers()[0]);
        }
        {
            const Journal journal(run, "other", false);
            QVERIFY(journal.finished().empty());
        }
        const Journal journal(run, "other", true);
        QVERIFY(journal.finished().empty());
    }

    void aForeignJournalIsRefused()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        {
            Journal journal(run, std::string(64, 'a'), false);
            journal.append(layers()[0]);
        }
        const std::string before = fileBytes(journalPath(run));
        std::string message;
        QVERIFY(codeOf([&] { Journal(run, std::string(64, 'b'), true); }, &message) ==
                ErrorCode::Usage);
        QVERIFY2(message.find("without --resume") != std::string::npos, message.c_str());
        QVERIFY(codeOf([&] { Journal(run, "short", true); }) == ErrorCode::Usage);
        QVERIFY(codeOf([&] { Journal(run, std::string(65, 'a'), true); }) == ErrorCode::Usage);
        QCOMPARE(fileBytes(journalPath(run)), before); // untouched
        const Journal journal(run, std::string(64, 'a'), true);
        QCOMPARE(journal.finished().size(), std::size_t(1));
    }

    void anotherFileIsRefused()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        writeBytes(journalPath(run), "my precious notes");
        QVERIFY(codeOf([&] { Journal(run, "p", true); }) == ErrorCode::Format);
        QCOMPARE(fileBytes(journalPath(run)), std::string("my precious notes"));
    }

    void killedAtAnyByte()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        const std::vector<LayerResult> all = layers();
        std::string first;
        {
            Journal journal(run, "print", false);
            journal.append(all[0]);
            first = fileBytes(journalPath(run));
            journal.append(all[2]);
        }
        const std::string whole = fileBytes(journalPath(run));
        QVERIFY(whole.size() > first.size() + 72);
        for (std::size_t length = 0; length < whole.size(); ++length) {
            writeBytes(journalPath(run), std::string_view(whole).substr(0, length));
            std::size_t expected = length >= first.size() ? 1 : 0;
            {
                Journal journal(run, "print", true);
                QCOMPARE(journal.finished().size(), expected);
                if (expected)
                    QVERIFY(sameLayer(journal.finished().begin()->second, all[0], true));
                if (length % 8 != 0) // the rest costs three syncs each
                    continue;
                journal.append(all[2]);
            }
            if (expected) // continuing ends with the same bytes
                QVERIFY(fileBytes(journalPath(run)) == whole);
            const Journal journal(run, "print", true);
            QCOMPARE(journal.finished().size(), expected + 1);
        }
    }

    void damageIsCutOff()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        const std::vector<LayerResult> all = layers();
        std::size_t first = 0;
        {
            Journal journal(run, "print", false);
            journal.append(all[0]);
            first = fileBytes(journalPath(run)).size();
            journal.append(all[2]);
        }
        const std::string whole = fileBytes(journalPath(run));
        for (std::size_t at = first; at < whole.size(); ++at) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
            writeBytes(journalPath(run), damaged);
            const Journal journal(run, "print", true);
            QCOMPARE(journal.finished().size(), std::size_t(1));
            QCOMPARE(fileBytes(journalPath(run)).size(), first);
        }
        for (std::size_t at = 0; at < 8; ++at) {
            std::string damaged = whole;
            damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
            writeBytes(journalPath(run), damaged);
            QVERIFY(codeOf([&] { Journal(run, "print", true); }) == ErrorCode::Format);
        }
    }

    void twoWritersAreRefused()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        Journal journal(run, "print", false);
        journal.append(layers()[0]);
        QVERIFY(codeOf([&] { Journal(run, "print", false); }) == ErrorCode::Usage);
        QVERIFY(codeOf([&] { Journal(run, "print", true); }) == ErrorCode::Usage);
        journal.append(layers()[1]);
    }

    void aFullDiskLeavesWholeRecords()
    {
        const TemporaryFolder folder;
        const auto run = folder / "run.gradus";
        const std::vector<LayerResult> all = layers();
        Journal journal(run, "print", false);
        journal.append(all[0]);
        const std::string before = fileBytes(journalPath(run));
        rlimit old{};
        getrlimit(RLIMIT_FSIZE, &old);
        const auto handler = std::signal(SIGXFSZ, SIG_IGN);
        const rlimit small{before.size() + 100, old.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        const ErrorCode code = codeOf([&] { journal.append(all[1]); });
        setrlimit(RLIMIT_FSIZE, &old);
        std::signal(SIGXFSZ, handler);
        QVERIFY(code == ErrorCode::Io);
        QVERIFY(fileBytes(journalPath(run)) == before);
        journal.append(all[2]);
        journal.remove();
    }

    void anUnwritableFolderIsAnError()
    {
        std::string message;
        QVERIFY(codeOf([] { Journal("/nonexistent/folder/run.gradus", "p", false); }, &message) ==
                ErrorCode::Io);
        QVERIFY(message.find("/nonexistent/folder/run.gradus.journal") != std::string::npos);
    }
};

QTEST_APPLESS_MAIN(TestJournal)
#include "tst_journal.moc"
