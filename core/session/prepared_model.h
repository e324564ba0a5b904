// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/graph/model.h"
#include "core/session/recipe.h"

#include <memory>
#include <string>
#include <utility>

namespace gradus {

/// The model as the recipe wants it: with its batch norms folded, or as its file has it, whichever
/// of both is given. Every verb on a recipe or a run begins here, so that callers may pass either.
[[nodiscard]] std::shared_ptr<const Model> preparedModel(std::shared_ptr<const Model> model,
                                                         const Recipe& recipe);

/// What folding does with the model's batch norms, for a person: "26 of 27 batch norms are folded
/// …"; "" when the recipe asks for none.
[[nodiscard]] std::string foldingNote(const Model& model, const Recipe& recipe);

/// The request with its model as its run wants it; without a run as it is.
template <class Request>
[[nodiscard]] Request preparedForRun(Request request)
{
    if (request.run)
        request.model = preparedModel(std::move(request.model), request.run->recipe);
    return request;
}

} // namespace gradus
