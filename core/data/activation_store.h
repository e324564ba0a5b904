// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

#include <cstddef>
#include <memory>

namespace gradus {

/// The hidden states of all calibration windows between two blocks: rows × features floats, in
/// memory while they fit into memoryBytes, else in an unnamed temporary file that is mapped (in
/// TMPDIR, or /tmp), so that memory stays bounded and nothing is left behind.
class ActivationStore
{
public:
    /// Throws Error(Io) when the temporary file cannot be made that large.
    ActivationStore(std::int64_t rows, std::int64_t features, std::uint64_t memoryBytes);
    ~ActivationStore();
    ActivationStore(const ActivationStore&) = delete;
    ActivationStore& operator=(const ActivationStore&) = delete;

    [[nodiscard]] MatrixView rows(std::int64_t first, std::int64_t count);
    [[nodiscard]] ConstMatrixView rows(std::int64_t first, std::int64_t count) const;
    [[nodiscard]] bool spilled() const { return m_mapping != nullptr; }

private:
    std::int64_t m_rows;
    std::int64_t m_features;
    Tensor m_memory;
    void* m_mapping = nullptr;
    std::size_t m_mappedBytes = 0;
};

} // namespace gradus
