// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/bits_map_layout.h"

#include "widgets/text.h"

#include <QHash>
#include <QStringList>

#include <algorithm>

namespace gradus {

namespace {
constexpr int namedStripRows = 12; ///< more layers outside of blocks stand side by side
constexpr std::size_t mostColumns = 200;

struct Split
{
    QString block; ///< empty outside of blocks
    QString inside;
};

Split splitOf(const LayerRow& row, bool modelHasBlocks)
{
    const QString name = toQString(row.name);
    if (modelHasBlocks) {
        if (row.blockIndex < 0)
            return {{}, name};
        const QString block =
            row.block.empty() ? QString::number(row.blockIndex) : toQString(row.block);
        const bool within = name.startsWith(block + QLatin1Char('.'));
        return {block, within ? name.mid(block.size() + 1) : name};
    }
    const QStringList parts = name.split(QLatin1Char('.'));
    for (qsizetype i = 0; i + 1 < parts.size(); ++i) {
        bool number = false;
        parts[i].toInt(&number);
        if (number)
            return {parts.mid(0, i + 1).join(QLatin1Char('.')),
                    parts.mid(i + 1).join(QLatin1Char('.'))};
    }
    return {{}, name};
}
} // namespace

std::vector<QString> shortestEnds(const std::vector<QString>& names)
{
    // How many names have each end; a name's own ends are counted once.
    QHash<QString, int> uses;
    const auto endsOf = [](const QString& name) {
        const QStringList parts = name.split(QLatin1Char('.'));
        QStringList ends;
        for (qsizetype count = 1; count <= parts.size(); ++count)
            ends.append(parts.mid(parts.size() - count).join(QLatin1Char('.')));
        return ends;
    };
    for (const QString& name : names) {
        for (const QString& end : endsOf(name))
            ++uses[end];
    }
    std::vector<QString> result;
    for (const QString& name : names) {
        const QStringList ends = endsOf(name);
        const auto found = std::find_if(ends.begin(), ends.end(),
                                        [&](const QString& end) { return uses.value(end) == 1; });
        result.push_back(found == ends.end() ? name : *found);
    }
    return result;
}

namespace {
/// Without what all names end with, as in "query.weight_T": it tells none from another, and takes
/// the room of what does.
std::vector<QString> withoutCommonEnd(std::vector<QString> names)
{
    const auto lastOf = [](const QString& name) { return name.section(QLatin1Char('.'), -1); };
    while (names.size() > 1 && std::all_of(names.begin(), names.end(), [&](const QString& name) {
               return name.contains(QLatin1Char('.')) && lastOf(name) == lastOf(names.front());
           })) {
        for (QString& name : names)
            name = name.section(QLatin1Char('.'), 0, -2);
    }
    return names;
}
} // namespace

int BitsMapLayout::layerAt(Place place) const
{
    const auto found = layers.find(place);
    return found == layers.end() ? -1 : found->second;
}

BitsMapLayout bitsMapLayout(const std::vector<LayerRow>& rows)
{
    const bool modelHasBlocks = std::any_of(
        rows.begin(), rows.end(), [](const LayerRow& row) { return row.blockIndex >= 0; });
    std::vector<Split> splits;
    QHash<QString, int> blocks;
    QHash<QString, int> insides;
    std::vector<QString> blockNames;
    std::vector<QString> columnNames;
    int inBlocks = 0;
    for (const LayerRow& row : rows) {
        splits.push_back(splitOf(row, modelHasBlocks));
        const Split& split = splits.back();
        if (split.block.isEmpty())
            continue;
        ++inBlocks;
        if (!blocks.contains(split.block)) {
            blocks.insert(split.block, static_cast<int>(blockNames.size()));
            blockNames.push_back(split.block);
        }
        if (!insides.contains(split.inside)) {
            insides.insert(split.inside, static_cast<int>(columnNames.size()));
            columnNames.push_back(split.inside);
        }
    }
    // Numbers that are no blocks give a map that is nearly empty, and so do blocks that repeat
    // nothing, as in most convolutional networks: a strip shows such layers better.
    const double cells =
        static_cast<double>(blockNames.size()) * static_cast<double>(columnNames.size());
    const bool sparse = cells > (modelHasBlocks ? 2.0 * inBlocks + 8 : 6.0 * inBlocks + 60);
    if (sparse || (!modelHasBlocks && columnNames.size() > mostColumns)) {
        for (std::size_t i = 0; i < splits.size(); ++i)
            splits[i] = {{}, toQString(rows[i].name)};
        blockNames.clear();
        columnNames.clear();
    }

    BitsMapLayout layout;
    layout.blockRows = static_cast<int>(blockNames.size());
    // A file lists "layer.10" before "layer.2" as often as not: rows are in the order of numbers.
    std::vector<int> rowOfBlock(blockNames.size());
    std::vector<int> order(blockNames.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = static_cast<int>(i);
    const auto numberOf = [&](int block) {
        return blockNames[static_cast<std::size_t>(block)].section(QLatin1Char('.'), -1).toInt();
    };
    const auto prefixOf = [&](int block) {
        return blockNames[static_cast<std::size_t>(block)].section(QLatin1Char('.'), 0, -2);
    };
    QHash<QString, int> prefixes;
    for (const int block : order) {
        if (!prefixes.contains(prefixOf(block)))
            prefixes.insert(prefixOf(block), static_cast<int>(prefixes.size()));
    }
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
        const int first = prefixes.value(prefixOf(a));
        const int second = prefixes.value(prefixOf(b));
        return first != second ? first < second : numberOf(a) < numberOf(b);
    });
    std::vector<QString> ordered;
    for (const int block : order) {
        rowOfBlock[static_cast<std::size_t>(block)] = static_cast<int>(ordered.size());
        ordered.push_back(blockNames[static_cast<std::size_t>(block)]);
    }
    const std::vector<QString> shortBlocks = shortestEnds(ordered);
    for (std::size_t i = 0; i < ordered.size(); ++i)
        layout.rows.push_back({shortBlocks[i], ordered[i]});
    const std::vector<QString> shortColumns = shortestEnds(withoutCommonEnd(columnNames));
    for (std::size_t i = 0; i < columnNames.size(); ++i)
        layout.columns.push_back({shortColumns[i], columnNames[i]});

