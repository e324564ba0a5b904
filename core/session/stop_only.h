// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

namespace gradus {

/// Long calls of the methods must not report progress of their own; they only need to know of a
/// stop.
class StopOnly final : public Monitor
{
public:
    explicit StopOnly(const Monitor& parent)
        : m_parent(parent)
    {
    }
    [[nodiscard]] bool stopRequested() const override { return m_parent.stopRequested(); }

private:
    const Monitor& m_parent;
};

} // namespace gradus
