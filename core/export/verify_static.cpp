// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/export/verify_static.h"

#include "core/base/text.h"

#include <array>
#include <cmath>
#include <cstring>
#include <span>
#include <utility>

namespace gradus {

namespace {

class Comparison
{
public:
    explicit Comparison(std::vector<std::string>& found)
        : m_found(found)
    {
    }

    void number(const Hdf5Group& group, const std::string& name, double expected)
    {
        const double found = group.real(name);
        if (found != expected && !(std::isnan(found) && std::isnan(expected)))
            differs(concat(group.path(), "/", name), found, expected);
    }
    void integer(const Hdf5Group& group, const std::string& name, std::int64_t expected)
    {
        if (const std::int64_t found = group.integer(name); found != expected)
            differs(concat(group.path(), "/", name), found, expected);
    }
    void word(const Hdf5Group& group, const std::string& name, std::string_view expected)
    {
        if (const std::string found = group.text(name); found != expected)
            differs(concat(group.path(), "/", name), found, expected);
    }
    /// By their bits.
    void list(const Hdf5Group& group, const std::string& name, Hdf5Type type,
              const std::vector<std::uint64_t>& dims, std::span<const std::byte> expected)
    {
        const auto found = group.read(name, type, dims);
        if (found.size() != expected.size() ||
            std::memcmp(found.data(), expected.data(), found.size()) != 0)
            m_found.push_back(concat(group.path(), "/", name, " differs from the run's"));
    }
    template <class T>
    void list(const Hdf5Group& group, const std::string& name, Hdf5Type type,
              const std::vector<T>& expected)
    {
        list(group, name, type, {expected.size()}, std::as_bytes(std::span(expected)));
    }
    /// Whether both have it; a sentence when one has not.
    bool both(const Hdf5Group& group, const std::string& name, bool expected)
    {
        const bool stored = group.has(name);
        if (stored != expected)
            m_found.push_back(concat(group.path(), "/", name, " is ", stored ? "stored" : "missing",
                                     ", the run has ", expected ? "one" : "none"));
        return stored && expected;
    }

    void grid(const Hdf5Group& parent, const std::string& name,
              const std::optional<AffineGrid>& expected)
    {
        if (!both(parent, name, expected.has_value()))
            return;
        const Hdf5Group group = parent.open(name);
        word(group, "quantizer", "uniform");
        integer(group, "bits", expected->bits);
        number(group, "fraction", static_cast<double>(expected->fraction));
        list(group, "scales", Hdf5Type::F32, expected->scales);
        list(group, "zeros", Hdf5Type::I32, expected->zeros);
    }
    void softmax(const Hdf5Group& parent, const std::optional<ProbabilityGrid>& expected)
    {
        const auto* log = expected ? std::get_if<LogGrid>(&*expected) : nullptr;
        if (!log) {
            grid(parent, "softmax",
                 expected ? std::optional(std::get<AffineGrid>(*expected)) : std::nullopt);
            return;
        }
        if (!both(parent, "softmax", true))
            return;
        const Hdf5Group group = parent.open("softmax");
        word(group, "quantizer", "log");
        integer(group, "bits", log->bits);
        integer(group, "per_octave", log->perOctave);
        number(group, "scale", static_cast<double>(log->scale));
        word(group, "zero_state",
             log->zeroState == ZeroState::Extra      ? "extra"
             : log->zeroState == ZeroState::Reserved ? "reserved"
                                                     : "none");
    }

private:
    template <class A, class B>
    void differs(const std::string& what, const A& found, const B& expected)
    {
        m_found.push_back(concat(what, " is ", found, ", expected ", expected));
    }
    std::vector<std::string>& m_found;
};

} // namespace

std::vector<std::string> compareStaticInputs(const Hdf5Group& layer, const LayerResult& result)
{
    std::vector<std::string> found;
    Comparison compare(found);
    if (!compare.both(layer, "static_inputs", result.staticInputs != nullptr))
        return found;
    const Hdf5Group group = layer.open("static_inputs");
    const StaticInputs& expected = *result.staticInputs;
    compare.grid(group, "grid", expected.grid);
    if (compare.both(group, "ratio", !expected.ratio.empty()))
        compare.list(group, "ratio", Hdf5Type::F32, expected.ratio);
    if (compare.both(group, "attention", expected.attention.has_value())) {
        const Hdf5Group attention = group.open("attention");
        compare.grid(attention, "query", expected.attention->query);
        compare.grid(attention, "key", expected.attention->key);
        compare.grid(attention, "value", expected.attention->value);
        compare.softmax(attention, expected.attention->probabilities);
    }
    compare.number(group, "lambda", expected.lambda);
    if (!compare.both(group, "values", !expected.parameters.empty()))
        return found;
    const Hdf5Group values = group.open("values");
    for (const auto& [name, value] : expected.parameters)
        compare.list(values, Hdf5File::linkName(name), Hdf5Type::F32,
                     {value->shape().begin(), value->shape().end()},
                     std::as_bytes(std::as_const(*value).floats()));
    return found;
}

} // namespace gradus
