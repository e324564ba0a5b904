// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/run_file_extras.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/session/stored_weight.h"
#include "core/tensor/half.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

namespace gradus {

namespace {

constexpr std::int64_t narrowColumns = 65536; ///< up to so many inputs, columns take 16 bits

template <class T>
void writeList(Hdf5Group& group, const std::string& name, Hdf5Type type,
               const std::vector<T>& values, Monitor& monitor)
{
    group.write(name, type, std::array<std::uint64_t, 1>{values.size()},
                std::as_bytes(std::span(values)), monitor);
}

template <class T>
std::vector<T> readList(const Hdf5Group& group, const std::string& name, Hdf5Type type,
                        std::int64_t count)
{
    const auto bytes =
        group.read(name, type, std::array<std::uint64_t, 1>{static_cast<std::uint64_t>(count)});
    std::vector<T> values(bytes.size() / sizeof(T));
    if (!values.empty())
        std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

void writeOutliers(Hdf5Group& group, const QuantizedWeight& weight, Monitor& monitor)
{
    const SparseWeights& outliers = weight.outliers;
    Hdf5Group own = group.create("outliers");
    own.setInteger("count", static_cast<std::int64_t>(outliers.columns.size()));
    writeList(own, "row_starts", Hdf5Type::U32, outliers.rowStarts, monitor);
    if (weight.cols <= narrowColumns) {
        std::vector<std::uint16_t> columns;
        columns.reserve(outliers.columns.size());
        for (const std::uint32_t column : outliers.columns)
            columns.push_back(static_cast<std::uint16_t>(column));
        writeList(own, "columns", Hdf5Type::U16, columns, monitor);
    } else {
        writeList(own, "columns", Hdf5Type::U32, outliers.columns, monitor);
    }
    if (weight.scheme.scaleType == DType::F16) {
        std::vector<std::uint16_t> halves(outliers.values.size());
        floatToHalf(outliers.values, halves);
        writeList(own, "values", Hdf5Type::F16, halves, monitor);
    } else {
        writeList(own, "values", Hdf5Type::F32, outliers.values, monitor);
    }
}

SparseWeights readOutliers(const Hdf5Group& group, const QuantizedWeight& weight)
{
    const std::int64_t count = group.integer("count");
    if (const auto problem = outlierCountProblem(weight.rows, weight.cols, count))
        group.fail("count", concat("is impossible: ", *problem));
    SparseWeights outliers;
    outliers.rowStarts =
        readList<std::uint32_t>(group, "row_starts", Hdf5Type::U32, weight.rows + 1);
    if (weight.cols <= narrowColumns) {
        const auto columns = readList<std::uint16_t>(group, "columns", Hdf5Type::U16, count);
        outliers.columns.assign(columns.begin(), columns.end());
    } else {
        outliers.columns = readList<std::uint32_t>(group, "columns", Hdf5Type::U32, count);
    }
    if (weight.scheme.scaleType == DType::F16) {
        const auto halves = readList<std::uint16_t>(group, "values", Hdf5Type::F16, count);
        outliers.values.resize(halves.size());
        halfToFloat(halves, outliers.values);
    } else {
        outliers.values = readList<float>(group, "values", Hdf5Type::F32, count);
    }
    return outliers;
}

/// An attribute that was written from a float.
float floatAttribute(const Hdf5Group& group, const std::string& name)
{
    const double value = group.real(name);
    if (!(std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max())))
        group.fail(name, concat("is ", value, ", expected a finite float32"));
    return static_cast<float>(value);
}

} // namespace

void writeLevels(Hdf5Group& group, const QuantizedWeight& weight, Monitor& monitor)
{
    if (weight.scheme.levels != Levels::Uniform) {
        group.setText("levels", levelsName(weight.scheme.levels));
        group.setInteger("exponent_count", static_cast<std::int64_t>(weight.exponents.size()));
        writeList(group, "exponents", Hdf5Type::F32, weight.exponents, monitor);
    }
    if (!weight.outliers.empty())
        writeOutliers(group, weight, monitor);
}

Levels readLevelsName(const Hdf5Group& group)
{
    if (!group.hasAttribute("levels"))
        return Levels::Uniform;
    const std::string name = group.text("levels");
    for (const Levels levels : {Levels::Uniform, Levels::Power, Levels::PowerMidRise})
        if (name == levelsName(levels))
            return levels;
    group.fail("levels",
               concat("is ", quoted(name), ", expected uniform, power or power-mid-rise"));
}

void readLevels(const Hdf5Group& group, QuantizedWeight& weight)
{
    if (weight.scheme.levels != Levels::Uniform) {
        const std::int64_t count = group.integer("exponent_count");
        if (const auto problem = exponentCountProblem(weight.scheme, weight.rows, count))
            group.fail("exponent_count", concat("is impossible: ", *problem));
        weight.exponents = readList<float>(group, "exponents", Hdf5Type::F32, count);
    }
    if (group.has("outliers"))
        weight.outliers = readOutliers(group.open("outliers"), weight);
}

void writeActivation(Hdf5Group& group, const LayerResult& layer)
{
    if (!layer.activation)
        return;
    const ActivationGrid& grid = *layer.activation;
    if (const auto problem = activationProblem(grid))
        throw Error(ErrorCode::Internal, concat("layer ", layer.name, ": ", *problem));
    group.setInteger("activation_bits", grid.bits);
    group.setInteger("activation_signed", grid.isSigned ? 1 : 0);
    group.setReal("activation_exponent", static_cast<double>(grid.exponent));
    group.setReal("activation_limit", static_cast<double>(grid.limit));
    group.setReal("activation_shift", static_cast<double>(grid.shift));
    group.setReal("activation_relative_error", grid.relativeError);
}

std::optional<ActivationGrid> readActivation(const Hdf5Group& group)
{
    if (!group.hasAttribute("activation_bits"))
        return std::nullopt;
    ActivationGrid grid;
    const std::int64_t bits = group.integer("activation_bits");
    if (bits < 2 || bits > 8)
        group.fail("activation_bits", concat("is ", bits, ", expected 2 to 8"));
    grid.bits = static_cast<int>(bits);
    grid.isSigned = group.integer("activation_signed") != 0;
    grid.exponent = floatAttribute(group, "activation_exponent");
    grid.limit = floatAttribute(group, "activation_limit");
    grid.shift = floatAttribute(group, "activation_shift");
    grid.relativeError = group.real("activation_relative_error");
    if (const auto problem = activationProblem(grid))
        group.fail({}, concat("is malformed: ", *problem));
    return grid;
}

} // namespace gradus
