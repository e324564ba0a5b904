// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/atomic_file.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/io/safetensors.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace gradus::test {

/// What tiny random models of several architectures share: named weights, a Hugging Face folder
/// made of them, and plain scalar layers in double that share nothing with the executor.
struct TinyModel
{
    std::uint64_t seed = 1;
    std::map<std::string, std::vector<float>> weights;
    std::map<std::string, Shape> shapes;

    using Rows = std::vector<std::vector<double>>;

    void add(const std::string& name, const Shape& shape, double scale, double mean = 0)
    {
        RandomStream random(seed, name, "tiny");
        std::vector<float> values(static_cast<std::size_t>(elementCount(shape)));
        for (float& value : values)
            value = static_cast<float>(mean + scale * random.normal());
        weights[name] = std::move(values);
        shapes[name] = shape;
    }
    void addNorm(const std::string& name, int features)
    {
        add(name + ".weight", {features}, 0.1, 1);
        add(name + ".bias", {features}, 0.1);
    }
    void addLinear(const std::string& name, int out, int in, bool bias = true)
    {
        add(name + ".weight", {out, in}, 1.5 / std::sqrt(in));
        if (bias)
            add(name + ".bias", {out}, 0.2);
    }
    static void writeJson(const std::filesystem::path& path, const nlohmann::json& json)
    {
        AtomicFile file(path);
        file.write(json.dump(1));
        file.commit();
    }

    /// config.json and model.safetensors; renamed: what the file calls a tensor.
    void writeFolder(const std::filesystem::path& folder, const nlohmann::json& config,
                     const std::function<std::string(const std::string&)>& renamed = {}) const
    {
        std::filesystem::create_directories(folder);
        writeJson(folder / "config.json", config);
        std::vector<TensorToWrite> tensors;
        for (const auto& [name, values] : weights) {
            TensorToWrite tensor;
            tensor.name = renamed ? renamed(name) : name;
            tensor.shape = shapes.at(name);
            tensor.produce = [this, n = name] {
                return fromFloat(weights.at(n), DType::F32, shapes.at(n));
            };
            tensors.push_back(std::move(tensor));
        }
        Monitor monitor;
        writeSafetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}},
                         monitor);
    }

    // ---- layers ----

    double weight(const std::string& name, std::size_t i) const
    {
        return static_cast<double>(weights.at(name)[i]);
    }

    /// turned: stored in × out.
    Rows linear(const Rows& x, const std::string& name, bool turned = false) const
    {
        const std::size_t in = x[0].size();
        const std::size_t out = weights.at(name + ".weight").size() / in;
        const bool hasBias = weights.count(name + ".bias") > 0;
        Rows y(x.size(), std::vector<double>(out));
        for (std::size_t t = 0; t < x.size(); ++t)
            for (std::size_t o = 0; o < out; ++o) {
                double sum = hasBias ? weight(name + ".bias", o) : 0;
                for (std::size_t i = 0; i < in; ++i)
                    sum += weight(name + ".weight", turned ? i * out + o : o * in + i) * x[t][i];
                y[t][o] = sum;
            }
        return y;
    }

    Rows norm(const Rows& x, const std::string& name, double epsilon) const
    {
        Rows y = x;
        for (auto& row : y) {
            const auto count = static_cast<double>(row.size());
            double mean = 0;
            for (const double v : row)
                mean += v / count;
            double variance = 0;
            for (const double v : row)
                variance += (v - mean) * (v - mean) / count;
            for (std::size_t i = 0; i < row.size(); ++i)
                row[i] =
                    (row[i] - mean) / std::sqrt(variance + epsilon) * weight(name + ".weight", i) +
                    weight(name + ".bias", i);
        }
        return y;
    }

    /// Rows `ids` of a table.
    Rows lookup(const std::string& name, const std::vector<int>& ids) const
    {
        const auto features = static_cast<std::size_t>(shapes.at(name).back());
        Rows rows;
        for (const int id : ids) {
            rows.emplace_back();
            for (std::size_t i = 0; i < features; ++i)
                rows.back().push_back(weight(name, static_cast<std::size_t>(id) * features + i));
        }
        return rows;
    }

    static Rows sum(const Rows& a, const Rows& b)
    {
        Rows y = a;
        for (std::size_t t = 0; t < y.size(); ++t)
            for (std::size_t i = 0; i < y[t].size(); ++i)
                y[t][i] += b[t][i];
        return y;
    }

    static double activated(const std::string& name, double x)
    {
        if (name == "relu")
            return std::max(x, 0.0);
        if (name == "gelu")
            return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
        if (name == "gelu_new")
            return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        if (name == "quick_gelu")
            return x / (1 + std::exp(-1.702 * x));
        if (name == "tanh")
            return std::tanh(x);
        throw std::invalid_argument(name);
    }
    static Rows activate(Rows x, const std::string& name)
    {
        for (auto& row : x)
            for (double& value : row)
                value = activated(name, value);
        return x;
    }

    /// seen[s]: position s is not hidden by a mask (empty: none is).
    static Rows attend(const Rows& q, const Rows& k, const Rows& v, std::size_t heads, bool causal,
                       double scale, const std::vector<int>& seen = {})
    {
        const std::size_t dim = q[0].size() / heads;
        Rows y(q.size(), std::vector<double>(q[0].size()));
        for (std::size_t t = 0; t < q.size(); ++t)
            for (std::size_t head = 0; head < heads; ++head) {
                std::vector<double> p(k.size());
                double total = 0;
                for (std::size_t s = 0; s < k.size(); ++s) {
                    if ((causal && s > t) || (!seen.empty() && seen[s] == 0))
                        continue;
                    double dot = 0;
                    for (std::size_t i = head * dim; i < (head + 1) * dim; ++i)
                        dot += q[t][i] * k[s][i];
                    p[s] = std::exp(scale * dot);
                    total += p[s];
                }
                for (std::size_t s = 0; s < k.size(); ++s)
                    for (std::size_t i = head * dim; i < (head + 1) * dim; ++i)
                        y[t][i] += p[s] / total * v[s][i];
            }
        return y;
    }
};

inline std::vector<float> flatRows(const TinyModel::Rows& rows)
{
    std::vector<float> out;
    for (const auto& row : rows)
        for (const double v : row)
            out.push_back(static_cast<float>(v));
    return out;
}

} // namespace gradus::test
