// SPDX-License-Identifier: GPL-3.0-or-later
//
// Elements of ONNX tensors that lie in typed fields of their message.
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/onnx_scanner.h"
#include "core/io/wire_format.h"

#include <cstring>
#include <iterator>

namespace gradus {

namespace {
using Bytes = std::span<const std::byte>;
}

std::optional<DType> dtypeOfOnnx(std::int64_t dataType)
{
    switch (dataType) {
    case 1:
        return DType::F32;
    case 2:
        return DType::U8;
    case 3:
        return DType::I8;
    case 5:
        return DType::I16;
    case 6:
        return DType::I32;
    case 7:
        return DType::I64;
    case 9:
        return DType::Bool;
    case 10:
        return DType::F16;
    case 11:
        return DType::F64;
    case 16:
        return DType::BF16;
    default:
        return std::nullopt;
    }
}

std::string onnxTypeName(std::int64_t dataType)
{
    static constexpr std::string_view names[] = {
        "UNDEFINED",      "FLOAT",    "UINT8",        "INT8",           "UINT16",
        "INT16",          "INT32",    "INT64",        "STRING",         "BOOL",
        "FLOAT16",        "DOUBLE",   "UINT32",       "UINT64",         "COMPLEX64",
        "COMPLEX128",     "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2",
        "FLOAT8E5M2FNUZ", "UINT4",    "INT4",         "FLOAT4E2M1",     "FLOAT8E8M0",
        "UINT2",          "INT2"};
    return dataType >= 0 && dataType < static_cast<std::int64_t>(std::size(names))
               ? std::string(names[static_cast<std::size_t>(dataType)])
               : concat("type ", dataType);
}

namespace {

/// The field that holds elements of a dtype, and how.
struct TypedField
{
    std::uint32_t number;
    std::size_t fixedBytes; ///< 0: varints, of which the low bytes count
};

TypedField fieldOf(DType dtype)
{
    switch (dtype) {
    case DType::F32:
        return {4, 4};
    case DType::F64:
        return {10, 8};
    case DType::I64:
        return {7, 0};
    default:
        return {5, 0};
    }
}

/// Calls sink with the little-endian bytes of every element, eight at most.
template <class Sink>
void eachElement(const OnnxTensor& tensor, DType dtype, const std::string& file, const Sink& sink)
{
    const TypedField kind = fieldOf(dtype);
    const auto fail = [&] {
        return Error(ErrorCode::Format, concat(file, ": tensor ", gradus::quoted(tensor.name),
                                               ": its elements are damaged"));
    };
    const auto integer = [&](std::uint64_t value) {
        sink(std::as_bytes(std::span(&value, 1)).first(dtypeSize(dtype)));
    };
    for (WireReader fields(tensor.message, file); fields.next();) {
        if (fields.field() != kind.number)
            continue;
        Bytes left = fields.bytes();
        if (kind.fixedBytes == 0 && fields.is(kind.number, WireReader::Varint)) {
            integer(fields.varint());
        } else if (kind.fixedBytes == 0) {
            std::uint64_t value = 0;
            while (!left.empty()) {
                if (!WireReader::takeVarint(left, value))
                    throw fail();
                integer(value);
            }
        } else { // packed, or a fixed number by itself
            if (left.empty() ? fields.is(kind.number, WireReader::Varint)
                             : left.size() % kind.fixedBytes != 0)
                throw fail();
            for (; !left.empty(); left = left.subspan(kind.fixedBytes))
                sink(left.first(kind.fixedBytes));
        }
    }
}

} // namespace

std::uint64_t countTypedElements(const OnnxTensor& tensor, DType dtype, const std::string& file)
{
    std::uint64_t count = 0;
    eachElement(tensor, dtype, file, [&](Bytes) { ++count; });
    return count;
}

Tensor readTypedElements(const OnnxTensor& tensor, DType dtype, const std::string& file)
{
    const std::uint64_t count = countTypedElements(tensor, dtype, file);
    const auto bytes = tensorBytes(tensor.shape, dtype);
    if (!bytes || *bytes != count * dtypeSize(dtype))
        throw Error(ErrorCode::Format,
                    concat(file, ": tensor ", gradus::quoted(tensor.name), ": shape ",
                           shapeText(tensor.shape), " needs other than its ", count, " elements"));
    Tensor result(dtype, tensor.shape);
    std::byte* to = result.bytes().data();
    eachElement(tensor, dtype, file, [&](Bytes element) {
        std::memcpy(to, element.data(), element.size());
        to += element.size();
    });
    return result;
}

std::vector<std::span<const std::byte>> typedPieces(const OnnxTensor& tensor, DType dtype,
                                                    const std::string& file)
{
    std::vector<Bytes> pieces;
    const TypedField kind = fieldOf(dtype);
    if (kind.fixedBytes == 0)
        return pieces;
    for (WireReader fields(tensor.message, file); fields.next();) {
        if (fields.field() != kind.number || fields.bytes().empty())
            continue;
        const Bytes bytes = fields.bytes();
        if (!pieces.empty() && pieces.back().data() + pieces.back().size() == bytes.data())
            pieces.back() = {pieces.back().data(), pieces.back().size() + bytes.size()};
        else
            pieces.push_back(bytes);
    }
    return pieces;
}

} // namespace gradus
