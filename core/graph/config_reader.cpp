// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/graph/config_reader.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <utility>

namespace gradus {

void ConfigReader::fail(const char* key, const nlohmann::json& found,
                        const std::string& expected) const
{
    throw Error(ErrorCode::Format,
                concat(m_file, ": \"", key, "\" is ",
                       quoted(found.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)),
                       ", expected ", expected));
}

ConfigReader::ConfigReader(const nlohmann::json& config, std::string file)
    : m_config(config)
    , m_file(std::move(file))
{
    if (!config.is_object())
        throw Error(ErrorCode::Format, concat(m_file, ": expected an object"));
}

bool ConfigReader::has(const char* key) const
{
    const auto found = m_config.find(key);
    return found != m_config.end() && !found->is_null();
}

std::int64_t ConfigReader::integer(const char* key, std::int64_t low, std::int64_t high) const
{
    if (!has(key))
        throw Error(ErrorCode::Format, concat(m_file, ": \"", key, "\" is missing"));
    const auto& value = m_config[key];
    if (!value.is_number_integer() ||
        (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) ||
        value.get<std::int64_t>() < low || value.get<std::int64_t>() > high)
        fail(key, value, concat("an integer from ", low, " to ", high));
    return value.get<std::int64_t>();
}

std::int64_t ConfigReader::integer(const char* key, std::int64_t low, std::int64_t high,
                                   std::int64_t fallback) const
{
    return has(key) ? integer(key, low, high) : fallback;
}

double ConfigReader::real(const char* key, double fallback) const
{
    if (!has(key))
        return fallback;
    const auto& value = m_config[key];
    if (!value.is_number() || !std::isfinite(value.get<double>()))
        fail(key, value, "a finite number");
    return value.get<double>();
}

bool ConfigReader::boolean(const char* key, bool fallback) const
{
    if (!has(key))
        return fallback;
    const auto& value = m_config[key];
    if (!value.is_boolean())
        fail(key, value, "true or false");
    return value.get<bool>();
}

std::string ConfigReader::text(const char* key, const std::string& fallback) const
{
    if (!has(key))
        return fallback;
    const auto& value = m_config[key];
    if (!value.is_string())
        fail(key, value, "a string");
    return value.get<std::string>();
}

const nlohmann::json& ConfigReader::object(const char* key) const
{
    static const nlohmann::json empty = nlohmann::json::object();
    if (!has(key))
        return empty;
    const auto& value = m_config[key];
    if (!value.is_object())
        fail(key, value, "an object");
    return value;
}

} // namespace gradus
