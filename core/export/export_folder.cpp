// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/export/export_folder.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace gradus {

namespace {

namespace fs = std::filesystem;

constexpr const char* weightsName = "model.safetensors";
constexpr const char* filesKey = "gradus_files"; ///< names joined by '/', which no name holds

[[noreturn]] void failure(const fs::path& path, std::string_view action, int error)
{
    throw Error(ErrorCode::Io,
                concat("cannot ", action, " ", path.string(), ": ", std::strerror(error)));
}

std::vector<std::string> split(const std::string& text)
{
    std::vector<std::string> names;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find('/', begin), text.size());
        names.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return names;
}

/// The files that an earlier export wrote into the folder; empty when it is none.
std::vector<std::string> filesOfEarlierExport(const fs::path& folder)
{
    std::error_code error;
    if (!fs::is_regular_file(fs::symlink_status(folder / weightsName, error)))
        return {};
    try {
        const auto metadata = safetensorsMetadata(*mapFile(folder / weightsName));
        const auto files = metadata.find(filesKey);
        return files == metadata.end() ? std::vector<std::string>() : split(files->second);
    } catch (const Error&) {
        return {}; // not a file that Gradus wrote
    }
}

void syncFolder(const fs::path& folder)
{
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    (void)::fsync(descriptor);
    ::close(descriptor);
}

/// The source's files beside the weights, but for those that the export has of its own.
std::vector<fs::path> companionsOf(const FolderContent& content, const ModelSource& source)
{
    std::vector<fs::path> files;
    std::vector<std::string> names{weightsName};
    for (const auto& [name, text] : content.texts)
        names.push_back(name);
    for (const fs::path& companion : source.companions) {
        const std::string name = companion.filename().string();
        if (std::find(names.begin(), names.end(), name) != names.end())
            continue;
        names.push_back(name);
        files.push_back(companion);
    }
    return files;
}

void completeMetadata(std::map<std::string, std::string>& metadata,
                      const std::vector<std::string>& files)
{
    std::string list;
    for (const std::string& name : files)
        list += (list.empty() ? "" : "/") + name;
    metadata[filesKey] = list;
    metadata["format"] = "pt"; // transformers refuses files without it
}

} // namespace

ExportFolder::ExportFolder(const fs::path& target, const ModelSource& source)
{
    if (target.empty())
        throw Error(ErrorCode::Usage, "the export has no target folder");
    m_target = fs::absolute(target).lexically_normal();
    if (!m_target.has_filename()) // "folder/"
        m_target = m_target.parent_path();
    m_temporary = m_target;
    m_temporary += concat(".part-", ::getpid());

    std::error_code error;
    const fs::file_status status = fs::status(m_target, error);
    if (!fs::exists(status))
        return;
    if (!fs::is_directory(status))
        throw Error(ErrorCode::Usage, concat("cannot export to ", m_target.string(),
                                             ": it is a file, a folder is expected"));
    for (const fs::path& file : source.weightFiles) {
        if (fs::equivalent(file.parent_path(), m_target, error))
            throw Error(ErrorCode::Usage, concat("cannot export to ", m_target.string(),
                                                 ": the model itself lies there"));
    }
    m_earlier = filesOfEarlierExport(m_target);
    fs::directory_iterator entries(m_target, error);
    if (error)
        failure(m_target, "list", error.value());
    for (const fs::directory_entry& entry : entries) {
        const std::string name = entry.path().filename().string();
        if (std::find(m_earlier.begin(), m_earlier.end(), name) == m_earlier.end())
            throw Error(ErrorCode::Usage,
                        concat("cannot export to ", m_target.string(), ": it holds ", quoted(name),
                               m_earlier.empty() ? ", an empty or a new folder is expected"
                                                 : ", which is not of the earlier export there"));
    }
}

ExportFolder::~ExportFolder()
{
    std::error_code ignored;
    if (m_created)
        fs::remove_all(m_temporary, ignored);
}

