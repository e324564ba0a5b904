// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_tree.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "widgets/models/decibel.h"
#include "widgets/models/layer_table_model.h"
#include "widgets/text.h"

#include <QFont>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

namespace gradus {

namespace {
/// Digits compare as numbers, letters without their case.
int naturalCompare(QStringView a, QStringView b)
{
    qsizetype i = 0;
    qsizetype j = 0;
    while (i < a.size() && j < b.size()) {
        if (a[i].isDigit() && b[j].isDigit()) {
            const auto run = [](QStringView text, qsizetype& at) {
                while (at < text.size() && text[at] == QLatin1Char('0'))
                    ++at;
                const qsizetype start = at;
                while (at < text.size() && text[at].isDigit())
                    ++at;
                return text.mid(start, at - start);
            };
            const QStringView left = run(a, i);
            const QStringView right = run(b, j);
            if (left.size() != right.size())
                return left.size() < right.size() ? -1 : 1;
            if (const int order = left.compare(right))
                return order;
            continue;
        }
        const QChar left = a[i].toCaseFolded();
        const QChar right = b[j].toCaseFolded();
        if (left != right)
            return left < right ? -1 : 1;
        ++i;
        ++j;
    }
    return static_cast<int>((a.size() - i) - (b.size() - j));
}

/// The keys of all rows, and the order that they give.
class Keys
{
public:
    template <class Key>
    Keys(std::size_t count, const Key& key)
    {
        m_known.resize(count);
        for (std::size_t i = 0; i < count; ++i) {
            const QVariant value = key(i);
            m_known[i] = value.isValid();
            if (!value.isValid())
                continue;
            if (value.userType() == QMetaType::QString) {
                m_texts.resize(count);
                m_texts[i] = value.toString();
            } else {
                m_numbers.resize(count);
                m_numbers[i] = value.toDouble();
            }
        }
    }

    [[nodiscard]] bool less(std::size_t a, std::size_t b, Qt::SortOrder order) const
    {
        if (!m_known[a] || !m_known[b])
            return m_known[a] && !m_known[b];
        if (order == Qt::DescendingOrder)
            std::swap(a, b);
        return m_texts.empty() ? m_numbers[a] < m_numbers[b]
                               : naturalCompare(m_texts[a], m_texts[b]) < 0;
    }

private:
    std::vector<char> m_known;
    std::vector<double> m_numbers;
    std::vector<QString> m_texts;
};

/// Whether two choices show the same in the field's column.
bool sameField(ChoiceField field, const LayerChoice& a, const LayerChoice& b)
{
    if (a.keepFloat || b.keepFloat)
        return a.keepFloat == b.keepFloat;
    switch (field) {
    case ChoiceField::Method:
        return a.method.index() == b.method.index();
    case ChoiceField::Bits:
        return a.scheme.bits == b.scheme.bits;
    case ChoiceField::Group:
        return a.scheme.granularity == b.scheme.granularity &&
               a.scheme.groupSize == b.scheme.groupSize;
    case ChoiceField::Symmetry:
        return fieldText(a, field) == fieldText(b, field);
    case ChoiceField::InputBits:
        return a.activation.bits == b.activation.bits;
    default:
        return false;
    }
}

/// Internal ids: 0 at the top level, else made of the anchor of the layer's group. Qt hashes an
/// index as 16 · row + column + id, and selections keep thousands of them: with 16 · anchor these
/// sums are all different and close together, with small numbers they would fall on each other.
quintptr idOf(int anchor)
{
    return static_cast<quintptr>(anchor + 1) << 4;
}
int anchorOf(quintptr id)
{
    return static_cast<int>(id >> 4) - 1;
}
} // namespace

/// What a block's row says of its layers.
struct LayerTree::Summary
{
    int first = 0; ///< the source's row of the first one
    int layers = 0;
    int locked = 0;
    int overridden = 0;
    std::int64_t parameters = 0;
    std::uint64_t bytes = 0;
    double bitsPerWeight = std::numeric_limits<double>::quiet_NaN(); ///< mean by weights
    double lowestSqnr = std::numeric_limits<double>::quiet_NaN();
    double worstError = std::numeric_limits<double>::quiet_NaN();
    double blockGain = std::numeric_limits<double>::quiet_NaN();
    double outlierShare = std::numeric_limits<double>::quiet_NaN(); ///< of the counted weights
    bool stale = false;
    int fewestBits = 99;
    int mostBits = 0;
    // Whether all layers agree.
    bool sameKind = true;
    bool sameMethod = true;
    bool sameBits = true;
    bool sameGroup = true;
    bool sameSymmetry = true;
    bool sameInputBits = true;
    double exponent = std::numeric_limits<double>::quiet_NaN();  ///< mean by weights
    double keptShare = std::numeric_limits<double>::quiet_NaN(); ///< of all weights

