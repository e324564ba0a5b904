// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/graph/executor.h"
#include "core/session/sensitivity_store.h"
#include "tests/support/array_files.h"
#include "tests/support/sensitivity_tables.h"
#include "tests/support/support.h"
#include "tests/support/tiny_image_model.h"

#include <QTest>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

using namespace gradus;
using namespace gradus::test;
namespace fs = std::filesystem;

namespace {

std::string contentOf(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, std::string_view content)
{
    std::ofstream(path, std::ios::binary) << content;
}

class Notes final : public Monitor
{
public:
    void note(std::string_view line) override { text += line; }
    std::string text;
};

/// Files of this process do not grow beyond.
class FileLimit
{
public:
    explicit FileLimit(std::uint64_t bytes)
        : m_handler(std::signal(SIGXFSZ, SIG_IGN))
    {
        ::getrlimit(RLIMIT_FSIZE, &m_before);
        const rlimit limit{bytes, m_before.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileLimit()
    {
        ::setrlimit(RLIMIT_FSIZE, &m_before);
        std::signal(SIGXFSZ, m_handler);
    }
    FileLimit(const FileLimit&) = delete;
    FileLimit& operator=(const FileLimit&) = delete;

private:
    void (*m_handler)(int);
    rlimit m_before{};
};

KnownSensitivity known(double weight, std::optional<SensitivityMetric> reached)
{
    KnownSensitivity known;
    known.values.bytes = 17;
    known.values.weight = weight;
    known.values.note = "a note, \"quoted\"\n";
    known.reached = reached;
    return known;
}

struct Fixture
{
    TemporaryFolder folder;
    TinyImageModel tiny{folder / "model"};

    Fixture() { tiny.writeData(folder.path(), 20); }

    [[nodiscard]] SensitivityRequest request() const
    {
        SensitivityRequest request;
        request.model = tiny.model();
        request.recipe.calibration.data = (folder / "images.npy").string();
        request.recipe.calibration.samples = 9;
        request.recipe.calibration.mean = {0};
        request.recipe.calibration.deviation = {1};
        request.candidates = {candidate(2, RtnOptions{}), candidate(3, GptqOptions{})};
        request.metric = SensitivityMetric::Divergence;
        request.pairs = 3;
        request.cache = folder / "cache";
        return request;
    }
    [[nodiscard]] fs::path file() const
    {
        for (const auto& entry : fs::directory_iterator(folder / "cache"))
            return entry.path();
        return {};
    }
};

/// Where the records of a file begin, and its end.
std::vector<std::size_t> borders(const std::string& content)
{
    std::uint32_t identity = 0;
    std::memcpy(&identity, content.data() + 12, sizeof identity);
    std::size_t at = 16 + identity + 64;
    std::vector<std::size_t> all{at};
    while (at < content.size()) {
        std::uint64_t length = 0;
        std::memcpy(&length, content.data() + at, sizeof length);
        at += sizeof length + 64 + length;
        all.push_back(at);
    }
    return all;
}

} // namespace

class TestSensitivityStore : public QObject
{
    Q_OBJECT

private slots:
    void keepsWhatItIsGiven()
    {
        TemporaryFolder folder;
        const LayerChoice choice = candidate(3, GptqOptions{}, 32);
        const LayerChoice other = candidate(3, GptqOptions{}, 64);
        Notes notes;
        {
            SensitivityStore store(folder / "a/b", "id", notes);
            QVERIFY(!store.find("layer", choice));
            store.put("layer", choice, known(0.1, SensitivityMetric::Fisher));
            store.put("layer", other, known(0.2, std::nullopt));
            // Who knows less does not replace it.
            store.put("layer", choice, known(0.3, SensitivityMetric::Weight));
            QCOMPARE(store.find("layer", choice)->values.weight, 0.1);
            store.putPair("layer", choice, "next", other, 0.7);
        }
        SensitivityStore store(folder / "a/b", "id", notes);
        const KnownSensitivity* found = store.find("layer", choice);
        QVERIFY(found && same(found->values, known(0.1, {}).values));
        QCOMPARE(*found->reached, SensitivityMetric::Fisher);
        QVERIFY(!store.find("layer", other)->reached);
        QVERIFY(!store.find("another", choice));
        QCOMPARE(*store.findPair("layer", choice, "next", other), 0.7);
        QVERIFY(!store.findPair("next", other, "layer", choice));
        SensitivityStore elsewhere(folder / "a/b", "another id", notes);
        QVERIFY(!elsewhere.find("layer", choice));
        QVERIFY(notes.text.empty());
        SensitivityStore nowhere({}, "id", notes);
        nowhere.put("layer", choice, known(0.1, SensitivityMetric::Fisher));
        QVERIFY(nowhere.find("layer", choice));
    }

