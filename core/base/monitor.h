// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"

#include <string_view>

namespace gradus {

/// How long calls talk to their caller: progress out, a wish to stop in.
///
/// The base class is a silent monitor that never stops. report() is called from the calling thread
/// only; stopRequested() and checkpoint() from any thread. Work owes a checkpoint at least every
/// 50 ms.
class Monitor
{
public:
    Monitor() = default;
    Monitor(const Monitor&) = delete;
    Monitor& operator=(const Monitor&) = delete;
    virtual ~Monitor() = default;

    /// fraction: 0…1 of the whole call; stage: what is being done, e.g. "block 3 of 12".
    virtual void report(double /*fraction*/, std::string_view /*stage*/) {}
    /// A line worth keeping: an expected outcome the user should know of.
    virtual void note(std::string_view /*line*/) {}
    [[nodiscard]] virtual bool stopRequested() const { return false; }

    /// Throws Cancelled if a stop was requested.
    void checkpoint() const
    {
        if (stopRequested())
            throw Cancelled();
    }
};

/// Maps the progress of a part onto [begin, end] of its parent.
class SubMonitor final : public Monitor
{
public:
    SubMonitor(Monitor& parent, double begin, double end)
        : m_parent(parent)
        , m_begin(begin)
        , m_end(end)
    {
    }

    void report(double fraction, std::string_view stage) override
    {
        m_parent.report(m_begin + (m_end - m_begin) * fraction, stage);
    }
    void note(std::string_view line) override { m_parent.note(line); }
    [[nodiscard]] bool stopRequested() const override { return m_parent.stopRequested(); }

private:
    Monitor& m_parent;
    double m_begin;
    double m_end;
};

} // namespace gradus
