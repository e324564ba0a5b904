// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/hash.h"

#include <QtTest>

#include <string>

using namespace gradus;

class TestHash : public QObject
{
    Q_OBJECT

private slots:
    // Examples of FIPS 180-2, appendix B, and the empty message.
    void publishedDigests_data()
    {
        QTest::addColumn<QByteArray>("message");
        QTest::addColumn<QString>("digest");
        QTest::newRow("empty")
            << QByteArray() << "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        QTest::newRow("one block")
            << QByteArray("abc")
            << "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        QTest::newRow("two blocks")
            << QByteArray("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
            << "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1";
        QTest::newRow("a million letters")
            << QByteArray(1'000'000, 'a')
            << "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    }

    void publishedDigests()
    {
        QFETCH(QByteArray, message);
        QFETCH(QString, digest);
        const std::string text = message.toStdString();
        QCOMPARE(QString::fromStdString(sha256(text)), digest);
        for (const std::size_t piece : {std::size_t(1), std::size_t(63), std::size_t(64),
                                        std::size_t(65), std::size_t(4096)}) {
            Sha256 hash;
            for (std::size_t at = 0; at < text.size(); at += piece)
                hash.add(std::string_view(text).substr(at, piece));
            QCOMPARE(QString::fromStdString(hash.hex()), digest);
        }
    }

    void zeroBytesCount()
    {
        QVERIFY(sha256(std::string_view("\0", 1)) != sha256(""));
        QVERIFY(sha256(std::string_view("a\0b", 3)) != sha256("a"));
    }
};

QTEST_APPLESS_MAIN(TestHash)
#include "tst_hash.moc"
