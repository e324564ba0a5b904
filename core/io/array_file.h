// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/io/stored_array.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// Files of arrays of every kind, told apart by content: npy, npz, idx, HDF5, and gzip around npy
/// and idx. An array of several is named behind a colon: "file.npz:x_test", "file.h5:/images/x".
class ArrayFile
{
public:
    /// Throws Error(Io | Format | Unsupported) naming the file, or Error(Usage) when the file holds
    /// one array and another is named.
    explicit ArrayFile(const std::filesystem::path& path);

    [[nodiscard]] static bool isArrayFile(const std::filesystem::path& path);
    /// path, without the name of an array behind it.
    [[nodiscard]] static std::filesystem::path fileOf(const std::filesystem::path& path);

    /// The user named one of several.
    [[nodiscard]] bool isNamed() const { return !m_member.empty(); }
    /// Of an npz. HDF5 is not listed (see Hdf5Group::linkCount), others have one without a name.
    [[nodiscard]] const std::vector<std::string>& names() const { return m_names; }
    [[nodiscard]] bool has(const std::string& name) const;
    [[nodiscard]] StoredArray open(const std::string& name) const;
    /// The one that the user named; else the only one; else the first of these names that there is.
    /// Throws Error(Usage) when that does not tell.
    [[nodiscard]] StoredArray openAny(const std::vector<std::string>& preferred) const;

private:
    std::filesystem::path m_path;
    std::string m_member;
    std::shared_ptr<const ByteSource> m_source;
    std::vector<std::string> m_names;
};

} // namespace gradus
