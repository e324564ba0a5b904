// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/byte_source.h"

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace gradus::test {

/// Array files byte by byte, for tests of readers.

inline std::string npyBytes(const std::string& dictionary, const std::string& elements,
                            int major = 1)
{
    std::string header = dictionary + "\n";
    std::string bytes = "\x93NUMPY";
    bytes += static_cast<char>(major);
    bytes += '\0';
    for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
        bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
    return bytes + header + elements;
}

inline std::string npyDictionary(const std::string& descr, const std::string& shape,
                                 bool columnMajor = false)
{
    return "{'descr': '" + descr + "', 'fortran_order': " + (columnMajor ? "True" : "False") +
           ", 'shape': " + shape + ", }";
}

inline void appendNumber(std::string& to, std::uint64_t value, int size)
{
    for (int i = 0; i < size; ++i)
        to += static_cast<char>(value >> (8 * i) & 0xFF);
}

/// What deflate makes of text; window as zlib counts it (−15: raw, 31: gzip).
inline std::string deflated(const std::string& text, int window)
{
    z_stream stream = {};
    deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    std::string out(compressBound(text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

struct ZipPart
{
    std::string name;
    std::string content;
    bool deflate = false;
    std::int64_t claimed = -1; ///< unpacked size to lie about
    int method = -1;           ///< to lie about
};

/// A ZIP file (APPNOTE.TXT 4.3): local headers with data, directory, end record.
inline std::string zipBytes(const std::vector<ZipPart>& parts)
{
    std::string bytes;
    std::string directory;
    for (const ZipPart& part : parts) {
        const std::string data = part.deflate ? deflated(part.content, -15) : part.content;
        const auto crc = crc32(0, reinterpret_cast<const Bytef*>(part.content.data()),
                               static_cast<uInt>(part.content.size()));
        std::string common;
        appendNumber(common, 20, 2);
        appendNumber(common, 0, 2);
        appendNumber(common,
                     part.method >= 0 ? static_cast<unsigned>(part.method)
                     : part.deflate   ? 8
                                      : 0,
                     2);
        appendNumber(common, 0, 2);
        appendNumber(common, 0x21, 2); // 1980-01-01
        appendNumber(common, crc, 4);
        appendNumber(common, data.size(), 4);
        appendNumber(
            common,
            part.claimed >= 0 ? static_cast<std::uint64_t>(part.claimed) : part.content.size(), 4);
        appendNumber(common, part.name.size(), 2);
        appendNumber(common, 0, 2);
        directory += "PK\1\2";
        appendNumber(directory, 20, 2);
        directory += common;
        appendNumber(directory, 0, 2);
        appendNumber(directory, 0, 2);
        appendNumber(directory, 0, 2);
        appendNumber(directory, 0, 4);
        appendNumber(directory, bytes.size(), 4);
        directory += part.name;
        bytes += "PK\3\4" + common + part.name + data;
    }
    const std::size_t start = bytes.size();
    bytes += directory + "PK\5\6";
    appendNumber(bytes, 0, 4);
    appendNumber(bytes, parts.size(), 2);
    appendNumber(bytes, parts.size(), 2);
    appendNumber(bytes, directory.size(), 4);
    appendNumber(bytes, start, 4);
    appendNumber(bytes, 0, 2);
    return bytes;
}

inline std::shared_ptr<const ByteSource> sourceOf(const std::string& bytes)
{
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    return memorySource({data, data + bytes.size()}, "test.file");
}

inline void writeFile(const std::filesystem::path& path, const std::string& bytes)
{
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
}

} // namespace gradus::test