    [[nodiscard]] bool same(ChoiceField field) const
    {
        switch (field) {
        case ChoiceField::Method:
            return sameMethod;
        case ChoiceField::Bits:
            return sameBits;
        case ChoiceField::Group:
            return sameGroup;
        case ChoiceField::Symmetry:
            return sameSymmetry;
        case ChoiceField::InputBits:
            return sameInputBits;
        default:
            return false;
        }
    }
};

LayerTree::LayerTree(LayerTableModel* source, QObject* parent)
    : QAbstractProxyModel(parent)
    , m_source(source)
{
    QAbstractProxyModel::setSourceModel(source);
    m_shape.groups.resize(1);
    connect(source, &QAbstractItemModel::modelAboutToBeReset, this, [this] { beginResetModel(); });
    connect(source, &QAbstractItemModel::modelReset, this, [this] {
        take(arranged(stillAccepted()));
        endResetModel();
    });
    connect(source, &QAbstractItemModel::dataChanged, this, &LayerTree::sourceChanged);
    take(arranged(accepted(m_filter)));
}

std::vector<char> LayerTree::accepted(const LayerExpression& expression) const
{
    std::vector<char> shown(m_source->rows().size(), 1);
    if (expression.empty())
        return shown;
    int at = 0;
    const std::function<const QString&()> cells = [&]() -> const QString& {
        return m_source->cellText(at);
    };
    for (; at < m_source->rowCount(); ++at)
        shown[static_cast<std::size_t>(at)] = expression.matches(m_source->row(at), cells);
    return shown;
}

/// For new rows: a pattern that was fine may backtrack without end on other names.
std::vector<char> LayerTree::stillAccepted()
{
    try {
        return accepted(m_filter);
    } catch (const Error& error) {
        m_filter = {};
        Q_EMIT filterDropped(toQString(error.what()));
        return accepted(m_filter);
    }
}

LayerTree::Shape LayerTree::arranged(const std::vector<char>& shown) const
{
    Shape shape;
    shape.grouped = m_shape.grouped;
    struct Known
    {
        int anchor;
        int group;
    };
    std::unordered_map<int, Known> blocks;
    if (!shape.grouped)
        shape.groups.resize(1);
    for (int row = 0; row < m_source->rowCount(); ++row) {
        std::size_t group = 0;
        if (shape.grouped) {
            Known& known =
                blocks.emplace(m_source->row(row).blockIndex, Known{row, -1}).first->second;
            if (!shown[static_cast<std::size_t>(row)])
                continue;
            if (known.group < 0) {
                known.group = static_cast<int>(shape.groups.size());
                shape.groups.push_back({known.anchor, {}});
            }
            group = static_cast<std::size_t>(known.group);
        }
        if (shown[static_cast<std::size_t>(row)])
            shape.groups[group].rows.push_back(row);
    }
    if (m_sortColumn < 0)
        return shape;

    const Keys keys(m_source->rows().size(), [&](std::size_t row) {
        return shown[row] ? m_source->index(static_cast<int>(row), m_sortColumn).data(SortRole)
                          : QVariant();
    });
    for (Group& group : shape.groups) {
        std::stable_sort(group.rows.begin(), group.rows.end(), [&](int a, int b) {
            return keys.less(static_cast<std::size_t>(a), static_cast<std::size_t>(b), m_sortOrder);
        });
    }
    if (!shape.grouped)
        return shape;
    // Blocks go by what their rows show; where that is no number, by their foremost layers.
    std::vector<std::size_t> order(shape.groups.size());
    std::iota(order.begin(), order.end(), std::size_t(0));
    const auto known = [](double value) { return std::isnan(value) ? QVariant() : value; };
    const Keys sums(order.size(), [&](std::size_t g) -> QVariant {
        const std::vector<int>& rows = shape.groups[g].rows;
        const Summary sum = summarized(rows);
        switch (m_sortColumn) {
        case LayerTableModel::Parameters:
        case LayerTableModel::LayerShape:
            return static_cast<qlonglong>(sum.parameters);
        case LayerTableModel::Size:
            return static_cast<qulonglong>(sum.bytes);
        case LayerTableModel::BitsPerWeight:
            return known(sum.bitsPerWeight);
        case LayerTableModel::WeightSqnr:
            return known(sum.lowestSqnr);
        case LayerTableModel::OutputError:
            return known(sum.worstError);
        case LayerTableModel::BlockGain:
            return known(sum.blockGain);
        case LayerTableModel::Outliers:
            return known(sum.outlierShare);
        case LayerTableModel::Name: // blocks are named by their numbers
            return m_source->index(rows.front(), LayerTableModel::Block).data(SortRole);
        default:
            return m_source->index(rows.front(), m_sortColumn).data(SortRole);
        }
    });
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return sums.less(a, b, m_sortOrder); });
    std::vector<Group> sorted;
    sorted.reserve(order.size());
    for (const std::size_t g : order)
        sorted.push_back(std::move(shape.groups[g]));
    shape.groups = std::move(sorted);
    return shape;
}

