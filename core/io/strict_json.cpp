// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/strict_json.h"

#include "core/base/error.h"
#include "core/base/text.h"

#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

namespace gradus {

namespace {

using Json = nlohmann::json;

constexpr std::size_t maximumDepth = 64;

/// Builds the value as the library's own parser does, but refuses duplicate keys and deep nesting.
class Builder final : public nlohmann::json_sax<Json>
{
public:
    explicit Builder(const std::string& name)
        : m_name(name)
    {
    }

    [[nodiscard]] Json take() { return std::move(m_root); }

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(std::int64_t value) override { return put(value); }
    bool number_unsigned(std::uint64_t value) override { return put(value); }
    bool number_float(double value, const std::string&) override { return put(value); }
    bool string(std::string& value) override { return put(std::move(value)); }
    bool binary(Json::binary_t& value) override { return put(std::move(value)); }
    bool start_object(std::size_t) override { return open(Json::object()); }
    bool start_array(std::size_t) override { return open(Json::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }

    bool key(std::string& key) override
    {
        auto& object = m_open.back()->get_ref<Json::object_t&>();
        const auto [place, isNew] = object.emplace(std::move(key), nullptr);
        if (!isNew)
            throw Error(ErrorCode::Format, concat(m_name, ": JSON key ", quoted(place->first),
                                                  " appears twice in one object"));
        m_value = &place->second;
        return true;
    }

    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::json::exception& error) override
    {
        // The library's sentence, without its "[json.exception.parse_error.101] " in front.
        const std::string_view what = error.what();
        const std::size_t bracket = what.find("] ");
        throw Error(
            ErrorCode::Format,
            concat(
                m_name, " is not valid JSON: ",
                quoted(bracket == std::string_view::npos ? what : what.substr(bracket + 2), 200)));
    }

private:
    template <class Value>
    bool put(Value&& value)
    {
        (void)place(Json(std::forward<Value>(value)));
        return true;
    }

    Json* place(Json value)
    {
        if (m_open.empty()) {
            m_root = std::move(value);
            return &m_root;
        }
        Json& parent = *m_open.back();
        if (parent.is_array()) {
            parent.push_back(std::move(value));
            return &parent.back();
        }
        *m_value = std::move(value);
        return m_value;
    }

    bool open(Json value)
    {
        if (m_open.size() == maximumDepth)
            throw Error(ErrorCode::Format,
                        concat(m_name, ": JSON is nested deeper than ", maximumDepth, " levels"));
        m_open.push_back(place(std::move(value)));
        return true;
    }

    bool close()
    {
        m_open.pop_back();
        return true;
    }

    const std::string& m_name;
    Json m_root;
    std::vector<Json*>
        m_open;              ///< the objects and lists around the next value; none moves while open
    Json* m_value = nullptr; ///< of the last key
};

} // namespace

nlohmann::json parseStrictJson(std::string_view text, const std::string& name)
{
    Builder builder(name);
    (void)Json::sax_parse(text.begin(), text.end(), &builder);
    return builder.take();
}

} // namespace gradus
