// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/hdf5_file.h"

#include "core/base/checked.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/io/byte_source.h"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace gradus {

static_assert(std::is_same_v<hid_t, std::int64_t>,
              "the header carries identifiers as std::int64_t");

namespace {

constexpr std::uint64_t largestAttribute = 32768; // object headers end at 64 KiB
constexpr std::uint64_t slabBytes = 1 << 24;      // written between two looks at the monitor

/// Closes an identifier of the library at the end of the scope.
class Id
{
public:
    Id(hid_t id, herr_t (*close)(hid_t))
        : m_id(id)
        , m_close(close)
    {
    }
    ~Id()
    {
        if (m_id >= 0)
            m_close(m_id);
    }
    Id(Id&& other) noexcept
        : m_id(std::exchange(other.m_id, -1))
        , m_close(other.m_close)
    {
    }
    Id& operator=(Id&&) = delete;
    operator hid_t() const { return m_id; } // NOLINT: stands for the identifier
    [[nodiscard]] bool valid() const { return m_id >= 0; }

private:
    hid_t m_id;
    herr_t (*m_close)(hid_t);
};

/// The library would print its errors; they go into our messages instead. Its printing is a
/// setting per thread, so every entry says it again. Everything here is closed by scope, and a
/// file that cannot be written out (full disk) must not keep the library's exit handler busy.
void quiet()
{
    static const bool once = [] {
        H5dont_atexit();
        H5open();
        H5PLset_loading_state(0); // no code from filter plugins that a file asks for
        return true;
    }();
    (void)once;
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5Eclear2(H5E_DEFAULT);
}

/// The innermost reason on the library's error stack.
std::string reason()
{
    std::string text;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned n, const H5E_error2_t* entry, void* out) -> herr_t {
            if (n == 0 && entry->desc)
                *static_cast<std::string*>(out) = entry->desc;
            return 0;
        },
        &text);
    // The driver's messages carry times and addresses around the part that matters.
    static constexpr std::string_view mark = "error message = '";
    if (const auto at = text.find(mark); at != std::string::npos) {
        text.erase(0, at + mark.size());
        text.erase(std::min(text.find('\''), text.size()));
    }
    return text.empty() ? "no reason given" : text;
}

Id halfType()
{
    Id type(H5Tcopy(H5T_IEEE_F32LE), H5Tclose);
    // Fields before size: the size may only shrink once nothing lies outside.
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_ebias(type, 15);
    H5Tset_size(type, 2);
    return type;
}

Id fileType(Hdf5Type type)
{
    switch (type) {
    case Hdf5Type::U8:
        return {H5Tcopy(H5T_STD_U8LE), H5Tclose};
    case Hdf5Type::U16:
        return {H5Tcopy(H5T_STD_U16LE), H5Tclose};
    case Hdf5Type::U32:
        return {H5Tcopy(H5T_STD_U32LE), H5Tclose};
    case Hdf5Type::I32:
        return {H5Tcopy(H5T_STD_I32LE), H5Tclose};
    case Hdf5Type::I64:
        return {H5Tcopy(H5T_STD_I64LE), H5Tclose};
    case Hdf5Type::F16:
        return halfType();
    case Hdf5Type::F32:
        return {H5Tcopy(H5T_IEEE_F32LE), H5Tclose};
    case Hdf5Type::F64:
        break;
    }
    return {H5Tcopy(H5T_IEEE_F64LE), H5Tclose};
}

std::string_view typeName(Hdf5Type type)
{
    static constexpr std::array<std::string_view, 8> names = {
        "8-bit unsigned", "16-bit unsigned", "32-bit unsigned", "32-bit integer",
        "64-bit integer", "float16",         "float32",         "float64"};
    return names[static_cast<std::size_t>(type)];
}

Id stringType(std::size_t length)
{
    Id type(H5Tcopy(H5T_C_S1), H5Tclose);
    H5Tset_size(type, std::max<std::size_t>(length, 1));
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

std::string dimsText(std::span<const std::uint64_t> dims)
{
    std::string text;
    for (const std::uint64_t size : dims)
        text += (text.empty() ? "" : " × ") + std::to_string(size);
    return text.empty() ? "scalar" : text;
}

/// Creation properties of datasets: contiguous, without times.
Id datasetProperties()
{
    Id properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
    H5Pset_obj_track_times(properties, false);
    return properties;
}

/// Of groups: no times; attributes and up to a few hundred links in the group's own header, which
/// carries a checksum and is small. More links go to a tree: in the header each is a search through
/// all of them.
void setGroupProperties(hid_t properties)
{
    H5Pset_obj_track_times(properties, false);
    H5Pset_link_phase_change(properties, 256, 128);
    H5Pset_attr_phase_change(properties, 65535, 65535);
}

} // namespace