std::vector<LayerTree::Place> LayerTree::places(const Shape& shape) const
{
    std::vector<Place> places(m_source->rows().size());
    for (std::size_t g = 0; g < shape.groups.size(); ++g) {
        const std::vector<int>& rows = shape.groups[g].rows;
        for (std::size_t r = 0; r < rows.size(); ++r)
            places[static_cast<std::size_t>(rows[r])] = {static_cast<int>(g), static_cast<int>(r)};
    }
    return places;
}

void LayerTree::take(Shape next)
{
    m_shape = std::move(next);
    m_places = places(m_shape);
    m_groupOf.assign(m_places.size(), -1);
    for (std::size_t g = 0; g < m_shape.groups.size(); ++g)
        if (m_shape.grouped)
            m_groupOf[static_cast<std::size_t>(m_shape.groups[g].anchor)] = static_cast<int>(g);
    m_summaries.assign(m_shape.groups.size(), nullptr);
}

void LayerTree::become(Shape next)
{
    if (next == m_shape)
        return;
    // The same layers under the same blocks?
    bool moved = next.grouped == m_shape.grouped && next.groups.size() == m_shape.groups.size();
    const std::vector<Place> nextPlaces = moved ? places(next) : std::vector<Place>();
    for (std::size_t row = 0; moved && row < nextPlaces.size(); ++row) {
        const Place& was = m_places[row];
        const Place& is = nextPlaces[row];
        moved = (was.group < 0) == (is.group < 0) &&
                (was.group < 0 || m_shape.groups[static_cast<std::size_t>(was.group)].anchor ==
                                      next.groups[static_cast<std::size_t>(is.group)].anchor);
    }
    if (!moved) {
        beginResetModel();
        take(std::move(next));
        endResetModel();
        return;
    }
    Q_EMIT layoutAboutToBeChanged({}, VerticalSortHint);
    const QModelIndexList from = persistentIndexList();
    // What each of them stands for, before the places change.
    std::vector<int> meant;
    meant.reserve(static_cast<std::size_t>(from.size()));
    for (const QModelIndex& index : from)
        meant.push_back(isBlock(index)
                            ? m_shape.groups[static_cast<std::size_t>(index.row())].anchor
                            : layerAt(index));
    std::vector<char> ofBlock;
    ofBlock.reserve(meant.size());
    for (const QModelIndex& index : from)
        ofBlock.push_back(isBlock(index));
    take(std::move(next));
    QModelIndexList to;
    to.reserve(from.size());
    for (qsizetype i = 0; i < from.size(); ++i) {
        const auto at = static_cast<std::size_t>(i);
        to.append(ofBlock[at] ? index(groupAt(meant[at]), from[i].column())
                              : indexOfLayer(meant[at], from[i].column()));
    }
    changePersistentIndexList(from, to);
    Q_EMIT layoutChanged({}, VerticalSortHint);
}

