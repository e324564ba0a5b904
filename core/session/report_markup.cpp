// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/report_markup.h"

#include "core/base/format.h"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace gradus {

namespace {

constexpr std::uint32_t invalid = 0xFFFFFFFF;
constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// The character at `at`, which moves behind it; invalid (and one byte) for what is no UTF-8.
std::uint32_t next(std::string_view text, std::size_t& at)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const std::uint32_t first = byte(at);
    ++at;
    if (first < 0x80)
        return first;
    const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || at + more > text.size())
        return invalid;
    std::uint32_t value = first & (0x3FU >> more);
    for (std::size_t i = 0; i < more; ++i) {
        if ((byte(at + i) & 0xC0U) != 0x80U)
            return invalid;
        value = (value << 6U) | (byte(at + i) & 0x3FU);
    }
    const bool overlong = (more == 2 && value < 0x800) || (more == 3 && value < 0x10000);
    if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return invalid;
    at += more;
    return value;
}

bool turnsDirection(std::uint32_t c)
{
    return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
           c == 0x200F || c == 0x061C;
}

void addHexadecimal(std::string& out, unsigned byte)
{
    static constexpr std::string_view digits = "0123456789ABCDEF";
    out += "\\x";
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
}

} // namespace

std::string escaped(std::string_view text)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t begin = at;
        const std::uint32_t c = next(text, at);
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        case '\'':
            out += "&#39;";
            break;
        case '\n':
            out += '\n';
            break;
        default:
            if (c == invalid || c < 0x20 || c == 0x7F)
                addHexadecimal(out, static_cast<unsigned char>(text[begin]));
            else if ((c >= 0x80 && c < 0xA0) || turnsDirection(c) || (c & 0xFFFEU) == 0xFFFE)
                out += replacement;
            else
                out += text.substr(begin, at - begin);
        }
    }
    return out;
}

std::string breakable(std::string_view name)
{
    std::string out;
    std::size_t begin = 0;
    while (begin < name.size()) {
        const std::size_t end = name.find_first_of("./", begin);
        const std::size_t stop = end == std::string_view::npos ? name.size() : end + 1;
        out += escaped(name.substr(begin, stop - begin));
        if (stop < name.size())
            out += "<wbr/>";
        begin = stop;
    }
    return out;
}

std::size_t characterCount(std::string_view text)
{
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); ++count)
        (void)next(text, at);
    return count;
}

std::string shortened(std::string_view text, std::size_t characters)
{
    const std::size_t count = characterCount(text);
    if (count <= characters)
        return std::string(text);
    const std::size_t head = characters / 2;
    const std::size_t tail = characters - head - 1;
    std::string out;
    std::size_t at = 0;
    for (std::size_t i = 0; i < head; ++i)
        (void)next(text, at);
    out = text.substr(0, at);
    out += "…";
    for (std::size_t i = head; i < count - tail; ++i)
        (void)next(text, at);
    out += text.substr(at);
    return out;
}

std::string coordinate(double value)
{
    const double rounded = std::round(value * 10) / 10;
    if (!std::isfinite(rounded) || rounded == 0)
        return "0";
    char buffer[40];
    const auto result =
        std::to_chars(buffer, buffer + sizeof buffer, rounded, std::chars_format::fixed, 1);
    std::string text(buffer, result.ec == std::errc() ? result.ptr : buffer);
    if (text.ends_with(".0"))
        text.resize(text.size() - 2);
    return text;
}

std::string realText(double value, int digits)
{
    const std::string text = formatReal(value, digits);
    return text.starts_with('-') ? "−" + text.substr(1) : text;
}

std::string exactNumber(double value)
{
    if (std::isnan(value))
        return {};
    char buffer[40];
    return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

} // namespace gradus
