// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"

#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace gradus {

/// A size of an axis, or an element of a tensor of sizes: a number, or a symbol for one that is
/// known only when the graph runs. Equal symbols are equal numbers.
struct SymbolicSize
{
    std::int64_t number = 0;
    int symbol = 0; ///< 0: it is the number

    [[nodiscard]] bool isNumber() const { return symbol == 0; }
    friend bool operator==(const SymbolicSize&, const SymbolicSize&) = default;
};
using SymbolicShape = std::vector<SymbolicSize>;

/// What can be told of shapes without running: by the inputs' own shapes, and by the numbers that
/// shape arithmetic (Shape, Gather, Concat, …) makes of them.
class ShapeInference
{
public:
    /// fed: shapes that inputs are taken to have, instead of their own.
    explicit ShapeInference(const Model& model, const std::map<ValueId, Shape>& fed = {});

    /// Null when nothing is known, the rank included.
    [[nodiscard]] const SymbolicShape* shape(ValueId value) const;
    /// The elements of a short tensor of integers, flattened; null when unknown.
    [[nodiscard]] const SymbolicShape* elements(ValueId value) const;

private:
    struct Visitor;
    [[nodiscard]] SymbolicSize unknown() { return {0, ++m_symbols}; }
    /// Keeps the shape of a value, unless no tensor can have it.
    void remember(ValueId value, SymbolicShape shape);

    const Model& m_model;
    std::map<std::string_view, const WeightUse*> m_uses; ///< by tensor
    std::map<ValueId, SymbolicShape> m_shapes;
    std::map<ValueId, SymbolicShape> m_elements;
    int m_symbols = 0;
    /// Sizes that may still be remembered: a small file can name millions of values.
    std::size_t m_room = std::size_t(1) << 24;
};

/// Both known and the same.
[[nodiscard]] bool areSame(const SymbolicShape* a, const SymbolicShape* b);

} // namespace gradus
