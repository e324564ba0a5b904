// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/operators.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What every operator is held against: its definition as plain loops in double, and cases to try
/// it on. One table for all operators, by operatorName(); each family fills in its own part from
/// its own file. tst_operator_registry finds those that nobody has filled in.
namespace gradus::test {

/// Elements of any dtype by value: integers within ±2^53, booleans as 0 and 1.
struct Elements
{
    Shape shape;
    std::vector<double> at;
    DType dtype = DType::F32;

    std::int64_t count() const { return static_cast<std::int64_t>(at.size()); }
};

/// Values that are exact floats, uniform in [low, high); the same for the same purpose and shape.
Elements randomElements(Shape shape, std::string_view purpose, double low = -2, double high = 2);
/// The same at least `gap` from each other and from 0: no step of a finite difference reaches a
/// kink of a maximum, a sort or an absolute value.
Elements distinctElements(Shape shape, std::string_view purpose, double gap = 0.01);
Elements integerElements(Shape shape, std::vector<std::int64_t> values);
Elements integerElements(std::vector<std::int64_t> values);   ///< of one axis
Elements boolElements(Shape shape, std::string_view purpose); ///< at random
/// Every element through one function.
Elements mapped(const Elements& x, const std::function<double(double)>& function);

Tensor tensorOf(const Elements& elements);
Elements elementsOf(const Tensor& tensor);

/// An operator, what it is fed, and how closely it must agree.
struct OperatorCase
{
    std::string label; ///< of a test's row: "row vector", without the operator's name
    Operator op;
    std::vector<std::optional<Elements>> inputs;     ///< nothing: an optional one that is missing
    std::map<std::string, Elements> parameters = {}; ///< by the names that the operator has
    std::size_t outputs = 1;
    double relative = 1e-5;
    double absolute = 1e-6;
    /// The oracle is smooth here, so that its differences are the gradient. False where it has a
    /// kink, or is too large for differences.
    bool smooth = true;
    std::vector<std::string> constants = {}; ///< parameters for which nobody asks a gradient
};

/// The operator in double, with its result's dtypes and shapes.
using OperatorFunction = std::function<std::vector<Elements>(const OperatorCase&)>;

struct OperatorOracle
{
    OperatorFunction evaluate;
    std::vector<OperatorCase> cases;
};
using OracleTable = std::map<std::string, OperatorOracle, std::less<>>;

/// All that is known; made once.
const OracleTable& operatorOracles();

// Who fills the table. Each lies in a file of its own, operator_oracle_*.cpp.
void addElementOracles(OracleTable& table);
void addNormOracles(OracleTable& table);
void addReductionOracles(OracleTable& table);
void addShapeOracles(OracleTable& table);
void addQuantizedOracles(OracleTable& table);
void addConvolutionOracles(OracleTable& table); ///< Convolution, ConvolutionTranspose
void addImageOracles(OracleTable& table);       ///< pools, Resize, Pad, DepthToSpace, …
void addNetworkOracles(OracleTable& table);     ///< Embedding, RmsNorm, Linear, Rotary, Attention
void addControlOracles(OracleTable& table);     ///< If

/// Runs the operator in a graph of one node, with inputs that it may write over and with inputs
/// that it may not, on one thread and on all: empty when everything agrees with the oracle and to
/// the last bit with each other, else what does not.
std::string forwardFault(const OperatorOracle& oracle, const OperatorCase& test);
/// Takes GradientPass through it, to each float input (to those that the list names, if it is not
/// empty) and to all parameters: empty when the gradients agree with central differences of the
/// oracle. A tolerance of 1e-4 of the value, and of the largest one.
std::string gradientFault(const OperatorOracle& oracle, const OperatorCase& test,
                          const std::vector<std::size_t>& inputs = {});

/// Of every row of a test: "Add, row vector" → the case. Names: operatorName()s.
struct NamedCase
{
    std::string name;
    const OperatorOracle* oracle;
    const OperatorCase* test;
};
std::vector<NamedCase> casesOf(const std::vector<std::string>& names);

} // namespace gradus::test
