// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

/// A value of a recipe's JSON with its place, for messages. Refers to the JSON and to the name of
/// the file.
class RecipeReader
{
public:
    RecipeReader(const nlohmann::json& json, std::string path, const std::string& file);

    [[noreturn]] void expected(std::string_view what) const;
    [[noreturn]] void fail(std::string_view message) const;

    /// Fails unless it is an object with some of these keys and no other.
    void object(std::initializer_list<std::string_view> keys) const;
    [[nodiscard]] std::optional<RecipeReader> at(const std::string& key) const;
    [[nodiscard]] std::vector<RecipeReader> array() const;
    [[nodiscard]] std::string text(std::string_view what) const;
    [[nodiscard]] bool boolean() const;
    [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most,
                                       std::string_view what) const;
    [[nodiscard]] const nlohmann::json& json() const { return m_json; }
    [[nodiscard]] std::string child(const std::string& key) const;

private:
    const nlohmann::json& m_json;
    std::string m_path;
    const std::string& m_file;
};

} // namespace gradus
