// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/parallel.h"
#include "core/graph/executor.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>

/// What a stranger's graph is run with: little memory, little time, one thread.
namespace gradus::fuzz {

/// Tensors take no more than this together. A graph may ask for gigabytes one by one, which is no
/// error of ours; that it does so unseen would be one.
inline constexpr std::size_t tensorBytes = std::size_t(512) << 20;
inline std::atomic<std::size_t>& taken()
{
    static std::atomic<std::size_t> bytes = 0;
    return bytes;
}

/// Stops a run that is long, as a person would.
class Impatient final : public Monitor
{
public:
    [[nodiscard]] bool stopRequested() const override
    {
        return std::chrono::steady_clock::now() - m_begin > std::chrono::milliseconds(300);
    }

private:
    std::chrono::steady_clock::time_point m_begin = std::chrono::steady_clock::now();
};

/// One pass over ones, of a batch of one, where the inputs are small.
inline void runOnce(const std::shared_ptr<const Model>& model)
{
    if (!model->canRun())
        return;
    std::vector<Tensor> inputs;
    for (const GraphPort& port : model->graph.inputs) {
        Shape shape = port.shape;
        std::int64_t count = 1;
        for (std::int64_t& size : shape) {
            size = size < 0 ? 1 : size;
            if (size > 4096 || (count *= std::max<std::int64_t>(1, size)) > 65536)
                return;
        }
        Tensor tensor = Tensor::zeros(port.dtype, std::move(shape));
        if (port.dtype == DType::F32)
            std::fill(tensor.floats().begin(), tensor.floats().end(), 1.0F);
        inputs.push_back(std::move(tensor));
    }
    const ThreadLimit one(1);
    const Weights weights(model, std::uint64_t(1) << 24);
    const Impatient monitor;
    try {
        (void)Executor(*model, weights).run(std::move(inputs), monitor);
    } catch (const Error& error) {
        if (error.code() == ErrorCode::Internal)
            std::abort();
    } catch (const Cancelled&) {
    } catch (const std::bad_alloc&) {
    }
}

} // namespace gradus::fuzz

// Tensors are what asks for aligned arrays. One unit of a program includes this header.
void* operator new[](std::size_t size, std::align_val_t alignment)
{
    using gradus::fuzz::taken;
    if (size > gradus::fuzz::tensorBytes || taken() + size > gradus::fuzz::tensorBytes)
        throw std::bad_alloc();
    void* memory = nullptr;
    if (posix_memalign(&memory, static_cast<std::size_t>(alignment),
                       std::max<std::size_t>(size, 1)))
        throw std::bad_alloc();
    taken() += malloc_usable_size(memory);
    return memory;
}
void operator delete[](void* memory, std::align_val_t) noexcept
{
    if (memory)
        gradus::fuzz::taken() -= malloc_usable_size(memory);
    std::free(memory);
}
void operator delete[](void* memory, std::size_t, std::align_val_t alignment) noexcept
{
    operator delete[](memory, alignment);
}
