// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/open_dataset.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/array_dataset.h"
#include "core/data/image_dataset.h"
#include "core/data/labels.h"
#include "core/data/text_dataset.h"
#include "core/io/array_file.h"
#include "core/io/image_file.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

namespace gradus {

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> dataNames = {"x",      "X",       "x_test",  "X_test",
                                            "images", "image",   "inputs",  "data",
                                            "x_val",  "x_train", "X_train", "arr_0"};
const std::vector<std::string> labelNames = {"y",     "y_test",  "labels", "label",
                                             "y_val", "y_train", "targets"};

/// Classes that the model tells apart; 0 when that is not known.
std::int64_t classCount(const Model& model)
{
    if (!model.labels.empty())
        return static_cast<std::int64_t>(model.labels.size());
    if (model.task != ModelTask::Classification || model.graph.outputs.empty())
        return 0;
    const Shape& shape = model.graph.outputs.front().shape;
    return shape.size() < 2 ? 0 : std::max<std::int64_t>(shape.back(), 0);
}

class Opener
{
public:
    Opener(const Model& model, const DataChoice& choice, Monitor& monitor)
        : m_model(model)
        , m_choice(choice)
        , m_monitor(monitor)
        , m_ports(model.graph.inputs)
    {
    }

    std::shared_ptr<const Dataset> open()
    {
        check();
        if (m_ports.front().dtype != DType::F32)
            return openTokens();
        if (const auto image = imageInputOf(m_model))
            return joinInputs(openImages(*image), furtherInputs(1));
        return openArrays();
    }

private:
    void check() const
    {
        if (!m_model.canRun())
            throw Error(ErrorCode::Unsupported,
                        "the model cannot be fed, for it cannot run: " + m_model.whyNotRunnable);
        if (m_ports.empty())
            throw Error(ErrorCode::Unsupported, "the model has no inputs that could be fed");
        for (const auto& [name, path] : m_choice.inputs) {
            const bool known =
                std::any_of(m_ports.begin(), m_ports.end(),
                            [&, &own = name](const GraphPort& p) { return p.name == own; });
            if (!known)
                throw Error(ErrorCode::Usage, concat("the model has no input ", quoted(name),
                                                     "; its inputs are ", inputNames()));
        }
        if (m_choice.data.empty() && !m_choice.inputs.contains(m_ports.front().name))
            throw Error(ErrorCode::Usage, "no data is named");
        const fs::path file = ArrayFile::fileOf(dataPath());
        std::error_code error;
        if (!fs::exists(file, error))
            throw Error(ErrorCode::Io,
                        concat("cannot open ", file.string(), ": it does not exist"));
    }

    std::string inputNames() const
    {
        std::string names;
        for (const GraphPort& port : m_ports)
            names += concat(names.empty() ? "" : ", ", quoted(port.name));
        return names;
    }

    /// Of the first input.
    fs::path dataPath() const
    {
        const auto named = m_choice.inputs.find(m_ports.front().name);
        return named == m_choice.inputs.end() ? m_choice.data : named->second;
    }

    /// The user's, else those that lie beside the data in its file.
    std::vector<std::int32_t> labelsBeside(const ArrayFile* file)
    {
        if (!m_choice.labels.empty())
            return readLabels(m_choice.labels, m_model.labels);
        if (!file || file->isNamed())
            return {};
        for (const std::string& name : labelNames)
            if (file->names().size() != 1 && file->has(name))
                return labelsOf(file->open(name));
        return {};
    }

    ArrayInput furtherInput(const GraphPort& port) const
    {
        const auto path = m_choice.inputs.find(port.name);
        if (path == m_choice.inputs.end())
            throw Error(ErrorCode::Usage, concat("the model's input ", quoted(port.name),
                                                 " is fed nothing; give an array for it"));
        return {port, ArrayFile(path->second).openAny(dataNames), {}, {}};
    }

    /// Arrays for the inputs from the given one on, each by its name.
    std::vector<ArrayInput> furtherInputs(std::size_t from) const
    {
        std::vector<ArrayInput> inputs;
        for (std::size_t i = from; i < m_ports.size(); ++i)
            inputs.push_back(furtherInput(m_ports[i]));
        return inputs;
    }

