// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/io/model_file.h"

namespace gradus {

/// What the header of a llama2.c checkpoint says.
struct Llama2cHeader
{
    int version = 0; ///< 0 (legacy), 1 (float32), 2 (Q8_0)
    std::int64_t dim = 0;
    std::int64_t hiddenDim = 0;
    std::int64_t layers = 0;
    std::int64_t heads = 0;
    std::int64_t kvHeads = 0;
    std::int64_t vocabulary = 0;
    std::int64_t sequenceLength = 0;
    bool sharedClassifier = true;
    std::int64_t groupSize = 0; ///< version 2 only
};

/// A llama2.c .bin (versions 0, 1, 2; layouts in the .cpp). Tensors appear under their Hugging Face
/// names ("model.layers.0.self_attn.q_proj.weight", …) and with that library's order of rotary
/// rows: llama2.c rotates neighbouring pairs, so the rows of q and k are permuted per head while
/// they are read (row h·d + 2i + j of the file becomes row h·d + j·d/2 + i). Version 2 is
/// dequantized while read. The file's size must be exactly what the header implies.
struct Llama2cModel
{
    Llama2cHeader header;
    std::shared_ptr<const ModelFile> tensors;
};
[[nodiscard]] Llama2cModel openLlama2c(std::shared_ptr<const ByteSource> source);

} // namespace gradus
