// SPDX-License-Identifier: GPL-3.0-or-later
//
// The second pair of eyes: what is written here shares no packing, dequantizing or layout code with
// the exporters. Codes are taken from words bit by bit, values are computed anew, and what a layer
// should look like is derived from the run and the file's own configuration.
#include "core/base/error.h"
#include "core/base/regex.h"
#include "core/base/text.h"
#include "core/export/export.h"
#include "core/export/verify_power.h"
#include "core/export/verify_static.h"
#include "core/io/hdf5_file.h"
#include "core/io/keras_file.h"
#include "core/io/placed_model_file.h"
#include "core/io/safetensors.h"
#include "core/io/strict_json.h"
#include "core/io/zip_archive.h"
#include "core/session/prepared_model.h"
#include "core/session/run_seal.h"
#include "core/tensor/half.h"

#include <nlohmann/json.hpp>

#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <set>
#include <unordered_map>

namespace gradus {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class Verifier
{
public:
    Verifier(const Run& run, const Model& model, Monitor& monitor)
        : m_run(run)
        , m_model(model)
        , m_monitor(monitor)
    {
        for (const Layer& layer : model.layers)
            m_layers.emplace(layer.name, &layer);
        m_tuned = tunedParameters(run.layers);
        for (const auto& [name, value] : m_tuned)
            if (!model.source.tensors->find(name))
                mismatch(name, "the run has changed it, but the model has no such tensor");
    }

    void dequantized(const ModelFile& file);
    /// A file of the source's own format.
    void source(const fs::path& path);
    void gptq(const fs::path& folder);
    void hdf5(const fs::path& path);

    template <class... Parts>
    void mismatch(const std::string& layer, const Parts&... parts)
    {
        m_result.mismatches.push_back({layer, concat(parts...)});
    }
    VerifyResult finish()
    {
        m_result.equal = m_result.mismatches.empty();
        return std::move(m_result);
    }

private:
    struct GptqConfig
    {
        std::int64_t bits = 0;
        std::int64_t group = 0;
        bool symmetric = false;
        bool descAct = false;
        bool version2 = false;
        struct Rule
        {
            bool skip = false;
            Regex pattern;
            Json values;
        };
        std::vector<Rule> dynamic;
    };

    void step(std::size_t done, std::size_t all, const std::string& what)
    {
        m_monitor.checkpoint();
        m_monitor.report(
            static_cast<double>(done) / static_cast<double>(std::max<std::size_t>(all, 1)), what);
    }
    const Layer* layerOf(const LayerResult& result)
    {
        const auto found = m_layers.find(result.name);
        if (found == m_layers.end()) {
            mismatch(result.name, "the model has no such layer");
            return nullptr;
        }
        return found->second;
    }
    const TensorInfo* tensor(const ModelFile& file, const std::string& layer,
                             const std::string& name, DType dtype, const Shape& shape);
    void sameBytes(const ModelFile& file, const TensorInfo& original);
    bool readConfig(const fs::path& folder, GptqConfig& config);
    void gptqLayer(const ModelFile& file, const LayerResult& result, const GptqConfig& standard,
                   const Json& overrides);
    void hdf5Layer(const Hdf5Group& group, const LayerResult& result, std::size_t index);
    void sameEntries(const ZipArchive& original, const ZipArchive& written);
    void hdf5Tunings(const Hdf5Group& root, const Hdf5Group& layer, const LayerResult& result);