    std::shared_ptr<const Dataset> openImages(const ImageInput& wanted)
    {
        ImageRules rules;
        rules.wanted = wanted;
        rules.crop = !m_model.image;
        rules.mean = m_choice.mean;
        rules.deviation = m_choice.deviation;
        rules.classes = classCount(m_model);
        const fs::path path = dataPath();
        std::vector<std::string> warnings;
        std::vector<std::int32_t> labels;
        std::shared_ptr<const ImageSource> source;
        if (fs::is_directory(path)) {
            ImageFolder folder = listImages(path, m_monitor);
            labels = m_choice.labels.empty() ? folderLabels(folder, rules.classes, warnings)
                                             : labelsBeside(nullptr);
            source = imagesOfFiles(std::move(folder.files));
        } else if (ArrayFile::isArrayFile(path)) {
            const ArrayFile file(path);
            StoredArray array = file.openAny(dataNames);
            labels = labelsBeside(&file);
            // Of flat pixels only the model knows what they are.
            source = array.shape().size() == 2
                         ? imagesOfRows(std::move(array), wanted, m_choice.layout)
                         : imagesOfArray(std::move(array), wanted, m_choice.layout);
        } else if (isImage(mapFile(path)->bytes())) {
            labels = labelsBeside(nullptr);
            source = imagesOfFiles({path});
        } else {
            throw Error(ErrorCode::Format,
                        path.string() + " holds no images; PNG, JPEG, npy, npz, idx, HDF5 or a "
                                        "folder of images is expected");
        }
        return makeImageDataset(std::move(source), rules, std::move(labels), std::move(warnings),
                                m_monitor);
    }

    /// Folders are classes: by the model's names for them, else in their order.
    std::vector<std::int32_t> folderLabels(const ImageFolder& folder, std::int64_t classes,
                                           std::vector<std::string>& warnings) const
    {
        std::vector<std::int32_t> numbers;
        for (const std::string& name : folder.classes) {
            const auto found = std::find(m_model.labels.begin(), m_model.labels.end(), name);
            if (found == m_model.labels.end())
                break;
            numbers.push_back(static_cast<std::int32_t>(found - m_model.labels.begin()));
        }
        if (numbers.size() != folder.classes.size()) {
            numbers.clear();
            if (classes > 0 && classes != static_cast<std::int64_t>(folder.classes.size()))
                warnings.push_back(concat("the folder has ", folder.classes.size(),
                                          " classes, the model ", classes,
                                          ": their numbers are guesses from their order"));
        }
        std::vector<std::int32_t> labels = folder.labels;
        if (!numbers.empty())
            for (std::int32_t& label : labels)
                label = numbers[static_cast<std::size_t>(label)];
        return labels;
    }

    std::shared_ptr<const Dataset> openArrays()
    {
        const fs::path path = dataPath();
        if (!ArrayFile::isArrayFile(path))
            throw Error(ErrorCode::Format,
                        concat(path.string(), " is no array; the model's input ",
                               quoted(m_ports.front().name), " is fed from npy, npz, idx or HDF5"));
        const ArrayFile file(path);
        std::vector<std::string> names = dataNames;
        names.insert(names.begin(), m_ports.front().name);
        std::vector<ArrayInput> inputs;
        inputs.push_back({m_ports.front(), file.openAny(names), m_choice.mean, m_choice.deviation});
        for (std::size_t i = 1; i < m_ports.size(); ++i) { // an npz may hold them all
            if (!m_choice.inputs.contains(m_ports[i].name) && !file.isNamed() &&
                file.names().size() != 1 && file.has(m_ports[i].name))
                inputs.push_back({m_ports[i], file.open(m_ports[i].name), {}, {}});
            else
                inputs.push_back(furtherInput(m_ports[i]));
        }
        std::vector<std::string> warnings;
        const Shape& shape = inputs.front().array.shape();
        std::vector<std::int32_t> labels = fittedLabels(
            labelsBeside(&file), shape.empty() ? 0 : shape[0], classCount(m_model), warnings);
        return makeArrayDataset(std::move(inputs), std::move(labels), std::move(warnings));
    }

    std::int64_t contextFor(std::int64_t otherwise) const
    {
        const Shape& shape = m_ports.front().shape;
        const std::int64_t fixed = shape.size() == 2 ? shape[1] : -1;
        const std::int64_t most = m_model.maximumContext;
        std::int64_t context = m_choice.context;
        if (context <= 0)
            context = fixed > 0 ? fixed : most > 0 ? std::min(most, otherwise) : otherwise;
        if ((fixed > 0 && context != fixed) || (most > 0 && context > most))
            throw Error(ErrorCode::Usage,
                        concat("a context of ", context, " tokens; the model takes ",
                               fixed > 0 ? "" : "at most ", fixed > 0 ? fixed : most));
        return context;
    }

