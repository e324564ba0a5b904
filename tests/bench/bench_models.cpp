// SPDX-License-Identifier: GPL-3.0-or-later
// Forward passes of real models beside ONNX Runtime, which runs the same network on the same
// inputs with as many threads. Each side has a process of its own, so that its largest memory is
// its own too, and they run in turn.
//
//     GRADUS_DATA=FOLDER [GRADUS_ONNXRUNTIME=FOLDER] bench_models [NAME …]
//
// runs the models with NAME in their path, all without one.
#include "core/base/error.h"
#include "core/graph/executor.h"
#include "core/graph/image_sizes.h"
#include "tests/bench/ceilings.h"
#include "tests/bench/model_cases.h"

#include <QFile>
#include <QProcess>
#include <QProcessEnvironment>
#include <QStringList>
#include <QTemporaryDir>
#include <QThread>

#include <cstdio>
#include <iostream>
#include <sstream>

using namespace gradus;
using namespace gradus::bench;

namespace {

constexpr int threads = 2;

double kibibytes(const QByteArray& name)
{
    QFile file("/proc/self/status");
    if (file.open(QIODevice::ReadOnly))
        for (const QByteArray& line : file.readAll().split('\n'))
            if (line.startsWith(name + ':'))
                return line.mid(name.size() + 1).simplified().split(' ').front().toDouble();
    return 0;
}

void write(const QString& path, std::span<const std::byte> bytes)
{
    QFile file(path);
    const auto size = static_cast<qint64>(bytes.size());
    if (!file.open(QIODevice::WriteOnly) ||
        file.write(reinterpret_cast<const char*>(bytes.data()), size) != size)
        throw Error(ErrorCode::Io, "cannot write " + path.toStdString());
}

std::vector<float> floatsIn(const QString& path)
{
    QFile file(path);
    if (!file.open(QIODevice::ReadOnly))
        throw Error(ErrorCode::Io, "cannot read " + path.toStdString());
    const QByteArray bytes = file.readAll();
    std::vector<float> values(static_cast<std::size_t>(bytes.size()) / sizeof(float));
    if (!values.empty())
        std::memcpy(values.data(), bytes.constData(), values.size() * sizeof(float));
    return values;
}

/// Operations of the products with weights, counted while they run.
class ProductCounter
{
public:
    explicit ProductCounter(const Model& model)
        : m_model(model)
    {
        for (const Layer& layer : model.layers)
            m_layers[layer.node] = &layer;
    }
    [[nodiscard]] InputObserver observer()
    {
        return [this](int node, const Tensor& x) {
            const auto found = m_layers.find(node);
            if (found == m_layers.end())
                return;
            const Layer& layer = *found->second;
            double places = static_cast<double>(x.count()) / static_cast<double>(layer.cols);
            const Operator& op = m_model.graph.nodes[static_cast<std::size_t>(node)].op;
            if (const auto* convolution = std::get_if<op::Convolution>(&op)) {
                const auto size = sizeOf(*convolution, x.shape(), layer.rows);
                places = static_cast<double>(size.images * size.outPixels());
            }
            m_operations += 2 * places * static_cast<double>(layer.parameters());
        };
    }
    [[nodiscard]] double operations() const { return m_operations; }

private:
    const Model& m_model;
    std::map<int, const Layer*> m_layers;
    double m_operations = 0;
};

/// Gradus's side, in the words of run_models.js.
int serve(const QStringList& arguments)
{
    const ThreadLimit limit(threads);
    const double before = kibibytes("VmRSS");
    Shape shape;
    for (const QString& size : arguments[1].split(','))
        shape.push_back(size.toLongLong());
    const auto model = openModel(arguments[0].toStdString());
    if (!model->canRun()) {
        std::cout << "cannot " << model->whyNotRunnable << std::endl;
        return 0;
    }
    const DType dtype = model->graph.inputs.front().dtype;
    if (shape[0] > 1 && model->graph.inputs.front().shape.size() == shape.size() &&
        model->graph.inputs.front().shape[0] > 0) {
        std::cout << "cannot its batch is fixed" << std::endl;
        return 0;
    }
    Tensor input(dtype, shape);
    QFile file(arguments[2]);
    if (!file.open(QIODevice::ReadOnly) || file.read(reinterpret_cast<char*>(input.bytes().data()),
                                                     static_cast<qint64>(input.bytes().size())) !=
                                               static_cast<qint64>(input.bytes().size()))
        throw Error(ErrorCode::Io, "cannot read the input");
    const Weights weights(model, std::uint64_t(1) << 30);
    const Executor executor(*model, weights);
    std::vector<Token> tokens;
    if (model->task == ModelTask::Language)
        for (std::int64_t i = 0; i < input.count(); ++i)
            tokens.push_back(
                static_cast<Token>(reinterpret_cast<const std::int64_t*>(input.bytes().data())[i]));
    std::vector<Tensor> inputs; // made outside of what is timed
    const auto copyInput = [&] {
        inputs.clear();
        inputs.push_back(input.clone());
    };
    const auto run = [&](const InputObserver& observer = {}) {
        if (!tokens.empty())
            return executor.logits(tokens, shape[0], Monitor());
        return std::move(executor.run(std::move(inputs), Monitor(), observer).front());
    };
    copyInput();
    double operations = 0;
    if (tokens.empty()) {
        ProductCounter counter(*model);
        write(arguments[3],
              std::as_const(*std::make_unique<Tensor>(run(counter.observer()))).bytes());
        operations = counter.operations();
    } else {
        write(arguments[3], std::as_const(*std::make_unique<Tensor>(run())).bytes());
        for (const Layer& layer : model->layers)
            if (layer.kind == LayerKind::Linear)
                operations += 2 * static_cast<double>(layer.parameters()) *
                              static_cast<double>(tokens.size());
    }
    std::cout << "ready " << operations << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "run") {
            copyInput();
            std::cout << secondsOf([&] { benchmark::DoNotOptimize(run().bytes().data()); })
                      << std::endl;
        } else if (line == "memory")
            std::cout << kibibytes("VmHWM") << ' ' << before << std::endl;
    }
    return 0;
}

