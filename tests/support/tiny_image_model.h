// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/random.h"
#include "core/graph/network_builder.h"
#include "core/io/npy.h"
#include "core/io/safetensors.h"
#include "tests/support/support.h"

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gradus::test {

/// A small random image classifier: a convolution before the blocks; a block with a depthwise and a
/// pointwise convolution; one that changes the shape; a linear head behind a global pool.
struct TinyImageModel
{
    static constexpr std::int64_t size = 8;
    static constexpr std::int64_t classes = 5;

    explicit TinyImageModel(const std::filesystem::path& folder)
    {
        std::filesystem::create_directories(folder);
        add("stem", {6, 3, 3, 3});
        add("blocks.0.depthwise", {6, 1, 3, 3});
        add("blocks.0.pointwise", {8, 6, 1, 1});
        add("blocks.1.grouped", {12, 4, 3, 3});
        add("head", {classes, 12});
        add("spare", {4, 7}); // that nothing reads
        std::vector<TensorToWrite> tensors;
        for (const auto& [name, tensor] : m_tensors)
            tensors.push_back({name, DType::F32, tensor.shape(),
                               [this, n = name] { return m_tensors.at(n).clone(); }});
        Monitor monitor;
        writeSafetensors(folder / "model.safetensors", std::move(tensors), {}, monitor);
        m_model = std::make_shared<Model>(*openModel(folder / "model.safetensors"));
        build();
    }

    [[nodiscard]] std::shared_ptr<const Model> model() const { return m_model; }
    [[nodiscard]] std::shared_ptr<Model> changeable() const { return m_model; }

    /// images.npy and labels.npy; labels are what the float model finds, −1 for every fifth.
    void writeData(const std::filesystem::path& folder, std::int64_t count) const
    {
        RandomStream random(5, "images", "tiny");
        Tensor images({count, 3, size, size});
        for (float& value : images.floats())
            value = static_cast<float>(random.normal());
        writeNpy(folder / "images.npy", images.view());
        const Weights weights(m_model, std::uint64_t(1) << 28);
        std::vector<Tensor> fed;
        fed.push_back(std::move(images));
        const Tensor scores =
            std::move(Executor(*m_model, weights).run(std::move(fed), Monitor()).front());
        Tensor labels(DType::I64, {count});
        auto* to = reinterpret_cast<std::int64_t*>(labels.bytes().data());
        for (std::int64_t i = 0; i < count; ++i) {
            const auto row = scores.matrix().row(i);
            to[i] = i % 5 == 4 ? -1 : std::max_element(row.begin(), row.end()) - row.begin();
        }
        writeNpy(folder / "labels.npy", labels.view());
    }

private:
    void add(const std::string& name, const Shape& shape)
    {
        const auto fill = [&](const std::string& tensor, const Shape& of, double scale) {
            RandomStream random(3, tensor, "tiny");
            Tensor values(of);
            for (float& value : values.floats())
                value = static_cast<float>(scale * random.normal());
            m_tensors.emplace(tensor, std::move(values));
        };
        fill(name + ".weight", shape,
             1 / std::sqrt(static_cast<double>(elementCount(shape) / shape.front())));
        fill(name + ".bias", {shape.front()}, 0.1);
    }

    ValueId convolution(NetworkBuilder& build, const std::string& name, ValueId input,
                        std::int64_t channels, std::int64_t groups, std::int64_t stride)
    {
        const Shape shape = m_tensors.at(name + ".weight").shape();
        op::Convolution op;
        op.weight = name + ".weight";
        op.bias = name + ".bias";
        op.geometry.channels = channels;
        op.geometry.kernel = {shape[2], shape[3]};
        op.geometry.stride = {stride, stride};
        const std::int64_t pad = shape[2] / 2;
        op.geometry.padding = {pad, pad, pad, pad};
        op.geometry.groups = groups;
        const ValueId value = build.add(op, {input}, name);
        build.addLayer(name, op.weight, LayerKind::Convolution, input, true, shape[0],
                       elementCount(shape) / shape[0]);
        return build.addUnary(op::UnaryKind::Relu, value, name + ".relu");
    }

    void build()
    {
        Model& model = *m_model;
        model.architecture = "tiny images";
        model.whyNotRunnable.clear();
        model.task = ModelTask::Classification;
        model.layers.clear();
        model.blocks.clear();
        model.graph = {};
        NetworkBuilder build(model);
        ValueId value = build.addInput("pixels", DType::F32, {-1, 3, size, size});
        value = convolution(build, "stem", value, 3, 1, 1);
        build.beginBlock("blocks.0", value);
        value = convolution(build, "blocks.0.depthwise", value, 6, 6, 1);
        value = convolution(build, "blocks.0.pointwise", value, 6, 1, 1);
        value = build.endBlock(value);
        build.beginBlock("blocks.1", value);
        value = build.endBlock(convolution(build, "blocks.1.grouped", value, 8, 2, 2));
        value = build.add(op::GlobalPool{}, {value}, "pool");
        value = build.add(op::Flatten{}, {value}, "flatten");
        value = build.addLinear("head", value, classes, 12);
        build.addOutput(value, "scores", {-1, classes});
        model.graph.output = value;
        Layer spare; // as a weight in a branch would come
        spare.name = "spare";
        spare.weight = "spare.weight";
        spare.kind = LayerKind::Linear;
        spare.shape = {4, 7};
        spare.rows = 4;
        spare.cols = 7;
        model.layers.push_back(spare);
    }

    std::map<std::string, Tensor> m_tensors;
    std::shared_ptr<Model> m_model;
};

} // namespace gradus::test
