// SPDX-License-Identifier: GPL-3.0-or-later
#include "app/cli/commands.h"
#include "app/cli/terminal.h"
#include "core/base/format.h"
#include "core/base/text.h"
#include "core/quant/options.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>

namespace gradus::cli {

namespace {

const char* typeName(OptionDescription::Type type)
{
    switch (type) {
    case OptionDescription::Type::Boolean:
        return "boolean";
    case OptionDescription::Type::Integer:
        return "integer";
    case OptionDescription::Type::Real:
        return "real";
    case OptionDescription::Type::Choice:
        return "choice";
    }
    return "";
}

int listMethods(bool json)
{
    if (json) {
        nlohmann::ordered_json out;
        out["methods"] = nlohmann::ordered_json::array();
        for (const MethodDescription& method : methods()) {
            nlohmann::ordered_json entry;
            entry["name"] = method.name;
            entry["title"] = method.title;
            entry["summary"] = method.summary;
            entry["needs_calibration"] = method.needsCalibration;
            entry["options"] = nlohmann::ordered_json::array();
            for (const OptionDescription& option : method.options) {
                nlohmann::ordered_json described{{"name", option.name},
                                                 {"type", typeName(option.type)},
                                                 {"help", option.help},
                                                 {"default", option.defaultValue}};
                if (option.type == OptionDescription::Type::Choice) {
                    described["choices"] = option.choices;
                } else if (option.type != OptionDescription::Type::Boolean) {
                    described["minimum"] = option.minimum;
                    described["maximum"] = option.maximum;
                }
                entry["options"].push_back(std::move(described));
            }
            out["methods"].push_back(std::move(entry));
        }
        printJson(out.dump(2));
        return 0;
    }
    for (const MethodDescription& method : methods()) {
        std::printf("%s  (%s)%s\n    %s\n", method.name.c_str(), method.title.c_str(),
                    method.needsCalibration ? ", needs calibration" : "", method.summary.c_str());
        for (const OptionDescription& option : method.options) {
            std::string range;
            if (option.type == OptionDescription::Type::Choice)
                for (const std::string& choice : option.choices)
                    range += concat(range.empty() ? ", " : " | ", choice);
            else if (option.type != OptionDescription::Type::Boolean)
                range = concat(", ", formatReal(option.minimum), " … ", formatReal(option.maximum));
            std::printf("    --option %s=%s   %s%s: %s\n", option.name.c_str(),
                        option.defaultValue.c_str(), typeName(option.type), range.c_str(),
                        option.help.c_str());
        }
        std::puts("");
    }
    return 0;
}

} // namespace

void addMethods(CLI::App& program, const AddAction& add)
{
    CLI::App* verb =
        program.add_subcommand("methods", "The methods, their options, ranges and defaults");
    const auto json = std::make_shared<bool>(false);
    addJsonFlag(*verb, *json);
    add(verb, [json] { return listMethods(*json); });
}

} // namespace gradus::cli
