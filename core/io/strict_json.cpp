// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/strict_json.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <nlohmann/json.hpp>

#include <unordered_set>
#include <vector>

namespace gradus {

namespace {
constexpr int maximumDepth = 64;
} // namespace

nlohmann::json parseStrictJson(std::string_view text, const std::string& name)
{
    using Event = nlohmann::json::parse_event_t;
    std::vector<std::unordered_set<std::string>> keys;
    const auto check = [&](int depth, Event event, nlohmann::json& value) {
        switch (event) {
        case Event::object_start:
        case Event::array_start:
            if (depth >= maximumDepth)
                throw Error(ErrorCode::Format,
                            concat(name, ": JSON is nested deeper than ", maximumDepth, " levels"));
            if (event == Event::object_start)
                keys.emplace_back();
            break;
        case Event::key: {
            const auto& key = value.get_ref<const std::string&>();
            if (!keys.back().insert(key).second)
                throw Error(ErrorCode::Format, concat(name, ": JSON key ", quoted(key),
                                                      " appears twice in one object"));
            break;
        }
        case Event::object_end:
            keys.pop_back();
            break;
        default:
            break;
        }
        return true;
    };
    try {
        return nlohmann::json::parse(text.begin(), text.end(), check);
    } catch (const nlohmann::json::exception& error) {
        // The library's sentence, without its "[json.exception.parse_error.101] " in front.
        const std::string_view what = error.what();
        const std::size_t bracket = what.find("] ");
        throw Error(
            ErrorCode::Format,
            concat(
                name, " is not valid JSON: ",
                quoted(bracket == std::string_view::npos ? what : what.substr(bracket + 2), 200)));
    }
}

} // namespace gradus