void LayerTree::setFilter(LayerExpression expression)
{
    const std::vector<char> shown = accepted(expression);
    m_filter = std::move(expression);
    become(arranged(shown));
}

void LayerTree::setGrouped(bool grouped)
{
    if (grouped == m_shape.grouped)
        return;
    beginResetModel();
    m_shape.grouped = grouped;
    take(arranged(stillAccepted()));
    endResetModel();
}

void LayerTree::sort(int column, Qt::SortOrder order)
{
    m_sortColumn = column;
    m_sortOrder = order;
    become(arranged(stillAccepted()));
}

void LayerTree::sourceChanged(const QModelIndex& topLeft, const QModelIndex& bottomRight)
{
    m_summaries.assign(m_shape.groups.size(), nullptr);
    // That rows move does not say that their cells changed: that follows all the same.
    if (m_sortColumn >= 0 || !m_filter.empty())
        become(arranged(stillAccepted()));
    const int last = columnCount() - 1;
    if (topLeft.row() == bottomRight.row()) {
        const QModelIndex at = indexOfLayer(topLeft.row());
        if (!at.isValid())
            return;
        Q_EMIT dataChanged(at.siblingAtColumn(topLeft.column()),
                           at.siblingAtColumn(bottomRight.column()));
        if (const QModelIndex block = at.parent(); block.isValid())
            Q_EMIT dataChanged(block, block.siblingAtColumn(last));
        return;
    }
    if (m_shape.grouped && !m_shape.groups.empty())
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, last));
    for (std::size_t g = 0; g < m_shape.groups.size(); ++g) {
        const QModelIndex parent = m_shape.grouped ? index(static_cast<int>(g), 0) : QModelIndex();
        if (const int rows = rowCount(parent); rows > 0)
            Q_EMIT dataChanged(index(0, topLeft.column(), parent),
                               index(rows - 1, bottomRight.column(), parent));
    }
}

int LayerTree::shownLayers() const
{
    return std::accumulate(
        m_shape.groups.begin(), m_shape.groups.end(), 0,
        [](int sum, const Group& group) { return sum + static_cast<int>(group.rows.size()); });
}

bool LayerTree::isBlock(const QModelIndex& index) const
{
    return m_shape.grouped && index.isValid() && index.internalId() == 0;
}

const LayerTree::Group& LayerTree::groupOf(const QModelIndex& child) const
{
    const std::size_t at =
        m_shape.grouped ? static_cast<std::size_t>(groupAt(anchorOf(child.internalId()))) : 0;
    return m_shape.groups[at];
}

int LayerTree::layerAt(const QModelIndex& index) const
{
    if (!index.isValid() || isBlock(index))
        return -1;
    return groupOf(index).rows[static_cast<std::size_t>(index.row())];
}

std::vector<int> LayerTree::layersAt(const QModelIndex& index) const
{
    if (!index.isValid())
        return {};
    return isBlock(index) ? m_shape.groups[static_cast<std::size_t>(index.row())].rows
                          : std::vector<int>{layerAt(index)};
}

QModelIndex LayerTree::indexOfLayer(int sourceRow, int column) const
{
    if (sourceRow < 0 || static_cast<std::size_t>(sourceRow) >= m_places.size())
        return {};
    const Place& place = m_places[static_cast<std::size_t>(sourceRow)];
    if (place.group < 0)
        return {};
    const int anchor = m_shape.groups[static_cast<std::size_t>(place.group)].anchor;
    return createIndex(place.row, column, m_shape.grouped ? idOf(anchor) : 0);
}

