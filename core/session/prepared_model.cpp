// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/session/prepared_model.h"

#include "core/base/text.h"
#include "core/graph/fold_batch_norms.h"

namespace gradus {

std::shared_ptr<const Model> preparedModel(std::shared_ptr<const Model> model, const Recipe& recipe)
{
    return recipe.foldBatchNorms ? foldBatchNorms(std::move(model)) : unfolded(std::move(model));
}

std::string foldingNote(const Model& model, const Recipe& recipe)
{
    if (!recipe.foldBatchNorms)
        return {};
    const FoldedNorms norms = foldableNorms(model);
    const std::size_t count = norms.folded.size() + norms.kept.size();
    if (count == 0)
        return "the model has no batch norms to fold";
    std::string note =
        concat(norms.folded.size(), " of ", count, count == 1 ? " batch norm" : " batch norms",
               norms.folded.size() == 1 ? " is" : " are", " folded into the layers before them");
    if (!norms.kept.empty())
        note += concat("; ", norms.kept.front().node, " stays: ", norms.kept.front().why);
    return note;
}

} // namespace gradus
