// SPDX-License-Identifier: GPL-3.0-or-later
#include <QTest>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

/// What each folder of core may include, besides itself: the arrows of core/README.md.
const std::map<std::string, std::set<std::string>> allowed{
    {"base", {}},
    {"tensor", {"base"}},
    {"io", {"base", "tensor"}},
    {"graph", {"base", "tensor", "io"}},
    {"data", {"base", "tensor", "io", "graph"}},
    {"quant", {"base", "tensor", "io", "graph", "data"}},
    {"eval", {"base", "tensor", "io", "graph", "data", "quant"}},
    {"alloc", {"base", "tensor", "io", "graph", "data", "quant", "eval"}},
    {"session", {"base", "tensor", "io", "graph", "data", "quant", "eval", "alloc"}},
    {"export", {"base", "tensor", "io", "graph", "data", "quant", "eval", "alloc", "session"}},
};

bool isHeader(const std::string& path)
{
    return path.ends_with(".h");
}

/// Libraries that only some places may know: a header's pattern, and where it is welcome.
struct Door
{
    std::regex header;
    std::regex place;
    std::string message;
};

const std::vector<Door>& doors()
{
    static const std::vector<Door> all{
        {std::regex("(oneapi/)?tbb(/.*|\\.h)"), std::regex("core/base/parallel\\.cpp"),
         "TBB only behind core/base/parallel.h"},
        {std::regex("thread|future|stop_token|semaphore|latch|barrier|pthread\\.h"),
         std::regex("(core/base/|app/|widgets/|tests/).*"),
         "core starts threads only behind core/base/parallel.h"},
        {std::regex("hdf5.*\\.h|H5.*\\.h"), std::regex("(core/io|tests)/.*"),
         "HDF5 only in core/io"},
        {std::regex("zip\\.h|zlib\\.h|png\\.h|j(peglib|error)\\.h"),
         std::regex("(core/io|tests)/.*"), "archives and images only in core/io"},
        {std::regex("openssl/.*"), std::regex("core/base/.*"), "OpenSSL only in core/base"},
        {std::regex("pcre2.*"), std::regex("core/base/.*"), "PCRE2 only in core/base"},
        {std::regex("qcustomplot\\.h"), std::regex("(widgets/plots|tests/widgets)/.*"),
         "QCustomPlot only in widgets/plots"},
        {std::regex("Eigen/.*|google/protobuf/.*|nlohmann/json\\.hpp|.*\\.pb\\.h"),
         std::regex("(.*\\.cpp|tests/.*)"), "heavy headers only in .cpp files"},
        {std::regex("Q[A-Za-z]\\w*(/.*)?|q[a-z]+\\.h"), std::regex("(app/gui|widgets|tests)/.*"),
         "no Qt in core and in the command line"},
        {std::regex("CLI/.*"), std::regex("(app|tests)/.*"), "CLI11 only in app"},
    };
    return all;
}

/// Everything in a source that breaks the layout, as "path:line: message".
std::vector<std::string> violations(const std::string& path, const std::string& text)
{
    std::vector<std::string> found;
    int number = 0;
    const auto complain = [&](const std::string& message) {
        found.push_back(path + ":" + std::to_string(number) + ": " + message);
    };
    static const std::regex include("\\s*#\\s*include\\s*([<\"])([^>\"]+)[>\"].*");
    static const std::regex fromRoot("(core/[a-z]+|widgets|app/[a-z]+|tests)/.*");
    std::istringstream lines(text);
    std::string line;
    while (std::getline(lines, line)) {
        ++number;
        std::smatch match;
        if (!std::regex_match(line, match, include))
            continue;
        const std::string header = match[2];
        for (const Door& door : doors())
            if (std::regex_match(header, door.header) && !std::regex_match(path, door.place))
                complain("includes " + header + ": " + door.message);
        if (match[1] != "\"" || header.ends_with(".moc") || header.ends_with(".pb.h"))
            continue;
        if (!std::regex_match(header, fromRoot)) {
            complain("includes " + header + ": paths start at the root of the repository");
            continue;
        }
        const auto part = [](const std::string& name, std::size_t index) {
            std::istringstream parts(name);
            std::string piece;
            for (std::size_t i = 0; i <= index; ++i)
                std::getline(parts, piece, '/');
            return piece;
        };
        const std::string from = part(path, 0);
        const std::string to = part(header, 0);
        if (from == "core") {
            const std::string fromFolder = part(path, 1);
            const std::string toFolder = part(header, 1);
            const auto arrows = allowed.find(fromFolder);
            if (to != "core")
                complain("includes " + header + ": core knows nothing outside core");
            else if (arrows == allowed.end())
                complain("core/" + fromFolder + " has no place in the order of folders");
            else if (fromFolder != toFolder && !arrows->second.contains(toFolder))
                complain("includes " + header + ": " + fromFolder + " may not know " + toFolder);
        } else if (from == "widgets" && to != "core" && to != "widgets") {
            complain("includes " + header + ": widgets know only core and widgets");
        } else if (path.starts_with("app/cli/") && to != "core" && !header.starts_with("app/cli")) {
            complain("includes " + header + ": the command line knows only core");
        } else if (path.starts_with("app/gui/") && header.starts_with("app/cli")) {
            complain("includes " + header + ": the workbench does not know the command line");
        } else if (from != "tests" && to == "tests") {
            complain("includes " + header + ": only tests include tests");
        }
    }
    return found;
}

