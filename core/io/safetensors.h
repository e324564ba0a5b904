// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/io/byte_source.h"
#include "core/io/model_file.h"

#include <functional>
#include <map>

namespace gradus {

/// The safetensors container. Layout: u64 little-endian header length N; N bytes of UTF-8 JSON
/// {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {string: string}};
/// then the data buffer, to which the offsets are relative. Row-major, no gaps, no overlap.
/// Strings and limits as the official reader: N ≤ 100,000,000, intervals contiguous from 0 to the
/// exact end of the file. Throws Error(Format) naming the file, what was found and expected.
[[nodiscard]] std::shared_ptr<const ModelFile>
openSafetensors(std::shared_ptr<const ByteSource> source);

/// "__metadata__" of a file.
[[nodiscard]] std::map<std::string, std::string> safetensorsMetadata(const ByteSource& source);

/// The weight_map of a sharded checkpoint's index: tensor → file name beside the index. name stands
/// for the file in messages. Throws Error(Format); nothing on disk is looked at.
[[nodiscard]] std::map<std::string, std::string> readSafetensorsIndex(std::string_view text,
                                                                      const std::string& name);

/// A sharded checkpoint: indexPath names model.safetensors.index.json; shards lie beside it.
[[nodiscard]] std::shared_ptr<const ModelFile>
openSafetensorsIndex(const std::filesystem::path& indexPath);

/// A tensor to be written; produce() is called once, when its turn comes, so that a model larger
/// than memory can be written tensor by tensor. It must return the declared dtype and shape.
struct TensorToWrite
{
    std::string name;
    DType dtype = DType::F32;
    Shape shape;
    std::function<Tensor()> produce;
};

/// Writes one safetensors file atomically, tensors ordered by descending dtype size, then name (as
/// the official writer does), header padded to 8 bytes. Metadata keys in sorted order.
void writeSafetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                      const std::map<std::string, std::string>& metadata, Monitor& monitor);
/// Size of that file; nothing is produced.
[[nodiscard]] std::uint64_t safetensorsBytes(std::vector<TensorToWrite> tensors,
                                             const std::map<std::string, std::string>& metadata);

} // namespace gradus
