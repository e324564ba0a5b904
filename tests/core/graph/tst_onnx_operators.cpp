// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/error.h"
#include "tests/support/onnx_cases.h"
#include "tests/support/support.h"

#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

using namespace gradus;
using namespace gradus::test;

/// Every ONNX operator, as every opset writes it, against what ONNX Runtime gave. The results were
/// recorded by tst_onnxruntime, which compares them with the installed one.
class TestOnnxOperators : public QObject
{
    Q_OBJECT

private:
    QJsonObject m_recorded;

private slots:
    void initTestCase()
    {
        QFile file(QString(GRADUS_SOURCE_DIR) + "/tests/data/onnx_operators.json");
        QVERIFY(file.open(QIODevice::ReadOnly));
        m_recorded = QJsonDocument::fromJson(file.readAll()).object();
        QCOMPARE(m_recorded.size(), static_cast<qsizetype>(onnxCases().size()));
    }

    void agree_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < onnxCases().size(); ++i)
            QTest::newRow(onnxCases()[i].name.c_str()) << static_cast<int>(i);
    }
    void agree()
    {
        QFETCH(int, index);
        const OnnxCase& test = onnxCases()[static_cast<std::size_t>(index)];
        const auto found = m_recorded.find(QString::fromStdString(test.name));
        QVERIFY(found != m_recorded.end());
        std::vector<OnnxResult> expected;
        for (const QJsonValue& output : found->toArray()) {
            OnnxResult result;
            for (const QJsonValue& size : output.toObject()["shape"].toArray())
                result.shape.push_back(static_cast<std::int64_t>(size.toDouble()));
            for (const QJsonValue& value : output.toObject()["values"].toArray())
                result.values.push_back(value.toString().toDouble());
            expected.push_back(std::move(result));
        }
        try {
            const std::string fault = onnxDifference(runOnnx(test), expected, test.relative);
            QVERIFY2(fault.empty(), fault.c_str());
        } catch (const Error& error) {
            QFAIL(error.what());
        }
    }
};

QTEST_APPLESS_MAIN(TestOnnxOperators)
#include "tst_onnx_operators.moc"
