// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/layer_expression.h"

#include "core/base/error.h"
#include "core/base/regex.h"
#include "widgets/models/choice.h"
#include "widgets/text.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace gradus {

namespace {
constexpr int deepest = 64; // parentheses and "not" within each other

enum class Field
{
    Name,
    Block,
    Kind,
    Params,
    Method,
    Bits,
    Group,
    Bpw,
    Bytes,
    Sqnr,
    Cosine,
    Error,
    Outliers,
    Exponent,
    Kept,
    ActBits,
    ActQuantizer,
    WeightError,
    InputError,
    BothError,
    // Either so or not.
    Symmetric,
    Locked,
    Stale,
    Float,
    Overridden,
    Measured
};

enum class Comparison
{
    Less,
    AtMost,
    Greater,
    AtLeast,
    Equal,
    Unequal,
    Matches
};

struct FieldName
{
    const char* name;
    Field field;
};
// The first name of a field is the one that texts use.
constexpr std::array fieldNames{
    FieldName{"name", Field::Name},
    FieldName{"layer", Field::Name},
    FieldName{"block", Field::Block},
    FieldName{"kind", Field::Kind},
    FieldName{"params", Field::Params},
    FieldName{"parameters", Field::Params},
    FieldName{"method", Field::Method},
    FieldName{"bits", Field::Bits},
    FieldName{"group", Field::Group},
    FieldName{"bpw", Field::Bpw},
    FieldName{"bytes", Field::Bytes},
    FieldName{"size", Field::Bytes},
    FieldName{"sqnr", Field::Sqnr},
    FieldName{"cosine", Field::Cosine},
    FieldName{"error", Field::Error},
    FieldName{"outliers", Field::Outliers},
    FieldName{"exponent", Field::Exponent},
    FieldName{"kept", Field::Kept},
    FieldName{"act_bits", Field::ActBits},
    FieldName{"input_bits", Field::ActBits},
    FieldName{"act_quantizer", Field::ActQuantizer},
    FieldName{"input_quantizer", Field::ActQuantizer},
    FieldName{"weight_error", Field::WeightError},
    FieldName{"input_error", Field::InputError},
    FieldName{"both_error", Field::BothError},
    FieldName{"symmetric", Field::Symmetric},
    FieldName{"locked", Field::Locked},
    FieldName{"stale", Field::Stale},
    FieldName{"float", Field::Float},
    FieldName{"overridden", Field::Overridden},
    FieldName{"measured", Field::Measured},
};

bool isFlag(Field field)
{
    return field >= Field::Symmetric;
}
bool isText(Field field)
{
    return field == Field::Name || field == Field::Kind || field == Field::Method ||
           field == Field::ActQuantizer;
}

std::optional<Field> fieldNamed(const QString& word)
{
    for (const FieldName& each : fieldNames) {
        if (word.compare(QLatin1String(each.name), Qt::CaseInsensitive) == 0)
            return each.field;
    }
    return std::nullopt;
}
QString nameOf(Field field)
{
    for (const FieldName& each : fieldNames) {
        if (each.field == field)
            return QLatin1String(each.name);
    }
    return {};
}

struct Spelling
{
    const char* text;
    Comparison meaning;
};
// Longer ones first.
constexpr std::array spellings{
    Spelling{"<=", Comparison::AtMost},  Spelling{">=", Comparison::AtLeast},
    Spelling{"!=", Comparison::Unequal}, Spelling{"==", Comparison::Equal},
    Spelling{"<", Comparison::Less},     Spelling{">", Comparison::Greater},
    Spelling{"=", Comparison::Equal},    Spelling{"~", Comparison::Matches},
};
QString textOf(Comparison meaning)
{
    if (meaning == Comparison::Equal)
        return QStringLiteral("=");
    for (const Spelling& each : spellings) {
        if (each.meaning == meaning)
            return QLatin1String(each.text);
    }
    return {};
}

/// Shell pattern → regular expression for the whole name.
QString globAsRegex(const QString& glob)
{
    QString regex = QStringLiteral("^");
    for (const QChar c : glob) {
        if (c == QLatin1Char('*'))
            regex += QLatin1String(".*");
        else if (c == QLatin1Char('?'))
            regex += QLatin1Char('.');
        else
            regex += toQString(regexEscaped(QString(c).toStdString()));
    }
    return regex + QLatin1Char('$');
}
bool isGlob(const QString& word)
{
    return word.contains(QLatin1Char('*')) || word.contains(QLatin1Char('?'));
}

double numberOf(const LayerRow& row, Field field)
{
    constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
    const Scheme& scheme = row.choice.scheme;
    switch (field) {
    case Field::Block:
        return row.blockIndex < 0 ? unknown : row.blockIndex;
    case Field::Params:
        return static_cast<double>(row.parameters);
    case Field::Bits:
        return row.choice.keepFloat ? unknown : scheme.bits;
    case Field::Group:
        return row.choice.keepFloat || scheme.granularity != Granularity::Group
                   ? unknown
                   : static_cast<double>(scheme.groupSize);
    case Field::Bpw:
        return row.bitsPerWeight;
    case Field::Bytes:
        return row.bytes ? static_cast<double>(row.bytes) : unknown;
    case Field::Sqnr:
        return row.weightSqnrDb;
    case Field::Cosine:
        return row.weightCosine;
    case Field::Error:
        return row.relativeOutputError;
    case Field::Outliers:
        return row.outlierShare;
    case Field::Exponent:
        return row.exponent;
    case Field::Kept:
        return row.keptShare;
    case Field::ActBits:
        return row.choice.keepFloat || !row.choice.activation.enabled()
                   ? unknown
                   : row.choice.activation.bits;
    case Field::WeightError:
        return row.weightError;
    case Field::InputError:
        return row.inputError;
    case Field::BothError:
        return row.bothError;
    default:
        return unknown;
    }
}

bool flagOf(const LayerRow& row, Field field)
{
    switch (field) {
    case Field::Symmetric:
        return !row.choice.keepFloat && row.choice.scheme.symmetric;
    case Field::Locked:
        return row.locked;
    case Field::Stale:
        return !row.stale.isEmpty();
    case Field::Float:
        return row.choice.keepFloat;
    case Field::Overridden:
        return row.overridden;
    case Field::Measured:
        return row.measured;
    default:
        return false;
    }
}

/// The texts by which a field may be called: the method's name and title, for example.
QStringList textsOf(const LayerRow& row, Field field)
{
    switch (field) {
    case Field::Name:
        return {toQString(row.name)};
    case Field::Block:
        return row.blockIndex < 0 ? QStringList{QStringLiteral("none")}
                                  : QStringList{toQString(row.block)};
    case Field::Kind:
        return {toQString(layerKindName(row.kind)), kindText(row.kind)};
    case Field::Method:
        return {fieldValue(row.choice, ChoiceField::Method),
                fieldText(row.choice, ChoiceField::Method)};
    case Field::Group:
        return row.choice.keepFloat ? QStringList{}
                                    : QStringList{fieldValue(row.choice, ChoiceField::Group)};
    case Field::Bits:
        return {fieldValue(row.choice, ChoiceField::Bits)};
    case Field::ActBits:
        return {fieldValue(row.choice,
                           row.choice.keepFloat ? ChoiceField::Bits : ChoiceField::InputBits)};
    case Field::ActQuantizer:
        return {row.choice.keepFloat || !row.choice.activation.enabled() ||
                        !takesActivationGrid(row.kind, row.choice)
                    ? QStringLiteral("float")
                : hasUniformInputs(row.choice) ? QStringLiteral("uniform")
                                               : QStringLiteral("power")};
    default:
        return {};
    }
}

struct Problem
{
    ExpressionProblem what;
};
} // namespace

