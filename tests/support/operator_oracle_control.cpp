// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/model.h"
#include "tests/support/operator_oracle.h"

namespace gradus::test {

namespace {

/// (a + b, a) where the condition holds, else (b, b): inputs 1 and 2 are values of the graph
/// around.
op::If sumOrSecond()
{
    auto yes = std::make_shared<Subgraph>();
    yes->nodes.push_back(Node{op::Binary{op::BinaryKind::Add}, {1, 2}, {100}, "sum"});
    yes->outputs = {100, 1};
    auto no = std::make_shared<Subgraph>();
    no->outputs = {2, 2};
    return {std::move(yes), std::move(no)};
}

std::vector<Elements> ifOracle(const OperatorCase& test)
{
    const Elements& a = *test.inputs[1];
    const Elements& b = *test.inputs[2];
    if (test.inputs[0]->at[0] == 0)
        return {b, b};
    Elements sum = a;
    for (std::size_t i = 0; i < sum.at.size(); ++i)
        sum.at[i] += b.at[i];
    return {sum, a};
}

} // namespace

void addControlOracles(OracleTable& table)
{
    OperatorOracle oracle{ifOracle, {}};
    for (const bool holds : {true, false})
        oracle.cases.push_back({holds ? "holds" : "does not hold",
                                sumOrSecond(),
                                {Elements{{1}, {holds ? 1.0 : 0.0}, DType::Bool},
                                 randomElements({2, 3}, "a"), randomElements({2, 3}, "b")},
                                {},
                                2});
    table["If"] = std::move(oracle);
}

} // namespace gradus::test
