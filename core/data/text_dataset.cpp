// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/text_dataset.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/data/array_dataset.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gradus {

namespace {

constexpr Token padding = 0; // masked wherever a model has a mask

/// What an input of a model of texts is fed.
enum class TextRole
{
    Tokens,
    Mask,
    Segments,
    Positions
};

std::optional<TextRole> sideOf(const std::string& input)
{
    // Exports write "attention_mask:0", "bert/attention_mask" and the like.
    const auto has = [&](std::string_view word) { return input.find(word) != std::string::npos; };
    if (has("attention_mask") || has("input_mask"))
        return TextRole::Mask;
    if (has("token_type") || has("segment_ids"))
        return TextRole::Segments;
    if (has("position_ids"))
        return TextRole::Positions;
    return std::nullopt;
}

/// Appends tokens as one window between the tokenizer's markers.
void appendWindow(const Tokenizer& tokenizer, std::span<const Token> body, PaddedWindows& to)
{
    std::vector<Token>& tokens = to.windows.tokens;
    const std::size_t start = tokens.size();
    if (const auto first = tokenizer.bos())
        tokens.push_back(*first);
    tokens.insert(tokens.end(), body.begin(), body.end());
    if (const auto last = tokenizer.eos())
        tokens.push_back(*last);
    to.used.push_back(static_cast<std::int64_t>(tokens.size() - start));
    tokens.resize(start + static_cast<std::size_t>(to.windows.length), padding);
}

std::int64_t markersOf(const Tokenizer& tokenizer)
{
    return (tokenizer.bos() ? 1 : 0) + (tokenizer.eos() ? 1 : 0);
}

std::size_t roomFor(const Tokenizer& tokenizer, std::int64_t length)
{
    const std::int64_t room = length - markersOf(tokenizer);
    if (room < 1)
        throw Error(ErrorCode::Shape,
                    concat("a context of ", length, " tokens has no room for a text"));
    return static_cast<std::size_t>(room);
}

class TextDataset final : public Dataset
{
public:
    TextDataset(PaddedWindows windows, std::vector<GraphPort> inputs, std::int64_t vocabularySize,
                std::vector<std::int32_t> labels, std::vector<std::string> warnings)
        : m_windows(std::move(windows))
        , m_inputs(std::move(inputs))
        , m_labels(std::move(labels))
        , m_warnings(std::move(warnings))
    {
        for (std::size_t i = 0; i < m_inputs.size(); ++i)
            m_roles.push_back(i == 0 ? TextRole::Tokens : roleOf(m_inputs[i]));
        const std::int64_t length = m_windows.windows.length;
        for (const GraphPort& input : m_inputs)
            if (input.shape.size() != 2 || (input.shape[1] >= 0 && input.shape[1] != length))
                throw Error(ErrorCode::Shape, concat("the model's input ", quoted(input.name),
                                                     " has the shape ", shapeText(input.shape),
                                                     "; the windows have ", length, " tokens"));
        for (const Token token : m_windows.windows.tokens)
            if (token < 0 || (vocabularySize > 0 && token >= vocabularySize))
                throw Error(ErrorCode::Shape,
                            concat("the text holds the token ", token, ", the model has ",
                                   vocabularySize, "; does this tokenizer belong to the model?"));
        const bool isMasked =
            std::find(m_roles.begin(), m_roles.end(), TextRole::Mask) != m_roles.end();
        const bool isPadded = std::any_of(m_windows.used.begin(), m_windows.used.end(),
                                          [&](std::int64_t used) { return used < length; });
        if (isPadded && !isMasked)
            m_warnings.emplace_back("some texts are padded, and the model has no mask: the padding "
                                    "counts as text");
    }

    std::int64_t count() const override { return m_windows.windows.count(); }
    std::span<const std::int32_t> labels() const override { return m_labels; }
    std::vector<std::string> warnings() const override { return m_warnings; }
    std::string description() const override
    {
        return concat(formatCount(count()), " windows of ", formatCount(m_windows.windows.length),
                      " tokens");
    }

