// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/decibel.h"

#include <QCoreApplication>

#include <cmath>
#include <limits>

namespace gradus {

double gainDecibel(double before, double after)
{
    return before > 0 && after > 0 ? 10 * std::log10(before / after)
                                   : std::numeric_limits<double>::quiet_NaN();
}

double errorDecibel(double relativeError)
{
    return relativeError == 0 ? std::numeric_limits<double>::infinity()
                              : -10 * std::log10(relativeError);
}

QString signedDecibel(double decibel)
{
    if (std::isnan(decibel))
        return QStringLiteral("–");
    const double value = std::fabs(decibel) < 0.005 ? 0 : decibel;
    const QString sign = value > 0   ? QStringLiteral("+")
                         : value < 0 ? QStringLiteral("−")
                                     : QString();
    return QCoreApplication::translate("Decibel", "%1 dB")
        .arg(sign + QString::number(std::fabs(value), 'f', std::fabs(value) < 9.95 ? 2 : 1));
}

} // namespace gradus