void ExportFolder::create()
{
    if (m_created)
        return;
    std::error_code error;
    fs::remove_all(m_temporary, error); // of a killed program that had our number
    if (::mkdir(m_temporary.c_str(), 0777) != 0)
        failure(m_target, "create", errno);
    m_created = true;
}

void ExportFolder::addText(const std::string& name, std::string_view text)
{
    create();
    try {
        AtomicFile file(m_temporary / name);
        file.write(text);
        file.commit();
    } catch (const Error& error) {
        throw error.within(m_target.string());
    }
    m_files.push_back(name);
}

ExportResult ExportFolder::write(FolderContent content, const ModelSource& source, Monitor& monitor)
{
    create();
    for (const auto& [name, text] : content.texts)
        addText(name, text);
    for (const fs::path& companion : companionsOf(content, source)) {
        const auto file = mapFile(companion);
        const auto bytes = file->bytes();
        addText(companion.filename().string(),
                {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    m_files.emplace_back(weightsName);
    std::sort(m_files.begin(), m_files.end());
    completeMetadata(content.metadata, m_files);
    try {
        writeSafetensors(m_temporary / weightsName, std::move(content.tensors), content.metadata,
                         monitor);
    } catch (const Error& error) {
        throw error.within(m_target.string());
    }
    return commit();
}

std::uint64_t folderBytes(FolderContent content, const ModelSource& source)
{
    std::uint64_t bytes = 0;
    std::vector<std::string> files{weightsName};
    for (const auto& [name, text] : content.texts) {
        files.push_back(name);
        bytes += text.size();
    }
    for (const fs::path& companion : companionsOf(content, source)) {
        files.push_back(companion.filename().string());
        std::error_code error;
        const auto size = fs::file_size(companion, error);
        if (error)
            failure(companion, "read", error.value());
        bytes += size;
    }
    std::sort(files.begin(), files.end());
    completeMetadata(content.metadata, files);
    return bytes + safetensorsBytes(std::move(content.tensors), content.metadata);
}

ExportResult ExportFolder::commit()
{
    syncFolder(m_temporary);
    if (m_earlier.empty()) {
        if (::rename(m_temporary.c_str(), m_target.c_str()) != 0)
            failure(m_target, "write", errno);
    } else {
        // Swapped in one step where the file system can; the name is never without an export.
        if (::renameat2(AT_FDCWD, m_temporary.c_str(), AT_FDCWD, m_target.c_str(),
                        RENAME_EXCHANGE) != 0) {
            fs::path aside = m_target;
            aside += concat(".old-", ::getpid());
            if (::rename(m_target.c_str(), aside.c_str()) != 0)
                failure(m_target, "replace", errno);
            if (::rename(m_temporary.c_str(), m_target.c_str()) != 0) {
                const int error = errno;
                (void)::rename(aside.c_str(), m_target.c_str());
                failure(m_target, "replace", error);
            }
            m_temporary = aside;
        }
        // Only what the earlier export wrote: a file that came meanwhile stays.
        for (const std::string& name : m_earlier)
            ::unlink((m_temporary / name).c_str());
        ::rmdir(m_temporary.c_str());
    }
    m_created = false;
    syncFolder(m_target.parent_path());

    ExportResult result;
    for (const std::string& name : m_files) {
        result.files.push_back(m_target / name);
        std::error_code error;
        const auto bytes = fs::file_size(result.files.back(), error);
        result.bytes += error ? 0 : bytes;
    }
    return result;
}

std::map<std::string, std::string> exportMetadata(const Run& run)
{
    std::map<std::string, std::string> metadata;
    metadata["gradus_program"] = run.provenance.program;
    metadata["gradus_model_hash"] = run.provenance.modelHash;
    if (!run.provenance.calibrationHash.empty())
        metadata["gradus_calibration_hash"] = run.provenance.calibrationHash;
    metadata["gradus_seed"] = concat(run.recipe.seed);
    return metadata;
}

} // namespace gradus