    const Run& m_run;
    const Model& m_model;
    Monitor& m_monitor;
    std::unordered_map<std::string_view, const Layer*> m_layers;
    std::map<std::string, std::shared_ptr<const Tensor>> m_tuned; ///< in place of the original's
    std::set<const TuningOutcome*> m_comparedTunings;
    VerifyResult m_result;
};

/// `bits` bits of the stream that begin at bit `at`; stream bit k is bit k mod 8 of byte k / 8.
int bitsAt(std::span<const std::byte> stream, std::uint64_t at, int bits)
{
    int value = 0;
    for (int i = 0; i < bits; ++i, ++at)
        value |= (std::to_integer<int>(stream[at / 8]) >> (at % 8) & 1) << i;
    return value;
}

std::uint32_t wordAt(const Tensor& tensor, std::int64_t index)
{
    std::uint32_t word = 0;
    std::memcpy(&word, tensor.bytes().data() + index * 4, 4);
    return word;
}

/// A field of a column (or row) of 32-bit words that lie `stride` apart from word `first` on.
int fieldAt(const Tensor& words, std::int64_t first, std::int64_t stride, std::int64_t index,
            int bits)
{
    const std::int64_t at = index * bits;
    const std::int64_t word = at / 32;
    const int shift = static_cast<int>(at % 32);
    std::uint64_t window = wordAt(words, first + word * stride);
    if (shift + bits > 32)
        window |= static_cast<std::uint64_t>(wordAt(words, first + (word + 1) * stride)) << 32;
    return static_cast<int>(window >> shift & ((1U << bits) - 1));
}

std::int64_t runGroups(const QuantizedWeight& weight)
{
    if (weight.scheme.granularity != Granularity::Group)
        return 1;
    return (weight.cols - 1) / weight.scheme.groupSize + 1;
}

std::int64_t runGroupOf(const QuantizedWeight& weight, std::int64_t col)
{
    if (weight.scheme.granularity != Granularity::Group)
        return 0;
    return weight.groupIndex.empty() ? col / weight.scheme.groupSize
                                     : weight.groupIndex[static_cast<std::size_t>(col)];
}

/// Where the run keeps scale and zero of a row's group.
std::size_t runParameter(const QuantizedWeight& weight, std::int64_t row, std::int64_t group)
{
    if (weight.scheme.granularity == Granularity::Tensor)
        return 0;
    return static_cast<std::size_t>(row * runGroups(weight) + group);
}

std::string place(const Shape& shape, std::int64_t index)
{
    std::string text;
    for (std::size_t i = shape.size(); i-- > 0;) {
        text = concat(index % shape[i], text.empty() ? "" : ", ", text);
        index /= shape[i];
    }
    return "[" + text + "]";
}

std::string valueText(const Tensor& tensor, std::int64_t index)
{
    const std::size_t size = dtypeSize(tensor.dtype());
    const TensorView one{
        tensor.dtype(), {1}, tensor.bytes().subspan(static_cast<std::size_t>(index) * size, size)};
    return concat(toFloat(one).floats()[0]);
}

/// Count of a tensor's values that differ from what is expected, and the first of them.
class Differences
{
public:
    explicit Differences(const TensorInfo& info)
        : m_info(info)
    {
    }
    template <class T>
    void check(std::int64_t index, const T& found, const T& expected)
    {
        if (found == expected)
            return;
        if (m_count++ == 0)
            m_first = concat(place(m_info.shape, index), " is ", found, ", expected ", expected);
    }
    [[nodiscard]] bool any() const { return m_count > 0; }
    void add() { ++m_count; }
    void report(Verifier& verifier, const std::string& layer) const
    {
        if (m_count > 0)
            verifier.mismatch(layer, m_info.name, m_first,
                              m_count > 1 ? concat(" (and ", m_count - 1, " more differ)")
                                          : std::string());
    }

private:
    const TensorInfo& m_info;
    std::int64_t m_count = 0;
    std::string m_first;
};

std::string described(DType dtype, const Shape& shape)
{
    return concat(dtypeName(dtype), " ", shapeText(shape));
}

const TensorInfo* Verifier::tensor(const ModelFile& file, const std::string& layer,
                                   const std::string& name, DType dtype, const Shape& shape)
{
    ++m_result.checked;
    const TensorInfo* info = file.find(name);
    if (!info) {
        mismatch(layer, "the tensor ", name, " is missing");
        return nullptr;
    }
    if (info->dtype != dtype || info->shape != shape) {
        mismatch(layer, name, " is ", described(info->dtype, info->shape), ", expected ",
                 described(dtype, shape));
        return nullptr;
    }
    return info;
}

/// A tensor that must be the original's, byte for byte, or what the run trained it to.
void Verifier::sameBytes(const ModelFile& file, const TensorInfo& original)
{
    const TensorInfo* info =
        tensor(file, original.name, original.name, original.dtype, original.shape);
    if (!info)
        return;
    const Tensor found = file.read(info->name);
    const auto tuned = m_tuned.find(original.name);
    if (tuned != m_tuned.end() && tuned->second->shape() != original.shape) {
        mismatch(original.name, original.name, " is ", shapeText(tuned->second->shape()),
                 " in the run, but ", shapeText(original.shape), " in the model");
        return;
    }
    const Tensor expected =
        tuned == m_tuned.end() ? m_model.source.tensors->read(original.name)
                               : fromFloat(tuned->second->floats(), original.dtype, original.shape);
    const auto a = found.bytes();
    const auto b = expected.bytes();
    if (a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0)
        return;
    const std::size_t size = dtypeSize(info->dtype);
    std::size_t at = 0;
    while (at < std::min(a.size(), b.size()) && a[at] == b[at])
        ++at;
    const auto index = static_cast<std::int64_t>(at / size);
    mismatch(original.name, original.name, place(info->shape, index), " is ",
             valueText(found, index), ", expected ", valueText(expected, index),
             tuned == m_tuned.end() ? " as in the original" : " as the run has it");
}

// ------------------------------------------------------------------------------- dequantized

/// Elements of a tensor as the layer's matrix, each put where its coordinates say.
Tensor inMatrixOrder(Tensor stored, const Layer& layer)
{
    const auto& [sizes, order] = layer.layout;
    if (order.empty())
        return stored;
    Tensor matrix(stored.dtype(), {layer.rows, layer.cols});
    const std::size_t size = dtypeSize(stored.dtype());
    std::vector<std::int64_t> at(sizes.size(), 0);
    for (std::int64_t i = 0; i < stored.count(); ++i) {
        std::int64_t to = 0;
        for (const int axis : order)
            to = to * sizes[static_cast<std::size_t>(axis)] + at[static_cast<std::size_t>(axis)];
        std::memcpy(matrix.bytes().data() + static_cast<std::size_t>(to) * size,
                    stored.bytes().data() + static_cast<std::size_t>(i) * size, size);
        for (std::size_t axis = sizes.size(); axis-- > 0;) {
            if (++at[axis] < sizes[axis])
                break;
            at[axis] = 0;
        }
    }
    return matrix;
}

bool sameWeight(const QuantizedWeight& a, const QuantizedWeight& b)
{
    return a.scheme == b.scheme && a.rows == b.rows && a.cols == b.cols && a.codes == b.codes &&
           a.scales == b.scales && a.zeros == b.zeros && a.groupIndex == b.groupIndex &&
           a.exponents == b.exponents && a.outliers == b.outliers;
}

void Verifier::dequantized(const ModelFile& file)
{
    // The weight that a tensor must show; null for tensors whose layers do not agree on one.
    std::map<std::string, const QuantizedWeight*> expected;
    std::map<std::string, const Layer*> layerOfTensor;
    std::set<std::string> left;
    for (const LayerResult& result : m_run.layers) {
        const Layer* layer = layerOf(result);
        if (!layer)
            continue;
        layerOfTensor.emplace(layer->weight, layer);
        const auto [at, isNew] = expected.emplace(layer->weight, result.weight.get());
        if (!isNew && !(at->second && result.weight && sameWeight(*at->second, *result.weight)))
            left.insert(layer->weight);
    }
    const auto& originals = m_model.source.tensors->tensors();
    for (std::size_t t = 0; t < originals.size(); ++t) {
        const TensorInfo& original = originals[t];
        step(t, originals.size(), "comparing " + original.name);
        const auto found = expected.find(original.name);
        const QuantizedWeight* weight =
            found == expected.end() || left.count(original.name) ? nullptr : found->second;
        if (!weight) {
            sameBytes(file, original);
            continue;
        }
        const TensorInfo* info =
            tensor(file, original.name, original.name, original.dtype, original.shape);
        if (!info)
            continue;
        if (elementCount(info->shape) != weight->rows * weight->cols) {
            mismatch(original.name, original.name, " is ", shapeText(info->shape), ", expected ",
                     weight->rows, " × ", weight->cols, " as in the run");
            continue;
        }
        const Layer& layer = *layerOfTensor.at(original.name);
        const Tensor values = inMatrixOrder(file.read(info->name), layer);
        const std::size_t size = dtypeSize(info->dtype);
        TensorInfo shown = *info;
        if (!layer.layout.order.empty())
            shown.shape = {weight->rows, weight->cols};
        Differences differences(shown);
        std::vector<float> row(static_cast<std::size_t>(weight->cols));
        for (std::int64_t r = 0; r < weight->rows; ++r) {
            m_monitor.checkpoint();
            expectedRow(*weight, r, row.data());
            const Tensor rounded = fromFloat(row, info->dtype, {weight->cols});
            const std::byte* const at =
                values.bytes().data() + static_cast<std::size_t>(r * weight->cols) * size;
            if (std::memcmp(at, rounded.bytes().data(), rounded.bytes().size()) == 0)
                continue;
            for (std::int64_t c = 0; c < weight->cols; ++c) {
                const auto offset = static_cast<std::size_t>(c) * size;
                if (std::memcmp(at + offset, rounded.bytes().data() + offset, size) == 0)
                    continue;
                if (differences.any()) // only the first is shown
                    differences.add();
                else
                    differences.check(r * weight->cols + c, valueText(values, r * weight->cols + c),
                                      valueText(rounded, c) + " (by its bits)");
            }
        }
        differences.report(*this, original.name);
    }
    for (const TensorInfo& info : file.tensors()) {
        if (!m_model.source.tensors->find(info.name))
            mismatch(info.name, "the tensor ", info.name, " is not of the model");
    }
}

/// Everything but the model's tensors, byte for byte where both files keep them alike.
void Verifier::source(const fs::path& path)
{
    const ModelSource opened = openModelSource(path);
    if (opened.format != m_model.source.format) {
        mismatch("", path.string(), " is of the format ", opened.format, ", expected ",
                 m_model.source.format);
        return;
    }
    dequantized(*opened.tensors);
    const auto* placed = dynamic_cast<const PlacedModelFile*>(m_model.source.tensors.get());
    const auto& originals = m_model.source.weightFiles;
    if (opened.weightFiles.size() != originals.size()) {
        mismatch("", path.string(), " consists of ", opened.weightFiles.size(), " files, expected ",
                 originals.size());
        return;
    }
    for (std::size_t f = 0; placed && f < originals.size(); ++f) {
        const auto original = mapFile(originals[f]);
        const auto written = mapFile(opened.weightFiles[f]);
        if (ZipArchive::looksLikeZip(original->bytes())) {
            sameEntries(ZipArchive(original), ZipArchive(written));
            continue;
        }
        std::vector<std::span<const std::byte>> pieces;
        for (const TensorInfo& info : m_model.source.tensors->tensors())
            for (const FilePiece& piece : placed->piecesOf(info.name))
                if (piece.file == original->name())
                    pieces.push_back(original->bytes().subspan(piece.offset, piece.bytes));
        bool same = original->bytes().size() == written->bytes().size();
        for (const auto& gap : gapsBetween(original->bytes(), std::move(pieces))) {
            m_monitor.checkpoint();
            const auto at = static_cast<std::size_t>(gap.data() - original->bytes().data());
            same = same && std::memcmp(gap.data(), written->bytes().data() + at, gap.size()) == 0;
        }
        if (!same)
            mismatch("", opened.weightFiles[f].string(), " differs from ", originals[f].string(),
                     " where no tensor lies");
    }
}

void Verifier::sameEntries(const ZipArchive& original, const ZipArchive& written)
{
    for (const ZipEntry& entry : original.entries()) {
        m_monitor.checkpoint();
        if (entry.name == kerasWeightsEntry || entry.name.ends_with('/'))
            continue;
        if (!written.find(entry.name) || written.read(entry.name) != original.read(entry.name))
            mismatch("", written.name(), " has not the original's entry ", quoted(entry.name));
    }
}

// -------------------------------------------------------------------------------------- GPTQ

bool Verifier::readConfig(const fs::path& folder, GptqConfig& config)
{
    const fs::path own = folder / "quantize_config.json";
    const fs::path whole = folder / "config.json";
    Json json;
    bool have = false;
    if (fs::exists(own)) {
        const std::string text = readTextFile(own, std::size_t(1) << 28);
        (void)parseStrictJson(text, own.string());
        json = Json::parse(text);
        have = true;
    }
    if (fs::exists(whole)) {
        const std::string text = readTextFile(whole, std::size_t(1) << 28);
        (void)parseStrictJson(text, whole.string());
        const Json outer = Json::parse(text);
        const auto inner = outer.is_object() ? outer.find("quantization_config") : outer.end();
        if (!outer.is_object() || inner == outer.end())
            mismatch("", "config.json has no \"quantization_config\"");
        else if (have && *inner != json)
            mismatch("", "config.json and quantize_config.json say different things");
        else if (!have)
            json = *inner;
    } else if (!m_model.source.config.empty()) {
        mismatch("", "config.json is missing");
    }
    try {
        if (json.at("quant_method").get<std::string>() != "gptq") {
            mismatch("", "quant_method is ", json.at("quant_method").dump(), ", expected \"gptq\"");
            return false;
        }
        config.bits = json.at("bits").get<std::int64_t>();
        config.group = json.at("group_size").get<std::int64_t>();
        config.symmetric = json.at("sym").get<bool>();
        config.descAct = json.at("desc_act").get<bool>();
        const auto format = json.at("checkpoint_format").get<std::string>();
        if (format != "gptq" && format != "gptq_v2") {
            mismatch("", "checkpoint_format is ", quoted(format), ", expected gptq or gptq_v2");
            return false;
        }
        config.version2 = format == "gptq_v2";
        if (const auto dynamic = json.find("dynamic"); dynamic != json.end()) {
            for (const auto& [key, values] : dynamic->items()) {
                if (!key.starts_with("+:") && !key.starts_with("-:")) {
                    mismatch("", "dynamic has the key ", quoted(key),
                             ", expected one that begins with +: or -:");
                    return false;
                }
                // As runtimes do: matched from the beginning of the name.
                config.dynamic.push_back(
                    {key[0] == '-', Regex(concat("\\A(?:", key.substr(2), ")")), values});
            }
        }
    } catch (const Json::exception& error) {
        mismatch("", "the quantization configuration is malformed: ", error.what());
        return false;
    } catch (const Error& error) {
        mismatch("", "dynamic: ", error.what());
        return false;
    }
    return true;
}

/// Whether the format could have held the layer, by the format's own rules.
bool couldBePacked(const Layer& layer, const QuantizedWeight& weight, bool version2, bool shared)
{
    const Scheme& scheme = weight.scheme;
    const bool grouped = scheme.granularity == Granularity::Group && scheme.groupSize < weight.cols;
    bool exact = true;
    for (const float scale : weight.scales)
        exact = exact && halfToFloat(floatToHalf(scale)) == scale;
    bool zero = false;
    for (const float z : weight.zeros)
        zero = zero || z == 0;
    return layer.kind == LayerKind::Linear && layer.shape.size() == 2 && !shared &&
           layer.layout.order.empty() && layer.weight == concat(layer.name, ".weight") &&
           std::set<int>{2, 3, 4, 8}.count(scheme.bits) > 0 && weight.rows % 32 == 0 &&
           weight.cols % 32 == 0 && !(grouped && weight.cols % scheme.groupSize != 0) && exact &&
           !scheme.floatZeros && scheme.levels == Levels::Uniform &&
           weight.outliers.columns.empty() && (version2 || !zero);
}

void Verifier::gptqLayer(const ModelFile& file, const LayerResult& result,
                         const GptqConfig& standard, const Json& overrides)
{
    const QuantizedWeight& weight = *result.weight;
    const std::string& name = result.name;
    std::int64_t bits = standard.bits;
    std::int64_t group = standard.group;
    bool symmetric = standard.symmetric;
    bool descAct = standard.descAct;
    try {
        bits = overrides.value("bits", bits);
        group = overrides.value("group_size", group);
        symmetric = overrides.value("sym", symmetric);
        descAct = overrides.value("desc_act", descAct);
    } catch (const Json::exception&) {
        mismatch(name, "its entry in dynamic is ", overrides.dump(), ", which is malformed");
        return;
    }
    const std::int64_t groups = group == -1 ? 1 : group > 0 ? (weight.cols + group - 1) / group : 0;
    if (bits != weight.scheme.bits)
        mismatch(name, "the configuration says ", bits, " bits, the run has ", weight.scheme.bits);
    else if (groups != runGroups(weight) || (groups > 1 && group != weight.scheme.groupSize))
        mismatch(name, "the configuration says groups of ", group, ", the run has ",
                 weight.scheme.granularity == Granularity::Group ? weight.scheme.groupSize : -1);
    else if (symmetric != weight.scheme.symmetric)
        mismatch(name, "the configuration says sym = ", symmetric, ", the run ",
                 weight.scheme.symmetric);
    else if (descAct != (!weight.groupIndex.empty() && groups > 1))
        mismatch(name, "the configuration says desc_act = ", descAct, ", the run ", !descAct);
    else {
        const int width = weight.scheme.bits;
        const std::int64_t rows = weight.rows;
        const std::int64_t cols = weight.cols;
        const TensorInfo* qweight =
            tensor(file, name, name + ".qweight", DType::I32, {cols * width / 32, rows});
        const TensorInfo* qzeros =
            tensor(file, name, name + ".qzeros", DType::I32, {groups, rows * width / 32});
        const TensorInfo* scales = tensor(file, name, name + ".scales", DType::F16, {groups, rows});
        const TensorInfo* index = tensor(file, name, name + ".g_idx", DType::I32, {cols});
        if (file.find(name + ".weight"))
            mismatch(name, name, ".weight stands beside the packed tensors");
        if (qweight) {
            const Tensor words = file.read(qweight->name);
            const TensorInfo codes{qweight->name + " as codes ", DType::U8, {cols, rows}, 0, {}};
            Differences differences(codes);
            for (std::int64_t r = 0; r < rows; ++r) {
                m_monitor.checkpoint();
                for (std::int64_t c = 0; c < cols; ++c)
                    differences.check(c * rows + r, fieldAt(words, r, rows, c, width),
                                      int(weight.codes[static_cast<std::size_t>(r * cols + c)]));
            }
            differences.report(*this, name);
        }
        if (qzeros) {
            const Tensor words = file.read(qzeros->name);
            const TensorInfo zeros{qzeros->name + " as zeros ", DType::U8, {groups, rows}, 0, {}};
            Differences differences(zeros);
            for (std::int64_t g = 0; g < groups; ++g) {
                for (std::int64_t r = 0; r < rows; ++r)
                    differences.check(g * rows + r,
                                      fieldAt(words, g * (rows * width / 32), 1, r, width) +
                                          (standard.version2 ? 0 : 1),
                                      int(weight.zeros[runParameter(weight, r, g)]));
            }
            differences.report(*this, name);
        }
        if (scales) {
            const Tensor stored = file.read(scales->name);
            Differences differences(*scales);
            for (std::int64_t g = 0; g < groups; ++g) {
                for (std::int64_t r = 0; r < rows; ++r) {
                    std::uint16_t half = 0;
                    std::memcpy(&half, stored.bytes().data() + (g * rows + r) * 2, 2);
                    const float expected = weight.scales[runParameter(weight, r, g)];
                    const float found = halfToFloat(half);
                    // By bits: a NaN equals nothing else.
                    if (std::bit_cast<std::uint32_t>(found) !=
                        std::bit_cast<std::uint32_t>(expected))
                        differences.check(g * rows + r, concat(found),
                                          concat(expected, " exactly"));
                }
            }
            differences.report(*this, name);
        }
        if (index) {
            const Tensor stored = file.read(index->name);
            Differences differences(*index);
            for (std::int64_t c = 0; c < cols; ++c)
                differences.check(
                    c, static_cast<std::int64_t>(static_cast<std::int32_t>(wordAt(stored, c))),
                    runGroupOf(weight, c));
            differences.report(*this, name);
        }
    }
}

void Verifier::gptq(const fs::path& folder)
{
    GptqConfig config;
    if (!readConfig(folder, config))
        return;
    const auto file = openSafetensors(mapFile(folder / "model.safetensors"));
    std::map<std::string_view, int> readers;
    for (const Layer& layer : m_model.layers)
        ++readers[layer.weight];

    std::set<std::string> packed; // original tensors that packed ones stand for
    std::set<std::string> known;
    for (std::size_t i = 0; i < m_run.layers.size(); ++i) {
        const LayerResult& result = m_run.layers[i];
        step(i, m_run.layers.size(), "comparing " + result.name);
        const Layer* layer = layerOf(result);
        if (!layer)
            continue;
        const GptqConfig::Rule* rule = nullptr;
        for (const GptqConfig::Rule& candidate : config.dynamic) {
            if (!rule && candidate.pattern.search(result.name))
                rule = &candidate;
        }
        const bool skipped = rule && rule->skip;
        const bool isPacked = file->find(result.name + ".qweight") != nullptr;
        if (isPacked) {
            for (const char* part : {".qweight", ".qzeros", ".scales", ".g_idx"})
                known.insert(result.name + part);
            packed.insert(layer->weight);
        }
        if (isPacked && !result.weight)
            mismatch(result.name, "is packed, but the run keeps it float");
        else if (isPacked && skipped)
            mismatch(result.name, "is packed, but \"dynamic\" says that it is float");
        else if (isPacked)
            gptqLayer(*file, result, config, rule ? rule->values : Json::object());
        else if (!skipped)
            mismatch(result.name, "is float, but \"dynamic\" does not say so");
        else if (result.weight &&
                 couldBePacked(*layer, *result.weight, config.version2, readers[layer->weight] > 1))
            mismatch(result.name, "is float, but the run quantizes it and the format can hold it");
    }
    for (const TensorInfo& original : m_model.source.tensors->tensors()) {
        m_monitor.checkpoint();
        if (packed.count(original.name))
            continue;
        known.insert(original.name);
        sameBytes(*file, original);
    }
    for (const TensorInfo& info : file->tensors()) {
        if (!known.count(info.name) && !packed.count(info.name))
            mismatch(info.name, "the tensor ", info.name, " belongs to nothing in the run");
    }
}

// -------------------------------------------------------------------------------------- HDF5

void Verifier::hdf5Layer(const Hdf5Group& group, const LayerResult& result, std::size_t index)
{
    const std::string& name = result.name;
    const auto compare = [&](std::string_view what, const auto& found, const auto& expected) {
        if (found != expected)
            mismatch(name, what, " is ", found, ", expected ", expected);
        return found == expected;
    };
    ++m_result.checked;
    compare("name", group.text("name"), name);
    compare("index", group.integer("index"), static_cast<std::int64_t>(index));
    if (!compare("quantized", group.integer("quantized"), std::int64_t(result.weight ? 1 : 0)) ||
        !result.weight)
        return;
    const QuantizedWeight& weight = *result.weight;
    const Scheme& scheme = weight.scheme;
    const std::vector<std::int64_t> shape = group.integers("shape", 2);
    const char* const granularity = scheme.granularity == Granularity::Tensor    ? "tensor"
                                    : scheme.granularity == Granularity::Channel ? "channel"
                                                                                 : "group";
    const bool alike =
        compare("bits", group.integer("bits"), std::int64_t(scheme.bits)) &&
        compare("granularity", group.text("granularity"), std::string(granularity)) &&
        compare("group_size", group.integer("group_size"), scheme.groupSize) &&
        compare("symmetric", group.integer("symmetric"), std::int64_t(scheme.symmetric)) &&
        compare("float_zeros", group.integer("float_zeros"), std::int64_t(scheme.floatZeros)) &&
        compare("scale_type", group.text("scale_type"),
                std::string(scheme.scaleType == DType::F16 ? "F16" : "F32")) &&
        compare("rows", shape[0], weight.rows) && compare("inputs", shape[1], weight.cols);
    if (!alike)
        return;
    const PowerComparison power = comparePowerParts(group, result);
    m_result.checked += power.checked;
    for (const std::string& what : power.mismatches)
        mismatch(name, what);
    for (const std::string& what : compareStaticInputs(group, result))
        mismatch(name, what);

    const auto count = static_cast<std::uint64_t>(weight.rows * weight.cols);
    const auto stream =
        group.read("codes", Hdf5Type::U8,
                   std::array{(count * static_cast<std::uint64_t>(scheme.bits) + 7) / 8});
    const TensorInfo codes{"codes", DType::U8, {weight.rows, weight.cols}, 0, {}};
    Differences codeDifferences(codes);
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i % 65536 == 0)
            m_monitor.checkpoint();
        codeDifferences.check(
            static_cast<std::int64_t>(i),
            bitsAt(stream, i * static_cast<std::uint64_t>(scheme.bits), scheme.bits),
            int(weight.codes[i]));
    }
    codeDifferences.report(*this, name);

    const bool whole = scheme.granularity == Granularity::Tensor;
    const std::int64_t rows = whole ? 1 : weight.rows;
    const std::int64_t groups = runGroups(weight);
    const std::array<std::uint64_t, 2> dims{static_cast<std::uint64_t>(rows),
                                            static_cast<std::uint64_t>(groups)};
    const bool half = scheme.scaleType == DType::F16;
    const auto realAt = [half](const std::vector<std::byte>& bytes, std::size_t i) {
        float value = 0;
        if (half) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, bytes.data() + i * 2, 2);
            value = halfToFloat(bits);
        } else {
            std::memcpy(&value, bytes.data() + i * 4, 4);
        }
        return value;
    };
    const auto scales = group.read("scales", half ? Hdf5Type::F16 : Hdf5Type::F32, dims);
    std::vector<std::byte> zeros;
    const Hdf5Type realType = half ? Hdf5Type::F16 : Hdf5Type::F32;
    if (!scheme.symmetric)
        zeros = group.read("zeros", scheme.floatZeros ? realType : Hdf5Type::U8, dims);
    else if (group.has("zeros"))
        mismatch(name, "zeros are stored although the layer is symmetric");
    const TensorInfo parameters{"scales", DType::F32, {rows, groups}, 0, {}};
    const TensorInfo zeroInfo{"zeros", DType::U8, {rows, groups}, 0, {}};
    Differences scaleDifferences(parameters);
    Differences zeroDifferences(zeroInfo);
    for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t g = 0; g < groups; ++g) {
            const auto i = static_cast<std::size_t>(r * groups + g);
            const std::size_t p = runParameter(weight, r, g);
            const float found = realAt(scales, i);
            if (std::bit_cast<std::uint32_t>(found) !=
                std::bit_cast<std::uint32_t>(weight.scales[p]))
                scaleDifferences.check(r * groups + g, concat(found),
                                       concat(weight.scales[p], " exactly"));
            if (scheme.floatZeros) {
                if (const float zero = realAt(zeros, i);
                    std::bit_cast<std::uint32_t>(zero) !=
                    std::bit_cast<std::uint32_t>(weight.zeros[p]))
                    zeroDifferences.check(r * groups + g, concat(zero),
                                          concat(weight.zeros[p], " exactly"));
            } else if (!scheme.symmetric) {
                zeroDifferences.check(r * groups + g, std::to_integer<int>(zeros[i]),
                                      int(weight.zeros[p]));
            }
        }
    }
    scaleDifferences.report(*this, name);
    zeroDifferences.report(*this, name);
    m_result.checked += scheme.symmetric ? 2 : 3;

    if (!compare("group_index (stored)", group.has("group_index"), !weight.groupIndex.empty()) ||
        weight.groupIndex.empty())
        return;
    ++m_result.checked;
    const auto index32 = group.read("group_index", Hdf5Type::I32,
                                    std::array{static_cast<std::uint64_t>(weight.cols)});
    const TensorInfo indexInfo{"group_index", DType::I32, {weight.cols}, 0, {}};
    Differences indexDifferences(indexInfo);
    for (std::int64_t c = 0; c < weight.cols; ++c) {
        std::int32_t found = 0;
        std::memcpy(&found, index32.data() + c * 4, 4);
        indexDifferences.check(c, found, weight.groupIndex[static_cast<std::size_t>(c)]);
    }
    indexDifferences.report(*this, name);
}