std::vector<int> LayerTree::order() const
{
    std::vector<int> rows;
    for (const Group& group : m_shape.groups)
        rows.insert(rows.end(), group.rows.begin(), group.rows.end());
    return rows;
}

QModelIndex LayerTree::index(int row, int column, const QModelIndex& parent) const
{
    if (row < 0 || column < 0 || column >= columnCount(parent) || row >= rowCount(parent))
        return {};
    if (!parent.isValid())
        return createIndex(row, column, quintptr(0));
    return createIndex(row, column,
                       idOf(m_shape.groups[static_cast<std::size_t>(parent.row())].anchor));
}

QModelIndex LayerTree::parent(const QModelIndex& child) const
{
    if (!child.isValid() || child.internalId() == 0)
        return {};
    return createIndex(groupAt(anchorOf(child.internalId())), 0, quintptr(0));
}

int LayerTree::rowCount(const QModelIndex& parent) const
{
    if (!parent.isValid())
        return static_cast<int>(m_shape.grouped ? m_shape.groups.size()
                                                : m_shape.groups.front().rows.size());
    if (!isBlock(parent) || parent.column() != 0)
        return 0;
    return static_cast<int>(m_shape.groups[static_cast<std::size_t>(parent.row())].rows.size());
}

int LayerTree::columnCount(const QModelIndex&) const
{
    return LayerTableModel::ColumnCount;
}

bool LayerTree::hasChildren(const QModelIndex& parent) const
{
    return rowCount(parent) > 0;
}

QModelIndex LayerTree::buddy(const QModelIndex& index) const
{
    return index; // the base would look a block up in the source
}

QModelIndex LayerTree::mapToSource(const QModelIndex& index) const
{
    const int row = layerAt(index);
    return row < 0 ? QModelIndex() : m_source->index(row, index.column());
}

QModelIndex LayerTree::mapFromSource(const QModelIndex& index) const
{
    return index.isValid() ? indexOfLayer(index.row(), index.column()) : QModelIndex();
}

QVariant LayerTree::headerData(int section, Qt::Orientation orientation, int role) const
{
    return m_source->headerData(section, orientation, role);
}

Qt::ItemFlags LayerTree::flags(const QModelIndex& index) const
{
    if (!isBlock(index))
        return QAbstractProxyModel::flags(index);
    Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
    const std::vector<int>& rows = m_shape.groups[static_cast<std::size_t>(index.row())].rows;
    const bool editable = std::any_of(rows.begin(), rows.end(), [&](int row) {
        return m_source->index(row, index.column()).flags().testFlag(Qt::ItemIsEditable);
    });
    return editable ? flags | Qt::ItemIsEditable : flags;
}

bool LayerTree::setData(const QModelIndex& index, const QVariant& value, int role)
{
    if (!isBlock(index))
        return QAbstractProxyModel::setData(index, value, role);
    const auto field = LayerTableModel::fieldOf(index.column());
    if (!field || role != Qt::EditRole)
        return false;
    std::vector<int> meant = layersAt(index);
    std::sort(meant.begin(), meant.end());
    // A block among others that are selected means all of them, as a layer does.
    std::vector<int> targets = m_source->editTargets(meant.front());
    if (!std::includes(targets.begin(), targets.end(), meant.begin(), meant.end()))
        targets = std::move(meant);
    return m_source->requestEdit(targets, ChoiceEdit{*field, value.toString(), {}});
}

