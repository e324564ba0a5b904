// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/export/export.h"
#include "core/export/export_folder.h"

#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace gradus {

// One writer and one preflight per target format.
ExportResult exportSafetensors(const ExportRequest& request, Monitor& monitor);
ExportResult exportGptq(const ExportRequest& request, Monitor& monitor);
ExportResult exportHdf5(const ExportRequest& request, Monitor& monitor);
ExportResult exportSource(const ExportRequest& request, Monitor& monitor); ///< Onnx and Keras
[[nodiscard]] std::vector<PreflightNote> preflightSafetensors(const ExportRequest& request);
[[nodiscard]] std::vector<PreflightNote> preflightGptq(const ExportRequest& request);
[[nodiscard]] std::vector<PreflightNote> preflightHdf5(const ExportRequest& request);
[[nodiscard]] std::vector<PreflightNote> preflightSource(const ExportRequest& request);
/// What all formats of dequantized weights have to say.
[[nodiscard]] std::vector<PreflightNote> preflightDequantized(const ExportRequest& request);

/// A layer of the run with its place in the model.
struct ExportLayer
{
    const Layer* layer = nullptr;
    const LayerResult* result = nullptr;
    bool sharesTensor = false; ///< another layer reads the same tensor
};
/// Every layer of the run, in its order. Throws Error(Usage) when the run is of another model.
[[nodiscard]] std::vector<ExportLayer> exportLayers(const Run& run, const Model& model);

/// The quantized weight of each tensor that has one. A tensor that several layers share is in the
/// map only when all of them have the same weight; otherwise its layers are added to `conflicts`.
[[nodiscard]] std::unordered_map<std::string, const QuantizedWeight*>
quantizedTensors(const std::vector<ExportLayer>& layers, std::vector<const Layer*>& conflicts);

/// Float tensors that the run's trainings changed, by name, in the dtype and shape of the model's.
/// Throws Error(Usage | Shape) when the model has others.
[[nodiscard]] std::unordered_map<std::string, std::shared_ptr<const Tensor>>
tunedTensors(const ExportRequest& request);

/// Tensors that differ from the model's, by name, and what makes them: dequantized weights and
/// trained tensors in the dtype, shape and order of the model's.
using ChangedTensors = std::map<std::string, std::function<Tensor()>>;
[[nodiscard]] ChangedTensors changedTensors(const ExportRequest& request);

/// How a run becomes a GPTQ checkpoint.
struct GptqPlan
{
    struct Row
    {
        ExportLayer place;
        bool packed = false;
        std::string whyFloat; ///< of a quantized layer that is not packed
        std::int64_t group = -1;
        bool descAct = false;
    };
    std::vector<Row> rows;
    bool version2 = false;
    // The model-wide values: those of most packed layers. Others are overridden by name.
    int bits = 4;
    std::int64_t group = -1;
    bool symmetric = true;
    bool descAct = false;

    [[nodiscard]] bool isStandard(const Row& row) const
    {
        if (!row.packed)
            return false;
        const Scheme& scheme = row.place.result->weight->scheme;
        return scheme.bits == bits && row.group == group && scheme.symmetric == symmetric &&
               row.descAct == descAct;
    }
};
[[nodiscard]] GptqPlan planGptq(const ExportRequest& request);
/// A layer by itself.
[[nodiscard]] GptqPlan::Row gptqRow(const ExportLayer& place, GptqZeros zeros);
/// The tensors of a packed layer; values are made when they are written.
void addGptqTensors(std::vector<TensorToWrite>& tensors, const GptqPlan::Row& row, bool version2);

/// What the exports of these formats write.
[[nodiscard]] FolderContent safetensorsContent(const ExportRequest& request);
[[nodiscard]] FolderContent gptqContent(const ExportRequest& request);

/// Layers that runtimes fuse into one matrix: {"self_attn.", {"q_proj", …}, "qkv_proj"}.
struct FusedLayers
{
    std::string prefix; ///< "model.layers.0.self_attn."
    std::string fused;  ///< "qkv_proj"
    std::vector<const GptqPlan::Row*> members;
    bool agree = false; ///< all float, or all packed with the same values
};
[[nodiscard]] std::vector<FusedLayers> fusedLayers(const GptqPlan& plan);

} // namespace gradus