    std::vector<int> outside;
    layout.places.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (splits[i].block.isEmpty()) {
            outside.push_back(static_cast<int>(i));
            continue;
        }
        layout.places[i] = {rowOfBlock[static_cast<std::size_t>(blocks.value(splits[i].block))],
                            insides.value(splits[i].inside)};
    }

    layout.width = std::max(1, static_cast<int>(layout.columns.size()));
    const bool named = outside.size() <= namedStripRows;
    if (!named)
        layout.width = std::max(layout.width, 8);
    const int perRow = named ? 1 : layout.width;
    std::vector<QString> outsideNames;
    for (const int layer : outside)
        outsideNames.push_back(toQString(rows[static_cast<std::size_t>(layer)].name));
    const std::vector<QString> shortOutside = named ? shortestEnds(outsideNames) : outsideNames;
    for (std::size_t i = 0; i < outside.size(); ++i) {
        const int at = static_cast<int>(i);
        layout.places[static_cast<std::size_t>(outside[i])] = {layout.blockRows + at / perRow,
                                                               at % perRow};
        if (at % perRow != 0)
            continue;
        const int end = std::min(at + perRow, static_cast<int>(outside.size()));
        layout.rows.push_back(
            named ? BitsMapLayout::Line{shortOutside[i], outsideNames[i]}
                  : BitsMapLayout::Line{QStringLiteral("%1–%2").arg(at + 1).arg(end), {}});
    }
    for (std::size_t i = 0; i < rows.size(); ++i)
        layout.layers[layout.places[i]] = static_cast<int>(i);
    return layout;
}

} // namespace gradus