struct Hdf5Group::Shared
{
    std::string name; ///< of the file, for messages
    hid_t id = -1;
    std::uint64_t bytes = 0;    ///< of the file that is read
    std::filesystem::path path; ///< empty: it is the image
    std::span<const std::byte> image;
    std::uint64_t textBytes = 0; ///< of the lists of texts that were read
    ~Shared()
    {
        if (id >= 0) {
            quiet();
            H5Fclose(id);
        }
    }
};

Hdf5Group::Hdf5Group(std::shared_ptr<Shared> file, std::int64_t id, std::string path)
    : m_file(std::move(file))
    , m_id(id)
    , m_path(std::move(path))
{
}

Hdf5Group::Hdf5Group(Hdf5Group&& other) noexcept
    : m_file(std::move(other.m_file))
    , m_id(std::exchange(other.m_id, -1))
    , m_path(std::move(other.m_path))
{
}

Hdf5Group& Hdf5Group::operator=(Hdf5Group&& other) noexcept
{
    std::swap(m_file, other.m_file);
    std::swap(m_id, other.m_id);
    std::swap(m_path, other.m_path);
    return *this;
}

Hdf5Group::~Hdf5Group()
{
    // When the file has been closed, its objects have been closed with it.
    if (m_id >= 0 && m_file && m_file->id >= 0)
        H5Gclose(m_id);
}

void Hdf5Group::fail(std::string_view object, std::string_view message) const
{
    throw Error(ErrorCode::Format,
                concat(m_file->name, ": ", m_path, object.empty() || m_path == "/" ? "" : "/",
                       object, " ", message));
}

void Hdf5Group::failWith(std::string_view action, std::string_view object) const
{
    throw Error(ErrorCode::Io, concat("cannot ", action, " ", m_path, m_path == "/" ? "" : "/",
                                      object, " in ", m_file->name, ": ", reason()));
}

Hdf5Group Hdf5Group::create(const std::string& name)
{
    quiet();
    const Id properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
    setGroupProperties(properties);
    const hid_t id = H5Gcreate2(m_id, name.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT);
    if (id < 0)
        failWith("write", name);
    return {m_file, id, (m_path == "/" ? "/" : m_path + "/") + name};
}

namespace {
bool writeAttribute(hid_t object, const std::string& name, hid_t type, hid_t space,
                    const void* data)
{
    const Id attribute(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                       H5Aclose);
    return attribute.valid() && H5Awrite(attribute, type, data) >= 0;
}

bool writeTextAttribute(hid_t object, const std::string& name, std::string_view text)
{
    const Id type = stringType(text.size());
    const Id space(H5Screate(H5S_SCALAR), H5Sclose);
    return writeAttribute(object, name, type, space, text.empty() ? "" : text.data());
}
} // namespace

void Hdf5Group::setInteger(const std::string& name, std::int64_t value)
{
    quiet();
    const Id space(H5Screate(H5S_SCALAR), H5Sclose);
    if (!writeAttribute(m_id, name, H5T_STD_I64LE, space, &value))
        failWith("write", name);
}

void Hdf5Group::setIntegers(const std::string& name, std::span<const std::int64_t> values)
{
    quiet();
    const hsize_t count = values.size();
    const Id space(H5Screate_simple(1, &count, nullptr), H5Sclose);
    if (!writeAttribute(m_id, name, H5T_STD_I64LE, space, values.data()))
        failWith("write", name);
}

void Hdf5Group::setReal(const std::string& name, double value)
{
    quiet();
    const Id space(H5Screate(H5S_SCALAR), H5Sclose);
    if (!writeAttribute(m_id, name, H5T_IEEE_F64LE, space, &value))
        failWith("write", name);
}

void Hdf5Group::setText(const std::string& name, std::string_view text)
{
    quiet();
    if (text.size() > largestAttribute)
        writeText(name, text);
    else if (!writeTextAttribute(m_id, name, text))
        failWith("write", name);
}

