// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/magnitude_histogram.h"
