// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/tensor/block_pool.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <new>

namespace gradus {

namespace {

constexpr std::align_val_t alignment{64};
/// Before every block: how many bytes it can hold.
constexpr std::size_t header = 64;
/// Smaller blocks come from the heap fast enough.
constexpr std::size_t smallest = std::size_t(1) << 15;
/// Kept at most.
#if defined(__has_feature)
#    if __has_feature(address_sanitizer)
#        define GRADUS_ADDRESS_SANITIZER
#    endif
#elif defined(__SANITIZE_ADDRESS__)
#    define GRADUS_ADDRESS_SANITIZER
#endif
#if defined(GRADUS_ADDRESS_SANITIZER)
constexpr std::size_t budget = 0; // freed memory has to be seen as such
#else
constexpr std::size_t budget = std::size_t(64) << 20;
#endif

/// Sizes come in steps of an eighth, so that blocks find users of about their size.
std::size_t capacityFor(std::size_t bytes)
{
    if (bytes < smallest)
        return bytes;
    const std::size_t step = std::bit_floor(bytes) / 8;
    return (bytes + step - 1) / step * step;
}

std::size_t& capacityOf(std::byte* block)
{
    return *reinterpret_cast<std::size_t*>(block - header);
}

class BlockPool
{
public:
    /// Never destroyed: tensors may be.
    static BlockPool& instance()
    {
        static BlockPool& pool = *new BlockPool;
        return pool;
    }
    std::byte* take(std::size_t capacity)
    {
        const std::lock_guard lock(m_mutex);
        const auto found = m_blocks.lower_bound(capacity);
        // A little larger is good enough.
        if (found == m_blocks.end() || found->first > capacity + capacity / 4)
            return nullptr;
        std::byte* block = found->second;
        m_bytes -= found->first;
        m_blocks.erase(found);
        return block;
    }
    bool keep(std::byte* block)
    {
        const std::size_t capacity = capacityOf(block);
        const std::lock_guard lock(m_mutex);
        if (capacity > budget - std::min(budget, m_bytes))
            return false;
        m_blocks.emplace(capacity, block);
        m_bytes += capacity;
        return true;
    }
    std::byte* release()
    {
        const std::lock_guard lock(m_mutex);
        if (m_blocks.empty())
            return nullptr;
        const auto last = std::prev(m_blocks.end());
        std::byte* block = last->second;
        m_bytes -= last->first;
        m_blocks.erase(last);
        return block;
    }

private:
    std::mutex m_mutex;
    std::multimap<std::size_t, std::byte*> m_blocks;
    std::size_t m_bytes = 0;
};

void deleteBlock(std::byte* block) noexcept
{
    ::operator delete[](block - header, alignment);
}

} // namespace

std::byte* takeBlock(std::size_t bytes)
{
    if (bytes > std::numeric_limits<std::size_t>::max() / 2)
        throw std::bad_alloc();
    const std::size_t capacity = capacityFor(bytes);
    if (capacity >= smallest)
        if (std::byte* block = BlockPool::instance().take(capacity))
            return block;
    std::byte* memory = nullptr;
    for (;;)
        try {
            memory = static_cast<std::byte*>(::operator new[](header + capacity, alignment));
            break;
        } catch (const std::bad_alloc&) {
            std::byte* kept = BlockPool::instance().release();
            if (!kept)
                throw;
            deleteBlock(kept);
        }
    std::byte* block = memory + header;
    ::new (static_cast<void*>(block - header)) std::size_t(capacity);
    return block;
}

void giveBlockBack(std::byte* block) noexcept
{
    if (!block)
        return;
    try {
        if (capacityOf(block) >= smallest && BlockPool::instance().keep(block))
            return;
    } catch (const std::bad_alloc&) {
        // There is no room for the note that it is kept.
    }
    deleteBlock(block);
}

} // namespace gradus