void Hdf5Group::writeText(const std::string& name, std::string_view text)
{
    quiet();
    const Id type = stringType(text.size());
    const Id space(H5Screate(H5S_SCALAR), H5Sclose);
    const Id properties = datasetProperties();
    const Id dataset(
        H5Dcreate2(m_id, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
        H5Dclose);
    if (!dataset.valid() ||
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.empty() ? "" : text.data()) < 0)
        failWith("write", name);
}

void Hdf5Group::write(const std::string& name, Hdf5Type type, std::span<const std::uint64_t> dims,
                      std::span<const std::byte> bytes, Monitor& monitor)
{
    quiet();
    const Id elementType = fileType(type);
    const std::size_t elementBytes = H5Tget_size(elementType);
    std::uint64_t expected = elementBytes;
    for (const std::uint64_t size : dims)
        expected *= size;
    if (expected != bytes.size())
        throw Error(ErrorCode::Internal, concat("dataset ", m_path, "/", name, ": ", bytes.size(),
                                                " bytes given, ", expected, " expected"));
    const std::vector<hsize_t> sizes(dims.begin(), dims.end());
    const Id properties = datasetProperties();
    const Id space(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr),
                   H5Sclose);
    const Id dataset(
        H5Dcreate2(m_id, name.c_str(), elementType, space, H5P_DEFAULT, properties, H5P_DEFAULT),
        H5Dclose);
    if (!dataset.valid())
        failWith("write", name);
    if (bytes.empty())
        return;
    const std::uint64_t rowBytes = bytes.size() / sizes[0];
    const hsize_t step = std::max<hsize_t>(slabBytes / rowBytes, 1);
    for (hsize_t begin = 0; begin < sizes[0]; begin += step) {
        monitor.checkpoint();
        std::vector<hsize_t> start(sizes.size(), 0);
        std::vector<hsize_t> count = sizes;
        start[0] = begin;
        count[0] = std::min(step, sizes[0] - begin);
        const Id memory(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                        H5Sclose);
        if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(),
                                nullptr) < 0 ||
            H5Dwrite(dataset, elementType, memory, space, H5P_DEFAULT,
                     bytes.data() + begin * rowBytes) < 0)
            failWith("write", name);
    }
}

void Hdf5Group::describe(const std::string& dataset, const std::string& attribute,
                         std::string_view text)
{
    quiet();
    const Id id(H5Dopen2(m_id, dataset.c_str(), H5P_DEFAULT), H5Dclose);
    if (!id.valid() || !writeTextAttribute(id, attribute, text))
        failWith("write", dataset);
}

// ------------------------------------------------------------------------------------ reading

std::uint64_t Hdf5Group::linkCount() const
{
    quiet();
    H5G_info_t info;
    if (H5Gget_info(m_id, &info) < 0)
        fail({}, concat("cannot be read: ", reason()));
    return info.nlinks;
}

bool Hdf5Group::has(const std::string& name) const
{
    quiet();
    return H5Lexists(m_id, name.c_str(), H5P_DEFAULT) > 0;
}

bool Hdf5Group::hasAttribute(const std::string& name) const
{
    quiet();
    return H5Aexists(m_id, name.c_str()) > 0;
}

namespace {
/// Soft and external links could lead out of the file.
bool isHardLink(hid_t group, const std::string& name)
{
    H5L_info_t info;
    return H5Lexists(group, name.c_str(), H5P_DEFAULT) > 0 &&
           H5Lget_info(group, name.c_str(), &info, H5P_DEFAULT) >= 0 && info.type == H5L_TYPE_HARD;
}

/// Sizes of a dataspace; rank 0 is a scalar. False for null and absurd spaces.
bool extent(hid_t space, std::vector<std::uint64_t>& dims)
{
    const H5S_class_t kind = H5Sget_simple_extent_type(space);
    dims.clear();
    if (kind == H5S_SCALAR)
        return true;
    const int rank = H5Sget_simple_extent_ndims(space);
    if (kind != H5S_SIMPLE || rank < 1 || rank > H5S_MAX_RANK)
        return false;
    std::array<hsize_t, H5S_MAX_RANK> sizes{};
    if (H5Sget_simple_extent_dims(space, sizes.data(), nullptr) < 0)
        return false;
    dims.assign(sizes.begin(), sizes.begin() + rank);
    return true;
}
} // namespace

