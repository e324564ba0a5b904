// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/image_dataset.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/parallel.h"
#include "core/base/text.h"
#include "core/data/array_dataset.h"
#include "core/data/image_resize.h"
#include "core/data/labels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace gradus {

namespace {

/// Of the values of a channel in all images that were looked at.
struct Moments
{
    double sum = 0;
    double squares = 0;
    std::int64_t count = 0;
};

struct Look
{
    double smallest = std::numeric_limits<double>::infinity();
    double largest = -std::numeric_limits<double>::infinity();
    bool isFinite = true;
    std::vector<Moments> channels;

    void add(const Tensor& image)
    {
        channels.resize(static_cast<std::size_t>(image.shape()[2]));
        const std::span<const float> values = image.floats();
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double x = static_cast<double>(values[i]);
            if (!std::isfinite(x)) {
                isFinite = false;
                continue;
            }
            smallest = std::min(smallest, x);
            largest = std::max(largest, x);
            Moments& channel = channels[i % channels.size()];
            channel.sum += x;
            channel.squares += x * x;
            ++channel.count;
        }
    }

    /// Mean and deviation of what (x − mean)/deviation makes of all channels together.
    [[nodiscard]] std::pair<double, double> after(std::span<const float> mean,
                                                  std::span<const float> deviation) const
    {
        const auto of = [](std::span<const float> list, std::size_t channel, double otherwise) {
            if (list.empty())
                return otherwise;
            return static_cast<double>(list.size() == 1 ? list[0] : list[channel]);
        };
        double sum = 0;
        double squares = 0;
        std::int64_t count = 0;
        for (std::size_t c = 0; c < channels.size(); ++c) {
            const Moments& m = channels[c];
            const double shift = of(mean, c, 0);
            const double scale = of(deviation, c, 1);
            const auto n = static_cast<double>(m.count);
            sum += (m.sum - n * shift) / scale;
            squares += (m.squares - 2 * shift * m.sum + n * shift * shift) / (scale * scale);
            count += m.count;
        }
        const double center = sum / static_cast<double>(count);
        return {center,
                std::sqrt(std::max(0.0, squares / static_cast<double>(count) - center * center))};
    }
};

class ImageDataset final : public Dataset
{
public:
    ImageDataset(std::shared_ptr<const ImageSource> source, const ImageRules& rules,
                 std::vector<std::int32_t> labels, std::vector<std::string> warnings,
                 Monitor& monitor)
        : m_source(std::move(source))
        , m_wanted(rules.wanted)
        , m_labels(std::move(labels))
        , m_warnings(std::move(warnings))
    {
        look(rules, monitor);
    }

    std::int64_t count() const override { return m_source->count(); }
    std::span<const std::int32_t> labels() const override { return m_labels; }
    std::vector<std::string> warnings() const override { return m_warnings; }

    std::string description() const override
    {
        const std::string how = normalizationText(m_mean, m_deviation);
        return concat(formatCount(count()), count() == 1 ? " image, " : " images, ",
                      m_wanted.height, " × ", m_wanted.width,
                      m_wanted.channels == 1 ? ", gray" : "", how.empty() ? "" : ", ", how);
    }

    std::vector<Tensor> batch(std::span<const std::int64_t> samples) const override
    {
        const auto n = static_cast<std::int64_t>(samples.size());
        const std::int64_t pixels = m_wanted.height * m_wanted.width;
        const std::int64_t channels = m_wanted.channels;
        Tensor result(m_wanted.channelsFirst ? Shape{n, channels, m_wanted.height, m_wanted.width}
                                             : Shape{n, m_wanted.height, m_wanted.width, channels});
        parallelFor(n, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const Tensor image = prepared(samples[static_cast<std::size_t>(i)]);
                float* to = result.floats().data() + i * pixels * channels;
                if (!m_wanted.channelsFirst) {
                    std::memcpy(to, image.bytes().data(), image.bytes().size());
                    continue;
                }
                const float* from = image.floats().data();
                for (std::int64_t c = 0; c < channels; ++c)
                    for (std::int64_t p = 0; p < pixels; ++p)
                        *to++ = from[p * channels + c];
            }
        });
        std::vector<Tensor> tensors;
        tensors.push_back(std::move(result));
        return tensors;
    }

