// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"
#include "core/export/export.h"
#include "core/io/safetensors.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gradus {

/// A folder of an export that appears under its name only when it is whole: written beside as
/// "NAME.part-PID" and renamed by commit(). Destroyed without commit(), it leaves nothing behind.
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

    void addText(const std::string& name, std::string_view text);
    /// The source's tokenizer and configuration files.
    void addCompanions(const ModelSource& source);
    /// Writes model.safetensors, last of all files, with the list of all in its metadata.
    void writeTensors(std::vector<TensorToWrite> tensors,
                      std::map<std::string, std::string> metadata, Monitor& monitor);
    ExportResult commit();

private:
    void create();

    std::filesystem::path m_target;
    std::filesystem::path m_temporary;
    std::vector<std::string> m_files;
    std::vector<std::string> m_earlier; ///< files of the export that is replaced
    bool m_created = false;
};

/// Metadata of every exported safetensors file: provenance without paths and times.
[[nodiscard]] std::map<std::string, std::string> exportMetadata(const Run& run);

} // namespace gradus
