// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <string>

namespace gradus {

/// Typed access to a config.json (or another such file). Every getter throws Error(Format) naming
/// the key, what was found and what was expected.
class ConfigReader
{
public:
    explicit ConfigReader(const nlohmann::json& config, std::string file = "config.json");

    [[nodiscard]] bool has(const char* key) const; ///< present and not null
    /// An integer in [low, high].
    [[nodiscard]] std::int64_t integer(const char* key, std::int64_t low, std::int64_t high) const;
    [[nodiscard]] std::int64_t integer(const char* key, std::int64_t low, std::int64_t high,
                                       std::int64_t fallback) const;
    [[nodiscard]] double real(const char* key, double fallback) const; ///< finite
    [[nodiscard]] bool boolean(const char* key, bool fallback) const;
    [[nodiscard]] std::string text(const char* key, const std::string& fallback) const;
    /// An object, or an empty one.
    [[nodiscard]] const nlohmann::json& object(const char* key) const;

private:
    [[noreturn]] void fail(const char* key, const nlohmann::json& found,
                           const std::string& expected) const;

    const nlohmann::json& m_config;
    std::string m_file; ///< for messages
};

} // namespace gradus
