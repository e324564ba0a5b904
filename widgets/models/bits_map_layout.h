// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_rows.h"

#include <QString>

#include <map>
#include <vector>

namespace gradus {

/// Where every layer stands on a map of the model: a row per block, a column per kind of layer
/// inside a block; layers outside of any block in a strip of rows below.
struct BitsMapLayout
{
    struct Place
    {
        int row = 0;
        int column = 0;
        auto operator<=>(const Place&) const = default;
    };
    struct Line
    {
        QString title; ///< short
        QString name;  ///< in full
        bool operator==(const Line&) const = default;
    };
    std::vector<Line> rows;    ///< blocks, then the strip
    std::vector<Line> columns; ///< of blocks
    int blockRows = 0;
    int width = 0;             ///< columns in use, the strip's too
    std::vector<Place> places; ///< by layer
    std::map<Place, int> layers;

    [[nodiscard]] int layerAt(Place place) const; ///< −1 if none
    bool operator==(const BitsMapLayout&) const = default;
};

/// Blocks are the model's; those that repeat nothing, as in most convolutional networks, are passed
/// over for a strip of all layers in order. A model without any has those that its names tell: what
/// stands before and with the first number in a name, as in "encoder.layer.3".
[[nodiscard]] BitsMapLayout bitsMapLayout(const std::vector<LayerRow>& rows);

/// For each dotted name its shortest end that no other of them has.
[[nodiscard]] std::vector<QString> shortestEnds(const std::vector<QString>& names);

} // namespace gradus
