// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/model_file.h"

#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Bytes of a file.
struct FilePiece
{
    std::string file; ///< path
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

/// A container whose tensors lie in files as read() gives them, in one piece or several, so that
/// others of the same size can be written in their place.
class PlacedModelFile : public ModelFile
{
public:
    /// In the order of the tensor's bytes; empty when it lies in another form.
    [[nodiscard]] virtual std::vector<FilePiece> piecesOf(std::string_view tensor) const = 0;
};

} // namespace gradus
