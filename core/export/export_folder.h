// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/export/export.h"
#include "core/io/safetensors.h"

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace gradus {

/// What an export's folder holds besides the source's companions (see ExportFolder).
struct FolderContent
{
    std::vector<std::pair<std::string, std::string>> texts; ///< file names and what they hold
    std::vector<TensorToWrite> tensors;
    std::map<std::string, std::string> metadata;
};

/// A folder of an export that appears under its name only when it is whole: written beside as
/// "NAME.part-PID" and renamed by write(). When that fails it leaves nothing behind.
///
/// The name may be free, an empty folder, or an earlier export that holds nothing but its own
/// files (they are listed in its model.safetensors), which is replaced as a whole. Anything else is
/// refused with Error(Usage): no file that Gradus did not write is ever deleted or mixed in.
class ExportFolder
{
public:
    /// Refuses early, before anything is computed; writes nothing yet.
    ExportFolder(const std::filesystem::path& target, const ModelSource& source);
    ~ExportFolder();
    ExportFolder(const ExportFolder&) = delete;
    ExportFolder& operator=(const ExportFolder&) = delete;

    /// Writes all of it and the source's tokenizer and configuration files; model.safetensors, with
    /// the list of all files in its metadata, last. Only then the folder has its name.
    ExportResult write(FolderContent content, const ModelSource& source, Monitor& monitor);

private:
    void create();
    void addText(const std::string& name, std::string_view text);
    ExportResult commit();

    std::filesystem::path m_target;
    std::filesystem::path m_temporary;
    std::vector<std::string> m_files;
    std::vector<std::string> m_earlier; ///< files of the export that is replaced
    bool m_created = false;
};

/// ExportResult::bytes of writing that.
[[nodiscard]] std::uint64_t folderBytes(FolderContent content, const ModelSource& source);

/// Metadata of every exported safetensors file: provenance without paths and times.
[[nodiscard]] std::map<std::string, std::string> exportMetadata(const Run& run);

} // namespace gradus