/// The other end of a side.
class Side
{
public:
    Side(const QString& program, const QStringList& arguments)
    {
        m_process.setProcessChannelMode(QProcess::ForwardedErrorChannel);
        m_process.start(program, arguments);
        const std::string told = answer();
        if (told.rfind("cannot ", 0) == 0)
            m_refusal = told.substr(7);
        else if (told.rfind("ready", 0) == 0)
            m_operations = std::atof(told.substr(5).c_str());
        else
            throw Error(ErrorCode::Internal, program.toStdString() + " does not run");
    }
    ~Side()
    {
        m_process.closeWriteChannel();
        m_process.waitForFinished();
    }
    [[nodiscard]] const std::string& refusal() const { return m_refusal; }
    [[nodiscard]] double operations() const { return m_operations; }
    /// Of one pass: several in a row, the first one unseen.
    double seconds()
    {
        // Threads that spin for more work after the other's turn have gone to sleep.
        QThread::msleep(60);
        ask("run");
        std::vector<double> times;
        double spent = 0;
        while (times.size() < 3 || (spent < 0.1 && times.size() < 25)) {
            times.push_back(std::atof(ask("run").c_str()));
            spent += times.back();
        }
        std::sort(times.begin(), times.end());
        return times[times.size() / 2];
    }
    /// In MiB: the most it ever held, and what the model added to it.
    std::pair<double, double> memory()
    {
        std::istringstream told(ask("memory"));
        double most = 0;
        double before = 0;
        told >> most >> before;
        return {most / 1024, (most - before) / 1024};
    }

private:
    std::string ask(const char* what)
    {
        m_process.write(what);
        m_process.write("\n");
        return answer();
    }
    std::string answer()
    {
        while (!m_process.canReadLine())
            if (!m_process.waitForReadyRead(120'000))
                throw Error(ErrorCode::Internal,
                            m_process.program().toStdString() + " does not answer");
        return m_process.readLine().trimmed().toStdString();
    }

    QProcess m_process;
    std::string m_refusal;
    double m_operations = 0;
};

double medianOf(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

/// Empty when ours are those expected, as far as these go: 1e-4 of the largest.
std::string differenceOf(const std::vector<float>& ours, const std::vector<float>& expected)
{
    const std::size_t count = std::min(ours.size(), expected.size());
    double largest = 0;
    double worst = 0;
    for (std::size_t i = 0; i < count; ++i) {
        largest = std::max(largest, std::fabs(static_cast<double>(expected[i])));
        const double difference = static_cast<double>(ours[i]) - static_cast<double>(expected[i]);
        worst = std::max(worst, std::isfinite(difference) ? std::fabs(difference) : HUGE_VAL);
    }
    if (count == 0 || !(worst <= 1e-4 * largest))
        return "differs by " + std::to_string(worst / largest) + " of the largest value";
    return {};
}

QString dimsText(const Shape& shape)
{
    QStringList sizes;
    for (const std::int64_t size : shape)
        sizes.append(QString::number(size));
    return sizes.join(',');
}

bool runtimeIsThere()
{
    return !qEnvironmentVariableIsEmpty("GRADUS_ONNXRUNTIME");
}

/// Times of both in turn.
void timeInTurn(Side& ours, Side* theirs, std::vector<double>& our, std::vector<double>& their)
{
    constexpr std::size_t turns = 7;
    while (our.size() < turns) {
        our.push_back(ours.seconds());
        if (theirs)
            their.push_back(theirs->seconds());
    }
}

/// One line of the table; false when an answer is wrong.
bool measure(const ModelCase& test, std::int64_t batch, const std::filesystem::path& data,
             const QString& self)
{
    const QTemporaryDir folder;
    const auto side = [&](bool channelsLast, const char* name) {
        const Tensor input = test.make(batch, channelsLast);
        write(folder.filePath(QString("%1.in").arg(name)), input.bytes());
        return QStringList{dimsText(input.shape()), folder.filePath(QString("%1.in").arg(name)),
                           folder.filePath(QString("%1.out").arg(name))};
    };
    const auto path = QString::fromStdString((data / test.path).string());
    Side ours(self, QStringList{"--serve", path} + side(test.channelsLast, "ours"));
    if (!ours.refusal().empty()) {
        std::printf("%-52s %2d  %s\n", test.path.c_str(), int(batch), ours.refusal().c_str());
        return true;
    }
    std::unique_ptr<Side> theirs;
    if (!test.runtime.empty() && runtimeIsThere())
        theirs = std::make_unique<Side>(
            "node", QStringList{QString(GRADUS_SOURCE_DIR) + "/tests/bench/run_models.js",
                                QString::fromStdString((data / test.runtime).string()),
                                QString::number(threads)} +
                        side(false, "theirs"));
    std::string fault;
    const auto answer = floatsIn(folder.filePath("ours.out"));
    if (!test.golden.empty())
        fault = differenceOf(answer, test::readNpy<float>(data / test.golden).values);
    if (theirs && fault.empty())
        fault = differenceOf(answer, floatsIn(folder.filePath("theirs.out")));
    if (!fault.empty()) {
        std::printf("%-52s %2d  WRONG: %s\n", test.path.c_str(), int(batch), fault.c_str());
        return false;
    }
    SgemmCeiling ceiling;
    std::vector<double> limits;
    for (int i = 0; i < 3; ++i)
        limits.push_back(ceiling());
    std::vector<double> our;
    std::vector<double> their;
    timeInTurn(ours, theirs.get(), our, their);
    const auto [most, added] = ours.memory();
    std::printf("%-52s %2d %9.2f ms %6.2f of_sgemm %7.1f MiB (+%.1f)", test.path.c_str(),
                int(batch), medianOf(our) * 1e3,
                ours.operations() / medianOf(our) / medianOf(limits), most, added);
    if (theirs) {
        std::vector<double> ratios;
        for (std::size_t i = 0; i < our.size(); ++i)
            ratios.push_back(their[i] / our[i]);
        const auto [theirMost, theirAdded] = theirs->memory();
        std::printf("  | %9.2f ms %7.1f MiB (+%.1f) | of_onnxruntime %.2f memory %.2f (+%.2f)",
                    medianOf(their) * 1e3, theirMost, theirAdded, medianOf(ratios),
                    most / theirMost, added / theirAdded);
    }
    std::printf("%s\n", test.golden.empty() && !theirs ? "  (no answer to compare with)" : "");
    std::fflush(stdout);
    return true;
}

} // namespace

int main(int argc, char** argv)
{
    QStringList arguments;
    for (int i = 1; i < argc; ++i)
        arguments.append(QString::fromLocal8Bit(argv[i]));
    try {
        if (arguments.value(0) == "--serve")
            return serve(arguments.mid(1));
        const std::filesystem::path data = qEnvironmentVariable("GRADUS_DATA").toStdString();
        if (data.empty()) {
            std::fprintf(stderr, "GRADUS_DATA names no folder of models\n");
            return 2;
        }
        if (!runtimeIsThere())
            std::printf("GRADUS_ONNXRUNTIME is not set: without ONNX Runtime\n");
        const ThreadLimit limit(threads);
        bool right = true;
        for (const ModelCase& test : modelCases(data))
            for (const std::int64_t batch : {1, 8}) {
                const bool wanted =
                    arguments.isEmpty() ||
                    std::any_of(arguments.begin(), arguments.end(), [&](const QString& name) {
                        return QString::fromStdString(test.path).contains(name);
                    });
                if (wanted)
                    right = measure(test, batch, data, QString::fromLocal8Bit(argv[0])) && right;
            }
        return right ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