struct LayerExpression::Node
{
    enum class Kind
    {
        Or,
        And,
        Not,
        Word,    ///< in some cell
        Pattern, ///< regex on the name
        Number,  ///< field op number
        Text,    ///< field op text; regex set for ~ and for patterns
        Flag
    };
    Kind kind = Kind::Word;
    std::vector<std::shared_ptr<const Node>> children;
    Field field = Field::Name;
    Comparison op = Comparison::Equal;
    double number = 0;
    QString text; ///< as typed; of a word in lower case
    QString pattern;
    std::shared_ptr<const Regex> regex;
};

namespace {
using Node = LayerExpression::Node;
using NodePtr = std::shared_ptr<const Node>;

class Parser
{
public:
    explicit Parser(const QString& text)
        : m_text(text)
    {
    }

    NodePtr parse()
    {
        skipSpace();
        if (atEnd())
            return nullptr;
        NodePtr root = either();
        if (!atEnd()) // what stops either() before the end is a parenthesis too many
            fail(LayerExpression::tr("There is no “(” for this “)”"), m_at, 1);
        return root;
    }

private:
    [[noreturn]] void fail(const QString& message, qsizetype position, qsizetype length = 0) const
    {
        throw Problem{{message, static_cast<int>(position), static_cast<int>(length)}};
    }
    bool atEnd() const { return m_at >= m_text.size(); }
    QChar peek() const { return atEnd() ? QChar() : m_text[m_at]; }
    void skipSpace()
    {
        while (!atEnd() && m_text[m_at].isSpace())
            ++m_at;
    }
    static bool endsWord(QChar c)
    {
        return c.isSpace() || c == QLatin1Char('(') || c == QLatin1Char(')') ||
               c == QLatin1Char('<') || c == QLatin1Char('>') || c == QLatin1Char('=') ||
               c == QLatin1Char('~') || c == QLatin1Char('!') || c == QLatin1Char('"');
    }
    /// The word at the place, without moving on.
    QString wordAhead() const
    {
        qsizetype end = m_at;
        while (end < m_text.size() && !endsWord(m_text[end]))
            ++end;
        return m_text.mid(m_at, end - m_at);
    }
    bool keywordAhead(const char* keyword) const
    {
        return wordAhead().compare(QLatin1String(keyword), Qt::CaseInsensitive) == 0;
    }
    void pass(qsizetype characters)
    {
        m_at += characters;
        skipSpace();
    }

