// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/onnx_graph.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// A TensorProto of an ONNX file that has a name; texts and bytes lie in the file.
struct OnnxTensor
{
    std::string name;            ///< unlike every other of the file
    std::string_view storedName; ///< in the message; Constant nodes rarely give one
    std::int64_t dataType = 0;
    Shape shape;
    std::span<const std::byte> message; ///< the whole TensorProto, for typed elements
    std::span<const std::byte> raw;
    bool isExternal = false;
    std::string_view location; ///< of external data
    std::string_view offset;
    std::string_view length;
};

/// What an ONNX file says about its tensors.
struct OnnxContents
{
    std::vector<OnnxTensor> tensors;
    std::vector<WeightUse> uses; ///< of floating weights; the others are not here
    std::vector<UnreadTensor> unread;
    OnnxGraph graph;
};

/// Walks a ModelProto once: initializers and Constant nodes of the graph and of every graph inside
/// (branches of If, bodies of Loop and Scan), and the nodes that make weights of them. Nodes that
/// change no values (Identity, Transpose, Reshape, …) are seen through. Nothing runs, and functions
/// of the model are not entered. Whether the graph makes sense is for others to find out: a file
/// that cannot run shows its weights. Throws Error(Format), starting with name.
[[nodiscard]] OnnxContents scanOnnx(std::span<const std::byte> model, const std::string& name);

/// Whether these bytes could be a ModelProto: its own fields are well-formed, and one is a graph.
[[nodiscard]] bool looksLikeOnnx(std::span<const std::byte> bytes);

/// The elements of typed fields (float_data, …), in the layout of dtype; throws Error(Format) when
/// there are not exactly so many, without allocating for more than the message holds.
[[nodiscard]] Tensor readTypedElements(const OnnxTensor& tensor, DType dtype,
                                       const std::string& file);
/// How many elements the typed fields hold.
[[nodiscard]] std::uint64_t countTypedElements(const OnnxTensor& tensor, DType dtype,
                                               const std::string& file);

/// Where the elements of typed fields lie in the message, in order, as the dtype has them; empty
/// when they are varints.
[[nodiscard]] std::vector<std::span<const std::byte>>
typedPieces(const OnnxTensor& tensor, DType dtype, const std::string& file);

/// The dtype of TensorProto.DataType; nothing for those that Gradus does not know.
[[nodiscard]] std::optional<DType> dtypeOfOnnx(std::int64_t dataType);
[[nodiscard]] std::string onnxTypeName(std::int64_t dataType); ///< "FLOAT8E4M3FN", "type 99"

} // namespace gradus