LayerTree::Summary LayerTree::summarized(const std::vector<int>& rows) const
{
    Summary sum;
    double bits = 0;
    double outliers = 0;
    double exponents = 0;
    double kept = 0;
    std::int64_t sized = 0;
    std::int64_t counted = 0;
    std::int64_t powered = 0;
    std::int64_t mayKeep = 0;
    sum.first = rows.front();
    const LayerRow& front = m_source->row(rows.front());
    // fmin and fmax pass over what is not known.
    for (const int at : rows) {
        const LayerRow& row = m_source->row(at);
        ++sum.layers;
        sum.locked += row.locked;
        sum.overridden += row.overridden;
        sum.parameters += row.parameters;
        sum.bytes += row.bytes;
        if (!std::isnan(row.bitsPerWeight)) {
            bits += row.bitsPerWeight * static_cast<double>(row.parameters);
            sized += row.parameters;
        }
        if (!std::isnan(row.outlierShare)) {
            outliers += row.outlierShare * static_cast<double>(row.parameters);
            counted += row.parameters;
        }
        sum.lowestSqnr = std::fmin(sum.lowestSqnr, row.weightSqnrDb);
        sum.worstError = std::fmax(sum.worstError, row.relativeOutputError);
        sum.blockGain = std::fmax(sum.blockGain, row.blockGainDb); // all layers have the same
        sum.stale = sum.stale || !row.stale.isEmpty();
        if (!row.choice.keepFloat) {
            sum.fewestBits = std::min(sum.fewestBits, row.choice.scheme.bits);
            sum.mostBits = std::max(sum.mostBits, row.choice.scheme.bits);
        }
        sum.sameKind = sum.sameKind && row.kind == front.kind;
        sum.sameMethod = sum.sameMethod && sameField(ChoiceField::Method, row.choice, front.choice);
        sum.sameBits = sum.sameBits && sameField(ChoiceField::Bits, row.choice, front.choice);
        sum.sameGroup = sum.sameGroup && sameField(ChoiceField::Group, row.choice, front.choice);
        sum.sameSymmetry =
            sum.sameSymmetry && sameField(ChoiceField::Symmetry, row.choice, front.choice);
        sum.sameInputBits =
            sum.sameInputBits && sameField(ChoiceField::InputBits, row.choice, front.choice);
        if (!std::isnan(row.exponent)) {
            exponents += row.exponent * static_cast<double>(row.parameters);
            powered += row.parameters;
        }
        if (!std::isnan(row.keptShare)) {
            kept += row.keptShare * static_cast<double>(row.parameters);
            mayKeep += row.parameters;
        }
    }
    if (powered > 0)
        sum.exponent = exponents / static_cast<double>(powered);
    if (mayKeep > 0)
        sum.keptShare = kept / static_cast<double>(mayKeep);
    if (sized > 0)
        sum.bitsPerWeight = bits / static_cast<double>(sized);
    if (counted > 0)
        sum.outlierShare = outliers / static_cast<double>(counted);
    return sum;
}

const LayerTree::Summary& LayerTree::summary(int group) const
{
    std::shared_ptr<const Summary>& kept = m_summaries[static_cast<std::size_t>(group)];
    if (!kept)
        kept = std::make_shared<const Summary>(
            summarized(m_shape.groups[static_cast<std::size_t>(group)].rows));
    return *kept;
}

