// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"
#include "core/io/keras_description.h"
#include "core/io/model_file.h"

#include <filesystem>

namespace gradus {

/// A whole Keras model in HDF5 (.h5): its configuration and the datasets below /model_weights, or
/// below the root of a file of weights alone, as the lists layer_names and weight_names order them.
/// Tensors keep Keras's names ("conv1/kernel:0"). HDF5 only says where they lie; they are read from
/// the mapped file.
///
/// The file is a stranger's, and libhdf5 is known to crash in damaged ones: signature, sizes and
/// the end of the file are checked before it sees the file, names are asked for and never listed,
/// links out of the file are not followed. What remains (damage inside the library's own metadata)
/// is said in core/README.md.
///
/// path: the file that source has mapped. Throws Error(Format | Unsupported | Io).
[[nodiscard]] OpenedContainer openKeras(std::shared_ptr<const ByteSource> source,
                                        const std::filesystem::path& path);

/// A model in Keras's own format (.keras): a ZIP archive of config.json and model.weights.h5, which
/// is unpacked into memory. There weights are numbered groups by the class of their layer, so that
/// the configuration tells which is whose; tensors are named "conv1/kernel" here.
/// Throws Error(Format | Unsupported).
[[nodiscard]] OpenedContainer openKerasArchive(std::shared_ptr<const ByteSource> source);

/// The entry of such an archive that holds the weights.
inline constexpr const char* kerasWeightsEntry = "model.weights.h5";

} // namespace gradus
