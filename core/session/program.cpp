// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/program.h"

namespace gradus {

std::string programName()
{
    return "gradus " GRADUS_VERSION;
}

} // namespace gradus
