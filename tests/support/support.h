// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/base/monitor.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

namespace gradus::test {

/// |actual − expected| ≤ atol + rtol·|expected| for every element; NaN fails. Prints the worst.
template <class A, class B>
bool allClose(std::span<const A> actual, std::span<const B> expected, double rtol, double atol)
{
    if (actual.size() != expected.size()) {
        std::fprintf(stderr, "allClose: %zu values, expected %zu\n", actual.size(),
                     expected.size());
        return false;
    }
    double worst = 0;
    std::size_t at = 0;
    bool good = true;
    for (std::size_t i = 0; i < actual.size(); ++i) {
        const double a = static_cast<double>(actual[i]);
        const double e = static_cast<double>(expected[i]);
        const double excess = std::fabs(a - e) / (atol + rtol * std::fabs(e));
        if (!(excess <= 1)) {
            good = false;
            if (!(excess <= worst)) {
                worst = excess;
                at = i;
            }
        }
    }
    if (!good)
        std::fprintf(stderr, "allClose: [%zu] is %.9g, expected %.9g (%.3g times the tolerance)\n",
                     at, static_cast<double>(actual[at]), static_cast<double>(expected[at]), worst);
    return good;
}

inline bool isClose(double actual, double expected, double rtol, double atol = 0)
{
    return allClose(std::span<const double>(&actual, 1), std::span<const double>(&expected, 1),
                    rtol, atol);
}

/// The folder of real models, when the environment names one.
inline std::optional<std::filesystem::path> dataFolder()
{
    const char* folder = std::getenv("GRADUS_DATA");
    if (!folder || !std::filesystem::is_directory(folder))
        return std::nullopt;
    return std::filesystem::path(folder);
}

/// Asks to stop at the k-th checkpoint (counted from 0).
class StopAt final : public Monitor
{
public:
    explicit StopAt(int k)
        : m_left(k)
    {
    }
    bool stopRequested() const override { return m_left.fetch_sub(1) <= 0; }

private:
    mutable std::atomic<int> m_left;
};

/// A folder that is gone with all its content at the end of the scope.
class TemporaryFolder
{
public:
    TemporaryFolder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "gradus-test-XXXXXX").string();
        m_path = ::mkdtemp(name.data());
    }
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    const std::filesystem::path& path() const { return m_path; }
    std::filesystem::path operator/(const std::string& name) const { return m_path / name; }

private:
    std::filesystem::path m_path;
};

} // namespace gradus::test
