// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/error.h"
#include "core/io/byte_source.h"

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// Messages of ONNX, written byte by byte: an oracle for the reader that shares nothing with it.
namespace gradus::test::onnx {

inline std::string varint(std::uint64_t value)
{
    std::string out;
    for (; value >= 128; value >>= 7)
        out += static_cast<char>(value | 128);
    return out + static_cast<char>(value);
}

inline std::string number(int field, std::int64_t value)
{
    return varint(static_cast<std::uint64_t>(field) << 3) +
           varint(static_cast<std::uint64_t>(value));
}

inline std::string bytes(int field, std::string_view content)
{
    return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(content.size()) +
           std::string(content);
}

template <class T>
std::string raw(const std::vector<T>& values)
{
    std::string out(values.size() * sizeof(T), '\0');
    if (!values.empty())
        std::memcpy(out.data(), values.data(), out.size());
    return out;
}

/// A TensorProto without elements: its name, DataType and dims.
inline std::string head(const std::string& name, int type, const std::vector<std::int64_t>& dims)
{
    std::string out;
    for (const std::int64_t size : dims)
        out += number(1, size);
    return out + number(2, type) + (name.empty() ? std::string() : bytes(8, name));
}

inline std::string floats(const std::string& name, const std::vector<std::int64_t>& dims,
                          const std::vector<float>& values)
{
    return head(name, 1, dims) + bytes(9, raw(values));
}

/// Values 0, 1, 2, … so that every element tells where it was.
inline std::string counting(const std::string& name, const std::vector<std::int64_t>& dims)
{
    std::int64_t count = 1;
    for (const std::int64_t size : dims)
        count *= size;
    std::vector<float> values;
    for (std::int64_t i = 0; i < count; ++i)
        values.push_back(static_cast<float>(i));
    return floats(name, dims, values);
}

inline std::string integers(const std::string& name, const std::vector<std::int64_t>& values)
{
    return head(name, 7, {static_cast<std::int64_t>(values.size())}) + bytes(9, raw(values));
}

inline std::string attribute(const std::string& name, std::int64_t value)
{
    return bytes(5, bytes(1, name) + number(3, value) + number(20, 2));
}
inline std::string axes(const std::string& name, const std::vector<std::int64_t>& values)
{
    std::string out = bytes(1, name);
    for (const std::int64_t value : values)
        out += number(8, value);
    return bytes(5, out + number(20, 7));
}
inline std::string fixed32(int field, float value)
{
    return varint(static_cast<std::uint64_t>(field) << 3 | 5) + raw(std::vector<float>{value});
}
inline std::string realAttribute(const std::string& name, float value)
{
    return bytes(5, bytes(1, name) + fixed32(2, value) + number(20, 1));
}
inline std::string realsAttribute(const std::string& name, const std::vector<float>& values)
{
    return bytes(5, bytes(1, name) + bytes(7, raw(values)) + number(20, 6));
}
inline std::string textAttribute(const std::string& name, const std::string& value)
{
    return bytes(5, bytes(1, name) + bytes(4, value) + number(20, 3));
}
inline std::string tensorAttribute(const std::string& name, const std::string& tensor)
{
    return bytes(5, bytes(1, name) + bytes(5, tensor) + number(20, 4));
}
inline std::string valueAttribute(const std::string& tensor)
{
    return bytes(5, bytes(1, "value") + bytes(5, tensor) + number(20, 4));
}
inline std::string graphAttribute(const std::string& name, const std::string& graph)
{
    return bytes(5, bytes(1, name) + bytes(6, graph) + number(20, 5));
}

/// A node of a graph, with attributes as made above.
inline std::string node(const std::string& op, std::initializer_list<std::string> inputs,
                        std::initializer_list<std::string> outputs,
                        const std::string& attributes = {}, const std::string& name = {})
{
    std::string out;
    for (const std::string& input : inputs)
        out += bytes(1, input);
    for (const std::string& output : outputs)
        out += bytes(2, output);
    return bytes(1, out + bytes(3, name) + bytes(4, op) + attributes);
}

/// A node of another domain than ai.onnx.
inline std::string foreignNode(const std::string& domain, const std::string& op,
                               const std::vector<std::string>& inputs,
                               const std::vector<std::string>& outputs,
                               const std::string& attributes = {}, const std::string& name = {})
{
    std::string out;
    for (const std::string& input : inputs)
        out += bytes(1, input);
    for (const std::string& output : outputs)
        out += bytes(2, output);
    return bytes(1, out + bytes(3, name) + bytes(4, op) + bytes(7, domain) + attributes);
}

/// A ValueInfoProto of a tensor; a size below 0 gets a name.
inline std::string value(const std::string& name, int type, const std::vector<std::int64_t>& shape)
{
    std::string dims;
    for (const std::int64_t size : shape)
        dims += bytes(1, size < 0 ? bytes(2, "n") : number(1, size));
    return bytes(1, name) + bytes(2, bytes(1, number(1, type) + bytes(2, dims)));
}
inline std::string input(const std::string& name, int type, const std::vector<std::int64_t>& shape)
{
    return bytes(11, value(name, type, shape));
}
/// An output, of whatever type and shape it has.
inline std::string output(const std::string& name)
{
    return bytes(12, bytes(1, name));
}
inline std::string output(const std::string& name, int type, const std::vector<std::int64_t>& shape)
{
    return bytes(12, value(name, type, shape));
}

inline std::string initializer(const std::string& tensor)
{
    return bytes(5, tensor);
}

inline std::string model(const std::string& graph)
{
    return number(1, 8) + bytes(2, "the test") + bytes(7, graph) +
           bytes(8, bytes(1, "") + number(2, 13));
}

/// A model of that opset, with a graph that has a name as checkers want it.
inline std::string model(const std::string& graph, std::int64_t opset)
{
    return number(1, 8) + bytes(2, "the test") + bytes(7, graph + bytes(2, "graph")) +
           bytes(8, bytes(1, "") + number(2, opset)) +
           bytes(8, bytes(1, "com.microsoft") + number(2, 1));
}

inline std::shared_ptr<const ByteSource> source(const std::string& content)
{
    const auto* begin = reinterpret_cast<const std::byte*>(content.data());
    return memorySource({begin, begin + content.size()}, "the file");
}

} // namespace gradus::test::onnx