    void writersTakeTurns()
    {
        TemporaryFolder folder;
        Notes notes;
        SensitivityStore one(folder.path(), "id", notes);
        SensitivityStore two(folder.path(), "id", notes);
        for (int i = 0; i < 20; ++i) {
            SensitivityStore& store = i % 3 == 0 ? one : two;
            store.put("layer " + std::to_string(i), candidate(2 + i % 7, RtnOptions{}),
                      known(i, SensitivityMetric::Weight));
        }
        // Half a record, as a killed program leaves it.
        const fs::path path = SensitivityStore::path(folder.path(), "id");
        std::ofstream(path, std::ios::binary | std::ios::app) << std::string(100, 'x');
        two.put("last", candidate(2, RtnOptions{}), known(1, SensitivityMetric::Weight));
        QVERIFY(two.find("layer 0", candidate(2, RtnOptions{}))); // of the other one
        SensitivityStore third(folder.path(), "id", notes);
        for (int i = 0; i < 20; ++i)
            QVERIFY(third.find("layer " + std::to_string(i), candidate(2 + i % 7, RtnOptions{})));
        QVERIFY(third.find("last", candidate(2, RtnOptions{})));
        QVERIFY2(notes.text.empty(), notes.text.c_str());
    }

    void damagedHeadsStartAnew()
    {
        TemporaryFolder folder;
        const LayerChoice choice = candidate(3, RtnOptions{});
        const fs::path path = SensitivityStore::path(folder.path(), "id");
        Notes silent;
        {
            SensitivityStore store(folder.path(), "id", silent);
            store.put("layer", choice, known(1, SensitivityMetric::Weight));
        }
        const std::string good = contentOf(path);
        for (const std::size_t at : {std::size_t(0), std::size_t(9), std::size_t(30)}) {
            std::string bad = good;
            bad[at] = static_cast<char>(bad[at] ^ 1);
            write(path, bad);
            Notes reading;
            QVERIFY(!SensitivityStore::reading(folder.path(), "id", reading).find("layer", choice));
            QCOMPARE(contentOf(path), bad);
            Notes notes;
            SensitivityStore store(folder.path(), "id", notes);
            QVERIFY(notes.text.find("starts anew") != std::string::npos);
            QVERIFY(!store.find("layer", choice));
            store.put("layer", choice, known(1, SensitivityMetric::Weight));
            QCOMPARE(contentOf(path), good);
        }
        // A damaged record, and what follows it.
        std::string bad = good;
        bad[bad.size() - 3] = static_cast<char>(bad[bad.size() - 3] ^ 1);
        write(path, bad);
        Notes notes;
        SensitivityStore store(folder.path(), "id", notes);
        QVERIFY(notes.text.find("damaged") != std::string::npos);
        QVERIFY(!store.find("layer", choice));
    }

    void aHeadThatIsLostIsWrittenAgain()
    {
        TemporaryFolder folder;
        const LayerChoice choice = candidate(3, RtnOptions{});
        const fs::path path = SensitivityStore::path(folder.path(), "id");
        Notes notes;
        SensitivityStore first(folder.path(), "id", notes);
        SensitivityStore store(std::move(first));
        store.put("lost", choice, known(1, SensitivityMetric::Weight));
        const std::size_t head = borders(contentOf(path)).front();
        for (const std::size_t left : {std::size_t(0), std::size_t(20), head}) {
            fs::resize_file(path, left);
            store.put("one", choice, known(1, SensitivityMetric::Weight));
            store.put("two", choice, known(2, SensitivityMetric::Weight));
            SensitivityStore again(folder.path(), "id", notes);
            QVERIFY(again.find("one", choice) && again.find("two", choice));
            QVERIFY(!again.find("lost", choice));
        }
        QVERIFY2(notes.text.empty(), notes.text.c_str());
    }