Hdf5Group Hdf5Group::open(const std::string& name) const
{
    quiet();
    if (!isHardLink(m_id, name))
        fail(name, "is missing or not a group");
    const hid_t id = H5Gopen2(m_id, name.c_str(), H5P_DEFAULT);
    if (id < 0)
        fail(name, concat("cannot be opened as a group: ", reason()));
    return {m_file, id, (m_path == "/" ? "/" : m_path + "/") + name};
}

std::vector<std::int64_t> Hdf5Group::integers(const std::string& name, std::size_t count) const
{
    quiet();
    const Id attribute(H5Aopen(m_id, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute.valid())
        fail(name, "(attribute) is missing");
    const Id type(H5Aget_type(attribute), H5Tclose);
    const Id space(H5Aget_space(attribute), H5Sclose);
    std::vector<std::uint64_t> dims;
    if (H5Tget_class(type) != H5T_INTEGER || H5Tget_size(type) > 8 || !extent(space, dims) ||
        dims != std::vector<std::uint64_t>{count})
        fail(name, concat("(attribute) is not a list of ", count, " integers"));
    std::vector<std::int64_t> values(count);
    if (H5Aread(attribute, H5T_NATIVE_INT64, values.data()) < 0)
        fail(name, concat("(attribute) cannot be read: ", reason()));
    return values;
}

std::int64_t Hdf5Group::integer(const std::string& name) const
{
    quiet();
    const Id attribute(H5Aopen(m_id, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute.valid())
        fail(name, "(attribute) is missing");
    const Id type(H5Aget_type(attribute), H5Tclose);
    const Id space(H5Aget_space(attribute), H5Sclose);
    std::vector<std::uint64_t> dims;
    if (H5Tget_class(type) != H5T_INTEGER || H5Tget_size(type) > 8 || !extent(space, dims) ||
        !dims.empty())
        fail(name, "(attribute) is not an integer");
    std::int64_t value = 0;
    if (H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0)
        fail(name, concat("(attribute) cannot be read: ", reason()));
    return value;
}

double Hdf5Group::real(const std::string& name) const
{
    quiet();
    const Id attribute(H5Aopen(m_id, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute.valid())
        fail(name, "(attribute) is missing");
    const Id type(H5Aget_type(attribute), H5Tclose);
    const Id space(H5Aget_space(attribute), H5Sclose);
    std::vector<std::uint64_t> dims;
    // Exactly our type: no conversion touches the bits of a NaN.
    if (H5Tequal(type, H5T_IEEE_F64LE) <= 0 || !extent(space, dims) || !dims.empty())
        fail(name, "(attribute) is not a float64 number");
    double value = 0;
    if (H5Aread(attribute, H5T_IEEE_F64LE, &value) < 0)
        fail(name, concat("(attribute) cannot be read: ", reason()));
    return value;
}

std::string Hdf5Group::text(const std::string& name, std::size_t limit) const
{
    quiet();
    const bool isAttribute = H5Aexists(m_id, name.c_str()) > 0;
    if (!isAttribute && !isHardLink(m_id, name))
        fail(name, "is missing");
    const Id object(isAttribute ? H5Aopen(m_id, name.c_str(), H5P_DEFAULT)
                                : H5Dopen2(m_id, name.c_str(), H5P_DEFAULT),
                    isAttribute ? H5Aclose : H5Dclose);
    if (!object.valid())
        fail(name, concat("cannot be opened: ", reason()));
    const Id type(isAttribute ? H5Aget_type(object) : H5Dget_type(object), H5Tclose);
    const Id space(isAttribute ? H5Aget_space(object) : H5Dget_space(object), H5Sclose);
    std::vector<std::uint64_t> dims;
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0 || !extent(space, dims) ||
        !dims.empty())
        fail(name, "is not a text");
    const std::size_t size = H5Tget_size(type);
    if (size > limit || size > m_file->bytes)
        fail(name, concat("is a text of ", size, " bytes, at most ",
                          std::min<std::uint64_t>(limit, m_file->bytes), " are expected"));
    std::string text(size, '\0');
    const bool good =
        isAttribute ? H5Aread(object, type, text.data()) >= 0
                    : H5Dget_storage_size(object) == size && H5Dget_offset(object) != HADDR_UNDEF &&
                          H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()) >= 0;
    if (!good)
        fail(name, concat("cannot be read: ", reason()));
    if (size == 1 && text[0] == '\0') // the library has no empty strings
        text.clear();
    return text;
}

std::vector<std::byte> Hdf5Group::read(const std::string& name, Hdf5Type type,
                                       std::span<const std::uint64_t> dims) const
{
    quiet();
    if (!isHardLink(m_id, name))
        fail(name, "is missing");
    const Id dataset(H5Dopen2(m_id, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid())
        fail(name, concat("cannot be opened as a dataset: ", reason()));
    const Id elementType = fileType(type);
    const Id storedType(H5Dget_type(dataset), H5Tclose);
    if (H5Tequal(storedType, elementType) <= 0)
        fail(name, concat("does not hold ", typeName(type), " elements"));
    const Id space(H5Dget_space(dataset), H5Sclose);
    std::vector<std::uint64_t> found;
    if (!extent(space, found) || !std::equal(found.begin(), found.end(), dims.begin(), dims.end()))
        fail(name, concat("has the shape ", dimsText(found), ", expected ", dimsText(dims)));
    std::optional<std::uint64_t> bytes = H5Tget_size(elementType);
    for (const std::uint64_t size : dims)
        bytes = bytes ? checkedMultiply(*bytes, size) : bytes;

    // Nothing is allocated beyond the bytes that exist, and none of the library's more adventurous
    // layouts (chunks with filters, external files, virtual datasets) is followed.
    const Id properties(H5Dget_create_plist(dataset), H5Pclose);
    const std::uint64_t stored = H5Dget_storage_size(dataset);
    const bool plausible = bytes && stored == *bytes && stored <= m_file->bytes &&
                           H5Pget_layout(properties) == H5D_CONTIGUOUS &&
                           H5Pget_external_count(properties) == 0 &&
                           (stored == 0 || H5Dget_offset(dataset) != HADDR_UNDEF);
    if (!plausible)
        fail(name, concat("is stored in a way that Gradus does not write (", stored,
                          " bytes for the shape ", dimsText(dims), ")"));

    std::vector<std::byte> data(*bytes);
    if (!data.empty() &&
        H5Dread(dataset, elementType, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.data()) < 0)
        fail(name, concat("cannot be read: ", reason()));
    return data;
}

namespace {
/// Lists of texts of any length may take so much together.
constexpr std::uint64_t mostTextBytes = std::uint64_t(1) << 29;

/// No text of any length is longer than this: the largest of the global heap collections ("GCOL",
/// version 1, three zeros, size in 8 bytes), in which all of them lie. Bytes that only look like
/// one make it larger at worst.
std::uint64_t largestHeap(std::span<const std::byte> file)
{
    constexpr std::string_view begin("GCOL\1\0\0\0", 8);
    const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
    std::uint64_t largest = 0;
    for (std::size_t at = text.find(begin); at != text.npos; at = text.find(begin, at + 1)) {
        const std::size_t left = text.size() - at;
        std::uint64_t size = left;
        if (left >= begin.size() + sizeof size)
            std::memcpy(&size, text.data() + at + begin.size(), sizeof size);
        largest = std::max<std::uint64_t>(largest, std::min<std::uint64_t>(size, left));
    }
    return largest;
}

/// One of the strings that an attribute's bytes hold, without its padding.
std::string unpadded(const char* text, std::size_t size, H5T_str_t padding)
{
    std::string_view all(text, size);
    if (padding == H5T_STR_SPACEPAD)
        all = all.substr(0, all.find_last_not_of(' ') + 1);
    else
        all = all.substr(0, all.find('\0'));
    return std::string(all);
}
} // namespace

std::optional<std::vector<std::string>> Hdf5Group::texts(const std::string& name) const
{
    quiet();
    if (H5Aexists(m_id, name.c_str()) <= 0)
        return std::nullopt;
    const Id attribute(H5Aopen(m_id, name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute.valid())
        fail(name, concat("(attribute) cannot be opened: ", reason()));
    const Id type(H5Aget_type(attribute), H5Tclose);
    const Id space(H5Aget_space(attribute), H5Sclose);
    std::vector<std::uint64_t> dims;
    const bool isList = extent(space, dims) && dims.size() <= 1;
    if (isList && !dims.empty() && dims[0] == 0) // what h5py writes has the type of numbers then
        return std::vector<std::string>();
    if (!isList || H5Tget_class(type) != H5T_STRING)
        fail(name, "(attribute) is not a list of texts");
    const std::uint64_t count = dims.empty() ? 1 : dims[0];
    const std::size_t size = H5Tget_size(type);
    const bool variable = H5Tis_variable_str(type) > 0;
    // Each string takes its size in the file, or a reference of sixteen bytes.
    // Many references may name one text, which is copied for each.
    constexpr std::uint64_t mostVariable = 65536;
    if (variable && count > mostVariable)
        fail(name, concat("(attribute) holds ", count, " texts of any length, expected at most ",
                          mostVariable));
    const auto stored = checkedMultiply(count, variable ? 16 : size);
    if (!stored || *stored > m_file->bytes)
        fail(name, concat("(attribute) should hold ", count, " texts, more than the file has"));
    std::vector<std::string> result(count);
    if (variable) {
        // The library copies a text for each of its references before anybody can count them.
        const auto most = [&]() -> std::uint64_t {
            if (m_file->image.empty() && m_file->path.empty())
                return m_file->bytes;
            return largestHeap(m_file->image.empty() ? mapFile(m_file->path)->bytes()
                                                     : m_file->image);
        };
        if (count > 1 && count > mostTextBytes / std::max<std::uint64_t>(1, m_file->bytes) &&
            count > mostTextBytes / std::max<std::uint64_t>(1, most()))
            fail(name, concat("(attribute) holds ", count, " texts, which could all be the file's ",
                              "longest: more than ", mostTextBytes, " bytes"));
        std::vector<char*> pointers(count, nullptr);
        // Read in the stored character set: HDF5 converts none.
        const bool good = H5Aread(attribute, type, pointers.data()) >= 0;
        const std::string why = good ? std::string() : reason();
        for (std::size_t i = 0; good && i < count; ++i)
            if (pointers[i])
                result[i] = pointers[i];
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
        if (!good)
            fail(name, concat("(attribute) cannot be read: ", why));
        for (const std::string& text : result)
            m_file->textBytes += count > 1 ? text.size() : 0;
        if (m_file->textBytes > mostTextBytes)
            fail(name, concat("(attribute) and lists before it hold more than ", mostTextBytes,
                              " bytes of text"));
        return result;
    }
    std::vector<char> bytes(count * size);
    if (H5Aread(attribute, type, bytes.data()) < 0)
        fail(name, concat("(attribute) cannot be read: ", reason()));
    for (std::size_t i = 0; i < count; ++i)
        result[i] = unpadded(bytes.data() + i * size, size, H5Tget_strpad(type));
    return result;
}

Hdf5Place Hdf5Group::locate(const std::string& name) const
{
    quiet();
    if (!isHardLink(m_id, name))
        fail(name, "is missing");
    const Id dataset(H5Dopen2(m_id, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid())
        fail(name, concat("cannot be opened as a dataset: ", reason()));
    const auto refuse = [&](const auto&... what) {
        return Error(ErrorCode::Unsupported, concat(m_file->name, ": ", m_path,
                                                    m_path == "/" ? "" : "/", name, " ", what...));
    };
    Hdf5Place place;
    const Id storedType(H5Dget_type(dataset), H5Tclose);
    bool known = false;
    for (const Hdf5Type type : {Hdf5Type::U8, Hdf5Type::I32, Hdf5Type::I64, Hdf5Type::F16,
                                Hdf5Type::F32, Hdf5Type::F64}) {
        if (H5Tequal(storedType, fileType(type)) > 0) {
            place.type = type;
            known = true;
        }
    }
    if (!known)
        throw refuse("holds elements of a type that Gradus does not read (it reads float16, "
                     "float32, float64, uint8, int32 and int64, little-endian)");
    const Id space(H5Dget_space(dataset), H5Sclose);
    if (!extent(space, place.dims))
        fail(name, "has no simple shape");
    std::optional<std::uint64_t> bytes = H5Tget_size(storedType);
    for (const std::uint64_t size : place.dims)
        bytes = bytes ? checkedMultiply(*bytes, size) : bytes;
    if (!bytes)
        fail(name, concat("has the shape ", dimsText(place.dims), ", which has too many elements"));
    place.bytes = *bytes;
    const Id properties(H5Dget_create_plist(dataset), H5Pclose);
    if (H5Pget_layout(properties) != H5D_CONTIGUOUS || H5Pget_external_count(properties) != 0)
        throw refuse("is stored in chunks, compressed or in another file; save it without "
                     "compression");
    if (place.bytes == 0)
        return place;
    const haddr_t offset = H5Dget_offset(dataset);
    if (offset == HADDR_UNDEF || H5Dget_storage_size(dataset) != place.bytes ||
        place.bytes > m_file->bytes || offset > m_file->bytes - place.bytes)
        fail(name, concat("needs ", place.bytes, " bytes for the shape ", dimsText(place.dims),
                          ", which the file does not hold"));
    place.offset = offset;
    return place;
}

// --------------------------------------------------------------------------------------- file

Hdf5File::Hdf5File(std::shared_ptr<Hdf5Group::Shared> file)
    : m_file(std::move(file))
{
}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

Hdf5File Hdf5File::create(const std::filesystem::path& path, const std::filesystem::path& shownPath)
{
    quiet();
    auto file = std::make_shared<Hdf5Group::Shared>();
    file->name = shownPath.string();
    const Id creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
    setGroupProperties(creation);
    const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    // The format of HDF5 1.8: read by every viewer in use, with checksums on its metadata.
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    file->id = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access);
    if (file->id < 0)
        throw Error(ErrorCode::Io, concat("cannot create ", file->name, ": ", reason()));
    return Hdf5File(std::move(file));
}

Hdf5File Hdf5File::open(const std::filesystem::path& path)
{
    quiet();
    auto file = std::make_shared<Hdf5Group::Shared>();
    file->name = path.string();
    file->path = path;
    std::error_code error;
    file->bytes = std::filesystem::file_size(path, error);
    if (error)
        throw Error(ErrorCode::Io, concat("cannot open ", file->name, ": ", error.message()));
    const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    file->id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access);
    if (file->id < 0)
        throw Error(ErrorCode::Format,
                    concat(file->name, " cannot be opened as an HDF5 file: ", reason()));
    return Hdf5File(std::move(file));
}

Hdf5File Hdf5File::openImage(std::span<const std::byte> bytes, const std::string& name)
{
    quiet();
    auto file = std::make_shared<Hdf5Group::Shared>();
    file->name = name;
    file->bytes = bytes.size();
    file->image = bytes;
    const Id access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_fapl_core(access, std::size_t(1) << 20, false);
    // The library copies the image and does not change it; its interface lacks the const.
    auto* image = const_cast<std::byte*>(bytes.data()); // NOLINT
    // Of equal names the library would take an open one for the other.
    static std::atomic<std::uint64_t> images = 0;
    const std::string unique = name + '#' + std::to_string(++images);
    if (H5Pset_file_image(access, image, bytes.size()) >= 0)
        file->id = H5Fopen(unique.c_str(), H5F_ACC_RDONLY, access);
    if (file->id < 0)
        throw Error(ErrorCode::Format,
                    concat(file->name, " cannot be opened as an HDF5 file: ", reason()));
    return Hdf5File(std::move(file));
}

Hdf5Group Hdf5File::root() const
{
    quiet();
    const hid_t id = H5Gopen2(m_file->id, "/", H5P_DEFAULT);
    if (id < 0)
        throw Error(ErrorCode::Format,
                    concat(m_file->name, ": the root group cannot be opened: ", reason()));
    return {m_file, id, "/"};
}

void Hdf5File::close()
{
    quiet();
    // Flushed before it is closed: a failed close cannot be tried again.
    const bool flushed = H5Fflush(m_file->id, H5F_SCOPE_LOCAL) >= 0;
    const std::string why = flushed ? std::string() : reason();
    const bool closed = H5Fclose(std::exchange(m_file->id, -1)) >= 0;
    if (!flushed || !closed)
        throw Error(ErrorCode::Io,
                    concat("cannot write ", m_file->name, ": ", flushed ? reason() : why));
}

std::string Hdf5File::linkName(std::string_view name)
{
    if (name.empty())
        return "%";
    if (name == ".")
        return "%2E";
    std::string link;
    for (const char c : name) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '/' || c == '%' || byte < 0x20) {
            static constexpr std::string_view digits = "0123456789ABCDEF";
            link += '%';
            link += digits[byte >> 4];
            link += digits[byte & 15];
        } else {
            link += c;
        }
    }
    return link;
}

} // namespace gradus
