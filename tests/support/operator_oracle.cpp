// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/support/operator_oracle.h"

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace gradus::test {

Elements randomElements(Shape shape, std::string_view purpose, double low, double high)
{
    RandomStream random(3, purpose, shapeText(shape));
    Elements elements{std::move(shape), {}, DType::F32};
    elements.at.resize(static_cast<std::size_t>(elementCount(elements.shape)));
    for (double& value : elements.at)
        value = static_cast<double>(static_cast<float>(low + (high - low) * random.uniform()));
    return elements;
}

Elements distinctElements(Shape shape, std::string_view purpose, double gap)
{
    Elements elements = randomElements(std::move(shape), purpose);
    std::vector<std::size_t> order(elements.at.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return elements.at[a] < elements.at[b]; });
    const double half = static_cast<double>(order.size()) / 2;
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
        const double steps = static_cast<double>(rank) - half;
        elements.at[order[rank]] =
            static_cast<double>(static_cast<float>(2 * gap * (steps + (steps < 0 ? -0.25 : 0.75))));
    }
    return elements;
}

Elements integerElements(Shape shape, std::vector<std::int64_t> values)
{
    assert(elementCount(shape) == static_cast<std::int64_t>(values.size()));
    return {std::move(shape), {values.begin(), values.end()}, DType::I64};
}

Elements integerElements(std::vector<std::int64_t> values)
{
    return integerElements({static_cast<std::int64_t>(values.size())}, values);
}

Elements boolElements(Shape shape, std::string_view purpose)
{
    Elements elements = randomElements(std::move(shape), purpose, -1, 1);
    for (double& value : elements.at)
        value = value > 0 ? 1 : 0;
    elements.dtype = DType::Bool;
    return elements;
}

Elements mapped(const Elements& x, const std::function<double(double)>& function)
{
    Elements y = x;
    for (double& value : y.at)
        value = function(value);
    return y;
}

Tensor tensorOf(const Elements& elements)
{
    Tensor tensor(elements.dtype, elements.shape);
    const auto fill = [&](auto* to) {
        using To = std::remove_pointer_t<decltype(to)>;
        for (const double value : elements.at)
            *to++ = static_cast<To>(value);
    };
    switch (elements.dtype) {
    case DType::F32:
        fill(reinterpret_cast<float*>(tensor.bytes().data()));
        break;
    case DType::I64:
        fill(reinterpret_cast<std::int64_t*>(tensor.bytes().data()));
        break;
    case DType::Bool:
        fill(reinterpret_cast<std::uint8_t*>(tensor.bytes().data()));
        break;
    default:
        throw std::logic_error("graphs have no such dtype");
    }
    return tensor;
}

Elements elementsOf(const Tensor& tensor)
{
    Elements elements{tensor.shape(), {}, tensor.dtype()};
    const std::byte* bytes = tensor.bytes().data();
    for (std::size_t i = 0; i < static_cast<std::size_t>(tensor.count()); ++i)
        switch (tensor.dtype()) {
        case DType::F32:
            elements.at.push_back(static_cast<double>(tensor.floats()[i]));
            break;
        case DType::I64:
            elements.at.push_back(
                static_cast<double>(reinterpret_cast<const std::int64_t*>(bytes)[i]));
            break;
        case DType::Bool:
            elements.at.push_back(static_cast<double>(bytes[i]));
            break;
        default:
            throw std::logic_error("graphs have no such dtype");
        }
    return elements;
}

const OracleTable& operatorOracles()
{
    static const OracleTable table = [] {
        OracleTable all;
        addElementOracles(all);
        addNormOracles(all);
        addReductionOracles(all);
        addShapeOracles(all);
        addQuantizedOracles(all);
        addConvolutionOracles(all);
        addImageOracles(all);
        addNetworkOracles(all);
        addControlOracles(all);
        return all;
    }();
    return table;
}

std::vector<NamedCase> casesOf(const std::vector<std::string>& names)
{
    std::vector<NamedCase> cases;
    for (const std::string& name : names) {
        const auto found = operatorOracles().find(name);
        if (found == operatorOracles().end())
            throw std::logic_error("no oracle of " + name);
        for (const OperatorCase& test : found->second.cases)
            cases.push_back({concat(name, ", ", test.label), &found->second, &test});
    }
    return cases;
}

} // namespace gradus::test
