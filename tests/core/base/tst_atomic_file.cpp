// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "tests/support/support.h"

#include <QtTest>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

using namespace gradus;
namespace fs = std::filesystem;

namespace {

std::string contentOf(const fs::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t entriesIn(const fs::path& folder)
{
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder))
        ++count;
    return count;
}

/// The Io error of a call, or an empty text when it throws none.
std::string ioErrorOf(const std::function<void()>& call)
{
    try {
        call();
    } catch (const Error& error) {
        return error.code() == ErrorCode::Io ? error.what() : "wrong code";
    }
    return {};
}

/// Files of this process end at so many bytes while it lives: a disk that fills up.
class FileSizeLimit
{
public:
    explicit FileSizeLimit(rlim_t bytes)
        : m_handler(std::signal(SIGXFSZ, SIG_IGN))
    {
        ::getrlimit(RLIMIT_FSIZE, &m_before);
        rlimit limit = m_before;
        limit.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit()
    {
        ::setrlimit(RLIMIT_FSIZE, &m_before);
        std::signal(SIGXFSZ, m_handler);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    void (*m_handler)(int);
    rlimit m_before{};
};

} // namespace

class TestAtomicFile : public QObject
{
    Q_OBJECT

private slots:
    void appearsWholeAtCommit()
    {
        const test::TemporaryFolder folder;
        AtomicFile file(folder / "out.bin");
        file.write("head ");
        const std::vector<std::byte> bytes(3'000'000, std::byte('x'));
        file.write(bytes);
        QVERIFY(!fs::exists(folder / "out.bin"));
        QVERIFY(fs::exists(file.temporaryPath()));
        QCOMPARE(file.temporaryPath().parent_path().string(), folder.path().string());
        file.commit();
        QVERIFY(contentOf(folder / "out.bin") == "head " + std::string(3'000'000, 'x'));
        QCOMPARE(entriesIn(folder.path()), std::size_t(1));
    }

    void emptyFileIsAFile()
    {
        const test::TemporaryFolder folder;
        AtomicFile file(folder / "empty");
        file.write("");
        file.commit();
        QVERIFY(fs::exists(folder / "empty"));
        QCOMPARE(fs::file_size(folder / "empty"), std::uintmax_t(0));
    }

    void replacesOnlyAtCommit()
    {
        const test::TemporaryFolder folder;
        std::ofstream(folder / "out") << "old";
        AtomicFile file(folder / "out");
        file.write("new");
        QVERIFY(contentOf(folder / "out") == "old");
        file.commit();
        QVERIFY(contentOf(folder / "out") == "new");
    }

    void leavesNothingWithoutCommit()
    {
        const test::TemporaryFolder folder;
        std::ofstream(folder / "kept") << "old";
        {
            AtomicFile fresh(folder / "fresh");
            AtomicFile kept(folder / "kept");
            fresh.write("half");
            kept.write("half");
        }
        QCOMPARE(entriesIn(folder.path()), std::size_t(1));
        QVERIFY(contentOf(folder / "kept") == "old");
    }

    void impossibleTargets_data()
    {
        QTest::addColumn<QString>("target");
        QTest::newRow("no such folder") << "missing/out";
        QTest::newRow("below a file") << "file/out";
        QTest::newRow("name too long") << QString(300, 'n');
    }

    void impossibleTargets()
    {
        QFETCH(QString, target);
        const test::TemporaryFolder folder;
        std::ofstream(folder / "file") << "content";
        const fs::path path = folder / target.toStdString();
        const std::string message = ioErrorOf([&] { const AtomicFile file(path); });
        QVERIFY2(message.starts_with("cannot create " + path.string() + ": "), message.c_str());
        QCOMPARE(entriesIn(folder.path()), std::size_t(1));
        QVERIFY(contentOf(folder / "file") == "content");
    }

    void folderWithoutPermission()
    {
        const test::TemporaryFolder folder;
        fs::create_directory(folder / "locked");
        fs::permissions(folder / "locked", fs::perms(0555));
        const bool root = ::geteuid() == 0; // who may write anywhere
        if (root) {
            fs::permissions(folder.path(), fs::perms(0755));
            QVERIFY(::seteuid(65534) == 0);
        }
        const std::string message =
            ioErrorOf([&] { const AtomicFile file(folder / "locked" / "out"); });
        if (root)
            QVERIFY(::seteuid(0) == 0);
        QVERIFY2(message.ends_with("Permission denied"), message.c_str());
        QCOMPARE(entriesIn(folder / "locked"), std::size_t(0));
    }

    void targetIsAFolder()
    {
        const test::TemporaryFolder folder;
        fs::create_directories(folder / "out" / "inside");
        AtomicFile file(folder / "out");
        file.write("text");
        const std::string message = ioErrorOf([&] { file.commit(); });
        QVERIFY2(message.starts_with("cannot write " + (folder / "out").string()), message.c_str());
        QVERIFY(fs::is_directory(folder / "out" / "inside"));
        QCOMPARE(entriesIn(folder.path()), std::size_t(1));
    }

    void diskFullWhileWriting()
    {
        const test::TemporaryFolder folder;
        std::ofstream(folder / "out") << "old";
        std::string message;
        {
            AtomicFile file(folder / "out");
            const std::string block(4096, 'b');
            const FileSizeLimit limit(10'000); // two blocks, and part of the third
            file.write(block);
            file.write(block);
            message = ioErrorOf([&] { file.write(block); });
        }
        QVERIFY2(message.starts_with("cannot write " + (folder / "out").string() + ": "),
                 message.c_str());
        QVERIFY(contentOf(folder / "out") == "old");
        QCOMPARE(entriesIn(folder.path()), std::size_t(1));
    }

    void deviceFull()
    {
        if (!fs::exists("/dev/full"))
            QSKIP("this system has no /dev/full");
        const test::TemporaryFolder folder;
        const fs::path temporary = AtomicFile(folder / "out").temporaryPath();
        fs::create_symlink("/dev/full", temporary);
        {
            AtomicFile file(folder / "out");
            QCOMPARE(file.temporaryPath().string(), temporary.string());
            const std::string message = ioErrorOf([&] { file.write("text"); });
            QVERIFY2(message.ends_with("No space left on device"), message.c_str());
        }
        QVERIFY(fs::exists("/dev/full"));
        QCOMPARE(entriesIn(folder.path()), std::size_t(0));
    }
};

QTEST_APPLESS_MAIN(TestAtomicFile)
#include "tst_atomic_file.moc"