/// The float tensors that the layer's trainings changed.
void Verifier::hdf5Tunings(const Hdf5Group& root, const Hdf5Group& layer, const LayerResult& result)
{
    const std::string& name = result.name;
    const bool stored = layer.has("tunings");
    if (stored != !result.tunings.empty()) {
        mismatch(name, "trainings are ", stored ? "stored" : "missing", ", the run has ",
                 result.tunings.size());
        return;
    }
    if (!stored)
        return;
    const nlohmann::json links =
        nlohmann::json::parse(layer.text("tunings", std::size_t(1) << 24), nullptr, false);
    if (!links.is_array() || links.size() != result.tunings.size()) {
        mismatch(name, "its trainings are no list of ", result.tunings.size(), " names");
        return;
    }
    const Hdf5Group all = root.open("tunings");
    for (std::size_t t = 0; t < links.size(); ++t) {
        const TuningOutcome& expected = *result.tunings[t];
        // Layers of one block share a training.
        if (!links[t].is_string() || !m_comparedTunings.insert(&expected).second)
            continue;
        const Hdf5Group group = all.open(Hdf5File::linkName(links[t].get<std::string>()));
        ++m_result.checked;
        if (group.text("name") != expected.name)
            mismatch(name, "a training is ", quoted(group.text("name")), ", expected ",
                     quoted(expected.name));
        for (const auto& [parameter, value] : expected.parameters) {
            const std::vector<std::uint64_t> dims(value->shape().begin(), value->shape().end());
            const auto found =
                group.open("values").read(Hdf5File::linkName(parameter), Hdf5Type::F32, dims);
            const auto bytes = value->bytes();
            ++m_result.checked;
            if (found.size() != bytes.size() ||
                std::memcmp(found.data(), bytes.data(), bytes.size()) != 0)
                mismatch(name, "the trained tensor ", parameter, " differs from the run's");
        }
    }
}

