// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/gguf_header.h"
#include "core/io/model_file.h"

#include <filesystem>

namespace gradus {

struct OpenedGguf : OpenedContainer
{
    std::filesystem::path first; ///< the file that has the metadata: of a split model, part 1
    std::string config;          ///< config.json made from the metadata, "" if it cannot run
    bool hasTokenizer = false;   ///< its metadata holds one
};

/// A GGUF file, or a model that is split into files NAME-00001-of-0000N.gguf: any of them opens it.
/// Tensors of block types are dequantized while read, and appear as F32 with their type in
/// TensorInfo::stored; types that Gradus does not decode are unread. Of the llama family, tensors
/// have their Hugging Face names, and the rows of q and k Hugging Face's order (rotary_rows.h).
///
/// path: the file that source holds. Throws Error(Format | Unsupported | Io).
[[nodiscard]] OpenedGguf openGguf(std::shared_ptr<const ByteSource> source,
                                  const std::filesystem::path& path);

/// Whether the file's name says that it is a part of a split model, but not its first.
[[nodiscard]] bool isLaterGgufPart(const std::filesystem::path& path);

} // namespace gradus
