// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/text_windows.h"

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/io/byte_source.h"

#include <algorithm>
#include <numeric>

namespace gradus {

std::string readText(const std::filesystem::path& path)
{
    std::string text = readTextFile(path);
    if (!text.empty() && text.back() == '\n')
        text.pop_back();
    if (text.empty())
        throw Error(ErrorCode::Format, concat(path.string(), " is empty; a text is expected"));
    if (text.find('\0') != std::string::npos || !isValidUtf8(text))
        throw Error(ErrorCode::Format, concat(path.string(), " is not a text in UTF-8"));
    return text;
}

std::vector<Token> tokenizeFile(const Tokenizer& tokenizer, const std::filesystem::path& path)
{
    const std::string text = readText(path);
    std::vector<Token> tokens;
    if (const auto bos = tokenizer.bos())
        tokens.push_back(*bos);
    const std::vector<Token> body = tokenizer.encode(text);
    tokens.insert(tokens.end(), body.begin(), body.end());
    return tokens;
}

namespace {

std::int64_t windowsIn(std::span<const Token> tokens, std::int64_t length)
{
    if (length <= 0)
        throw Error(ErrorCode::Shape,
                    concat("a context of ", length, " tokens; at least one is expected"));
    const std::int64_t count = static_cast<std::int64_t>(tokens.size()) / length;
    if (count == 0)
        throw Error(ErrorCode::Shape, concat("the text has ", tokens.size(),
                                             " tokens, fewer than one context of ", length));
    return count;
}

} // namespace

TokenWindows cutWindows(std::span<const Token> tokens, std::int64_t length)
{
    const std::int64_t count = windowsIn(tokens, length);
    TokenWindows windows;
    windows.length = length;
    const auto used = tokens.first(static_cast<std::size_t>(count * length));
    windows.tokens.assign(used.begin(), used.end());
    return windows;
}

TokenWindows sampleWindows(std::span<const Token> tokens, std::int64_t length, std::int64_t samples,
                           std::uint64_t seed)
{
    const std::int64_t count = windowsIn(tokens, length);
    if (samples < 0)
        throw Error(ErrorCode::Shape, concat(samples, " calibration samples; a number that is not "
                                                      "negative is expected"));
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    const std::int64_t taken = std::min(samples, count);
    RandomStream random(seed, {}, "calibration windows");
    for (std::int64_t i = 0; i < taken; ++i) { // the first steps of a Fisher–Yates shuffle
        const auto other =
            i + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(count - i)));
        std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(other)]);
    }
    order.resize(static_cast<std::size_t>(taken));
    std::sort(order.begin(), order.end());
    TokenWindows windows;
    windows.length = length;
    windows.tokens.reserve(static_cast<std::size_t>(taken * length));
    for (const std::int64_t window : order) {
        const auto from = tokens.subspan(static_cast<std::size_t>(window * length),
                                         static_cast<std::size_t>(length));
        windows.tokens.insert(windows.tokens.end(), from.begin(), from.end());
    }
    return windows;
}

} // namespace gradus
