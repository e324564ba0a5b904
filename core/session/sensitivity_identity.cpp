// SPDX-License-Identifier: GPL-3.0-or-later
//
// What measurements are found again by: all that they depend on besides layer and candidate.
#include "core/base/hash.h"
#include "core/base/text.h"
#include "core/io/array_file.h"
#include "core/session/program.h"
#include "core/session/sensitivity_job.h"

#include <algorithm>
#include <filesystem>

namespace gradus {

namespace {

/// Of what is measured, and how.
constexpr int metricVersion = 2;

/// ":train" of "file.npz:train": which of a file's arrays, as the file's content does not say it.
std::string memberOf(const std::filesystem::path& path)
{
    return path.string().substr(ArrayFile::fileOf(path).string().size());
}

/// Of what says beside the weights what the network computes and how it is fed: the configuration,
/// the tokenizer, how pixels become inputs.
std::string surroundingsHash(const ModelSource& source, const Monitor& monitor)
{
    std::string text = sha256(source.config);
    const auto add = [&](const std::filesystem::path& file) {
        const auto& weights = source.weightFiles; // one may bring a tokenizer
        if (!file.empty() && std::find(weights.begin(), weights.end(), file) == weights.end())
            text += concat('\n', file.filename().string(), '\n', dataHash(file, monitor));
    };
    for (const std::filesystem::path& companion : source.companions)
        add(companion);
    if (std::find(source.companions.begin(), source.companions.end(), source.tokenizer) ==
        source.companions.end())
        add(source.tokenizer);
    return sha256(text);
}

} // namespace

std::string SensitivityJob::identity(Monitor& monitor) const
{
    // Contents stand for paths; what is measured does not depend on the rest of the recipe.
    Recipe common;
    common.calibration = m_request.recipe.calibration;
    common.calibration.mode = CalibrationMode::Float;
    common.seed = m_request.recipe.seed;
    common.foldBatchNorms = m_request.recipe.foldBatchNorms;
    std::string data;
    if (!common.calibration.data.empty()) {
        data = dataHash(common.calibration, monitor);
        common.calibration.data = "data" + memberOf(common.calibration.data);
        common.calibration.labels.clear();
        for (auto& [name, path] : common.calibration.inputs)
            path = memberOf(path);
    } else {
        common.calibration = {};
    }
    std::string tokenizer;
    if (!m_request.tokenizer.empty())
        tokenizer = dataHash(m_request.tokenizer, monitor);
    return concat("sensitivity ", metricVersion, '\n', programName(), '\n',
                  contentHash(m_model.source, monitor), '\n',
                  surroundingsHash(m_model.source, monitor), '\n', data, '\n', tokenizer, '\n',
                  toJson(common));
}

} // namespace gradus
