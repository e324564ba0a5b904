// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QImage>
#include <QString>
#include <QStringList>

#include <cstdint>
#include <vector>

namespace gradus {

/// What a model will be fed of the chosen data, ready to be shown.
struct FedData
{
    QString problem;     ///< why nothing can be fed; the rest is empty then
    QString description; ///< "300 images, 224 × 224, (x − 127.5)/127.5"
    QStringList warnings;
    /// The first samples, normalization taken back; of images only.
    std::vector<QImage> images;
    QStringList captions; ///< one for each image: its label, or its number
    /// Of the values that the first samples are fed as; NaN when they are no floats.
    double minimum = 0;
    double maximum = 0;
    double mean = 0;
    std::int64_t lookedAt = 0; ///< samples
};

} // namespace gradus