    void writingThatFailsIsNotedOnce()
    {
        TemporaryFolder folder;
        const LayerChoice choice = candidate(3, RtnOptions{});
        Notes notes;
        {
            SensitivityStore store(folder.path(), "id", notes);
            store.put("one", choice, known(1, SensitivityMetric::Weight));
            const FileLimit full(fs::file_size(SensitivityStore::path(folder.path(), "id")) + 10);
            store.put("two", choice, known(2, SensitivityMetric::Weight));
            const std::string said = notes.text;
            QVERIFY2(said.find("nothing is kept") != std::string::npos, said.c_str());
            store.put("three", choice, known(3, SensitivityMetric::Weight));
            QCOMPARE(notes.text, said);
            QVERIFY(store.find("two", choice) && store.find("three", choice));
        }
        Notes silent;
        SensitivityStore store(folder.path(), "id", silent);
        QVERIFY2(silent.text.empty(), silent.text.c_str());
        QVERIFY(store.find("one", choice) && !store.find("two", choice));
    }

    void cachesThatCannotBeHadAreDoneWithout()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.metric = SensitivityMetric::Weight;
        wanted.cache.clear();
        Notes notes;
        const SensitivityTable table = measureSensitivity(wanted, notes);
        QVERIFY(notes.text.empty());
        write(f.folder / "file", "x");
        wanted.cache = f.folder / "file";
        QVERIFY(same(measureSensitivity(wanted, notes), table));
        QVERIFY2(notes.text.find("is not kept") != std::string::npos, notes.text.c_str());
        (void)knownSensitivity(wanted, notes);
        wanted.needsCache = true;
        QVERIFY_THROWS_EXCEPTION(Error, (void)measureSensitivity(wanted, notes));
    }

    /// All that decides what is measured is what entries are found by.
    void otherArraysAndSurroundingsAreAnotherMatter()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.metric = SensitivityMetric::Weight;
        wanted.pairs = 0;
        const auto isKnown = [&] {
            Monitor silent;
            return !std::isnan(knownSensitivity(wanted, silent).rows[0].candidates[0].weight);
        };
        const auto measure = [&] {
            Monitor silent;
            (void)measureSensitivity(wanted, silent);
        };
        const std::string array = contentOf(f.folder / "images.npy");
        write(f.folder / "d.npz", zipBytes({{"train.npy", array}, {"val.npy", array}}));
        wanted.recipe.calibration.data = (f.folder / "d.npz").string() + ":train";
        QVERIFY(!isKnown());
        measure();
        QVERIFY(isKnown());
        wanted.recipe.calibration.data = (f.folder / "d.npz").string() + ":val";
        QVERIFY(!isKnown());
        wanted.recipe.calibration.data = (f.folder / "images.npy").string();
        const auto file = [&] {
            std::set<fs::path> files;
            for (const auto& entry : fs::directory_iterator(f.folder / "cache"))
                files.insert(entry.path());
            return files.size();
        };
        measure();
        QCOMPARE(file(), std::size_t(2));
        // Files beside the weights; the model says which there are.
        for (const char* name : {"tokenizer.json", "preprocessor_config.json"}) {
            for (const char* content : {"{}", "{ }"}) {
                write(f.folder / "model" / name, content);
                auto changed = f.tiny.changeable();
                changed->source = openModelSource(f.folder / "model");
                QVERIFY2(!isKnown(), name);
                measure();
                QVERIFY(isKnown());
            }
        }
        f.tiny.changeable()->source.config = "{\"rope_theta\": 10000}";
        QVERIFY(!isKnown());
        measure();
        f.tiny.changeable()->source.config = "{\"rope_theta\": 20000}";
        QVERIFY(!isKnown());
    }

