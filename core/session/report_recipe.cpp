// SPDX-License-Identifier: GPL-3.0-or-later
// What the run was asked for and made from, and what the words mean.
#include "core/base/error.h"
#include "core/base/format.h"
#include "core/base/regex.h"
#include "core/session/report_page.h"

#include <algorithm>

namespace gradus {

std::optional<std::vector<std::int64_t>> ReportPage::layersOfRules() const
{
    const Recipe& recipe = m_run.recipe;
    try {
        std::vector<Regex> patterns;
        for (const Rule& rule : recipe.rules)
            patterns.emplace_back(rule.pattern);
        std::vector<std::int64_t> counts(patterns.size());
        std::size_t done = 0;
        for (const ReportRow& row : m_rows) {
            if (++done % 64 == 0)
                m_monitor.checkpoint();
            if (recipe.overrides.contains(row.layer->name))
                continue;
            const auto rule =
                std::find_if(patterns.begin(), patterns.end(),
                             [&](const Regex& pattern) { return pattern.search(row.layer->name); });
            if (rule != patterns.end())
                ++counts[static_cast<std::size_t>(rule - patterns.begin())];
        }
        return counts;
    } catch (const Error&) {
        return std::nullopt;
    }
}

void ReportPage::recipe()
{
    constexpr std::size_t most = 24; // rules, overrides and locks spelled out
    const Recipe& recipe = m_run.recipe;
    open("recipe", "Recipe");
    add("<dl class=\"facts\">\n");
    fact("Standard", escaped(choiceSentence(recipe.standard)));
    add("<dt>Rules</dt><dd>");
    if (recipe.rules.empty())
        add("none");
    const auto counts = layersOfRules();
    for (std::size_t i = 0; i < recipe.rules.size() && i < most; ++i) {
        const Rule& rule = recipe.rules[i];
        add("<div>names that match <code class=\"name\">", escaped(rule.pattern),
            "</code>: ", escaped(choiceSentence(rule.choice)));
        if (counts)
            add(" <span class=\"quiet\">(", counted((*counts)[i], "layer", "layers"), ")</span>");
        add("</div>");
    }
    andMore(recipe.rules.size(), most);
    add("</dd>\n<dt>Overrides</dt><dd>");
    if (recipe.overrides.empty())
        add("none");
    std::size_t shown = 0;
    for (const auto& [name, choice] : recipe.overrides) {
        if (shown++ == most)
            break;
        add("<div>", named(name), ": ", escaped(choiceSentence(choice)), "</div>");
    }
    andMore(recipe.overrides.size(), most);
    add("</dd>\n<dt>Locked</dt><dd>");
    if (recipe.locked.empty())
        add("none");
    shown = 0;
    for (const std::string& name : recipe.locked) {
        if (shown++ == most)
            break;
        add("<div>", named(name), "</div>");
    }
    andMore(recipe.locked.size(), most);
    add("</dd>\n");
    const CalibrationChoice& calibration = recipe.calibration;
    if (calibration.data.empty())
        fact("Calibration", "none");
    else
        fact("Calibration",
             concat(named(fileNameOf(calibration.data)), ", at most ",
                    counted(calibration.samples, "window", "windows"),
                    calibration.context > 0
                        ? concat(" of ", counted(calibration.context, "token", "tokens"))
                        : std::string(),
                    calibration.mode == CalibrationMode::Float ? ", on the float model, in one pass"
                    : calibration.mode == CalibrationMode::Sequential
                        ? ", sequential: each block sees the outputs of the quantized blocks "
                          "before it"
                        : ", true-sequential: each layer sees the quantized layers before it"));
    fact("Seed", std::to_string(recipe.seed));
    if (recipe.foldBatchNorms)
        fact("Batch norms", "folded into the layers before them");
    add("</dl>\n<details><summary>The recipe as JSON</summary>\n");
    Recipe plain = recipe;
    plain.calibration.data = fileNameOf(calibration.data);
    plain.calibration.labels = fileNameOf(calibration.labels);
    for (auto& [name, path] : plain.calibration.inputs)
        path = fileNameOf(path);
    try {
        add("<pre><code>", escaped(toJson(plain)), "</code></pre>\n");
    } catch (const Error& error) {
        add("<p>", escaped(error.what()), ".</p>\n");
    }
    add("</details>\n");
    close();
}

void ReportPage::andMore(std::size_t count, std::size_t most)
{
    if (count > most)
        add("<div class=\"quiet\">and ", formatCount(static_cast<std::int64_t>(count - most)),
            " more, in the JSON below</div>");
}

void ReportPage::provenance()
{
    open("provenance", "Provenance");
    add("<dl class=\"facts\">\n");
    origin(m_run.provenance);
    add("</dl>\n");
    if (m_request.compared) {
        add("<h3>", escaped(shortened(comparedName(), 80)), "</h3>\n<dl class=\"facts\">\n");
        origin(m_request.compared->provenance);
        fact("Seed", std::to_string(m_request.compared->recipe.seed));
        add("</dl>\n");
    }
    close();
}

void ReportPage::origin(const Provenance& from)
{
    const auto hash = [](const std::string& text) {
        return text.empty() ? std::string("–")
                            : concat("<span class=\"hash\">", escaped(text), "</span>");
    };
    fact("Program", escaped(from.program));
    fact("Model", named(fileNameOf(from.modelPath)));
    fact("Model fingerprint", hash(from.modelFingerprint));
    fact("Model content, SHA-256", hash(from.modelHash));
    if (from.calibrationHash.empty()) {
        fact("Calibration", "none");
        return;
    }
    fact("Calibration file, SHA-256", hash(from.calibrationHash));
    fact("Calibration inputs", concat(counted(from.calibrationWindows, "window", "windows"), " of ",
                                      counted(from.calibrationContext, "token", "tokens")));
}

void ReportPage::words()
{
    open("words", "What the numbers mean");
    add("<dl class=\"facts\">\n");
    fact("Bits per weight", "All stored bits of codes, scales and zeros over the number of "
                            "weights: exact, not nominal.");
    fact("Relative output error",
         "‖X(W−Ŵ)ᵀ‖² / ‖XWᵀ‖²: the share of a layer's output energy that quantization changed, "
         "on the calibration inputs X.");
    fact("Weight SQNR", "10·log₁₀(Σw² / Σ(w−ŵ)²) in decibels, of the weights alone; 6 dB are about "
                        "one bit.");
    fact("Ratings",
         concat("By the relative output error: ", symbol(ErrorRating::Good), " good up to ",
                realText(goodOutputError * 100), " %, ", symbol(ErrorRating::Fair), " fair up to ",
                realText(fairOutputError * 100), " %, ", symbol(ErrorRating::Poor),
                " poor above."));
    fact("Fingerprint", "SHA-256 over size and header of each weight file.");
    add("</dl>\n");
    close();
}

} // namespace gradus