std::string textOf(const fs::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// Files below the named folders of the repository, as paths from its root.
std::vector<std::string> filesBelow(std::initializer_list<const char*> folders)
{
    const fs::path root = GRADUS_SOURCE_DIR;
    std::vector<std::string> files;
    for (const char* folder : folders)
        if (fs::exists(root / folder))
            for (const auto& entry : fs::recursive_directory_iterator(root / folder))
                if (entry.is_regular_file())
                    files.push_back(fs::relative(entry.path(), root).generic_string());
    std::sort(files.begin(), files.end());
    return files;
}

bool isCpp(const std::string& path)
{
    return path.ends_with(".cpp") || isHeader(path);
}

} // namespace

class TestArchitecture : public QObject
{
    Q_OBJECT

private slots:
    void eachRuleCanFail_data()
    {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("include");
        QTest::addColumn<int>("expected");
        const auto row = [](const char* path, const char* include, int expected) {
            QTest::addRow("%s %s", path, include) << path << include << expected;
        };
        row("core/base/text.cpp", "\"core/base/text.h\"", 0);
        row("core/base/text.cpp", "\"core/tensor/tensor.h\"", 1);
        row("core/graph/executor.h", "\"core/data/tokenizer.h\"", 1);
        row("core/data/calibration.cpp", "\"core/graph/executor.h\"", 0);
        row("core/session/run.cpp", "\"core/export/export.h\"", 1);
        row("core/export/gptq.cpp", "\"core/session/run.h\"", 0);
        row("core/eval/metrics.cpp", "\"core/alloc/budget.h\"", 1);
        row("core/novel/thing.cpp", "\"core/base/text.h\"", 1);
        row("core/base/text.cpp", "\"text.h\"", 1);
        row("core/session/run.cpp", "\"app/cli/terminal.h\"", 1);
        row("core/base/parallel.cpp", "<tbb/parallel_for.h>", 0);
        row("core/base/parallel.h", "<tbb/parallel_for.h>", 1);
        row("core/quant/grid.cpp", "<oneapi/tbb.h>", 1);
        row("core/quant/grid.cpp", "<thread>", 1);
        row("core/io/hdf5_file.cpp", "<hdf5.h>", 0);
        row("core/session/run.cpp", "<hdf5.h>", 1);
        row("core/io/png_image.cpp", "<png.h>", 0);
        row("core/data/image_dataset.cpp", "<jpeglib.h>", 1);
        row("core/session/run.cpp", "<QString>", 1);
        row("core/session/run.cpp", "<QtCore/QString>", 1);
        row("core/session/run.cpp", "<qstring.h>", 1);
        row("app/cli/main.cpp", "<QString>", 1);
        row("app/cli/main.cpp", "\"widgets/models/layers.h\"", 1);
        row("app/cli/main.cpp", "\"app/gui/document.h\"", 1);
        row("app/gui/main.cpp", "\"app/cli/terminal.h\"", 1);
        row("app/gui/main.cpp", "<QString>", 0);
        row("app/gui/main.cpp", "<qcustomplot.h>", 1);
        row("widgets/panels/layers.cpp", "\"app/gui/document.h\"", 1);
        row("widgets/panels/layers.cpp", "<qcustomplot.h>", 1);
        row("widgets/plots/histogram.cpp", "<qcustomplot.h>", 0);
        row("core/tensor/linalg.h", "<Eigen/Core>", 1);
        row("core/tensor/linalg.cpp", "<Eigen/Core>", 0);
        row("core/session/recipe.h", "<nlohmann/json.hpp>", 1);
        row("core/session/recipe.h", "<nlohmann/json_fwd.hpp>", 0);
    }