private:
    /// Channels and size as wanted, values as stored.
    Tensor fitted(std::int64_t index) const
    {
        if (index < 0 || index >= count())
            throw Error(ErrorCode::Shape,
                        concat("there are ", count(), " images; there is no image ", index));
        try {
            Tensor image = withChannels(m_source->image(index), m_wanted.channels);
            if (m_ownSize &&
                (image.shape()[0] != m_wanted.height || image.shape()[1] != m_wanted.width))
                throw Error(ErrorCode::Shape,
                            concat("the image has ", image.shape()[1], " × ", image.shape()[0],
                                   " pixels, the first one has ", m_wanted.width, " × ",
                                   m_wanted.height, ", and the model's input has no size"));
            return fitImage(std::move(image), m_wanted.height, m_wanted.width, m_wanted.resize);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::Shape)
                throw error.within(m_source->name(index));
            throw;
        }
    }

    Tensor prepared(std::int64_t index) const
    {
        Tensor image = toFloat(fitted(index).view());
        if (!m_mean.empty() || !m_deviation.empty())
            normalize(image, m_mean, m_deviation);
        return image;
    }

    /// Sizes, normalization and warnings, from some images spread over all.
    void look(const ImageRules& rules, Monitor& monitor)
    {
        if (count() == 0)
            throw Error(ErrorCode::Shape, "there are no images");
        const Tensor first = m_source->image(0);
        m_wanted.resize = std::max<std::int64_t>(m_wanted.resize, 0);
        if (m_wanted.channels <= 0)
            m_wanted.channels = first.shape()[2];
        m_ownSize = m_wanted.height <= 0 || m_wanted.width <= 0;
        if (m_ownSize) {
            m_wanted.height = first.shape()[0];
            m_wanted.width = first.shape()[1];
        }
        if (m_wanted.resize == 0 && rules.crop)
            m_wanted.resize = std::min(m_wanted.height, m_wanted.width);
        constexpr std::int64_t looks = 16;
        const std::int64_t samples = std::min(looks, count());
        Look raw;
        bool isByte = true;
        std::int64_t otherSize = 0;
        for (std::int64_t i = 0; i < samples; ++i) {
            monitor.checkpoint();
            const std::int64_t index = i * count() / samples;
            const Tensor stored = m_source->image(index);
            if (stored.shape()[0] != m_wanted.height || stored.shape()[1] != m_wanted.width)
                ++otherSize;
            isByte = isByte && stored.dtype() == DType::U8;
            raw.add(toFloat(fitted(index).view()));
        }
        if (otherSize > 0)
            m_warnings.push_back(concat("images are resized to ", m_wanted.height, " × ",
                                        m_wanted.width, ": the first one has ", first.shape()[0],
                                        " × ", first.shape()[1]));
        const std::string layout = m_source->layout();
        if (!layout.empty() && m_wanted.channels > 1 &&
            (layout == "NCHW") != m_wanted.channelsFirst)
            m_warnings.push_back(concat("the file is ", layout, ", the model wants ",
                                        m_wanted.channelsFirst ? "NCHW" : "NHWC", ": turned"));
        if (!raw.isFinite)
            m_warnings.push_back("some values are not finite numbers");
        if (raw.largest < raw.smallest) // nothing but NaN
            return;
        choose(rules, isByte, raw);
        checkNormalization(m_mean, m_deviation, m_wanted.channels, m_source->name(0));
        judge(raw);
    }

    void choose(const ImageRules& rules, bool isByte, const Look& raw)
    {
        if (!rules.mean.empty() || !rules.deviation.empty()) {
            m_mean = rules.mean;
            m_deviation = rules.deviation;
            return;
        }
        const bool stated = !m_wanted.mean.empty() || !m_wanted.deviation.empty();
        if (stated && !isByte && raw.smallest < 0) {
            m_warnings.push_back("some values are negative: they are taken as normalized already, "
                                 "and the model's mean and deviation left out");
            return;
        }
        m_mean = m_wanted.mean;
        m_deviation = m_wanted.deviation;
        if (stated && !isByte && raw.largest <= 1) {
            m_warnings.push_back("values lie in 0 … 1: the model's mean and deviation, which are "
                                 "for 0 … 255, are divided by 255");
            constexpr float whole = 255;
            if (m_deviation.empty())
                m_deviation = {1};
            for (float& value : m_mean)
                value /= whole;
            for (float& value : m_deviation)
                value /= whole;
        }
    }

    void judge(const Look& raw)
    {
        constexpr double farMean = 1;
        constexpr double narrow = 0.2;
        constexpr double wide = 5;
        if (m_mean.empty() && m_deviation.empty() && raw.largest > 2) {
            m_warnings.push_back(concat("values lie in ", formatReal(raw.smallest), " … ",
                                        formatReal(raw.largest), ", and nothing states a mean"));
            return;
        }
        const auto [mean, deviation] = raw.after(m_mean, m_deviation);
        if (std::fabs(mean) > farMean || deviation < narrow || deviation > wide)
            m_warnings.push_back(concat("what is fed has mean ", formatReal(mean, 3),
                                        " and deviation ", formatReal(deviation, 3),
                                        "; networks expect about 0 and 1"));
    }

    std::shared_ptr<const ImageSource> m_source;
    ImageInput m_wanted;
    bool m_ownSize = false;
    std::vector<float> m_mean;
    std::vector<float> m_deviation;
    std::vector<std::int32_t> m_labels;
    std::vector<std::string> m_warnings;
};

} // namespace

std::shared_ptr<const Dataset> makeImageDataset(std::shared_ptr<const ImageSource> source,
                                                const ImageRules& rules,
                                                std::vector<std::int32_t> labels,
                                                std::vector<std::string> warnings, Monitor& monitor)
{
    labels = fittedLabels(std::move(labels), source->count(), rules.classes, warnings);
    return std::make_shared<ImageDataset>(std::move(source), rules, std::move(labels),
                                          std::move(warnings), monitor);
}

} // namespace gradus
