// SPDX-License-Identifier: GPL-3.0-or-later
//
// Field numbers are those of onnx.proto3. The messages are walked in the mapped file: what protobuf
// would make of them is several copies of every weight.
#include "core/io/onnx_messages.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/wire_format.h"

#include <cstring>

namespace gradus {

namespace {

using Bytes = std::span<const std::byte>;

/// Numbers of one attribute. Longer lists belong into tensors.
constexpr std::size_t maximumNumbers = std::size_t(1) << 16;

/// A repeated int64, packed or one by one; false when a pack is damaged or the list too long.
bool addIntegers(const WireReader& field, std::uint32_t number, std::size_t limit,
                 std::vector<std::int64_t>& values)
{
    if (field.is(number, WireReader::Varint)) {
        if (values.size() == limit)
            return false;
        values.push_back(field.integer());
        return true;
    }
    if (!field.is(number, WireReader::Bytes))
        return true;
    Bytes left = field.bytes();
    while (!left.empty()) {
        std::uint64_t value = 0;
        if (values.size() == limit || !WireReader::takeVarint(left, value))
            return false;
        values.push_back(static_cast<std::int64_t>(value));
    }
    return true;
}

/// The same of floats.
bool addReals(const WireReader& field, std::uint32_t number, std::vector<float>& values)
{
    if (!field.is(number, WireReader::Fixed32) && !field.is(number, WireReader::Bytes))
        return true;
    const Bytes bytes = field.bytes();
    const std::size_t count = bytes.size() / sizeof(float);
    if (bytes.size() % sizeof(float) != 0 || values.size() + count > maximumNumbers)
        return false;
    const std::size_t before = values.size();
    values.resize(before + count);
    if (count > 0)
        std::memcpy(values.data() + before, bytes.data(), bytes.size());
    return true;
}

OnnxAttributeMessage parseAttribute(Bytes message, const std::string& file)
{
    OnnxAttributeMessage attribute;
    for (WireReader fields(message, file); fields.next();) {
        if (!addIntegers(fields, 8, maximumNumbers, attribute.integers) ||
            !addReals(fields, 7, attribute.reals))
            attribute.hasUnread = true;
        if (fields.is(1, WireReader::Bytes)) {
            attribute.name = fields.text();
        } else if (fields.is(2, WireReader::Fixed32)) {
            std::memcpy(&attribute.real, fields.bytes().data(), sizeof(float));
        } else if (fields.is(3, WireReader::Varint)) {
            attribute.integer = fields.integer();
        } else if (fields.is(4, WireReader::Bytes)) {
            attribute.text = fields.text();
        } else if (fields.is(5, WireReader::Bytes)) {
            attribute.tensor = fields.bytes();
            attribute.hasTensor = true;
        } else if (fields.is(6, WireReader::Bytes) || fields.is(11, WireReader::Bytes)) {
            attribute.graphs.push_back(fields.bytes());
        } else if (fields.is(9, WireReader::Bytes)) {
            attribute.texts.push_back(fields.text());
        } else if (fields.is(20, WireReader::Varint)) {
            attribute.type = fields.integer();
        } else if (const auto field = fields.field();
                   field == 10 || field == 14 || field == 15 || (field >= 21 && field <= 23)) {
            attribute.hasUnread = true;
        }
    }
    return attribute;
}

/// The dims of a TensorShapeProto; false when they are too many.
bool parseShape(Bytes message, const std::string& file, Shape& shape)
{
    shape.clear();
    for (WireReader fields(message, file); fields.next();) {
        if (!fields.is(1, WireReader::Bytes))
            continue;
        std::int64_t size = -1;
        for (WireReader dimension(fields.bytes(), file); dimension.next();)
            if (dimension.is(1, WireReader::Varint))
                size = dimension.integer();
        if (shape.size() == maximumOnnxRank)
            return false;
        shape.push_back(size > 0 ? size : -1); // exporters write 0 and −1 for "any"
    }
    return true;
}

} // namespace

const OnnxAttributeMessage* OnnxNodeMessage::attribute(std::string_view wanted) const
{
    for (const OnnxAttributeMessage& each : attributes)
        if (each.name == wanted)
            return &each;
    return nullptr;
}

std::int64_t OnnxNodeMessage::integer(std::string_view wanted, std::int64_t otherwise) const
{
    const OnnxAttributeMessage* found = attribute(wanted);
    return found ? found->integer : otherwise;
}

OnnxTensor parseOnnxTensor(Bytes message, const std::string& file)
{
    OnnxTensor tensor;
    tensor.message = message;
    for (WireReader fields(message, file); fields.next();) {
        if (!addIntegers(fields, 1, maximumOnnxRank, tensor.shape))
            throw Error(ErrorCode::Format, concat(file,
                                                  ": a tensor has damaged dimensions, or more"
                                                  " than ",
                                                  maximumOnnxRank));
        if (fields.is(2, WireReader::Varint)) {
            tensor.dataType = fields.integer();
        } else if (fields.is(8, WireReader::Bytes)) {
            tensor.storedName = fields.text();
        } else if (fields.is(9, WireReader::Bytes)) {
            tensor.raw = fields.bytes();
        } else if (fields.is(14, WireReader::Varint)) {
            tensor.isExternal = fields.varint() == 1;
        } else if (fields.is(13, WireReader::Bytes)) {
            const OnnxEntryMessage entry = parseOnnxEntry(fields.bytes(), file);
            if (entry.key == "location")
                tensor.location = entry.value;
            else if (entry.key == "offset")
                tensor.offset = entry.value;
            else if (entry.key == "length")
                tensor.length = entry.value;
        }
    }
    return tensor;
}

OnnxNodeMessage parseOnnxNode(Bytes message, const std::string& file)
{
    OnnxNodeMessage node;
    for (WireReader fields(message, file); fields.next();) {
        if (fields.is(1, WireReader::Bytes))
            node.inputs.push_back(fields.text());
        else if (fields.is(2, WireReader::Bytes))
            node.outputs.push_back(fields.text());
        else if (fields.is(3, WireReader::Bytes))
            node.name = fields.text();
        else if (fields.is(4, WireReader::Bytes))
            node.op = fields.text();
        else if (fields.is(5, WireReader::Bytes))
            node.attributes.push_back(parseAttribute(fields.bytes(), file));
        else if (fields.is(7, WireReader::Bytes))
            node.domain = fields.text();
    }
    return node;
}

OnnxValueMessage parseOnnxValue(Bytes message, const std::string& file)
{
    OnnxValueMessage value;
    for (WireReader fields(message, file); fields.next();) {
        if (fields.is(1, WireReader::Bytes))
            value.name = fields.text();
        if (!fields.is(2, WireReader::Bytes))
            continue;
        for (WireReader type(fields.bytes(), file); type.next();) {
            if (!type.is(1, WireReader::Bytes))
                continue; // sequences, maps, optionals
            for (WireReader tensor(type.bytes(), file); tensor.next();) {
                if (tensor.is(1, WireReader::Varint)) {
                    value.type = tensor.integer();
                } else if (tensor.is(2, WireReader::Bytes)) {
                    value.hasShape = parseShape(tensor.bytes(), file, value.shape);
                }
            }
        }
    }
    return value;
}

OnnxEntryMessage parseOnnxEntry(Bytes message, const std::string& file)
{
    OnnxEntryMessage entry;
    for (WireReader fields(message, file); fields.next();) {
        if (fields.is(1, WireReader::Bytes))
            entry.key = fields.text();
        else if (fields.is(2, WireReader::Bytes))
            entry.value = fields.text();
    }
    return entry;
}

} // namespace gradus