    std::vector<Tensor> batch(std::span<const std::int64_t> samples) const override
    {
        std::vector<Tensor> tensors;
        for (std::size_t i = 0; i < m_inputs.size(); ++i)
            tensors.push_back(asPort(values(m_roles[i], samples), m_inputs[i], m_inputs[i].name));
        return tensors;
    }

private:
    static TextRole roleOf(const GraphPort& input)
    {
        if (const auto role = sideOf(input.name))
            return *role;
        throw Error(ErrorCode::Usage,
                    concat("the model's input ", quoted(input.name),
                           " is not one that a text tells; give an array for it"));
    }

    Tensor values(TextRole role, std::span<const std::int64_t> samples) const
    {
        const std::int64_t length = m_windows.windows.length;
        Tensor result(DType::I64, {static_cast<std::int64_t>(samples.size()), length});
        auto* to = reinterpret_cast<std::int64_t*>(result.bytes().data());
        for (const std::int64_t sample : samples) {
            if (sample < 0 || sample >= count())
                throw Error(ErrorCode::Shape,
                            concat("there are ", count(), " windows; there is no window ", sample));
            const auto tokens = m_windows.windows.window(sample);
            const std::int64_t used =
                m_windows.used.empty() ? length : m_windows.used[static_cast<std::size_t>(sample)];
            for (std::int64_t t = 0; t < length; ++t)
                *to++ = role == TextRole::Tokens      ? tokens[static_cast<std::size_t>(t)]
                        : role == TextRole::Mask      ? (t < used ? 1 : 0)
                        : role == TextRole::Positions ? t
                                                      : 0;
        }
        return result;
    }

    PaddedWindows m_windows;
    std::vector<GraphPort> m_inputs;
    std::vector<TextRole> m_roles;
    std::vector<std::int32_t> m_labels;
    std::vector<std::string> m_warnings;
};

} // namespace

PaddedWindows encoderWindows(const Tokenizer& tokenizer, std::string_view text, std::int64_t length)
{
    const std::size_t room = roomFor(tokenizer, length);
    const std::vector<Token> tokens = tokenizer.encode(text);
    std::span<const Token> rest = tokens;
    PaddedWindows result;
    result.windows.length = length;
    while (!rest.empty()) {
        const std::size_t taken = std::min(room, rest.size());
        appendWindow(tokenizer, rest.first(taken), result);
        rest = rest.subspan(taken);
    }
    return result;
}

PaddedWindows encoderLines(const Tokenizer& tokenizer, std::string_view text, std::int64_t length,
                           bool shorterAllowed, std::int64_t& cut)
{
    const std::size_t room = roomFor(tokenizer, length);
    std::vector<std::vector<Token>> lines;
    std::size_t longest = 1;
    cut = 0;
    for (;;) {
        const auto end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        lines.push_back(tokenizer.encode(line));
        if (lines.back().size() > room) {
            ++cut;
            lines.back().resize(room);
        }
        longest = std::max(longest, lines.back().size());
        if (end == std::string_view::npos)
            break;
        text.remove_prefix(end + 1);
    }
    PaddedWindows result;
    result.windows.length =
        shorterAllowed ? static_cast<std::int64_t>(longest) + markersOf(tokenizer) : length;
    for (const std::vector<Token>& line : lines)
        appendWindow(tokenizer, line, result);
    return result;
}

bool isTextSide(const std::string& input)
{
    return sideOf(input).has_value();
}

std::shared_ptr<const Dataset> makeTextDataset(PaddedWindows windows, std::vector<GraphPort> inputs,
                                               std::int64_t vocabularySize,
                                               std::vector<std::int32_t> labels,
                                               std::vector<std::string> warnings)
{
    return std::make_shared<TextDataset>(std::move(windows), std::move(inputs), vocabularySize,
                                         std::move(labels), std::move(warnings));
}

} // namespace gradus