    void whatLacksDataIsNotRefusedForGood()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.metric = SensitivityMetric::Weight;
        wanted.pairs = 0;
        const auto model = f.tiny.changeable();
        model->whyNotRunnable = "there is no config.json";
        Monitor silent;
        QVERIFY(!measureSensitivity(wanted, silent).rows[0].candidates[1].possible);
        model->whyNotRunnable.clear(); // by a program that knows more
        const Sensitivity later = measureSensitivity(wanted, silent).rows[0].candidates[1];
        QVERIFY(later.possible && later.weight > 0);
    }

    void aFolderThatCannotBeMadeIsAnError()
    {
        TemporaryFolder folder;
        write(folder / "file", "x");
        Monitor silent;
        QVERIFY_THROWS_EXCEPTION(Error, SensitivityStore(folder / "file", "id", silent));
    }

    void theUsualFolderFollowsTheEnvironment()
    {
        qputenv("XDG_CACHE_HOME", "/somewhere");
        QCOMPARE(sensitivityCacheFolder(), fs::path("/somewhere/gradus/sensitivity"));
        qputenv("XDG_CACHE_HOME", "relative");
        qputenv("HOME", "/home/somebody");
        QCOMPARE(sensitivityCacheFolder(), fs::path("/home/somebody/.cache/gradus/sensitivity"));
    }

    void resumesWhereverItWasKilled()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        Monitor silent;
        const SensitivityTable whole = measureSensitivity(wanted, silent);
        QCOMPARE(whole.rows.size(), std::size_t(6)); // one of them is never reached
        QCOMPARE(whole.unit, SensitivityTable::Unit::NatsPerSample);
        QCOMPARE(whole.pairs.size(), std::size_t(3));
        SensitivityRequest without = wanted;
        without.cache.clear();
        QVERIFY(same(measureSensitivity(without, silent), whole));
        const std::string content = contentOf(f.file());
        const auto records = borders(content);
        QVERIFY(records.size() > 20);
        QCOMPARE(records.back(), content.size());
        for (std::size_t r = 0; r < records.size(); ++r) {
            // At a border, and in the middle of the next record.
            write(f.file(), content.substr(0, records[r] + (r % 2 != 0 ? 31 : 0)));
            QVERIFY(same(measureSensitivity(wanted, silent), whole));
        }
        // Known without computing, whatever the metric asked for.
        wanted.metric = SensitivityMetric::Weight;
        const SensitivityTable known = knownSensitivity(wanted, silent);
        for (std::size_t r = 0; r < whole.rows.size(); ++r)
            for (std::size_t c = 0; c < 2; ++c)
                QVERIFY(same(known.rows[r].candidates[c], whole.rows[r].candidates[c]));
    }

    void otherCandidatesAndMetricsShareEntries()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.pairs = 0;
        Monitor silent;
        wanted.metric = SensitivityMetric::Weight;
        wanted.candidates.pop_back();
        (void)measureSensitivity(wanted, silent);
        wanted.metric = SensitivityMetric::Output;
        (void)measureSensitivity(wanted, silent);
        wanted = f.request();
        wanted.pairs = 0;
        std::size_t atOnce = 0;
        const SensitivityTable table =
            measureSensitivity(wanted, silent, [&](auto, std::size_t c, const Sensitivity& s) {
                atOnce += c == 0 && !std::isnan(s.output) && std::isnan(s.fisher);
            });
        QCOMPARE(atOnce, std::size_t(6));
        wanted.cache.clear();
        QVERIFY(same(table, measureSensitivity(wanted, silent)));
        // Other data are another matter.
        wanted = f.request();
        wanted.recipe.calibration.samples = 8;
        const SensitivityTable none = knownSensitivity(wanted, silent);
        QVERIFY(std::isnan(none.rows[0].candidates[0].weight));
        QVERIFY(none.rows[0].candidates[0].bytes > 0);
    }

    void stopsKeepWhatWasMeasured()
    {
        const Fixture f;
        SensitivityRequest wanted = f.request();
        wanted.cache.clear();
        Monitor silent;
        const SensitivityTable whole = measureSensitivity(wanted, silent);
        int stopped = 0;
        for (int k = 0; k < 2000; k += k < 40 ? 1 : 97) {
            wanted.cache = f.folder / ("cache " + std::to_string(k));
            StopAt stop(k);
            std::map<std::pair<std::size_t, std::size_t>, Sensitivity> streamed;
            try {
                (void)measureSensitivity(wanted, stop,
                                         [&](std::size_t row, std::size_t c, const Sensitivity& s) {
                                             streamed[{row, c}] = s;
                                         });
                continue;
            } catch (const Cancelled&) {
                ++stopped;
            }
            const SensitivityTable kept = knownSensitivity(wanted, silent);
            for (const auto& [place, values] : streamed)
                QVERIFY(same(kept.rows[place.first].candidates[place.second], values));
            if (k % 10 == 0)
                QVERIFY(same(measureSensitivity(wanted, silent), whole));
        }
        QVERIFY(stopped > 40);
    }
};

QTEST_APPLESS_MAIN(TestSensitivityStore)
#include "tst_sensitivity_store.moc"
