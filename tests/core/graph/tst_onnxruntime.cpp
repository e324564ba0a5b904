// SPDX-License-Identifier: GPL-3.0-or-later
//
// Every ONNX operator and model through Gradus and through ONNX Runtime. Skips where that is not
// installed; tst_onnx_operators then still compares with what it gave when the results were
// recorded. To record them anew, set GRADUS_RECORD to the file.
#include "core/base/error.h"
#include "core/graph/executor.h"
#include "tests/support/onnx_cases.h"
#include "tests/support/support.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <cmath>

using namespace gradus;
using namespace gradus::test;

namespace {

struct RuntimeResult
{
    QString error;
    std::vector<OnnxResult> outputs;
};

QString typeName(int type)
{
    switch (type) {
    case 1:
        return "float32";
    case 2:
        return "uint8";
    case 3:
        return "int8";
    case 6:
        return "int32";
    case 7:
        return "int64";
    case 9:
        return "bool";
    case 11:
        return "float64";
    default:
        return "unknown";
    }
}

void write(const QString& path, const void* data, std::size_t bytes)
{
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly) ||
        file.write(static_cast<const char*>(data), static_cast<qint64>(bytes)) !=
            static_cast<qint64>(bytes))
        qFatal("cannot write %s", qPrintable(path));
}

