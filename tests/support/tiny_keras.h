// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/zip_archive.h"
#include "tests/support/keras_writer.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gradus::test {

/// A small Keras model: layers and weights, written as Keras 2 (.h5) or Keras 3 (.keras) does.
class TinyKeras
{
public:
    using Json = nlohmann::json;
    using Inputs = std::vector<std::string>;

    struct Weight
    {
        std::string part; ///< "kernel"
        std::vector<hsize_t> dims;
        std::vector<float> values;
    };

    explicit TinyKeras(std::vector<std::int64_t> inputShape)
    {
        Json shape{nullptr};
        for (const std::int64_t size : inputShape)
            shape.push_back(size < 0 ? Json() : Json(size));
        m_layers.push_back(
            {"x", "InputLayer", {{"batch_input_shape", shape}, {"dtype", "float32"}}, {}, {}});
    }

    /// A layer that reads others, by default the one before it.
    TinyKeras& add(const std::string& name, const std::string& kind, Json config = Json::object(),
                   const std::vector<Weight>& weights = {}, Inputs inputs = {})
    {
        if (inputs.empty())
            inputs = {m_layers.back().name};
        m_layers.push_back({name, kind, std::move(config), weights, std::move(inputs)});
        return *this;
    }

    /// Smooth numbers around 0, different for each layer.
    static Weight weight(const std::string& part, const std::vector<hsize_t>& dims, double phase,
                         double offset = 0)
    {
        hsize_t count = 1;
        for (const hsize_t size : dims)
            count *= size;
        Weight made{part, dims, {}};
        for (hsize_t i = 0; i < count; ++i)
            made.values.push_back(
                static_cast<float>(offset + 0.5 * std::sin(phase + 1.7 * static_cast<double>(i))));
        return made;
    }

    [[nodiscard]] Json config(bool keras3) const
    {
        Json layers = Json::array();
        for (const Layer& layer : m_layers) {
            Json config = layer.config;
            config["name"] = layer.name;
            Json inbound = Json::array();
            if (!layer.inputs.empty() && keras3) {
                Json tensors = Json::array();
                for (const std::string& input : layer.inputs)
                    tensors.push_back({{"class_name", "__keras_tensor__"},
                                       {"config",
                                        {{"shape", {nullptr, 1}},
                                         {"dtype", "float32"},
                                         {"keras_history", {input, 0, 0}}}}});
                inbound.push_back({{"args", {tensors}}, {"kwargs", {{"mask", nullptr}}}});
            } else if (!layer.inputs.empty()) {
                Json node = Json::array();
                for (const std::string& input : layer.inputs)
                    node.push_back({input, 0, 0, Json::object()});
                inbound.push_back(node);
            }
            layers.push_back({{"class_name", layer.kind},
                              {"name", layer.name},
                              {"config", config},
                              {"inbound_nodes", inbound}});
        }
        const Json in{"x", 0, 0};
        const Json out{m_layers.back().name, 0, 0};
        return {{"class_name", "Functional"},
                {"config",
                 {{"name", "tiny"},
                  {"layers", layers},
                  {"input_layers", keras3 ? in : Json::array({in})},
                  {"output_layers", keras3 ? out : Json::array({out})}}}};
    }

    void writeH5(const std::filesystem::path& path) const { writeH5(path, config(false).dump()); }
    void writeH5(const std::filesystem::path& path, const std::string& config) const
    {
        KerasWriter writer(path);
        writer.group("/model_weights");
        std::vector<std::string> names;
        for (const Layer& layer : m_layers) {
            names.push_back(layer.name);
            const std::string group = "/model_weights/" + layer.name;
            writer.group(group);
            std::vector<std::string> parts;
            for (const Weight& weight : layer.weights) {
                parts.push_back(layer.name + "/" + weight.part + ":0");
                writer.floats(group + "/" + parts.back(), weight.dims, weight.values);
            }
            writer.texts(group, "weight_names", parts, false);
        }
        writer.texts("/model_weights", "layer_names", names, false);
        writer.texts("/", "model_config", {config}, true, true);
        writer.texts("/", "keras_version", {"2.9.0"}, true, true);
    }

    /// groups: of the layers, as Keras 3 names them by class.
    void writeArchive(const std::filesystem::path& path,
                      const std::map<std::string, std::string>& groups) const
    {
        const std::filesystem::path weights = path.string() + ".weights";
        {
            KerasWriter writer(weights);
            for (const Layer& layer : m_layers)
                for (std::size_t i = 0; i < layer.weights.size(); ++i)
                    writer.floats("/layers/" + groups.at(layer.name) + "/vars/" + std::to_string(i),
                                  layer.weights[i].dims, layer.weights[i].values);
        }
        std::vector<ZipContent> contents{
            {"metadata.json", bytesOf("{\"keras_version\": \"3.3.0\"}"), true},
            {"config.json", bytesOf(config(true).dump()), true},
            {"model.weights.h5", bytesOf(contentOf(weights)), false}};
        const std::vector<std::byte> zip = zipOf(contents);
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(zip.data()),
                   static_cast<std::streamsize>(zip.size()));
        std::filesystem::remove(weights);
    }

    static std::string contentOf(const std::filesystem::path& path)
    {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

private:
    struct Layer
    {
        std::string name;
        std::string kind;
        Json config;
        std::vector<Weight> weights;
        Inputs inputs;
    };
    static std::vector<std::byte> bytesOf(const std::string& text)
    {
        const auto* begin = reinterpret_cast<const std::byte*>(text.data());
        return {begin, begin + text.size()};
    }
    std::vector<Layer> m_layers;
};

} // namespace gradus::test
