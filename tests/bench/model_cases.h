// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/tensor/tensor.h"
#include "tests/support/npy.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

/// The real models that bench_models runs, and what they are fed.
namespace gradus::bench {

struct ModelCase
{
    std::string path;    ///< of the model, below the folder of data
    std::string runtime; ///< of the ONNX file with the same network, empty for none
    /// One input of so many samples; channelsLast: as this model's own format has images.
    std::function<Tensor(std::int64_t batch, bool channelsLast)> make;
    bool channelsLast = false;
    std::string golden; ///< a file of known answers, sample by sample; empty for none
};

/// Waves: nothing in them is special.
inline Tensor waves(std::int64_t batch, const Shape& sample)
{
    Shape shape{batch};
    shape.insert(shape.end(), sample.begin(), sample.end());
    Tensor input(std::move(shape));
    float at = 0;
    for (float& value : input.floats())
        value = std::sin(at += 0.013F);
    return input;
}

/// Images of bytes, channels × height × width, as (x − middle) / middle.
inline Tensor pictures(const std::filesystem::path& file, std::int64_t batch, bool channelsLast)
{
    constexpr float middle = 127.5F;
    constexpr std::int64_t plane = 224 * 224;
    const auto pixels = test::readNpy<std::uint8_t>(file);
    Tensor input(channelsLast ? Shape{batch, 224, 224, 3} : Shape{batch, 3, 224, 224});
    float* to = input.floats().data();
    for (std::int64_t n = 0; n < batch; ++n)
        for (std::int64_t c = 0; c < 3; ++c)
            for (std::int64_t p = 0; p < plane; ++p) {
                const auto from = static_cast<std::size_t>((n * 3 + c) * plane + p);
                to[channelsLast ? (n * plane + p) * 3 + c : (n * 3 + c) * plane + p] =
                    (static_cast<float>(pixels.values[from]) - middle) / middle;
            }
    return input;
}

/// Lines of strokes on white, which a text detector takes for writing.
inline Tensor writing(std::int64_t batch, std::int64_t side)
{
    Tensor input(Shape{batch, 3, side, side});
    float* to = input.floats().data();
    for (std::int64_t plane = 0; plane < 3 * batch; ++plane)
        for (std::int64_t y = 0; y < side; ++y)
            for (std::int64_t x = 0; x < side; ++x) {
                const bool line = y % 48 >= 16 && y % 48 < 32;
                const bool stroke = x % 12 < 3 || (y % 48 % 7 < 3 && x / 12 % 3 != 1 && x % 12 < 9);
                *to++ = line && stroke && x / 12 % 6 != 5 ? -1.0F : 1.0F;
            }
    return input;
}

/// The bytes of some small pictures as they are.
inline Tensor bytesAsFloats(const std::filesystem::path& file, std::int64_t batch)
{
    const auto pixels = test::readNpy<std::uint8_t>(file);
    Tensor input(Shape{batch, 32, 32, 3});
    for (std::size_t i = 0; i < input.floats().size(); ++i)
        input.floats()[i] = static_cast<float>(pixels.values[i]);
    return input;
}

/// One text over and over.
inline Tensor texts(const std::vector<std::int32_t>& text, std::int64_t batch)
{
    Tensor input(DType::I64, Shape{batch, static_cast<std::int64_t>(text.size())});
    auto* to = reinterpret_cast<std::int64_t*>(input.bytes().data());
    for (std::int64_t n = 0; n < batch; ++n)
        to = std::copy(text.begin(), text.end(), to);
    return input;
}

inline std::vector<ModelCase> modelCases(const std::filesystem::path& data)
{
    const auto photos = [data](std::int64_t batch, bool channelsLast) {
        return pictures(data / "imagenet-images/images_u8_nchw.npy", batch, channelsLast);
    };
    const auto small = [data](std::int64_t batch, bool) {
        return bytesAsFloats(data / "cifar10/test_images_u8_nhwc.npy", batch);
    };
    const auto wave = [](Shape sample) {
        return
            [sample = std::move(sample)](std::int64_t batch, bool) { return waves(batch, sample); };
    };
    const auto story = [data](std::int64_t batch, bool) {
        return texts(test::readNpy<std::int32_t>(data / "lm-stories260K/golden_ids.npy").values,
                     batch);
    };
    const auto anything = [](std::int64_t batch, bool) {
        std::vector<std::int32_t> text;
        for (int i = 0; i < 256; ++i)
            text.push_back(3 + i * 7919 % 2000);
        return texts(text, batch);
    };
    const std::string vit = "vit-tiny-tinyimagenet/";
    const std::string mobile = "mobilenetv1-0.25-imagenet/mobilenet_v1_0.25_224";
    const std::string logits = "imagenet-images/golden_vit_logits.npy";
    const std::string shares = "imagenet-images/golden_mobilenet_probs.npy";
    std::vector<ModelCase> cases = {
        {vit + "model.onnx", vit + "model.onnx", photos, false, logits},
        {vit + "model.safetensors", vit + "model.onnx", photos, false, logits},
        {mobile + ".onnx", mobile + ".onnx", photos, false, shares},
        {mobile + ".h5", mobile + ".onnx", photos, true, shares},
        {"mlperf-tiny/pretrainedResnet.h5", "", small, true,
         "cifar10/test_golden_resnet8_probs.npy"},
        {"onnx-ppocr/ch_PP-OCRv4_det_infer.onnx", "onnx-ppocr/ch_PP-OCRv4_det_infer.onnx",
         [](std::int64_t batch, bool) { return writing(batch, 320); }, false, ""},
        {"mlperf-tiny/ad01.h5", "", wave({640}), false, ""},
    };
    for (const auto& [path, shape] : std::vector<std::pair<std::string, Shape>>{
             {"onnx-ppocr/ch_ppocr_mobile_v2.0_cls_infer.onnx", {3, 48, 192}},
             {"onnx-ultraface/version-RFB-320.onnx", {3, 240, 320}},
             {"onnx-ultraface/mnist.onnx", {1, 28, 28}},
         })
        cases.push_back({path, path, wave(shape), false, ""});
    cases.push_back(
        {"cnn-faceres-deep/faceres-deep.safetensors", "", wave({3, 224, 224}), false, ""});
    cases.push_back({"onnx-silero-vad/silero_vad_v5.onnx", "", wave({512}), false, ""});
    cases.push_back({"lm-stories260K", "", story, false, "lm-stories260K/golden_logits.npy"});
    cases.push_back({"lm-kjv-3M", "", anything, false, ""});
    return cases;
}

} // namespace gradus::bench
