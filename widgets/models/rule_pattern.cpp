// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/rule_pattern.h"

#include "core/base/error.h"
#include "core/base/regex.h"
#include "widgets/text.h"

#include <map>

namespace gradus {

namespace {
bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// A name taken apart at its numbers: texts.size() == numbers.size() + 1.
struct Parts
{
    std::vector<std::string> texts{std::string()};
    std::vector<std::string> numbers;
};
Parts partsOf(const std::string& name)
{
    Parts parts;
    for (std::size_t i = 0; i < name.size();) {
        if (!isDigit(name[i])) {
            parts.texts.back() += name[i++];
            continue;
        }
        std::string number;
        while (i < name.size() && isDigit(name[i]))
            number += name[i++];
        parts.numbers.push_back(std::move(number));
        parts.texts.emplace_back();
    }
    return parts;
}

struct ByNumber
{
    bool operator()(const std::string& a, const std::string& b) const
    {
        return a.size() != b.size() ? a.size() < b.size() : a < b;
    }
};

/// Names that differ in numbers alone.
struct Family
{
    std::vector<std::set<std::string, ByNumber>> numbers; ///< seen in each place
    std::vector<std::string> names;
};
using Families = std::map<std::vector<std::string>, Family>;

Families familiesOf(const std::vector<std::string>& names)
{
    Families families;
    for (const std::string& name : names) {
        Parts parts = partsOf(name);
        Family& family = families[parts.texts];
        family.numbers.resize(parts.numbers.size());
        for (std::size_t i = 0; i < parts.numbers.size(); ++i)
            family.numbers[i].insert(parts.numbers[i]);
        family.names.push_back(name);
    }
    return families;
}

std::string joined(const std::vector<std::string>& parts)
{
    std::string text;
    for (const std::string& part : parts)
        text += (text.empty() ? "" : "|") + part;
    return text;
}

/// Family as alternatives of a pattern.
std::vector<std::string> alternatives(const std::vector<std::string>& texts, const Family& meant,
                                      const Family& all)
{
    const bool whole = meant.names.size() == all.names.size();
    std::size_t product = 1;
    for (const auto& numbers : meant.numbers)
        product *= numbers.size();
    if (!whole && product != meant.names.size()) {
        std::vector<std::string> escaped;
        for (const std::string& name : meant.names)
            escaped.push_back(regexEscaped(name));
        return escaped;
    }
    std::string pattern = regexEscaped(texts.front());
    for (std::size_t i = 0; i < meant.numbers.size(); ++i) {
        const auto& numbers = meant.numbers[i];
        if (numbers.size() == 1)
            pattern += *numbers.begin();
        else if (numbers == all.numbers[i]) // then any number finds no other layer either
            pattern += "\\d+";
        else
            pattern += "(?:" + joined({numbers.begin(), numbers.end()}) + ")";
        pattern += regexEscaped(texts[i + 1]);
    }
    return {pattern};
}
} // namespace

std::string patternFor(const std::vector<std::string>& names, const std::vector<std::string>& all)
{
    if (names.empty())
        return {};
    const Families meant = familiesOf(names);
    const Families known = familiesOf(all);
    std::vector<std::string> parts;
    for (const auto& [texts, family] : meant) {
        const auto found = known.find(texts);
        for (std::string& part :
             alternatives(texts, family, found == known.end() ? family : found->second))
            parts.push_back(std::move(part));
    }
    return parts.size() == 1 ? "^" + parts.front() + "$" : "^(?:" + joined(parts) + ")$";
}

std::vector<int> layersMatching(const std::string& pattern, const std::vector<std::string>& layers)
{
    const Regex regex(pattern);
    std::vector<int> found;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (regex.search(layers[i]))
            found.push_back(static_cast<int>(i));
    }
    return found;
}

std::vector<RuleReach> reachOf(const std::vector<Rule>& rules,
                               const std::vector<std::string>& layers,
                               const std::set<std::string>& own)
{
    std::vector<char> taken(layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i)
        taken[i] = own.count(layers[i]) > 0;
    std::vector<RuleReach> reach(rules.size());
    for (std::size_t r = 0; r < rules.size(); ++r) {
        try {
            for (const int at : layersMatching(rules[r].pattern, layers)) {
                char& gone = taken[static_cast<std::size_t>(at)];
                ++reach[r].matched;
                reach[r].decided += !gone;
                gone = 1;
            }
        } catch (const Error& error) {
            reach[r] = {0, 0, toQString(error.what())};
        }
    }
    return reach;
}

} // namespace gradus
