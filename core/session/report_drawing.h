// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/text.h"
#include "core/session/report_markup.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace gradus {

/// What the charts of a report are drawn with.

/// Average advance of a letter in units of the drawing, for labels of 11 units.
inline constexpr double letterWidth = 6.1;

struct ChartBox
{
    double left = 0;
    double top = 0;
    double right = 0;
    double bottom = 0;
    [[nodiscard]] double width() const { return right - left; }
    [[nodiscard]] double height() const { return bottom - top; }
    [[nodiscard]] bool meets(const ChartBox& other) const
    {
        return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }
};

/// An <svg> under construction.
class ChartDrawing
{
public:
    ChartDrawing(const std::string& id, const std::string& title, const std::string& description,
                 double width, double height, bool stretch)
    {
        m_text =
            concat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", coordinate(width),
                   " ", coordinate(height), "\" role=\"img\" class=\"",
                   stretch ? "wide" : "natural", "\" aria-labelledby=\"", id, "-t ", id, "-d\"");
        if (!stretch)
            m_text += concat(" width=\"", coordinate(width), "\"");
        m_text += concat(">\n<title id=\"", id, "-t\">", escaped(title), "</title><desc id=\"", id,
                         "-d\">", escaped(description), "</desc>\n");
    }
    void raw(std::string_view markup) { m_text += markup; }
    void line(std::string_view style, double x1, double y1, double x2, double y2)
    {
        m_text += concat("<path class=\"", style, "\" d=\"M", coordinate(x1), " ", coordinate(y1),
                         "L", coordinate(x2), " ", coordinate(y2), "\"/>\n");
    }
    void rectangle(std::string_view style, const ChartBox& box, std::string_view tip = {})
    {
        m_text += concat("<rect class=\"", style, "\" x=\"", coordinate(box.left), "\" y=\"",
                         coordinate(box.top), "\" width=\"", coordinate(std::max(0.0, box.width())),
                         "\" height=\"", coordinate(std::max(0.0, box.height())), "\"");
        close("rect", tip);
    }
    void path(std::string_view style, std::string_view data, std::string_view tip = {})
    {
        if (data.empty())
            return;
        m_text += concat("<path class=\"", style, "\" d=\"", data, "\"");
        close("path", tip);
    }
    void label(std::string_view style, double x, double y, std::string_view text,
               std::string_view anchor = "start")
    {
        m_text +=
            concat("<text class=\"", style, "\" x=\"", coordinate(x), "\" y=\"", coordinate(y));
        if (anchor != "start")
            m_text += concat("\" text-anchor=\"", anchor);
        m_text += concat("\">", escaped(text), "</text>\n");
    }
    [[nodiscard]] std::string finish() { return std::move(m_text) + "</svg>\n"; }

private:
    void close(std::string_view element, std::string_view tip)
    {
        if (tip.empty())
            m_text += "/>\n";
        else
            m_text += concat("><title>", escaped(tip), "</title></", element, ">\n");
    }

    std::string m_text;
};

inline std::string point(double x, double y)
{
    return concat(coordinate(x), " ", coordinate(y));
}

/// 1, 2 or 5 times a power of ten that cuts the range into at most `parts` steps.
inline double niceStep(double range, int parts)
{
    if (!(range > 0))
        return 1;
    const double power = std::pow(10.0, std::floor(std::log10(range / parts)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (range / (power * factor) <= parts)
            return power * factor;
    return power * 10;
}

} // namespace gradus
