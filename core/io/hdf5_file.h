// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Element types of datasets. F16 is a true IEEE half type, so that viewers show numbers.
enum class Hdf5Type
{
    U8,
    U16,
    U32,
    I32,
    I64,
    F16,
    F32,
    F64
};

/// Elements that lie in a file in one piece, in the type's own layout.
struct Hdf5Place
{
    Hdf5Type type = Hdf5Type::F32;
    std::vector<std::uint64_t> dims;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

/// The few things of HDF5 that Gradus uses, with errors that name file and object and carry the
/// library's own reason. Files are created without times, so equal content gives equal bytes.
/// Reading treats every file as hostile: an object must have exactly the type and size that the
/// caller expects, and sizes are checked against the stored bytes before anything is allocated.
class Hdf5Group
{
public:
    Hdf5Group(Hdf5Group&&) noexcept;
    Hdf5Group& operator=(Hdf5Group&&) noexcept;
    ~Hdf5Group();

    // Writing. Names must not hold '/' (see Hdf5File::linkName).
    [[nodiscard]] Hdf5Group create(const std::string& name);
    void setInteger(const std::string& name, std::int64_t value);
    void setIntegers(const std::string& name, std::span<const std::int64_t> values);
    void setReal(const std::string& name, double value);
    /// An attribute, or a dataset when the text is longer than attributes may be.
    void setText(const std::string& name, std::string_view text);
    /// Always a dataset: one string, scalar.
    void writeText(const std::string& name, std::string_view text);
    /// bytes: the elements, row-major, in the type's own layout. Stored as they are: deflate saves
    /// a few per cent of a run at a twentieth of the speed.
    void write(const std::string& name, Hdf5Type type, std::span<const std::uint64_t> dims,
               std::span<const std::byte> bytes, Monitor& monitor);
    void describe(const std::string& dataset, const std::string& attribute, std::string_view text);

    // Reading.
    [[nodiscard]] const std::string& path() const { return m_path; } ///< "/layers/model.norm"
    /// How many links there are. They are not listed: in damaged files that is where HDF5 1.10
    /// crashes.
    [[nodiscard]] std::uint64_t linkCount() const;
    [[nodiscard]] bool has(const std::string& name) const; ///< a link of that name
    [[nodiscard]] bool hasAttribute(const std::string& name) const;
    [[nodiscard]] Hdf5Group open(const std::string& name) const;
    [[nodiscard]] std::int64_t integer(const std::string& name) const;
    [[nodiscard]] std::vector<std::int64_t> integers(const std::string& name,
                                                     std::size_t count) const;
    [[nodiscard]] double real(const std::string& name) const;
    [[nodiscard]] std::string text(const std::string& name, std::size_t limit = std::size_t(1)
                                                                                << 26) const;
    [[nodiscard]] std::vector<std::byte> read(const std::string& name, Hdf5Type type,
                                              std::span<const std::uint64_t> dims) const;

    // Reading what other programs wrote: strings of fixed or variable length.
    /// Strings of an attribute, one or a list of them; nothing when there is no such attribute.
    [[nodiscard]] std::optional<std::vector<std::string>> texts(const std::string& name) const;
    /// Where the elements of a dataset lie in the file, for those who read them there.
    /// Error(Unsupported) when they do not lie in one piece, or are of another type.
    [[nodiscard]] Hdf5Place locate(const std::string& name) const;

    /// Throws Error(Format) that names the file and an object of this group.
    [[noreturn]] void fail(std::string_view object, std::string_view message) const;

private:
    friend class Hdf5File;
    struct Shared;
    Hdf5Group(std::shared_ptr<Shared> file, std::int64_t id, std::string path);
    [[noreturn]] void failWith(std::string_view action, std::string_view object) const;

    std::shared_ptr<Shared> m_file;
    std::int64_t m_id = -1;
    std::string m_path;
};

class Hdf5File
{
public:
    /// Creates or truncates. shownPath stands for path in messages (path may be a temporary name).
    [[nodiscard]] static Hdf5File create(const std::filesystem::path& path,
                                         const std::filesystem::path& shownPath);
    /// Read-only.
    [[nodiscard]] static Hdf5File open(const std::filesystem::path& path);
    /// The same of a file in memory, which is copied and has to outlive the file. name stands for
    /// it in messages.
    [[nodiscard]] static Hdf5File openImage(std::span<const std::byte> bytes,
                                            const std::string& name);
    Hdf5File(Hdf5File&&) noexcept;
    ~Hdf5File();

    [[nodiscard]] Hdf5Group root() const;
    /// Writes everything out; throws Error(Io) when that fails (a full disk). Groups must be gone.
    void close();

    /// A name as a link in a file: '/', '%' and control bytes as %2F, %25, …; "." and "" as %2E
    /// and a single %. Different names have different links.
    [[nodiscard]] static std::string linkName(std::string_view name);

private:
    explicit Hdf5File(std::shared_ptr<Hdf5Group::Shared> file);
    std::shared_ptr<Hdf5Group::Shared> m_file;
};

} // namespace gradus
