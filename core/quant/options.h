// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gradus {

/// Round-to-nearest on the min/max grid of each granule.
struct RtnOptions
{
    bool operator==(const RtnOptions&) const = default;
};

/// Round-to-nearest with the clip of each granule chosen by mean squared error.
struct RtnMseOptions
{
    /// Smallest clip tried, as a share of the min/max range: 0.05 … 1.
    double minimumClip = 0.4;
    /// Evenly spaced clips tried between minimumClip and 1: 2 … 1000.
    int steps = 60;
    bool operator==(const RtnMseOptions&) const = default;
};

/// GPTQ (Frantar et al. 2022): columns rounded in turn, each error spread over the columns not yet
/// rounded by the inverse Hessian.
struct GptqOptions
{
    /// Added to the Hessian's diagonal, as a share of its mean: 0 … 1. Raised by itself when the
    /// factorisation fails.
    double damping = 0.01;
    /// Columns in the order of decreasing Hessian diagonal.
    bool actOrder = false;
    /// With act-order: keep groups tied to the original columns (no group index needed).
    bool staticGroups = true;
    /// Clip chosen by mean squared error, as rtn-mse does, instead of min/max.
    bool mseClip = false;
    /// Columns per lazily applied update: 8 … 1024.
    int blockSize = 128;
    bool operator==(const GptqOptions&) const = default;
};

/// The method of a layer: one of these.
using MethodOptions = std::variant<RtnOptions, RtnMseOptions, GptqOptions>;

/// One option as the GUI's form, the command line and the documentation show it.
struct OptionDescription
{
    enum class Type
    {
        Boolean,
        Integer,
        Real
    };
    std::string name; ///< "act_order"
    Type type = Type::Boolean;
    std::string help;
    double minimum = 0;
    double maximum = 0;
    std::string defaultValue;
};

struct MethodDescription
{
    std::string name;  ///< "gptq"
    std::string title; ///< "GPTQ"
    std::string summary;
    bool needsCalibration = false; ///< its result depends on calibration inputs
    MethodOptions defaults;
    std::vector<OptionDescription> options;
};

/// Every method, in the order they are listed. Adding a method is one file and one entry here.
[[nodiscard]] const std::vector<MethodDescription>& methods();
[[nodiscard]] const MethodDescription* findMethod(std::string_view name);
[[nodiscard]] std::string_view methodName(const MethodOptions& options);
[[nodiscard]] bool needsCalibration(const MethodOptions& options);

/// "128", "true", "0.01".
[[nodiscard]] std::string optionValue(const MethodOptions& options, std::string_view name);
/// Sets one option from text. Throws Error(Usage) naming option, value and constraint.
void setOption(MethodOptions& options, std::string_view name, std::string_view value);
/// A sentence naming option, value and constraint, or nothing.
[[nodiscard]] std::optional<std::string> validate(const MethodOptions& options);

} // namespace gradus
