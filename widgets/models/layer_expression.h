// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/layer_rows.h"

#include <QCoreApplication>
#include <QStringList>

#include <functional>
#include <optional>

namespace gradus {

/// Why a filter could not be read, and where.
struct ExpressionProblem
{
    QString message;  ///< a sentence
    int position = 0; ///< first character that is meant, from 0
    int length = 0;   ///< characters; 0 at the end of the text
};

/// What the filter line says, as a predicate on layers:
///
///     either     = both { "or" both }
///     both       = one { [ "and" ] one }
///     one        = "not" one | "(" either ")" | condition | flag | pattern | word
///     condition  = field ( "<" | "<=" | ">" | ">=" | "=" | "!=" | "~" ) value
///     pattern    = "/" regular expression "/" | word with * or ?         on the layer's name
///     word       = characters without a space | quoted with "            in some cell
///
/// Letter case does not matter. A condition on a number that is not known (the error of a layer
/// that has not run, the bits of a float layer) is false, and so is its != form.
class LayerExpression
{
    Q_DECLARE_TR_FUNCTIONS(LayerExpression)
public:
    LayerExpression() = default; ///< accepts every layer

    /// Nothing, with *problem filled in, when the text cannot be read.
    [[nodiscard]] static std::optional<LayerExpression> parse(const QString& text,
                                                              ExpressionProblem* problem);

    /// cells: the row's cells in lower case, a line for each; asked for only where a word needs it.
    /// Throws Error(Usage) when a pattern backtracks without end.
    [[nodiscard]] bool matches(const LayerRow& row,
                               const std::function<const QString&()>& cells) const;
    [[nodiscard]] bool empty() const { return !m_root; }
    /// The pattern that stands alone, as a regular expression for a recipe's rule; "" when the
    /// expression is anything else.
    [[nodiscard]] QString lonePattern() const;
    /// As it was understood, every group in parentheses.
    [[nodiscard]] QString text() const;

    /// One field that conditions may name.
    struct FieldHelp
    {
        QString name;
        QString meaning;
        QString example;
    };
    [[nodiscard]] static QList<FieldHelp> fields();

    struct Node;

private:
    std::shared_ptr<const Node> m_root;
};

} // namespace gradus
