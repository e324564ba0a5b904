// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/activation_store.h"

#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/text.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

namespace gradus {

namespace {

void* mapTemporary(std::size_t bytes)
{
    std::string name =
        (std::filesystem::temp_directory_path() / "gradus-activations-XXXXXX").string();
    const auto fail = [&]() {
        throw Error(ErrorCode::Io,
                    concat("cannot spill ", formatBytes(bytes), " of activations to ",
                           std::filesystem::path(name).parent_path().string(), ": ",
                           std::strerror(errno), "; set TMPDIR or raise the memory budget"));
    };
    const int descriptor = ::mkstemp(name.data());
    if (descriptor < 0)
        fail();
    ::unlink(name.c_str());
    // The space is taken now, so that a full disk is an error here and not a crash later.
    void* mapping = MAP_FAILED;
    const int reserved = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes));
    if (reserved == 0)
        mapping = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    else
        errno = reserved;
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (mapping == MAP_FAILED)
        fail();
    return mapping;
}

} // namespace

ActivationStore::ActivationStore(std::int64_t rows, std::int64_t features,
                                 std::uint64_t memoryBytes)
    : m_rows(rows)
    , m_features(features)
{
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(elementCount({rows, features})) * sizeof(float);
    if (bytes <= memoryBytes) {
        m_memory = Tensor({rows, features});
    } else {
        m_mappedBytes = static_cast<std::size_t>(bytes);
        m_mapping = mapTemporary(m_mappedBytes);
    }
}

ActivationStore::~ActivationStore()
{
    if (m_mapping)
        ::munmap(m_mapping, m_mappedBytes);
}

MatrixView ActivationStore::rows(std::int64_t first, std::int64_t count)
{
    assert(first >= 0 && first + count <= m_rows);
    float* data = m_mapping ? static_cast<float*>(m_mapping) : m_memory.floats().data();
    return {data + first * m_features, count, m_features};
}

ConstMatrixView ActivationStore::rows(std::int64_t first, std::int64_t count) const
{
    assert(first >= 0 && first + count <= m_rows);
    const float* data = m_mapping ? static_cast<const float*>(m_mapping) : m_memory.floats().data();
    return {data + first * m_features, count, m_features};
}

} // namespace gradus
