// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "core/quant/packing.h"
#include "tests/support/quant_oracles.h"

#include <QTest>
#include <nlohmann/json.hpp>

#include <cstring>
#include <fstream>

using namespace gradus;
using namespace gradus::test;

namespace {

std::vector<std::uint8_t> someValues(std::size_t count, int bits)
{
    RandomStream random(count, "packing");
    std::vector<std::uint8_t> values(count);
    for (std::uint8_t& value : values)
        value = static_cast<std::uint8_t>(random.below(1ULL << bits));
    return values;
}

/// Bytes of 32-bit words, little-endian.
std::vector<std::uint8_t> bytesOf(const std::vector<std::int32_t>& words)
{
    std::vector<std::uint8_t> bytes(words.size() * 4);
    std::memcpy(bytes.data(), words.data(), bytes.size());
    return bytes;
}

template <class T>
std::vector<T> column(const nlohmann::json& matrix, std::size_t c)
{
    std::vector<T> out;
    for (const auto& row : matrix)
        out.push_back(row.at(c).get<T>());
    return out;
}

nlohmann::json golden()
{
    std::ifstream in(GRADUS_SOURCE_DIR "/tests/data/packing_golden.json");
    return nlohmann::json::parse(in);
}

} // namespace

class TestPacking : public QObject
{
    Q_OBJECT

private slots:
    void agreesBitByBitAndComesBack()
    {
        for (int bits = 1; bits <= 8; ++bits)
            for (const std::size_t count : {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 97, 1000}) {
                const std::vector<std::uint8_t> values = someValues(count, bits);
                const std::vector<std::uint8_t> stream = packBits(values, bits);
                QCOMPARE(stream, oraclePack(values, bits));
                QCOMPARE(stream.size(), std::size_t(packedBytes(count, bits)));
                QCOMPARE(unpackBits(stream, count, bits), values);
            }
    }

    void refusesShortStreams()
    {
        for (int bits = 1; bits <= 8; ++bits) {
            const std::vector<std::uint8_t> stream = packBits(someValues(33, bits), bits);
            std::vector<std::uint8_t> longer = stream;
            longer.push_back(0xFF);
            QCOMPARE(unpackBits(longer, 33, bits), someValues(33, bits));
            try {
                (void)unpackBits({stream.data(), stream.size() - 1}, 33, bits);
                QFAIL("a short stream was read");
            } catch (const Error& error) {
                QCOMPARE(error.code(), ErrorCode::Format);
            }
        }
        // A count that a hostile header could name must not wrap around.
        QVERIFY_EXCEPTION_THROWN((void)unpackBits({}, UINT64_MAX, 8), Error);
        QVERIFY_EXCEPTION_THROWN((void)unpackBits({}, UINT64_MAX / 4 + 2, 4), Error);
    }

    void gptqTensorsAreThisStream()
    {
        // qweight: for each output the stream of its input codes, down the rows of words; qzeros
        // (second convention): for each group the stream of the outputs' zeros.
        const nlohmann::json all = golden();
        QCOMPARE(all.at("gptq").size(), std::size_t(4));
        for (const auto& one : all.at("gptq")) {
            const int bits = one.at("bits");
            for (std::size_t out = 0; out < one.at("out_features").get<std::size_t>(); ++out)
                QCOMPARE(packBits(column<std::uint8_t>(one.at("codes"), out), bits),
                         bytesOf(column<std::int32_t>(one.at("qweight"), out)));
            for (std::size_t g = 0; g < one.at("zeros").size(); ++g) {
                const auto zeros = one.at("zeros")[g].get<std::vector<std::uint8_t>>();
                const auto words = one.at("qzeros_v2")[g].get<std::vector<std::int32_t>>();
                QCOMPARE(packBits(zeros, bits), bytesOf(words));
                QCOMPARE(unpackBits(bytesOf(words), zeros.size(), bits), zeros);
            }
        }
    }

    void compressedTensorsAreThisStream()
    {
        // Signed codes plus 2^(b−1), a stream per row padded to whole words; zeros down the rows.
        const nlohmann::json all = golden();
        QVERIFY(all.at("compressed_tensors").size() >= 14);
        for (const auto& one : all.at("compressed_tensors")) {
            const int bits = one.at("bits");
            const auto unsignedOf = [&](const std::vector<int>& codes) {
                std::vector<std::uint8_t> out;
                for (const int code : codes)
                    out.push_back(static_cast<std::uint8_t>(code + (1 << (bits - 1))));
                return out;
            };
            const auto check = [&](const std::vector<int>& codes,
                                   const std::vector<std::int32_t>& words) {
                std::vector<std::uint8_t> stream = packBits(unsignedOf(codes), bits);
                stream.resize((stream.size() + 3) / 4 * 4);
                QCOMPARE(stream, bytesOf(words));
            };
            for (std::size_t r = 0; r < one.at("q").size(); ++r)
                check(one.at("q")[r].get<std::vector<int>>(),
                      one.at("weight_packed")[r].get<std::vector<std::int32_t>>());
            for (std::size_t g = 0; g < one.at("zp")[0].size(); ++g)
                check(column<int>(one.at("zp"), g),
                      column<std::int32_t>(one.at("weight_zero_point"), g));
        }
    }
};

QTEST_APPLESS_MAIN(TestPacking)
#include "tst_packing.moc"
