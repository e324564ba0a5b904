// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/byte_source.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace gradus {

namespace {

class MappedFile final : public ByteSource
{
public:
    explicit MappedFile(const std::filesystem::path& path)
        : m_name(path.string())
    {
        // O_NONBLOCK: opening a FIFO by mistake must not hang; regular files ignore it.
        const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (descriptor < 0)
            throw Error(ErrorCode::Io, concat("cannot open ", m_name, ": ", std::strerror(errno)));
        struct stat status = {};
        const bool known = ::fstat(descriptor, &status) == 0;
        if (!known || !S_ISREG(status.st_mode)) {
            ::close(descriptor);
            throw Error(ErrorCode::Io,
                        concat("cannot read ", m_name, ": it is ",
                               known && S_ISDIR(status.st_mode) ? "a folder, not a file"
                                                                : "not a regular file"));
        }
        m_size = static_cast<std::size_t>(status.st_size);
        if (m_size > 0) { // an empty mapping is an error for mmap, not for us
            void* address = ::mmap(nullptr, m_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
            const int error = errno;
            ::close(descriptor);
            if (address == MAP_FAILED)
                throw Error(ErrorCode::Io,
                            concat("cannot map ", m_name, ": ", std::strerror(error)));
            m_data = static_cast<const std::byte*>(address);
        } else {
            ::close(descriptor);
        }
    }

    ~MappedFile() override
    {
        if (m_data)
            ::munmap(const_cast<std::byte*>(m_data), m_size);
    }

    [[nodiscard]] std::span<const std::byte> bytes() const override { return {m_data, m_size}; }
    [[nodiscard]] const std::string& name() const override { return m_name; }

private:
    std::string m_name;
    const std::byte* m_data = nullptr;
    std::size_t m_size = 0;
};

class MemorySource final : public ByteSource
{
public:
    MemorySource(std::vector<std::byte> bytes, std::string name)
        : m_bytes(std::move(bytes))
        , m_name(std::move(name))
    {
    }

    [[nodiscard]] std::span<const std::byte> bytes() const override { return m_bytes; }
    [[nodiscard]] const std::string& name() const override { return m_name; }

private:
    std::vector<std::byte> m_bytes;
    std::string m_name;
};

} // namespace

std::shared_ptr<const ByteSource> mapFile(const std::filesystem::path& path)
{
    return std::make_shared<MappedFile>(path);
}

std::shared_ptr<const ByteSource> memorySource(std::vector<std::byte> bytes, std::string name)
{
    return std::make_shared<MemorySource>(std::move(bytes), std::move(name));
}

std::string readTextFile(const std::filesystem::path& path, std::size_t limit)
{
    const auto source = mapFile(path);
    const auto bytes = source->bytes();
    if (bytes.size() > limit)
        throw Error(ErrorCode::Format, concat(source->name(), " has ", bytes.size(),
                                              " bytes; at most ", limit, " are expected here"));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace gradus
