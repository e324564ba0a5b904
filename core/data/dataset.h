// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gradus {

/// Samples for a model of any kind: what it is fed with, one tensor for each of the graph's inputs,
/// and labels where there are any. Immutable, lazy where the files are large, safe to read from
/// several threads.
class Dataset
{
public:
    Dataset(const Dataset&) = delete;
    Dataset& operator=(const Dataset&) = delete;
    virtual ~Dataset() = default;

    [[nodiscard]] virtual std::int64_t count() const = 0;
    /// These samples, in that order, as the graph's inputs: batch in front. Throws Error naming the
    /// file and what is wrong with it.
    [[nodiscard]] virtual std::vector<Tensor>
    batch(std::span<const std::int64_t> samples) const = 0;
    /// One for each sample, negative where there is none; empty when nothing is labelled.
    [[nodiscard]] virtual std::span<const std::int32_t> labels() const { return {}; }
    /// "300 images, 224 × 224, (x − 127.5) / 127.5": what will be fed, for people.
    [[nodiscard]] virtual std::string description() const = 0;
    /// What looks wrong: "values lie in 0 … 255; the model's configuration states no mean".
    [[nodiscard]] virtual std::vector<std::string> warnings() const { return {}; }

protected:
    Dataset() = default;
};

} // namespace gradus