    static NodePtr joined(Node::Kind kind, std::vector<NodePtr> parts)
    {
        if (parts.size() == 1)
            return parts.front();
        auto node = std::make_shared<Node>();
        node->kind = kind;
        node->children = std::move(parts);
        return node;
    }

    NodePtr either()
    {
        std::vector<NodePtr> parts{both()};
        while (keywordAhead("or")) {
            const qsizetype start = m_at;
            pass(2);
            if (atEnd() || peek() == QLatin1Char(')'))
                fail(LayerExpression::tr("Something is missing after “or”"), start, 2);
            parts.push_back(both());
        }
        return joined(Node::Kind::Or, std::move(parts));
    }

    NodePtr both()
    {
        std::vector<NodePtr> parts{one()};
        while (!atEnd() && peek() != QLatin1Char(')') && !keywordAhead("or")) {
            if (keywordAhead("and")) {
                const qsizetype start = m_at;
                pass(3);
                if (atEnd() || peek() == QLatin1Char(')'))
                    fail(LayerExpression::tr("Something is missing after “and”"), start, 3);
            }
            parts.push_back(one());
        }
        return joined(Node::Kind::And, std::move(parts));
    }

    NodePtr one()
    {
        const qsizetype start = m_at;
        if (m_depth >= deepest)
            fail(LayerExpression::tr("Too many parentheses within each other"), start, 1);
        for (const char* keyword : {"and", "or"}) {
            if (keywordAhead(keyword))
                fail(LayerExpression::tr("Something is missing before “%1”")
                         .arg(QLatin1String(keyword)),
                     start, qstrlen(keyword));
        }
        if (keywordAhead("not")) {
            pass(3);
            if (atEnd() || peek() == QLatin1Char(')'))
                fail(LayerExpression::tr("Something is missing after “not”"), start, 3);
            ++m_depth;
            auto node = std::make_shared<Node>();
            node->kind = Node::Kind::Not;
            node->children = {one()};
            --m_depth;
            return node;
        }
        if (peek() == QLatin1Char('(')) {
            pass(1);
            if (atEnd() || peek() == QLatin1Char(')'))
                fail(LayerExpression::tr("There is nothing in the parentheses"), start, 1);
            ++m_depth;
            NodePtr inner = either();
            --m_depth;
            if (peek() != QLatin1Char(')'))
                fail(LayerExpression::tr("This “(” is not closed"), start, 1);
            pass(1);
            return inner;
        }
        if (peek() == QLatin1Char(')'))
            fail(LayerExpression::tr("There is no “(” for this “)”"), start, 1);
        if (peek() == QLatin1Char('/'))
            return regexOnName();
        if (peek() == QLatin1Char('"')) {
            const QString text = quoted(QLatin1Char('"'));
            skipSpace();
            return word(text);
        }
        const QString ahead = wordAhead();
        if (ahead.isEmpty())
            fail(LayerExpression::tr("A field must stand before “%1”, as in bits<4").arg(peek()),
                 start, 1);
        pass(ahead.size());
        const std::optional<Comparison> op = operatorAhead();
        const std::optional<Field> field = fieldNamed(ahead);
        if (op) {
            if (!field)
                fail(LayerExpression::tr("There is no field “%1”; the fields are %2")
                         .arg(ahead, allNames()),
                     start, ahead.size());
            return condition(*field, *op, start);
        }
        if (field && isFlag(*field)) {
            auto node = std::make_shared<Node>();
            node->kind = Node::Kind::Flag;
            node->field = *field;
            return node;
        }
        if (isGlob(ahead))
            return pattern(globAsRegex(ahead), ahead, start);
        return word(ahead);
    }

