// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/array_file.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/gzip.h"
#include "core/io/hdf5_file.h"
#include "core/io/hdf5_superblock.h"
#include "core/io/idx.h"
#include "core/io/npy.h"
#include "core/io/zip_archive.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>

namespace gradus {

namespace {

constexpr std::string_view suffix = ".npy";

StoredKind kindOf(Hdf5Type type)
{
    switch (type) {
    case Hdf5Type::U8:
        return StoredKind::U8;
    case Hdf5Type::U16:
        return StoredKind::U16;
    case Hdf5Type::U32:
        return StoredKind::U32;
    case Hdf5Type::I32:
        return StoredKind::I32;
    case Hdf5Type::I64:
        return StoredKind::I64;
    case Hdf5Type::F16:
        return StoredKind::F16;
    case Hdf5Type::F32:
        return StoredKind::F32;
    case Hdf5Type::F64:
        break;
    }
    return StoredKind::F64;
}

/// name: "/images/x" or "x". An empty answer: there is no such link.
std::optional<Hdf5Place> locate(const Hdf5Group& group, std::string_view name)
{
    constexpr std::ptrdiff_t mostDepth = 32;
    if (std::count(name.begin(), name.end(), '/') > mostDepth)
        return std::nullopt;
    while (name.starts_with('/'))
        name.remove_prefix(1);
    const auto slash = name.find('/');
    const std::string first(name.substr(0, slash));
    if (first.empty() || first == "." || !group.has(first))
        return std::nullopt;
    if (slash == std::string_view::npos)
        return group.locate(first);
    return locate(group.open(first), name.substr(slash + 1));
}

std::optional<StoredArray> openHdf5(const std::filesystem::path& path,
                                    const std::shared_ptr<const ByteSource>& source,
                                    const std::string& name)
{
    const Hdf5File file = Hdf5File::open(path);
    const auto place = locate(file.root(), name);
    if (!place)
        return std::nullopt;
    Shape shape;
    for (const std::uint64_t size : place->dims)
        shape.push_back(static_cast<std::int64_t>(size));
    StoredLayout layout;
    layout.kind = kindOf(place->type);
    layout.offset = static_cast<std::size_t>(place->offset);
    return StoredArray(source, concat(source->name(), ": ", quoted(name)), std::move(shape),
                       layout);
}

/// The first bytes, all that the type is told by; fewer when the file is shorter.
std::vector<std::byte> beginning(const std::filesystem::path& path)
{
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored))
        return {};
    std::array<char, 16> bytes = {};
    std::ifstream in(path, std::ios::binary);
    in.read(bytes.data(), bytes.size());
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
    return {begin, begin + in.gcount()};
}

} // namespace

std::filesystem::path ArrayFile::fileOf(const std::filesystem::path& path)
{
    std::error_code ignored;
    const std::string text = path.string();
    const auto colon = text.rfind(':');
    if (std::filesystem::exists(path, ignored) || colon == std::string::npos)
        return path;
    const std::filesystem::path file = text.substr(0, colon);
    return std::filesystem::is_regular_file(file, ignored) ? file : path;
}

bool ArrayFile::isArrayFile(const std::filesystem::path& path)
{
    const std::vector<std::byte> bytes = beginning(fileOf(path));
    return isNpy(bytes) || isIdx(bytes) || isHdf5(bytes) || isGzip(bytes) ||
           ZipArchive::looksLikeZip(bytes);
}

ArrayFile::ArrayFile(const std::filesystem::path& path)
    : m_path(fileOf(path))
    , m_source(mapFile(m_path))
{
    if (m_path != path)
        m_member = path.string().substr(m_path.string().size() + 1);
    if (isGzip(m_source->bytes()))
        m_source = unpackGzip(*m_source);
    const auto bytes = m_source->bytes();
    if (ZipArchive::looksLikeZip(bytes)) {
        const ZipArchive archive(m_source);
        for (const ZipEntry& entry : archive.entries())
            if (entry.name.ends_with(suffix))
                m_names.push_back(entry.name.substr(0, entry.name.size() - suffix.size()));
        if (m_names.empty())
            throw Error(ErrorCode::Format, m_source->name() + " holds no .npy arrays");
    } else if (isHdf5(bytes)) {
        checkHdf5Superblock(bytes, m_source->name());
    } else if (isNpy(bytes) || isIdx(bytes)) {
        if (!m_member.empty())
            throw Error(ErrorCode::Usage, concat(m_source->name(), " holds one array; ",
                                                 quoted(m_member), " cannot be chosen"));
        m_names.emplace_back();
    } else {
        throw Error(ErrorCode::Format,
                    m_source->name() + " is no array; npy, npz, idx or HDF5 is expected");
    }
}

bool ArrayFile::has(const std::string& name) const
{
    if (isHdf5(m_source->bytes()))
        return openHdf5(m_path, m_source, name).has_value();
    return std::find(m_names.begin(), m_names.end(), name) != m_names.end();
}

StoredArray ArrayFile::open(const std::string& name) const
{
    const auto bytes = m_source->bytes();
    if (isNpy(bytes))
        return openNpy(m_source);
    if (isIdx(bytes))
        return openIdx(m_source);
    if (isHdf5(bytes)) {
        if (auto array = openHdf5(m_path, m_source, name))
            return *array;
        throw Error(ErrorCode::Usage, concat(m_source->name(), " holds no dataset ", quoted(name)));
    }
    if (!has(name)) {
        std::string names;
        for (std::size_t i = 0; i < m_names.size() && i < 8; ++i)
            names += concat(i == 0 ? "" : ", ", quoted(m_names[i]));
        throw Error(ErrorCode::Usage, concat(m_source->name(), " holds no array ", quoted(name),
                                             ", but ", names, m_names.size() > 8 ? ", …" : ""));
    }
    return openNpy(memorySource(ZipArchive(m_source).read(concat(name, suffix)),
                                concat(m_source->name(), ": ", quoted(name))));
}

StoredArray ArrayFile::openAny(const std::vector<std::string>& preferred) const
{
    if (isNamed())
        return open(m_member);
    if (m_names.size() == 1)
        return open(m_names.front());
    for (const std::string& name : preferred) {
        if (isHdf5(m_source->bytes())) {
            if (auto array = openHdf5(m_path, m_source, name))
                return *array;
        } else if (has(name)) {
            return open(name);
        }
    }
    const bool isTree = isHdf5(m_source->bytes());
    throw Error(ErrorCode::Usage,
                concat(m_source->name(), " holds ",
                       isTree ? "datasets" : std::to_string(m_names.size()) + " arrays",
                       " by names that do not tell which is meant; name one as ",
                       m_path.filename().string(), isTree ? ":/NAME" : ":NAME"));
}

} // namespace gradus