QByteArray contentOf(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

/// Models to be run, all by one process.
class Batch
{
public:
    void add(const QString& model, const std::vector<OnnxInput>& inputs)
    {
        const QString prefix = m_folder.filePath(QString::number(m_tests.size()));
        QJsonArray fed;
        for (const OnnxInput& input : inputs) {
            const QString file = QString("%1.in%2").arg(prefix).arg(fed.size());
            write(file, input.values.data(), input.values.size() * sizeof(double));
            QJsonArray dims;
            for (const std::int64_t size : input.shape)
                dims.append(static_cast<qint64>(size));
            fed.append(QJsonObject{{"name", QString::fromStdString(input.name)},
                                   {"type", typeName(input.type)},
                                   {"dims", dims},
                                   {"file", file}});
        }
        m_tests.append(QJsonObject{{"model", model}, {"inputs", fed}, {"output", prefix}});
    }
    void add(const OnnxCase& test)
    {
        const QString path = m_folder.filePath(QString("%1.onnx").arg(m_tests.size()));
        write(path, test.model.data(), test.model.size());
        add(path, test.inputs);
    }

    /// Empty, or why it did not run.
    QString run()
    {
        const QString manifest = m_folder.filePath("manifest.json");
        const QByteArray text = QJsonDocument(m_tests).toJson();
        write(manifest, text.constData(), static_cast<std::size_t>(text.size()));
        QProcess node;
        node.setProcessChannelMode(QProcess::MergedChannels);
        node.start("node", {QString(GRADUS_SOURCE_DIR) + "/tests/onnxruntime/run.js", manifest});
        if (!node.waitForFinished(300'000) || node.exitStatus() != QProcess::NormalExit ||
            node.exitCode() != 0)
            return node.errorString() + ": " + QString::fromUtf8(node.readAll());
        return {};
    }

    [[nodiscard]] RuntimeResult result(int index) const
    {
        const QString prefix = m_folder.filePath(QString::number(index));
        const QJsonObject told = QJsonDocument::fromJson(contentOf(prefix + ".json")).object();
        RuntimeResult result;
        result.error = told["error"].toString();
        const QJsonArray outputs = told["outputs"].toArray();
        for (int o = 0; o < outputs.size(); ++o) {
            OnnxResult output;
            for (const QJsonValue& size : outputs[o].toObject()["dims"].toArray())
                output.shape.push_back(static_cast<std::int64_t>(size.toDouble()));
            const QByteArray bytes = contentOf(QString("%1.%2.bin").arg(prefix).arg(o));
            output.values.resize(static_cast<std::size_t>(bytes.size()) / sizeof(double));
            if (!output.values.empty())
                std::memcpy(output.values.data(), bytes.constData(),
                            output.values.size() * sizeof(double));
            result.outputs.push_back(std::move(output));
        }
        return result;
    }

private:
    QTemporaryDir m_folder;
    QJsonArray m_tests;
};

void record(const QString& path, const Batch& batch)
{
    QJsonObject all;
    for (int i = 0; i < static_cast<int>(onnxCases().size()); ++i) {
        const RuntimeResult result = batch.result(i);
        QJsonArray outputs;
        for (const OnnxResult& output : result.outputs) {
            QJsonArray shape;
            QJsonArray values;
            for (const std::int64_t size : output.shape)
                shape.append(static_cast<qint64>(size));
            for (const double value : output.values)
                values.append(QString::number(value, 'g', 9));
            outputs.append(QJsonObject{{"shape", shape}, {"values", values}});
        }
        if (result.error.isEmpty())
            all[QString::fromStdString(onnxCases()[static_cast<std::size_t>(i)].name)] = outputs;
    }
    const QByteArray text = QJsonDocument(all).toJson(QJsonDocument::Compact);
    write(path, text.constData(), static_cast<std::size_t>(text.size()));
}

struct RealModel
{
    const char* path;
    Shape input;
};

} // namespace

class TestOnnxRuntime : public QObject
{
    Q_OBJECT

private:
    Batch m_batch;

private slots:
    void initTestCase()
    {
        if (qEnvironmentVariableIsEmpty("GRADUS_ONNXRUNTIME"))
            QSKIP("GRADUS_ONNXRUNTIME is not set: no folder with node_modules/onnxruntime-node");
        if (QStandardPaths::findExecutable("node").isEmpty())
            QSKIP("node is not installed");
        for (const OnnxCase& test : onnxCases())
            m_batch.add(test);
        const QString fault = m_batch.run();
        QVERIFY2(fault.isEmpty(), qPrintable(fault));
        if (const QString path = qEnvironmentVariable("GRADUS_RECORD"); !path.isEmpty())
            record(path, m_batch);
    }

    void operators_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < onnxCases().size(); ++i)
            QTest::newRow(onnxCases()[i].name.c_str()) << static_cast<int>(i);
    }
    void operators()
    {
        QFETCH(int, index);
        const OnnxCase& test = onnxCases()[static_cast<std::size_t>(index)];
        const RuntimeResult theirs = m_batch.result(index);
        QVERIFY2(theirs.error.isEmpty(), qPrintable("ONNX Runtime: " + theirs.error));
        try {
            const std::string fault = onnxDifference(runOnnx(test), theirs.outputs, test.relative);
            QVERIFY2(fault.empty(), fault.c_str());
        } catch (const Error& error) {
            QFAIL(error.what());
        }
    }

    void models()
    {
        const auto data = dataFolder();
        if (!data)
            QSKIP("GRADUS_DATA is not set");
        const std::vector<RealModel> models = {
            {"vit-tiny-tinyimagenet/model.onnx", {2, 3, 224, 224}},
            {"mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224.onnx", {2, 3, 224, 224}},
            {"onnx-ppocr/ch_PP-OCRv4_det_infer.onnx", {1, 3, 96, 64}},
            {"onnx-ppocr/ch_ppocr_mobile_v2.0_cls_infer.onnx", {2, 3, 48, 192}},
            {"onnx-ultraface/version-RFB-320.onnx", {1, 3, 240, 320}},
            {"onnx-ultraface/mnist.onnx", {1, 1, 28, 28}},
        };
        Batch batch;
        std::vector<std::shared_ptr<const Model>> opened;
        std::vector<OnnxInput> inputs;
        for (const RealModel& each : models) {
            opened.push_back(openModel(*data / each.path));
            QCOMPARE(opened.back()->whyNotRunnable, std::string());
            OnnxInput input{opened.back()->graph.inputs.front().name, 1, each.input, {}};
            for (std::int64_t i = 0; i < elementCount(each.input); ++i)
                input.values.push_back(
                    static_cast<float>(std::sin(0.013 * static_cast<double>(i))));
            batch.add(QString::fromStdString((*data / each.path).string()), {input});
            inputs.push_back(std::move(input));
        }
        const QString fault = batch.run();
        QVERIFY2(fault.isEmpty(), qPrintable(fault));
        for (std::size_t m = 0; m < models.size(); ++m) {
            const RuntimeResult theirs = batch.result(static_cast<int>(m));
            QVERIFY2(theirs.error.isEmpty(), qPrintable(theirs.error));
            const Weights weights(opened[m], std::uint64_t(256) << 20);
            std::vector<Tensor> fed;
            fed.push_back(inputs[m].tensor());
            std::vector<OnnxResult> ours;
            for (const Tensor& output :
                 Executor(*opened[m], weights).run(std::move(fed), Monitor()))
                ours.push_back({output.shape(), {output.floats().begin(), output.floats().end()}});
            const std::string difference = onnxDifference(ours, theirs.outputs, 1e-4);
            QVERIFY2(difference.empty(),
                     qPrintable(QString("%1: %2").arg(models[m].path, difference.c_str())));
        }
    }
};

QTEST_GUILESS_MAIN(TestOnnxRuntime)
#include "tst_onnxruntime.moc"
