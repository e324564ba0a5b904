// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/format.h"

#include <cmath>
#include <cstdio>

namespace gradus {

namespace {
template <class... Values>
std::string print(const char* format, Values... values)
{
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, format, values...);
    return buffer;
}
} // namespace

std::string formatBytes(std::uint64_t bytes)
{
    if (bytes < 1024)
        return print("%llu B", static_cast<unsigned long long>(bytes));
    static const char* const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = static_cast<double>(bytes) / 1024;
    int unit = 0;
    while (value >= 1024 && unit < 5) {
        value /= 1024;
        ++unit;
    }
    return print(value < 10 ? "%.2f %s" : value < 100 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

std::string formatCount(std::int64_t count)
{
    const std::string digits = std::to_string(count);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const std::size_t left = digits.size() - i;
        if (i > 0 && left % 3 == 0 && digits[i - 1] != '-')
            text += ',';
        text += digits[i];
    }
    return text;
}

std::string formatDecibel(double decibel)
{
    if (std::isnan(decibel))
        return "–";
    if (std::isinf(decibel))
        return decibel > 0 ? "∞ dB" : "−∞ dB";
    return print("%.1f dB", decibel);
}

std::string formatPercent(double fraction)
{
    if (std::isnan(fraction))
        return "–";
    const double percent = 100 * fraction;
    const double size = std::fabs(percent);
    return print(size >= 10                 ? "%.1f %%"
                 : size >= 0.1 || size == 0 ? "%.2f %%"
                                            : "%.2g %%",
                 percent);
}

std::string formatSeconds(double seconds)
{
    if (std::isnan(seconds))
        return "–";
    if (seconds < 1)
        return print("%.0f ms", seconds * 1000);
    if (seconds < 60)
        return print("%.1f s", seconds);
    const auto whole = static_cast<long long>(std::llround(seconds));
    if (whole < 3600)
        return print("%lld min %lld s", whole / 60, whole % 60);
    return print("%lld h %lld min", whole / 3600, whole / 60 % 60);
}

std::string formatBitsPerWeight(double bits)
{
    return std::isnan(bits) ? "–" : print("%.2f", bits);
}

std::string formatReal(double value, int digits)
{
    if (std::isnan(value))
        return "–";
    return print("%.*g", digits, value);
}

} // namespace gradus
