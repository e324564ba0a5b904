// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "tests/support/operator_oracle.h"

#include <QTest>

/// The rows of a data-driven test over cases of operators: "case" is the index in `cases`.
namespace gradus::test {

inline void addCaseRows(const std::vector<NamedCase>& cases, bool gradients)
{
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < cases.size(); ++i)
        if (!gradients || (isDifferentiable(cases[i].test->op) && cases[i].test->smooth))
            QTest::newRow(cases[i].name.c_str()) << static_cast<int>(i);
}

} // namespace gradus::test

/// Two test functions, forward() and gradient(), over the operators of those names.
#define GRADUS_OPERATOR_TESTS(names)                                                               \
    void forward_data()                                                                            \
    {                                                                                              \
        gradus::test::addCaseRows(gradus::test::casesOf(names), false);                            \
    }                                                                                              \
    void forward()                                                                                 \
    {                                                                                              \
        QFETCH(int, index);                                                                        \
        const auto named = gradus::test::casesOf(names)[static_cast<std::size_t>(index)];          \
        const std::string fault = gradus::test::forwardFault(*named.oracle, *named.test);          \
        QVERIFY2(fault.empty(), fault.c_str());                                                    \
    }                                                                                              \
    void gradient_data()                                                                           \
    {                                                                                              \
        gradus::test::addCaseRows(gradus::test::casesOf(names), true);                             \
    }                                                                                              \
    void gradient()                                                                                \
    {                                                                                              \
        QFETCH(int, index);                                                                        \
        const auto named = gradus::test::casesOf(names)[static_cast<std::size_t>(index)];          \
        const std::string fault = gradus::test::gradientFault(*named.oracle, *named.test);         \
        QVERIFY2(fault.empty(), fault.c_str());                                                    \
    }
