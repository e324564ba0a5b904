// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <chrono>
#include <string>
#include <vector>

namespace gradus::cli {

/// Progress with time left on standard error: one line that is rewritten on a terminal, a line
/// every few seconds otherwise. Ctrl-C asks for a stop; a second one ends the program at once.
class TerminalMonitor final : public Monitor
{
public:
    explicit TerminalMonitor(bool quiet);
    ~TerminalMonitor() override;

    void report(double fraction, std::string_view stage) override;
    void note(std::string_view line) override;
    [[nodiscard]] bool stopRequested() const override;
    /// Takes the progress line away, before other output.
    void clear();

private:
    bool m_quiet;
    bool m_terminal;
    bool m_lineShown = false;
    std::chrono::steady_clock::time_point m_start;
    std::chrono::steady_clock::time_point m_lastShown;
};

/// Rows of cells as aligned columns on standard output; numbers are right-aligned.
class Table
{
public:
    enum class Align
    {
        Left,
        Right
    };
    struct Column
    {
        std::string title;
        Align align = Align::Right;
    };
    explicit Table(std::vector<Column> columns)
        : m_columns(std::move(columns))
    {
    }
    void add(std::vector<std::string> cells) { m_rows.push_back(std::move(cells)); }
    void print() const;

private:
    std::vector<Column> m_columns;
    std::vector<std::vector<std::string>> m_rows;
};

/// Prints JSON text and a newline: to standard output, or atomically to a file unless it is "-".
void printJson(const std::string& text, const std::string& file = "-");

/// "2GiB", "512MiB", "1000000", "1.5GB" in bytes. Throws Error(Usage).
[[nodiscard]] std::uint64_t parseBytes(const std::string& text);

[[nodiscard]] std::uint64_t peakMemoryBytes();

} // namespace gradus::cli
