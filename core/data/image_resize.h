// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"

namespace gradus {

/// Images: height × width × channels, U8 or F32.

/// Bilinear with antialiasing, as Pillow's Image.resize does it: each output pixel is the mean of
/// the pixels under a triangle that is as wide as two output pixels (two input pixels when
/// enlarging), first along rows, then along columns; 8-bit values are rounded after each.
[[nodiscard]] Tensor resizeImage(const Tensor& image, std::int64_t height, std::int64_t width);

/// What lies around the center; height and width are at most the image's.
[[nodiscard]] Tensor cropCenter(const Tensor& image, std::int64_t height, std::int64_t width);

/// height × width of an image as a network is fed: untouched when it has that size; else the
/// shorter side becomes `shorter` (at least what the crop needs) and the center is cut out, or,
/// with shorter 0, both sides are resized at once.
[[nodiscard]] Tensor fitImage(Tensor image, std::int64_t height, std::int64_t width,
                              std::int64_t shorter);

/// The same image with this many channels: gray three times, or the luma of ITU-R 601-2
/// (299 red + 587 green + 114 blue)/1000. Throws Error(Shape) for other numbers than 1 and 3.
[[nodiscard]] Tensor withChannels(Tensor image, std::int64_t channels);

} // namespace gradus