QVariant LayerTree::blockData(int group, int column, int role) const
{
    const Summary& sum = summary(group);
    const LayerRow& first = m_source->row(sum.first);
    const int block = first.blockIndex;
    const auto field = LayerTableModel::fieldOf(column);
    switch (role) {
    case Qt::EditRole:
        if (field)
            return sum.same(*field) ? fieldValue(first.choice, *field) : QString();
        return blockData(group, column, Qt::DisplayRole);
    case Qt::DisplayRole:
    case ExportRole:
        break;
    case LockRole:
        return column == LayerTableModel::Lock ? QVariant(sum.locked == sum.layers) : QVariant();
    case RatingRole:
        return column == LayerTableModel::OutputError
                   ? QVariant(static_cast<int>(ratingOfError(sum.worstError)))
                   : QVariant();
    case StaleRole:
        return sum.stale &&
               (column == LayerTableModel::WeightSqnr || column == LayerTableModel::OutputError ||
                column == LayerTableModel::BlockGain);
    case Qt::FontRole: {
        if (column != LayerTableModel::Name)
            return {};
        QFont bold;
        bold.setBold(true);
        return bold;
    }
    case Qt::TextAlignmentRole:
        return m_source->headerData(column, Qt::Horizontal, role);
    case Qt::AccessibleTextRole:
        if (column == LayerTableModel::Lock)
            return sum.locked == sum.layers ? tr("locked") : tr("not locked");
        return blockData(group, column, Qt::DisplayRole);
    case Qt::ToolTipRole:
        switch (column) {
        case LayerTableModel::Name:
        case LayerTableModel::Block:
            return block < 0 ? tr("Layers outside of any block")
                             : tr("block %1: %2").arg(block).arg(toQString(first.block));
        case LayerTableModel::Method:
        case LayerTableModel::Bits:
        case LayerTableModel::Group:
        case LayerTableModel::Symmetry:
        case LayerTableModel::InputBits:
            return sum.overridden == 0   ? tr("An edit here is for all layers shown of the block")
                   : sum.overridden == 1 ? tr("1 layer has a choice of its own\nAn edit here is "
                                              "for all layers shown of the block")
                                         : tr("%1 layers have a choice of their own\nAn edit here "
                                              "is for all layers shown of the block")
                                               .arg(sum.overridden);
        case LayerTableModel::BitsPerWeight:
        case LayerTableModel::Exponent:
            return tr("Mean over the weights of the block");
        case LayerTableModel::Size:
        case LayerTableModel::Parameters:
            return tr("Sum over the block");
        case LayerTableModel::WeightSqnr:
            return tr("The lowest of the block");
        case LayerTableModel::OutputError:
            return tr("The worst of the block");
        case LayerTableModel::Outliers:
        case LayerTableModel::Kept:
            return tr("Share of all weights of the block");
        case LayerTableModel::Lock:
            return tr("%1 of %2 layers are locked").arg(sum.locked).arg(sum.layers);
        default:
            return {};
        }
    default:
        return {};
    }

    switch (column) {
    case LayerTableModel::Name: {
        const QString name = block < 0 ? tr("Outside of blocks") : tr("Block %1").arg(block);
        return sum.layers == 1 ? tr("%1 · 1 layer").arg(name)
                               : tr("%1 · %2 layers").arg(name).arg(sum.layers);
    }
    case LayerTableModel::Block:
        return block < 0 ? QStringLiteral("–") : QString::number(block);
    case LayerTableModel::Kind:
        return sum.sameKind ? kindText(first.kind) : tr("mixed");
    case LayerTableModel::Parameters:
        return toQString(formatCount(sum.parameters));
    case LayerTableModel::Bits:
        if (!sum.sameBits && sum.mostBits > sum.fewestBits)
            return tr("%1–%2").arg(sum.fewestBits).arg(sum.mostBits);
        [[fallthrough]];
    case LayerTableModel::Method:
    case LayerTableModel::Group:
    case LayerTableModel::Symmetry:
    case LayerTableModel::InputBits:
        return sum.same(*field) ? fieldText(first.choice, *field) : tr("mixed");
    case LayerTableModel::BitsPerWeight:
        return toQString(formatBitsPerWeight(sum.bitsPerWeight));
    case LayerTableModel::Size:
        return sum.bytes ? toQString(formatBytes(sum.bytes)) : QStringLiteral("–");
    case LayerTableModel::WeightSqnr:
        return toQString(formatDecibel(sum.lowestSqnr));
    case LayerTableModel::OutputError:
        return toQString(formatPercent(sum.worstError));
    case LayerTableModel::BlockGain:
        return signedDecibel(sum.blockGain);
    case LayerTableModel::Exponent:
        return std::isnan(sum.exponent) ? QStringLiteral("–")
                                        : QString::number(sum.exponent, 'f', 3);
    case LayerTableModel::Kept:
        return toQString(formatPercent(sum.keptShare));
    case LayerTableModel::Outliers:
        return toQString(formatPercent(sum.outlierShare));
    case LayerTableModel::Lock:
        return sum.locked == sum.layers ? tr("locked") : QString();
    default:
        return QString();
    }
}

QVariant LayerTree::data(const QModelIndex& index, int role) const
{
    if (!checkIndex(index, CheckIndexOption::IndexIsValid))
        return {};
    if (isBlock(index))
        return blockData(index.row(), index.column(), role);
    return QAbstractProxyModel::data(index, role);
}

} // namespace gradus