    std::shared_ptr<const Dataset> openTokens()
    {
        const fs::path path = dataPath();
        std::vector<GraphPort> own; // fed by the text; the user's arrays come in behind
        std::size_t joined = m_ports.size();
        for (std::size_t i = 0; i < m_ports.size(); ++i) {
            if (i > 0 && m_choice.inputs.contains(m_ports[i].name))
                joined = std::min(joined, i);
            else if (joined < i)
                throw Error(ErrorCode::Usage,
                            concat("the model's input ", quoted(m_ports[i].name),
                                   " stands behind one that is fed from an array; give an array "
                                   "for it, too"));
            else
                own.push_back(m_ports[i]);
        }
        std::vector<std::string> warnings;
        PaddedWindows windows =
            ArrayFile::isArrayFile(path) ? windowsOfArray(path) : windowsOfText(path, warnings);
        std::vector<std::int32_t> labels;
        if (!m_choice.labels.empty())
            labels = fittedLabels(readLabels(m_choice.labels, m_model.labels),
                                  windows.windows.count(), classCount(m_model), warnings);
        return joinInputs(makeTextDataset(std::move(windows), std::move(own),
                                          m_model.vocabularySize, std::move(labels),
                                          std::move(warnings)),
                          furtherInputs(joined));
    }

    PaddedWindows windowsOfArray(const fs::path& path) const
    {
        std::vector<std::string> names = dataNames;
        names.insert(names.begin(), m_ports.front().name);
        const StoredArray array = ArrayFile(path).openAny(names);
        if (array.shape().size() != 2 || array.shape()[0] == 0 || array.shape()[1] == 0)
            throw Error(ErrorCode::Shape,
                        concat(array.name(), " has the shape ", shapeText(array.shape()),
                               "; windows × tokens are expected"));
        GraphPort port;
        port.name = m_ports.front().name;
        port.dtype = DType::I64;
        const Tensor ids = asPort(array.readAll(), port, array.name());
        PaddedWindows result;
        result.windows.length = array.shape()[1];
        for (std::int64_t i = 0; i < ids.count(); ++i) {
            std::int64_t id = 0;
            std::memcpy(&id, ids.bytes().data() + i * 8, 8);
            if (!std::in_range<Token>(id) || id < 0)
                throw Error(ErrorCode::Shape, concat(array.name(), " holds the token ", id));
            result.windows.tokens.push_back(static_cast<Token>(id));
        }
        return result;
    }

    PaddedWindows windowsOfText(const fs::path& path, std::vector<std::string>& warnings) const
    {
        constexpr std::int64_t encoderContext = 128;
        constexpr std::int64_t languageContext = 2048;
        const fs::path& vocabulary =
            m_choice.tokenizer.empty() ? m_model.source.tokenizer : m_choice.tokenizer;
        if (vocabulary.empty())
            throw Error(ErrorCode::Usage,
                        concat("no tokenizer beside ", m_model.source.path.string(),
                               "; texts need one (or an array of token ids)"));
        const auto tokenizer = openTokenizer(vocabulary, m_model.vocabularySize);
        if (m_model.vocabularySize > 0 && tokenizer->vocabularySize() > m_model.vocabularySize)
            warnings.push_back(concat("the tokenizer has ", tokenizer->vocabularySize(),
                                      " tokens, the model ", m_model.vocabularySize,
                                      ": does it belong to the model?"));
        m_monitor.checkpoint();
        if (m_model.task == ModelTask::Language)
            return {cutWindows(tokenizeFile(*tokenizer, path), contextFor(languageContext)), {}};
        const std::int64_t context = contextFor(encoderContext);
        const std::string text = readText(path);
        if (m_choice.labels.empty())
            return encoderWindows(*tokenizer, text, context);
        const Shape& shape = m_ports.front().shape;
        std::int64_t cut = 0;
        PaddedWindows lines =
            encoderLines(*tokenizer, text, context, shape.size() == 2 && shape[1] < 0, cut);
        if (cut > 0)
            warnings.push_back(concat(cut, " lines are longer than ", context,
                                      " tokens: their ends are left out"));
        return lines;
    }

    const Model& m_model;
    const DataChoice& m_choice;
    Monitor& m_monitor;
    const std::vector<GraphPort>& m_ports;
};

} // namespace

std::optional<ImageInput> imageInputOf(const Model& model)
{
    if (model.image)
        return model.image;
    if (model.graph.inputs.empty() || model.graph.inputs.front().dtype != DType::F32 ||
        model.graph.inputs.front().shape.size() != 4)
        return std::nullopt;
    const Shape& shape = model.graph.inputs.front().shape;
    const auto isUsual = [](std::int64_t size) { return size == 1 || size == 3; };
    ImageInput image;
    image.channelsFirst = isUsual(shape[1]) || !isUsual(shape[3]);
    image.channels = image.channelsFirst ? shape[1] : shape[3];
    image.height = image.channelsFirst ? shape[2] : shape[1];
    image.width = image.channelsFirst ? shape[3] : shape[2];
    return image;
}

std::shared_ptr<const Dataset> openDataset(const Model& model, const DataChoice& choice,
                                           Monitor& monitor)
{
    return Opener(model, choice, monitor).open();
}

} // namespace gradus
