// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/session/run.h"

#include <filesystem>
#include <string>
#include <vector>

namespace gradus {

enum class ExportFormat
{
    Safetensors,
    Gptq,
    Hdf5,
    Onnx, ///< the source's own file with dequantized weights, of ONNX models
    Keras ///< the same of Keras models (.h5, .keras)
};
[[nodiscard]] std::optional<ExportFormat> exportFormatFromName(std::string_view name);
[[nodiscard]] std::string_view exportFormatName(ExportFormat format);

/// Zero-point convention of a GPTQ checkpoint. Automatic: v1 when every zero is at least 1 (the
/// widest support), v2 otherwise, which can hold them.
enum class GptqZeros
{
    Automatic,
    V1,
    V2
};

struct ExportRequest
{
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Run> run;
    ExportFormat format = ExportFormat::Safetensors;
    std::filesystem::path output; ///< a folder for Safetensors and Gptq, else a file
    GptqZeros gptqZeros = GptqZeros::Automatic;
};

/// One line of preflight: a layer that the format cannot hold and why ("stays float"), or a remark
/// on the file as a whole (layer empty).
struct PreflightNote
{
    std::string layer;
    std::string message;
    bool staysFloat = false;
};

/// What export would do that the user should know before. Cheap.
[[nodiscard]] std::vector<PreflightNote> preflight(const ExportRequest& request);

struct ExportResult
{
    std::vector<std::filesystem::path> files;
    std::uint64_t bytes = 0;
    std::vector<PreflightNote> notes;
};
/// Writes the export; folders are written beside and renamed. No times, paths or thread counts go
/// into the files: equal runs give equal bytes.
ExportResult exportRun(const ExportRequest& request, Monitor& monitor);

struct Mismatch
{
    std::string layer;
    std::string message; ///< what was found, what was expected
};
struct VerifyResult
{
    bool equal = false;
    std::vector<Mismatch> mismatches;
    std::int64_t checked = 0; ///< tensors compared
};
/// Reads an exported file back with a reader that shares no packing code with the writer and
/// compares it with the run: codes, scales and zeros exactly for GPTQ and HDF5; dequantized values
/// rounded to the source's dtype for safetensors, ONNX and Keras; float tensors byte for byte,
/// and so are all other bytes of an ONNX or HDF5 file.
[[nodiscard]] VerifyResult verifyExport(const std::filesystem::path& path, const Run& run,
                                        const Model& model, Monitor& monitor);

} // namespace gradus