    static QString allNames()
    {
        QStringList names;
        for (const LayerExpression::FieldHelp& each : LayerExpression::fields())
            names.append(each.name);
        return names.join(QLatin1String(", "));
    }

    static NodePtr word(const QString& text)
    {
        auto node = std::make_shared<Node>();
        node->kind = Node::Kind::Word;
        node->text = text.toLower();
        return node;
    }

    std::shared_ptr<const Regex> compiled(const QString& pattern, qsizetype start,
                                          qsizetype length) const
    {
        try {
            const Regex asTyped(pattern.toStdString()); // its message counts from where it begins
            return std::make_shared<const Regex>("(?i)" + pattern.toStdString());
        } catch (const Error& error) {
            fail(toQString(error.what()), start, length);
        }
    }

    NodePtr pattern(const QString& regex, const QString& typed, qsizetype start) const
    {
        auto node = std::make_shared<Node>();
        node->kind = Node::Kind::Pattern;
        node->text = typed;
        node->pattern = regex;
        node->regex = compiled(regex, start, typed.size());
        return node;
    }

    NodePtr regexOnName()
    {
        const qsizetype start = m_at;
        const QString regex = quoted(QLatin1Char('/'));
        skipSpace();
        if (regex.isEmpty())
            fail(LayerExpression::tr("There is no pattern between the slashes"), start, 2);
        return pattern(regex, QLatin1Char('/') + regex + QLatin1Char('/'), start);
    }

    /// What stands between two marks; a mark after a backslash belongs to it.
    QString quoted(QChar mark)
    {
        const qsizetype start = m_at;
        QString inside;
        for (++m_at; !atEnd(); ++m_at) {
            if (peek() == mark) {
                ++m_at;
                return inside;
            }
            if (peek() == QLatin1Char('\\') && m_at + 1 < m_text.size()) {
                if (m_text[m_at + 1] != mark)
                    inside += peek();
                ++m_at;
            }
            inside += peek();
        }
        fail(mark == QLatin1Char('/') ? LayerExpression::tr("The second “/” is missing")
                                      : LayerExpression::tr("The second “\"” is missing"),
             start, m_text.size() - start);
    }

    std::optional<Comparison> operatorAhead()
    {
        for (const Spelling& each : spellings) {
            const QLatin1String spelling(each.text);
            if (m_text.mid(m_at, spelling.size()) == spelling) {
                m_operatorAt = m_at;
                m_operatorLength = spelling.size();
                pass(spelling.size());
                return each.meaning;
            }
        }
        return std::nullopt;
    }

