// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/recipe_reader.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>

namespace gradus {

namespace {

using Json = nlohmann::json;

std::string found(const Json& value)
{
    std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    constexpr std::size_t limit = 60;
    if (text.size() > limit) {
        std::size_t end = limit;
        while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
            --end;
        text = text.substr(0, end) + "…";
    }
    return text;
}

} // namespace

RecipeReader::RecipeReader(const Json& json, std::string path, const std::string& file)
    : m_json(json)
    , m_path(std::move(path))
    , m_file(file)
{
}

void RecipeReader::expected(std::string_view what) const
{
    throw Error(ErrorCode::Format, concat(m_file, ": ", m_path.empty() ? "the recipe" : m_path,
                                          " is ", found(m_json), ", expected ", what));
}

void RecipeReader::fail(std::string_view message) const
{
    throw Error(ErrorCode::Format,
                concat(m_file, ": ", m_path.empty() ? "the recipe" : m_path, ": ", message));
}

void RecipeReader::object(std::initializer_list<std::string_view> keys) const
{
    if (!m_json.is_object())
        expected("an object");
    for (const auto& [key, value] : m_json.items()) {
        if (std::find(keys.begin(), keys.end(), key) != keys.end())
            continue;
        std::string list;
        for (const std::string_view known : keys)
            list += concat(list.empty() ? "" : ", ", known);
        throw Error(ErrorCode::Format,
                    concat(m_file, ": ", child(key), " is an unknown key, expected ",
                           list.empty() ? "none" : "one of " + list));
    }
}

std::optional<RecipeReader> RecipeReader::at(const std::string& key) const
{
    const auto value = m_json.find(key);
    if (value == m_json.end())
        return std::nullopt;
    return RecipeReader(*value, child(key), m_file);
}

std::vector<RecipeReader> RecipeReader::array() const
{
    if (!m_json.is_array())
        expected("an array");
    std::vector<RecipeReader> items;
    for (std::size_t i = 0; i < m_json.size(); ++i)
        items.emplace_back(m_json[i], concat(m_path, "[", i, "]"), m_file);
    return items;
}

std::string RecipeReader::text(std::string_view what) const
{
    if (!m_json.is_string())
        expected(what);
    return m_json.get<std::string>();
}

bool RecipeReader::boolean() const
{
    if (!m_json.is_boolean())
        expected("true or false");
    return m_json.get<bool>();
}

std::int64_t RecipeReader::integer(std::int64_t least, std::int64_t most,
                                   std::string_view what) const
{
    const bool fits = m_json.is_number_integer() &&
                      (!m_json.is_number_unsigned() ||
                       m_json.get<std::uint64_t>() <=
                           static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) &&
                      m_json.get<std::int64_t>() >= least && m_json.get<std::int64_t>() <= most;
    if (!fits)
        expected(what);
    return m_json.get<std::int64_t>();
}

std::string RecipeReader::child(const std::string& key) const
{
    const bool plain =
        key.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos && !key.empty();
    return plain ? concat(m_path, m_path.empty() ? "" : ".", key)
                 : concat(m_path, "[", quoted(key), "]");
}

} // namespace gradus
