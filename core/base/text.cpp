// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/text.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace gradus {

bool isValidUtf8(std::string_view text)
{
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    const auto* const end = p + text.size();
    while (p < end) {
        const unsigned lead = *p++;
        if (lead < 0x80)
            continue;
        const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : -1;
        if (more < 0 || lead > 0xF4 || end - p < more)
            return false;
        unsigned code = lead & (0x3FU >> more);
        for (int i = 0; i < more; ++i) {
            if ((p[i] & 0xC0U) != 0x80U)
                return false;
            code = code << 6 | (p[i] & 0x3FU);
        }
        p += more;
        const bool overlong = (more == 2 && code < 0x800) || (more == 3 && code < 0x10000);
        if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return false;
    }
    return true;
}

std::string quoted(std::string_view text, std::size_t limit)
{
    std::string out = "\"";
    std::size_t at = 0;
    while (at < text.size()) {
        const auto lead = static_cast<unsigned char>(text[at]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        const bool printable = lead >= 0x20 && lead != 0x7F && isValidUtf8(text.substr(at, length));
        const std::size_t step = printable ? length : 1;
        if (at + step > limit) // whole letters only, so that the message stays UTF-8
            break;
        if (printable) {
            out += text.substr(at, length);
        } else {
            char escape[5];
            std::snprintf(escape, sizeof escape, "\\x%02x", lead);
            out += escape;
        }
        at += step;
    }
    if (at < text.size())
        out += "…";
    return out + '"';
}

namespace {
template <class T>
bool parseWhole(std::string_view text, T& value)
{
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    return status == std::errc() && end == text.data() + text.size() && !text.empty();
}
} // namespace

bool parseInteger(std::string_view text, long long& value)
{
    return parseWhole(text, value);
}
bool parseReal(std::string_view text, double& value)
{
    double parsed = 0; // from_chars also reads "inf" and "nan"
    if (!parseWhole(text, parsed) || !std::isfinite(parsed))
        return false;
    value = parsed;
    return true;
}

} // namespace gradus