void Verifier::hdf5(const fs::path& path)
{
    checkRunSeal(path);
    const Hdf5File file = Hdf5File::open(path);
    const Hdf5Group layers = file.root().open("layers");
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < m_run.layers.size(); ++i) {
        const LayerResult& result = m_run.layers[i];
        step(i, m_run.layers.size(), "comparing " + result.name);
        const std::string link = Hdf5File::linkName(result.name);
        if (!layers.has(link)) {
            mismatch(result.name, "the layer is missing");
            continue;
        }
        ++found;
        const Hdf5Group layer = layers.open(link);
        hdf5Layer(layer, result, i);
        hdf5Tunings(file.root(), layer, result);
    }
    if (layers.linkCount() != found)
        mismatch("", "/layers holds ", layers.linkCount(), " layers, of which the run has ", found);
}

enum class Kind
{
    Gptq,
    Safetensors,
    Hdf5,
    Source
};

/// What lies at the path, by content. A file that is of none of Gradus's own formats should be of
/// the model's.
Kind kindOf(const fs::path& path, const std::string& format, fs::path& weights)
{
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
        throw Error(ErrorCode::Io,
                    concat("cannot open ", path.string(), ": there is no such file or folder"));
    weights = path;
    if (fs::is_directory(status)) {
        weights = path / "model.safetensors";
        if (fs::exists(path / "quantize_config.json", error))
            return Kind::Gptq;
        if (fs::exists(path / "config.json", error)) {
            const auto config =
                nlohmann::json::parse(readTextFile(path / "config.json"), nullptr, false);
            if (config.is_object() && config.contains("quantization_config"))
                return Kind::Gptq;
        }
        if (!fs::exists(weights, error))
            throw Error(ErrorCode::Format,
                        concat(path.string(), " is no export: it holds no model.safetensors"));
        return Kind::Safetensors;
    }
    const auto source = mapFile(path);
    const auto bytes = source->bytes();
    constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
    if (bytes.size() >= signature.size() &&
        std::memcmp(bytes.data(), signature.data(), signature.size()) == 0)
        return format != "keras" || isRunFile(path) ? Kind::Hdf5 : Kind::Source;
    const bool isSafetensors = bytes.size() > 8 && bytes[8] == std::byte('{');
    return !isSafetensors && (format == "onnx" || format == "keras") ? Kind::Source
                                                                     : Kind::Safetensors;
}

} // namespace

VerifyResult verifyExport(const fs::path& path, const Run& run, const Model& original,
                          Monitor& monitor)
{
    const auto prepared = preparedModel(
        std::shared_ptr<const Model>(std::shared_ptr<const Model>(), &original), run.recipe);
    const Model& model = *prepared;
    fs::path weights;
    const Kind kind = kindOf(path, model.source.format, weights);
    Verifier verifier(run, model, monitor);
    try {
        switch (kind) {
        case Kind::Gptq:
            verifier.gptq(path);
            break;
        case Kind::Safetensors:
            verifier.dequantized(*openSafetensors(mapFile(weights)));
            break;
        case Kind::Source:
            verifier.source(path);
            break;
        case Kind::Hdf5:
            verifier.hdf5(path);
            break;
        }
    } catch (const Error& error) {
        // A file that cannot be understood is not the run's export.
        if (error.code() != ErrorCode::Format)
            throw;
        verifier.mismatch("", error.what());
    }
    monitor.report(1, "compared");
    return verifier.finish();
}

} // namespace gradus
