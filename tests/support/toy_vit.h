// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/io/npy.h"
#include "core/session/quantize.h"
#include "tests/support/tiny_vit.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

namespace gradus::test {

/// The toy network of reference repquant.md, V13: norms whose channels differ widely, layers behind
/// them that make up for it. Smaller ones are made by the members of TinyVit.
struct ToyVit : TinyVit
{
    ToyVit()
    {
        hidden = 192;
        intermediate = 768;
        blocks = 4;
        image = 28;
        classes = 32;
        epsilon = 1e-6;
    }

    void write(const std::filesystem::path& folder)
    {
        TinyVit::write(folder); // names and shapes
        for (auto& [name, values] : weights) {
            RandomStream random(seed, name, "toy");
            const bool isBias = name.ends_with(".bias");
            const std::string matrix = isBias ? name.substr(0, name.size() - 4) + "weight" : name;
            const Shape& shape = shapes.at(matrix);
            if (shape.size() < 2)
                continue; // of a norm
            const double limit = std::sqrt(static_cast<double>(shape.front()) /
                                           static_cast<double>(elementCount(shape)));
            const bool isTable = name.find("embeddings.") == 0 && shape.front() == 1;
            for (float& value : values)
                value = static_cast<float>(isTable ? 0.02 * random.normal()
                                                   : limit * (2 * random.uniform() - 1));
        }
        for (int b = 0; b < blocks; ++b) {
            const std::string p = concat("encoder.layer.", b, ".");
            const std::string a = p + "attention.attention.";
            setNorm(p + "layernorm_before", {a + "query", a + "key", a + "value"});
            setNorm(p + "layernorm_after", {p + "intermediate.dense"});
            for (const char* name : {"query.weight", "key.weight", "query.bias", "key.bias"})
                for (float& value : weights.at(a + name))
                    value *= 2;
        }
        // The last one is as a network begins: it stands before no block.
        std::vector<float>& gamma = weights.at("layernorm.weight");
        std::vector<float>& beta = weights.at("layernorm.bias");
        std::fill(gamma.begin(), gamma.end(), 1.0F);
        std::fill(beta.begin(), beta.end(), 0.0F);
        writeFolder(folder, config(), [&](const std::string& name) {
            return name.find("classifier") != std::string::npos ? name : type + "." + name;
        });
    }

    /// Standard normal pixels and an offset for each channel of each image.
    void writeImages(const std::filesystem::path& file, int count, const std::string& what) const
    {
        RandomStream random(seed, what, "toy images");
        Tensor images({count, channels, image, image});
        auto to = images.floats().begin();
        for (int plane = 0; plane < count * channels; ++plane) {
            const double offset = random.normal();
            for (int i = 0; i < image * image; ++i)
                *to++ = static_cast<float>(offset + random.normal());
        }
        writeNpy(file, images.view());
    }

private:
    void setNorm(const std::string& name, const std::vector<std::string>& readers)
    {
        RandomStream random(seed, name, "toy norm");
        std::vector<float>& gamma = weights.at(name + ".weight");
        for (float& value : gamma)
            value = static_cast<float>(0.5 * std::exp(0.6 * random.normal()));
        for (int i = 0; i < 3; ++i)
            gamma[static_cast<std::size_t>(random.below(gamma.size()))] *= 12;
        std::vector<float>& beta = weights.at(name + ".bias");
        for (std::size_t j = 0; j < beta.size(); ++j)
            beta[j] = static_cast<float>(0.5 * random.normal()) * gamma[j];
        for (const std::string& reader : readers) {
            std::vector<float>& matrix = weights.at(reader + ".weight");
            for (std::size_t i = 0; i < matrix.size(); ++i)
                matrix[i] *= 1.6F / std::max(gamma[i % gamma.size()], 0.2F);
        }
    }
};

} // namespace gradus::test
