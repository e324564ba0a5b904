// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/quant/packing.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <bit>
#include <cassert>
#include <cstring>

namespace gradus {

namespace {

// Eight values fill `bits` whole bytes, so they travel as one little-endian word.
static_assert(std::endian::native == std::endian::little);

std::uint64_t gather(const std::uint8_t* values, std::size_t count, unsigned bits)
{
    const std::uint64_t mask = (1U << bits) - 1;
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < count; ++i) {
        assert(values[i] <= mask);
        word |= (values[i] & mask) << (i * bits);
    }
    return word;
}

void scatter(std::uint64_t word, std::uint8_t* values, std::size_t count, unsigned bits)
{
    const std::uint64_t mask = (1U << bits) - 1;
    for (std::size_t i = 0; i < count; ++i)
        values[i] = static_cast<std::uint8_t>(word >> (i * bits) & mask);
}

} // namespace

std::uint64_t packedBytes(std::uint64_t count, int bits)
{
    assert(bits >= 1 && bits <= 8);
    // Whole eights first: count · bits itself may overflow.
    const auto width = static_cast<std::uint64_t>(bits);
    return count / 8 * width + (count % 8 * width + 7) / 8;
}

std::vector<std::uint8_t> packBits(std::span<const std::uint8_t> values, int bits)
{
    assert(bits >= 1 && bits <= 8);
    const auto width = static_cast<std::size_t>(bits);
    std::vector<std::uint8_t> stream(packedBytes(values.size(), bits));
    const std::size_t whole = values.size() / 8;
    for (std::size_t i = 0; i < whole; ++i) {
        const std::uint64_t word = gather(values.data() + 8 * i, 8, static_cast<unsigned>(bits));
        std::memcpy(stream.data() + i * width, &word, width);
    }
    if (const std::size_t rest = values.size() % 8) {
        const std::uint64_t word =
            gather(values.data() + 8 * whole, rest, static_cast<unsigned>(bits));
        std::memcpy(stream.data() + whole * width, &word, (rest * width + 7) / 8);
    }
    return stream;
}

std::vector<std::uint8_t> unpackBits(std::span<const std::uint8_t> stream, std::uint64_t count,
                                     int bits)
{
    assert(bits >= 1 && bits <= 8);
    if (stream.size() < packedBytes(count, bits))
        throw Error(ErrorCode::Format,
                    concat("packed stream of ", stream.size(), " bytes is too short for ", count,
                           " values of ", bits, " bits, expected ", packedBytes(count, bits)));
    const auto width = static_cast<std::size_t>(bits);
    std::vector<std::uint8_t> values(count);
    const std::size_t whole = count / 8;
    for (std::size_t i = 0; i < whole; ++i) {
        std::uint64_t word = 0;
        std::memcpy(&word, stream.data() + i * width, width);
        scatter(word, values.data() + 8 * i, 8, static_cast<unsigned>(bits));
    }
    if (const std::size_t rest = count % 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, stream.data() + whole * width, (rest * width + 7) / 8);
        scatter(word, values.data() + 8 * whole, rest, static_cast<unsigned>(bits));
    }
    return values;
}

} // namespace gradus