    NodePtr condition(Field field, Comparison op, qsizetype start)
    {
        if (isFlag(field) && op != Comparison::Equal && op != Comparison::Unequal)
            fail(LayerExpression::tr("“%1” is either so or not: write %1 or not %1")
                     .arg(nameOf(field)),
                 start, m_operatorAt + m_operatorLength - start);
        const qsizetype valueAt = m_at;
        bool quotedValue = true;
        QString value;
        if (peek() == QLatin1Char('"')) {
            value = quoted(QLatin1Char('"'));
        } else if (peek() == QLatin1Char('/') && op == Comparison::Matches) {
            value = quoted(QLatin1Char('/'));
        } else {
            quotedValue = false;
            // A pattern may hold < or = and parentheses of its own; a space ends it, and the
            // parenthesis that it has not opened.
            int open = 0;
            while (!atEnd() && !peek().isSpace()) {
                if (op != Comparison::Matches ? endsWord(peek())
                                              : peek() == QLatin1Char(')') && open == 0)
                    break;
                open += peek() == QLatin1Char('(') ? 1 : peek() == QLatin1Char(')') ? -1 : 0;
                value += m_text[m_at++];
            }
        }
        const qsizetype length = m_at - valueAt;
        if (value.isEmpty() && !quotedValue)
            fail(LayerExpression::tr("A value is missing after “%1”").arg(textOf(op)), m_operatorAt,
                 m_operatorLength);
        skipSpace();
        auto node = std::make_shared<Node>();
        node->field = field;
        node->op = op;
        node->text = value;
        if (isFlag(field)) {
            const QString lower = value.toLower();
            const bool yes = lower == QLatin1String("true") || lower == QLatin1String("yes") ||
                             lower == QLatin1String("1");
            const bool no = lower == QLatin1String("false") || lower == QLatin1String("no") ||
                            lower == QLatin1String("0");
            if (!yes && !no)
                fail(LayerExpression::tr("“%1” is no answer, expected yes or no").arg(value),
                     valueAt, length);
            node->kind = Node::Kind::Flag;
            if (yes == (op == Comparison::Equal))
                return node;
            auto negation = std::make_shared<Node>();
            negation->kind = Node::Kind::Not;
            negation->children = {node};
            return negation;
        }
        if (op == Comparison::Matches) {
            if (!isText(field) && field != Field::Block && field != Field::Group)
                fail(
                    LayerExpression::tr("“%1” is a number and takes no pattern").arg(nameOf(field)),
                    start, m_operatorAt + m_operatorLength - start);
            node->kind = Node::Kind::Text;
            node->pattern = value;
            node->regex = compiled(value, valueAt, length);
            return node;
        }
        if (isText(field)) {
            if (op != Comparison::Equal && op != Comparison::Unequal)
                fail(LayerExpression::tr("“%1” is a text: use =, != or ~").arg(nameOf(field)),
                     m_operatorAt, m_operatorLength);
            asText(*node, valueAt, length);
            return node;
        }
        if (const auto number = numberIn(value, field)) {
            node->kind = Node::Kind::Number;
            node->number = *number;
            return node;
        }
        const bool word = (field == Field::Block || field == Field::Group || field == Field::Bits ||
                           field == Field::ActBits) &&
                          (op == Comparison::Equal || op == Comparison::Unequal);
        if (word && wordFits(field, value)) {
            asText(*node, valueAt, length);
            return node;
        }
        fail(LayerExpression::tr("“%1” is no value for %2, expected %3")
                 .arg(value, nameOf(field), expected(field)),
             valueAt, length);
    }

    void asText(Node& node, qsizetype valueAt, qsizetype length) const
    {
        node.kind = Node::Kind::Text;
        if (isGlob(node.text)) {
            node.pattern = globAsRegex(node.text);
            node.regex = compiled(node.pattern, valueAt, length);
        }
    }

    static bool wordFits(Field field, const QString& value)
    {
        const auto is = [&](const char* word) {
            return value.compare(QLatin1String(word), Qt::CaseInsensitive) == 0;
        };
        if (field == Field::Group)
            return is("channel") || is("tensor");
        if (field == Field::Bits || field == Field::ActBits)
            return is("float");
        return true; // a block's name
    }

    static QString expected(Field field)
    {
        switch (field) {
        case Field::Bytes:
            return LayerExpression::tr("a size such as 512KiB or 4MiB");
        case Field::Params:
            return LayerExpression::tr("a number such as 1000 or 4M");
        case Field::Error:
        case Field::WeightError:
        case Field::InputError:
        case Field::BothError:
        case Field::Outliers:
        case Field::Kept:
            return LayerExpression::tr("a share such as 5% or 0.05");
        case Field::Sqnr:
            return LayerExpression::tr("decibels such as 15");
        case Field::Group:
            return LayerExpression::tr("a number, channel or tensor");
        case Field::Bits:
        case Field::ActBits:
            return LayerExpression::tr("a number or float");
        default:
            return LayerExpression::tr("a number");
        }
    }