    void eachRuleCanFail()
    {
        QFETCH(QString, path);
        QFETCH(QString, include);
        QFETCH(int, expected);
        const auto found =
            violations(path.toStdString(), "\n#include " + include.toStdString() + "\n");
        QCOMPARE(static_cast<int>(found.size()), expected);
    }

    void includesFollowTheLayout()
    {
        std::size_t sources = 0;
        std::string all;
        for (const std::string& path : filesBelow({"core", "widgets", "app", "tests"})) {
            if (!isCpp(path) || path == "tests/core/tst_architecture.cpp") // its table of examples
                continue;
            ++sources;
            for (const std::string& line :
                 violations(path, textOf(fs::path(GRADUS_SOURCE_DIR) / path)))
                all += line + "\n";
        }
        QVERIFY(sources > 50);
        QVERIFY2(all.empty(), all.c_str());
    }

    void includedFilesExist()
    {
        static const std::regex include(
            "\\s*#\\s*include\\s*\"((core|widgets|app|tests)/[^\"]+)\".*");
        std::string missing;
        for (const std::string& path : filesBelow({"core", "widgets", "app", "tests"})) {
            if (!isCpp(path) || path == "tests/core/tst_architecture.cpp")
                continue;
            std::istringstream lines(textOf(fs::path(GRADUS_SOURCE_DIR) / path));
            std::string line;
            while (std::getline(lines, line)) {
                std::smatch match;
                if (std::regex_match(line, match, include) && !line.ends_with(".pb.h\"") &&
                    !fs::exists(fs::path(GRADUS_SOURCE_DIR) / match[1].str()))
                    missing += path + ": " + match[1].str() + "\n";
            }
        }
        QVERIFY2(missing.empty(), missing.c_str());
    }

    void headersAreGuardedOnce()
    {
        std::string bare;
        for (const std::string& path : filesBelow({"core", "widgets", "app", "tests"}))
            if (isHeader(path) && textOf(fs::path(GRADUS_SOURCE_DIR) / path).find("#pragma once") ==
                                      std::string::npos)
                bare += path + "\n";
        QVERIFY2(bare.empty(), bare.c_str());
    }

    /// Two classes of one name in one program: the linker keeps one destructor, without a word. The
    /// operators stand in a namespace of their own.
    void typesOfHeadersHaveOneName()
    {
        // Not those within a class: "struct Panel::Private".
        static const std::regex definition(
            "(struct|class|enum class) ([A-Z][A-Za-z0-9]*)(?![A-Za-z0-9:])[^;]*");
        std::map<std::string, std::string> where;
        std::string twice;
        for (const std::string& path : filesBelow({"core", "widgets", "app/gui"})) {
            if (!isHeader(path))
                continue;
            std::istringstream lines(textOf(fs::path(GRADUS_SOURCE_DIR) / path));
            std::string line;
            while (std::getline(lines, line)) {
                std::smatch match;
                if (!std::regex_match(line, match, definition) || path == "core/graph/operators.h")
                    continue;
                const auto [at, isNew] = where.emplace(match[2].str(), path);
                if (!isNew)
                    twice += match[2].str() + ": " + at->second + ", " + path + "\n";
            }
        }
        QVERIFY(where.size() > 100);
        QVERIFY2(twice.empty(), twice.c_str());
    }

    void everySourceNamesItsLicense()
    {
        std::size_t sources = 0;
        std::string bare;
        for (const std::string& path : filesBelow(
                 {"core", "widgets", "app", "tests", "cmake", "packaging", "resources", ".ci"})) {
            const fs::path file = fs::path(GRADUS_SOURCE_DIR) / path;
            const std::string text = textOf(file);
            const bool script = text.starts_with("#!");
            if (!isCpp(path) && !path.ends_with(".cmake") && !path.ends_with(".proto") &&
                file.filename() != "CMakeLists.txt" && !script)
                continue;
            ++sources;
            std::istringstream lines(text);
            std::string line;
            std::getline(lines, line);
            if (script)
                std::getline(lines, line);
            if (line.find("SPDX-License-Identifier: GPL-3.0-or-later") == std::string::npos)
                bare += path + "\n";
        }
        QVERIFY(sources > 80);
        QVERIFY2(bare.empty(), bare.c_str());
    }
};

QTEST_APPLESS_MAIN(TestArchitecture)
#include "tst_architecture.moc"
