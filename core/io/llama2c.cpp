// SPDX-License-Identifier: GPL-3.0-or-later
//
// Layouts, all little-endian. The seven counts are i32: dim, hidden_dim, n_layers, n_heads,
// n_kv_heads, vocab_size, seq_len.
//
// v0  the seven counts (vocab_size negative: a separate classifier follows at the end); then f32,
//     grouped by kind over all layers: token embedding, attention norms, wq, wk, wv, wo, ffn norms,
//     w1, w2, w3, final norm, two rotary tables of seq_len × head size/2 (skipped), [classifier].
// v1  256 bytes: u32 "ak42", i32 1, the seven counts, u8 shared classifier, zeros; then f32:
//     attention norms, ffn norms, final norm, token embedding, wq, wk, wv, wo, w1, w2, w3,
//     [classifier].
// v2  as v1 with version 2 and an i32 group size after the u8; norms stay f32; every other matrix,
//     one by one, is its i8 values followed by one f32 scale per group of values.
#include "core/io/llama2c.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/io/rotary_rows.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

namespace gradus {

static_assert(std::endian::native == std::endian::little,
              "weights are read as they lie in the file");

namespace {

constexpr std::uint32_t magic = 0x616B3432; // "ak42"
constexpr std::size_t countsSize = 7 * 4;
constexpr std::size_t headerSize = 256;
constexpr std::int64_t maximumLayers = 10'000; // a bound for hostile headers
constexpr std::int64_t grainRows = 64;

/// Where a tensor lies and how it is read.
struct Place
{
    std::uint64_t offset = 0;
    bool quantized = false;    ///< i8 values, then f32 scales
    std::int64_t headRows = 0; ///< not 0: rows per head whose rotary order is permuted
};

template <class T>
T load(std::span<const std::byte> bytes, std::size_t offset)
{
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

class Layout
{
public:
    Layout(const Llama2cHeader& header, std::string file)
        : m_header(header)
        , m_file(std::move(file))
        , m_kvDim(header.dim / header.heads * header.kvHeads)
        , m_headSize(header.dim / header.heads)
    {
    }

    /// The bytes that the header implies; nothing if they overflow.
    [[nodiscard]] std::optional<std::uint64_t> totalBytes() const
    {
        const auto u = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
        const std::uint64_t dim = u(m_header.dim);
        std::optional<std::uint64_t> norms = checkedMultiply(2 * u(m_header.layers) + 1, dim);
        std::optional<std::uint64_t> perLayer =
            add(checkedMultiply(dim, 2 * dim + 2 * u(m_kvDim)),
                checkedMultiply(3 * dim, u(m_header.hiddenDim)));
        std::optional<std::uint64_t> matrices = multiply(perLayer, u(m_header.layers));
        matrices = add(
            matrices,
            checkedMultiply((m_header.sharedClassifier ? 1U : 2U) * u(m_header.vocabulary), dim));
        std::optional<std::uint64_t> bytes = multiply(norms, 4);
        if (m_header.version == 2) {
            bytes = add(bytes, matrices);
            if (matrices)
                bytes = add(bytes, checkedMultiply(*matrices / u(m_header.groupSize), 4));
        } else {
            bytes = add(bytes, multiply(matrices, 4));
        }
        if (m_header.version == 0)
            bytes = add(bytes, rotaryBytes());
        return add(bytes, m_header.version == 0 ? countsSize : headerSize);
    }

    /// The tensors in file order; call only when totalBytes() is the file's size.
    void build(std::vector<TensorInfo>& infos, std::vector<Place>& places)
    {
        m_infos = &infos;
        m_places = &places;
        m_position = m_header.version == 0 ? countsSize : headerSize;
        const std::int64_t dim = m_header.dim;
        const std::int64_t hidden = m_header.hiddenDim;
        const auto matrices = [&](const char* name, std::int64_t rows, std::int64_t cols,
                                  std::int64_t headRows = 0) {
            for (std::int64_t layer = 0; layer < m_header.layers; ++layer)
                put(concat("model.layers.", layer, ".", name, ".weight"), {rows, cols}, headRows);
        };
        const auto norms = [&](const char* name) {
            for (std::int64_t layer = 0; layer < m_header.layers; ++layer)
                put(concat("model.layers.", layer, ".", name, ".weight"), {dim});
        };
        const auto attention = [&] {
            matrices("self_attn.q_proj", dim, dim, m_headSize);
            matrices("self_attn.k_proj", m_kvDim, dim, m_headSize);
            matrices("self_attn.v_proj", m_kvDim, dim);
            matrices("self_attn.o_proj", dim, dim);
        };
        const auto feedForward = [&] {
            matrices("mlp.gate_proj", hidden, dim);
            matrices("mlp.down_proj", dim, hidden);
            matrices("mlp.up_proj", hidden, dim);
        };
        const auto embedding = [&] {
            put("model.embed_tokens.weight", {m_header.vocabulary, dim});
        };
        if (m_header.version == 0) {
            embedding();
            norms("input_layernorm");
            attention();
            norms("post_attention_layernorm");
            feedForward();
            put("model.norm.weight", {dim});
            m_position += *rotaryBytes();
        } else {
            norms("input_layernorm");
            norms("post_attention_layernorm");
            put("model.norm.weight", {dim});
            embedding();
            attention();
            feedForward();
        }
        if (!m_header.sharedClassifier)
            put("lm_head.weight", {m_header.vocabulary, dim});
    }

private:
    using Bytes = std::optional<std::uint64_t>;
    static Bytes add(Bytes a, Bytes b) { return a && b ? checkedAdd(*a, *b) : std::nullopt; }
    static Bytes multiply(Bytes a, std::uint64_t b)
    {
        return a ? checkedMultiply(*a, b) : std::nullopt;
    }

    [[nodiscard]] Bytes rotaryBytes() const // two tables of seq_len × head size/2 floats
    {
        return checkedMultiply(static_cast<std::uint64_t>(m_header.sequenceLength),
                               static_cast<std::uint64_t>(m_headSize / 2) * 2 * 4);
    }

    void put(std::string name, Shape shape, std::int64_t headRows = 0)
    {
        Place place;
        place.offset = m_position;
        place.quantized = m_header.version == 2 && shape.size() == 2;
        place.headRows = headRows;
        const auto count = static_cast<std::uint64_t>(elementCount(shape));
        TensorInfo info;
        info.name = std::move(name);
        info.shape = std::move(shape);
        info.bytes = place.quantized
                         ? count + count / static_cast<std::uint64_t>(m_header.groupSize) * 4
                         : count * 4;
        info.file = m_file;
        m_position += info.bytes;
        m_infos->push_back(std::move(info));
        m_places->push_back(place);
    }

    const Llama2cHeader m_header;
    const std::string m_file;
    const std::int64_t m_kvDim;
    const std::int64_t m_headSize;
    std::vector<TensorInfo>* m_infos = nullptr;
    std::vector<Place>* m_places = nullptr;
    std::uint64_t m_position = 0;
};

Llama2cHeader readHeader(const ByteSource& source)
{
    const auto bytes = source.bytes();
    const auto fail = [&](const std::string& what) {
        return Error(ErrorCode::Format, concat(source.name(), ": ", what));
    };
    if (bytes.size() < countsSize)
        throw fail(concat("has ", bytes.size(),
                          " bytes; a llama2.c checkpoint starts with a header of ", countsSize,
                          " or ", headerSize));
    Llama2cHeader header;
    std::size_t position = 0;
    if (load<std::uint32_t>(bytes, 0) == magic) {
        if (bytes.size() < headerSize)
            throw fail(concat("has ", bytes.size(), " bytes; the header alone has ", headerSize));
        header.version = load<std::int32_t>(bytes, 4);
        if (header.version != 1 && header.version != 2)
            throw Error(ErrorCode::Unsupported,
                        concat(source.name(), ": llama2.c version ", header.version,
                               "; versions 0, 1 and 2 are known"));
        position = 8;
    }
    std::array<std::int64_t, 7> counts{};
    for (std::int64_t& count : counts) {
        count = load<std::int32_t>(bytes, position);
        position += 4;
    }
    if (header.version == 0) {
        header.sharedClassifier = counts[5] > 0;
        counts[5] = counts[5] < 0 ? -counts[5] : counts[5];
    } else {
        const auto shared = load<std::uint8_t>(bytes, position);
        if (shared > 1)
            throw fail(
                concat("the shared-classifier flag is ", unsigned(shared), "; 0 or 1 is expected"));
        header.sharedClassifier = shared == 1;
        if (header.version == 2)
            header.groupSize = load<std::int32_t>(bytes, position + 1);
    }
    static constexpr std::array<const char*, 7> names{
        "dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"};
    for (std::size_t i = 0; i < counts.size(); ++i)
        if (counts[i] <= 0)
            throw fail(concat("llama2.c header: ", names[i], " is ", counts[i],
                              "; a positive number is expected"));
    header.dim = counts[0];
    header.hiddenDim = counts[1];
    header.layers = counts[2];
    header.heads = counts[3];
    header.kvHeads = counts[4];
    header.vocabulary = counts[5];
    header.sequenceLength = counts[6];
    if (header.dim % header.heads != 0 || header.dim / header.heads % 2 != 0)
        throw fail(concat("llama2.c header: dim ", header.dim, " does not give ", header.heads,
                          " heads of an even size"));
    if (header.heads % header.kvHeads != 0)
        throw fail(concat("llama2.c header: n_heads ", header.heads,
                          " is not a multiple of n_kv_heads ", header.kvHeads));
    if (header.layers > maximumLayers)
        throw fail(concat("llama2.c header: n_layers is ", header.layers, "; at most ",
                          maximumLayers, " are read"));
    if (header.version == 2 && (header.groupSize <= 0 || header.dim % header.groupSize != 0 ||
                                header.hiddenDim * header.dim % header.groupSize != 0))
        throw fail(concat("llama2.c header: group size ", header.groupSize,
                          "; a positive divisor of dim ", header.dim, " is expected"));
    return header;
}

class Llama2cFile final : public ModelFile
{
public:
    Llama2cFile(std::shared_ptr<const ByteSource> source, const Llama2cHeader& header)
        : m_source(std::move(source))
        , m_groupSize(header.groupSize)
    {
        Layout layout(header, m_source->name());
        const auto expected = layout.totalBytes();
        if (expected != m_source->bytes().size())
            throw Error(ErrorCode::Format,
                        concat(m_source->name(), ": has ", m_source->bytes().size(),
                               " bytes; its llama2.c header (version ", header.version, ", dim ",
                               header.dim, ", ", header.layers, " layers, vocabulary ",
                               header.vocabulary, ") implies ",
                               expected ? std::to_string(*expected) : "more than 2^64"));
        std::vector<TensorInfo> infos;
        layout.build(infos, m_places);
        setTensors(std::move(infos));
    }

protected:
    [[nodiscard]] Tensor readTensor(std::size_t index) const override
    {
        const TensorInfo& info = tensors()[index];
        const Place& place = m_places[index];
        Tensor tensor(info.shape);
        const std::byte* from = m_source->bytes().data() + place.offset;
        const std::int64_t cols = info.shape.back();
        const std::int64_t rows = tensor.count() / cols;
        const std::byte* scales = from + tensor.count();
        parallelFor(rows, grainRows, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                float* to = tensor.floats().data() + rotaryRow(row, place.headRows) * cols;
                if (!place.quantized) {
                    std::memcpy(to, from + row * cols * 4, static_cast<std::size_t>(cols) * 4);
                    continue;
                }
                for (std::int64_t col = 0; col < cols; ++col) {
                    const std::int64_t i = row * cols + col;
                    float scale = 0;
                    std::memcpy(&scale, scales + i / m_groupSize * 4, sizeof scale);
                    to[col] = static_cast<float>(static_cast<std::int8_t>(from[i])) * scale;
                }
            }
        });
        return tensor;
    }

private:
    std::shared_ptr<const ByteSource> m_source;
    std::int64_t m_groupSize;
    std::vector<Place> m_places;
};

} // namespace

Llama2cModel openLlama2c(std::shared_ptr<const ByteSource> source)
{
    Llama2cModel model;
    model.header = readHeader(*source);
    model.tensors = std::make_shared<Llama2cFile>(std::move(source), model.header);
    return model;
}

} // namespace gradus
