// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/gzip.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/packed_size.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace gradus {

namespace {

class Inflater
{
public:
    explicit Inflater(const ByteSource& source)
        : m_source(source)
    {
        constexpr int gzipOnly = 16 + 15;
        if (inflateInit2(&m_stream, gzipOnly) != Z_OK)
            throw Error(ErrorCode::Internal, "zlib cannot start");
    }
    ~Inflater() { inflateEnd(&m_stream); }
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    std::vector<std::byte> run(std::uint64_t most)
    {
        std::vector<std::byte> out;
        std::size_t have = 0;
        const auto bytes = m_source.bytes();
        std::size_t at = 0;
        int state = Z_OK;
        while (state != Z_STREAM_END || at < bytes.size()) {
            if (state == Z_STREAM_END) // gzip files may follow each other in one file
                inflateReset(&m_stream);
            if (have == out.size()) {
                if (have >= most)
                    fail(concat("unpacks to more than ", most, " bytes"));
                out.resize(static_cast<std::size_t>(
                    std::min<std::uint64_t>(most, std::max<std::uint64_t>(have * 2, 1 << 16))));
            }
            const std::size_t in = std::min(bytes.size() - at, largestStep);
            const std::size_t room = std::min(out.size() - have, largestStep);
            // zlib's interface is from before const.
            m_stream.next_in =
                const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data() + at));
            m_stream.avail_in = static_cast<uInt>(in);
            m_stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
            m_stream.avail_out = static_cast<uInt>(room);
            state = inflate(&m_stream, Z_NO_FLUSH);
            at += in - m_stream.avail_in;
            have += room - m_stream.avail_out;
            if (state == Z_BUF_ERROR && at == bytes.size())
                fail("is cut");
            if (state != Z_OK && state != Z_STREAM_END)
                fail(concat("is damaged: ", m_stream.msg ? m_stream.msg : "no gzip data"));
            if (state == Z_OK && at == bytes.size() && m_stream.avail_out > 0)
                fail("is cut");
        }
        out.resize(have);
        return out;
    }

private:
    static constexpr std::size_t largestStep = std::size_t(1) << 30; // zlib counts in 32 bits
    [[noreturn]] void fail(const std::string& what) const
    {
        throw Error(ErrorCode::Format, concat(m_source.name(), " ", what));
    }

    const ByteSource& m_source;
    z_stream m_stream = {};
};

} // namespace

bool isGzip(std::span<const std::byte> bytes)
{
    return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

std::shared_ptr<const ByteSource> unpackGzip(const ByteSource& source, std::uint64_t limit)
{
    Inflater inflater(source);
    return memorySource(inflater.run(largestUnpacked(source.bytes().size(), limit)), source.name());
}

} // namespace gradus
