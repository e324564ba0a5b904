// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/io/model_file.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace gradus {

struct OnnxGraph;

/// Everything found at a path that a user opened as a model. Opening reads headers only.
struct ModelSource
{
    std::filesystem::path path; ///< as the user gave it, made absolute
    std::string format;         ///< "safetensors", "gguf", "llama2.c", "onnx", "keras"
    std::shared_ptr<const ModelFile> tensors; ///< never null
    std::string config;                       ///< config.json as text ("" if none); for llama2.c
                                              ///< and GGUF made from the header, in its words;
                                              ///< ONNX and Keras describe themselves
    std::shared_ptr<const OnnxGraph> onnx;    ///< what an ONNX file computes; null for others
    std::filesystem::path tokenizer;          ///< tokenizer.json, tokenizer.model, tokenizer.bin,
                                              ///< vocab.txt or vocab.json beside the model, the
                                              ///< first of these; a GGUF file that has one
                                              ///< itself; empty if none
    std::vector<std::filesystem::path> weightFiles;
    std::vector<std::filesystem::path>
        companions;          ///< tokenizer and configuration files that an
                             ///< exported folder should carry (not config.json)
    std::uint64_t bytes = 0; ///< of all weight files
    std::string fingerprint; ///< SHA-256 over each weight file's size and header, taken at opening
};

/// path: a folder (Hugging Face layout: config.json with model.safetensors, or
/// model.safetensors.index.json, or any single *.safetensors), a .safetensors file, an
/// index.json, a GGUF file or any part of a split one, a llama2.c .bin, an ONNX file or a Keras
/// model in HDF5; without safetensors, a folder's only *.gguf, else *.onnx, else *.h5. The type is
/// decided by content, not by the name alone. Throws Error(Io | Format | Unsupported) with a
/// sentence that names the path.
[[nodiscard]] ModelSource openModelSource(const std::filesystem::path& path);

/// SHA-256 over the content of all weight files, in order; reads them whole.
[[nodiscard]] std::string contentHash(const ModelSource& source, Monitor& monitor);

} // namespace gradus
