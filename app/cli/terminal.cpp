// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/terminal.h"

#include "core/base/atomic_file.h"
#include "core/base/format.h"
#include "core/base/text.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>

namespace gradus::cli {

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free); // safe in a signal handler

void onInterrupt(int)
{
    interrupted = true;
    std::signal(SIGINT, SIG_DFL); // the next one ends the program
}

/// Columns that a UTF-8 text takes on a terminal, counting code points.
std::size_t width(const std::string& text)
{
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

} // namespace

TerminalMonitor::TerminalMonitor(bool quiet)
    : m_quiet(quiet)
    , m_terminal(::isatty(STDERR_FILENO) == 1)
    , m_start(std::chrono::steady_clock::now())
    , m_lastShown(m_start)
{
    std::signal(SIGINT, onInterrupt);
    std::signal(SIGTERM, onInterrupt);
}

TerminalMonitor::~TerminalMonitor()
{
    clear();
}

void TerminalMonitor::report(double fraction, std::string_view stage)
{
    if (m_quiet)
        return;
    const auto now = std::chrono::steady_clock::now();
    const double elapsed = std::chrono::duration<double>(now - m_start).count();
    std::string left;
    if (fraction > 0.01 && elapsed > 1)
        left = concat(", ", formatSeconds(elapsed * (1 - fraction) / fraction), " left");
    // In a log, a line every few seconds tells enough, and a quick job needs none.
    const auto pause =
        m_terminal ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
    if (now - m_lastShown < pause)
        return;
    m_lastShown = now;
    std::fprintf(stderr, "%s%3.0f %%  %.*s%s%s", m_terminal ? "\r\033[K" : "", 100 * fraction,
                 static_cast<int>(stage.size()), stage.data(), left.c_str(),
                 m_terminal ? "" : "\n");
    std::fflush(stderr);
    m_lineShown = m_terminal;
}

void TerminalMonitor::note(std::string_view line)
{
    clear();
    std::fprintf(stderr, "note: %.*s\n", static_cast<int>(line.size()), line.data());
}

bool TerminalMonitor::stopRequested() const
{
    return interrupted;
}

void TerminalMonitor::clear()
{
    if (m_lineShown)
        std::fputs("\r\033[K", stderr);
    m_lineShown = false;
}

void Table::print() const
{
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < m_columns.size(); ++c) {
        widths.push_back(width(m_columns[c].title));
        for (const auto& row : m_rows)
            widths[c] = std::max(widths[c], width(row[c]));
    }
    const auto line = [&](const auto& cellOf) {
        std::string text;
        for (std::size_t c = 0; c < m_columns.size(); ++c) {
            const std::string& cell = cellOf(c);
            const std::string padding(widths[c] - width(cell), ' ');
            text += c == 0 ? "" : "  ";
            text += m_columns[c].align == Align::Left ? cell + padding : padding + cell;
        }
        text.erase(text.find_last_not_of(' ') + 1);
        std::puts(text.c_str());
    };
    line([&](std::size_t c) -> const std::string& { return m_columns[c].title; });
    for (const auto& row : m_rows)
        line([&](std::size_t c) -> const std::string& { return row[c]; });
}

void printJson(const std::string& text, const std::string& file)
{
    if (file == "-") {
        std::puts(text.c_str());
        return;
    }
    AtomicFile out(file);
    out.write(text);
    out.write("\n");
    out.commit();
}

std::uint64_t parseBytes(const std::string& text)
{
    struct Unit
    {
        const char* name;
        double bytes;
    };
    static constexpr Unit units[] = {
        {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0},
        {"kB", 1e3},     {"KB", 1e3},        {"MB", 1e6},           {"GB", 1e9},
        {"TB", 1e12},    {"K", 1024.0},      {"M", 1048576.0},      {"G", 1073741824.0},
        {"B", 1.0}};
    std::string number = text;
    double factor = 1;
    for (const Unit& unit : units)
        if (number.ends_with(unit.name)) {
            number.erase(number.size() - std::string_view(unit.name).size());
            factor = unit.bytes;
            break;
        }
    double value = 0;
    if (!parseReal(number, value) || !(value > 0) || value * factor >= 0x1p62)
        throw Error(ErrorCode::Usage,
                    concat("size ", quoted(text), ": expected for example 2GiB or 512MiB"));
    return static_cast<std::uint64_t>(value * factor);
}

std::uint64_t peakMemoryBytes()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

} // namespace gradus::cli
