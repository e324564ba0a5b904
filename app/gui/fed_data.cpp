// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/gui/fed_data.h"

#include "core/base/error.h"
#include "core/data/open_dataset.h"
#include "core/session/samples.h"
#include "widgets/core_text.h"
#include "widgets/text.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {

namespace {
constexpr std::int64_t shownSamples = 8;
constexpr double brightest = 255;

/// Of a list with one for all channels, or one for each.
double perChannel(const std::vector<float>& values, std::int64_t channel, double otherwise)
{
    if (values.empty())
        return otherwise;
    const auto at = static_cast<std::size_t>(channel);
    return static_cast<double>(values[at < values.size() ? at : 0]);
}

/// Where channel, row and column of one image lie.
struct Planes
{
    const float* data;
    std::int64_t channels;
    std::int64_t height;
    std::int64_t width;
    bool channelsFirst;

    [[nodiscard]] double at(std::int64_t c, std::int64_t y, std::int64_t x) const
    {
        return static_cast<double>(channelsFirst ? data[(c * height + y) * width + x]
                                                 : data[(y * width + x) * channels + c]);
    }
};

void measure(FedData& result, const Tensor& fed, std::int64_t samples)
{
    result.lookedAt = samples;
    result.minimum = result.maximum = result.mean = std::numeric_limits<double>::quiet_NaN();
    const std::span<const float> values = fed.floats();
    if (values.empty())
        return;
    double sum = 0;
    double least = std::numeric_limits<double>::infinity();
    double most = -least;
    for (const float each : values) {
        const auto value = static_cast<double>(each);
        sum += value;
        least = std::min(least, value);
        most = std::max(most, value);
    }
    result.minimum = least;
    result.maximum = most;
    result.mean = sum / static_cast<double>(values.size());
}
} // namespace

QImage fedImage(const Tensor& batch, std::int64_t index, bool channelsFirst,
                const std::vector<float>& mean, const std::vector<float>& deviation)
{
    const Shape& shape = batch.shape();
    Planes planes{nullptr, channelsFirst ? shape[1] : shape[3], channelsFirst ? shape[2] : shape[1],
                  channelsFirst ? shape[3] : shape[2], channelsFirst};
    const std::int64_t size = planes.channels * planes.height * planes.width;
    planes.data = batch.floats().data() + index * size;
    // Back to stored values; those of 0 … 1 are brightened, those that fit nowhere stretched.
    double least = std::numeric_limits<double>::infinity();
    double most = -least;
    const auto stored = [&](std::int64_t c, std::int64_t y, std::int64_t x) {
        return planes.at(c, y, x) * perChannel(deviation, c, 1) + perChannel(mean, c, 0);
    };
    for (std::int64_t c = 0; c < planes.channels; ++c)
        for (std::int64_t y = 0; y < planes.height; ++y)
            for (std::int64_t x = 0; x < planes.width; ++x) {
                least = std::min(least, stored(c, y, x));
                most = std::max(most, stored(c, y, x));
            }
    constexpr double slack = 0.01; // of rounding
    double offset = 0;
    double factor = 1;
    if (least < -brightest * slack || most > brightest * (1 + slack)) {
        offset = least;
        factor = most > least ? brightest / (most - least) : 0;
    } else if (least >= -slack && most <= 1 + slack) {
        factor = brightest;
    }
    const auto pixel = [&](std::int64_t c, std::int64_t y, std::int64_t x) {
        const double value = (stored(c, y, x) - offset) * factor;
        return static_cast<int>(std::lround(std::clamp(value, 0.0, brightest)));
    };
    QImage image(static_cast<int>(planes.width), static_cast<int>(planes.height),
                 QImage::Format_RGB32);
    const bool colored = planes.channels >= 3;
    for (int y = 0; y < image.height(); ++y)
        for (int x = 0; x < image.width(); ++x) {
            const int red = pixel(0, y, x);
            image.setPixel(
                x, y, qRgb(red, colored ? pixel(1, y, x) : red, colored ? pixel(2, y, x) : red));
        }
    return image;
}

FedData lookAtData(const Model& model, const CalibrationChoice& choice, Monitor& monitor)
{
    FedData result;
    try {
        const auto data = openDataset(model, dataChoice(choice, {}), monitor);
        result.description = coreSentence(data->description());
        for (const std::string& warning : data->warnings())
            result.warnings.append(coreSentence(warning));
        const std::int64_t count = std::min(data->count(), shownSamples);
        std::vector<std::int64_t> samples;
        for (std::int64_t i = 0; i < count; ++i)
            samples.push_back(i);
        monitor.checkpoint();
        if (samples.empty())
            return result;
        const std::vector<Tensor> fed = data->batch(samples);
        const auto image = imageInputOf(model);
        if (fed.empty() || fed.front().dtype() != DType::F32)
            return result;
        measure(result, fed.front(), count);
        if (!image || fed.front().shape().size() != 4)
            return result;
        const bool own = !choice.mean.empty() || !choice.deviation.empty();
        const std::span<const std::int32_t> labels = data->labels();
        for (const std::int64_t i : samples) {
            monitor.checkpoint();
            result.images.push_back(fedImage(fed.front(), i, image->channelsFirst,
                                             own ? choice.mean : image->mean,
                                             own ? choice.deviation : image->deviation));
            const auto at = static_cast<std::size_t>(i);
            const std::int32_t label = at < labels.size() ? labels[at] : -1;
            const auto name = static_cast<std::size_t>(std::max(label, 0));
            result.captions.append(label < 0                    ? QStringLiteral("–")
                                   : name < model.labels.size() ? toQString(model.labels[name])
                                                                : QString::number(label));
        }
    } catch (const Error& error) {
        result = {};
        result.problem = toQString(error.what());
    }
    return result;
}

} // namespace gradus