    /// "4", "5%", "4MiB", "15dB", by what the field counts.
    static std::optional<double> numberIn(const QString& value, Field field)
    {
        qsizetype end = 0;
        while (end < value.size() &&
               (value[end].isDigit() || value[end] == QLatin1Char('.') ||
                value[end] == QLatin1Char('-') || value[end] == QLatin1Char('+') ||
                (value[end].toLower() == QLatin1Char('e') && end > 0 && end + 1 < value.size() &&
                 (value[end + 1].isDigit() || value[end + 1] == QLatin1Char('-')))))
            ++end;
        bool isNumber = false;
        const double number = value.left(end).toDouble(&isNumber);
        if (!isNumber || !std::isfinite(number))
            return std::nullopt;
        const QString unit = value.mid(end).toLower();
        if (unit.isEmpty())
            return number;
        struct Unit
        {
            const char* name;
            double factor;
        };
        const auto times = [&](std::initializer_list<Unit> units) -> std::optional<double> {
            for (const Unit& each : units) {
                if (unit == QLatin1String(each.name))
                    return number * each.factor;
            }
            return std::nullopt;
        };
        switch (field) {
        case Field::Bytes:
            return times({{"b", 1},
                          {"kib", 1024},
                          {"mib", 1048576},
                          {"gib", 1073741824},
                          {"k", 1024},
                          {"m", 1048576},
                          {"g", 1073741824},
                          {"kb", 1e3},
                          {"mb", 1e6},
                          {"gb", 1e9}});
        case Field::Params:
            return times({{"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"b", 1e9}});
        case Field::Error:
        case Field::WeightError:
        case Field::InputError:
        case Field::BothError:
        case Field::Outliers:
        case Field::Kept:
            return times({{"%", 0.01}});
        case Field::Sqnr:
            return times({{"db", 1}});
        default:
            return std::nullopt;
        }
    }

    const QString& m_text;
    qsizetype m_at = 0;
    qsizetype m_operatorAt = 0;
    qsizetype m_operatorLength = 0;
    int m_depth = 0;
};

bool compare(double left, Comparison op, double right)
{
    if (std::isnan(left))
        return false;
    switch (op) {
    case Comparison::Less:
        return left < right;
    case Comparison::AtMost:
        return left <= right;
    case Comparison::Greater:
        return left > right;
    case Comparison::AtLeast:
        return left >= right;
    case Comparison::Equal:
        return left == right;
    case Comparison::Unequal:
        return left != right;
    case Comparison::Matches:
        break;
    }
    return false;
}

bool textMatches(const Node& node, const LayerRow& row)
{
    const QStringList texts = textsOf(row, node.field);
    if (texts.isEmpty())
        return false;
    const bool found = std::any_of(texts.begin(), texts.end(), [&](const QString& text) {
        return node.regex ? node.regex->search(text.toStdString())
                          : text.compare(node.text, Qt::CaseInsensitive) == 0;
    });
    return found != (node.op == Comparison::Unequal);
}

bool accepts(const Node& node, const LayerRow& row, const std::function<const QString&()>& cells)
{
    const auto child = [&](const NodePtr& each) { return accepts(*each, row, cells); };
    switch (node.kind) {
    case Node::Kind::Or:
        return std::any_of(node.children.begin(), node.children.end(), child);
    case Node::Kind::And:
        return std::all_of(node.children.begin(), node.children.end(), child);
    case Node::Kind::Not:
        return !child(node.children.front());
    case Node::Kind::Word:
        return cells().contains(node.text);
    case Node::Kind::Pattern:
        return node.regex->search(row.name);
    case Node::Kind::Number:
        return compare(numberOf(row, node.field), node.op, node.number);
    case Node::Kind::Text:
        return textMatches(node, row);
    case Node::Kind::Flag:
        return flagOf(row, node.field);
    }
    return false;
}

QString written(const Node& node, bool outermost = true)
{
    const auto all = [&](const char* between) {
        QStringList parts;
        for (const NodePtr& each : node.children)
            parts.append(written(*each, false));
        const QString text = parts.join(QLatin1String(between));
        return outermost ? text : QStringLiteral("(%1)").arg(text);
    };
    switch (node.kind) {
    case Node::Kind::Or:
        return all(" or ");
    case Node::Kind::And:
        return all(" and ");
    case Node::Kind::Not:
        return QStringLiteral("not %1").arg(written(*node.children.front(), false));
    case Node::Kind::Word:
        return QStringLiteral("\"%1\"").arg(node.text);
    case Node::Kind::Pattern:
        return node.text;
    case Node::Kind::Number:
        return QStringLiteral("%1 %2 %3").arg(nameOf(node.field), textOf(node.op)).arg(node.number);
    case Node::Kind::Text:
        return QStringLiteral("%1 %2 \"%3\"").arg(nameOf(node.field), textOf(node.op), node.text);
    case Node::Kind::Flag:
        return nameOf(node.field);
    }
    return {};
}
} // namespace

std::optional<LayerExpression> LayerExpression::parse(const QString& text,
                                                      ExpressionProblem* problem)
{
    try {
        LayerExpression expression;
        expression.m_root = Parser(text).parse();
        return expression;
    } catch (const Problem& found) {
        if (problem)
            *problem = found.what;
        return std::nullopt;
    }
}

bool LayerExpression::matches(const LayerRow& row,
                              const std::function<const QString&()>& cells) const
{
    return !m_root || accepts(*m_root, row, cells);
}

QString LayerExpression::lonePattern() const
{
    if (!m_root)
        return {};
    if (m_root->kind == Node::Kind::Pattern)
        return m_root->pattern;
    const bool onName = m_root->kind == Node::Kind::Text && m_root->field == Field::Name &&
                        m_root->regex && m_root->op != Comparison::Unequal;
    return onName ? m_root->pattern : QString();
}

QString LayerExpression::text() const
{
    return m_root ? written(*m_root) : QString();
}

QList<LayerExpression::FieldHelp> LayerExpression::fields()
{
    return {
        {QStringLiteral("name"), tr("the layer's name"), QStringLiteral("name~q_proj|k_proj")},
        {QStringLiteral("block"), tr("number of its block, or the block's name, or none"),
         QStringLiteral("block>=2")},
        {QStringLiteral("kind"), tr("linear, embedding, convolution, other"),
         QStringLiteral("kind=linear")},
        {QStringLiteral("params"), tr("number of weights; k, M, G"), QStringLiteral("params>=4M")},
        {QStringLiteral("method"), tr("the method's name or title, or float"),
         QStringLiteral("method=gptq")},
        {QStringLiteral("bits"), tr("bits of a code, or float"), QStringLiteral("bits<4")},
        {QStringLiteral("group"), tr("inputs per group, or channel, or tensor"),
         QStringLiteral("group=channel")},
        {QStringLiteral("bpw"), tr("stored bits per weight"), QStringLiteral("bpw>4.5")},
        {QStringLiteral("size"), tr("stored bytes; KiB, MiB, GiB"), QStringLiteral("size>4MiB")},
        {QStringLiteral("sqnr"), tr("SQNR of the weights in dB"), QStringLiteral("sqnr<15")},
        {QStringLiteral("cosine"), tr("cosine between weights before and after"),
         QStringLiteral("cosine<0.99")},
        {QStringLiteral("error"), tr("relative output error"), QStringLiteral("error>5%")},
        {QStringLiteral("outliers"), tr("share of weights beyond 6 σ"),
         QStringLiteral("outliers>0.01%")},
        {QStringLiteral("exponent"), tr("exponent of the power grid"),
         QStringLiteral("exponent<0.6")},
        {QStringLiteral("kept"), tr("share of weights kept as floats"),
         QStringLiteral("kept>0.1%")},
        {QStringLiteral("act_bits"), tr("bits of the layer's inputs, or float"),
         QStringLiteral("act_bits<=8")},
        {QStringLiteral("act_quantizer"), tr("levels of the layer's inputs: power, uniform, float"),
         QStringLiteral("act_quantizer=uniform")},
        {QStringLiteral("weight_error"), tr("output error with quantized weights only"),
         QStringLiteral("weight_error>1%")},
        {QStringLiteral("input_error"), tr("output error with quantized inputs only"),
         QStringLiteral("input_error>1%")},
        {QStringLiteral("both_error"), tr("output error with weights and inputs quantized"),
         QStringLiteral("both_error>5%")},
        {QStringLiteral("symmetric"), tr("has a symmetric grid"), QStringLiteral("not symmetric")},
        {QStringLiteral("locked"), tr("is locked"), QStringLiteral("locked")},
        {QStringLiteral("float"), tr("stays float"), QStringLiteral("not float")},
        {QStringLiteral("overridden"), tr("has a choice of its own"), QStringLiteral("overridden")},
        {QStringLiteral("measured"), tr("has numbers from a run"), QStringLiteral("measured")},
        {QStringLiteral("stale"), tr("its numbers no longer belong to the recipe"),
         QStringLiteral("stale")},
    };
}

} // namespace gradus
