// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/operator_rows.h"
#include "tests/support/support.h"

#include <QTest>

using namespace gradus;

namespace {

const std::vector<std::string>& names()
{
    static const std::vector<std::string> all{"Embedding", "RmsNorm", "Linear", "Rotary",
                                              "Attention"};
    return all;
}

} // namespace

class TestOperatorsNetwork : public QObject
{
    Q_OBJECT

private slots:
    GRADUS_OPERATOR_TESTS(names())
};

QTEST_APPLESS_MAIN(TestOperatorsNetwork)
#include "tst_operators_network.moc"
