// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/models/bulk_edit.h"

#include "widgets/text.h"

#include <QCoreApplication>

namespace gradus {

BulkEdit bulkEdit(const std::vector<LayerRow>& rows, const std::vector<int>& targets,
                  const ChoiceEdit& edit, const LayerChoice& standard)
{
    BulkEdit result;
    for (const int at : targets) {
        const LayerRow& layer = rows[static_cast<std::size_t>(at)];
        if (!applies(layer.choice, edit) ||
            (isOfInputs(edit.field) && !takesInputField(layer.kind, layer.choice, edit.field)))
            continue;
        if (layer.locked && targets.size() > 1) {
            ++result.locked;
            continue;
        }
        LayerChoice next = edited(layer.choice, edit, standard);
        if (!(next == layer.choice))
            result.choices[layer.name] = std::move(next);
    }
    const QString what =
        result.choices.size() == 1
            ? toQString(result.choices.begin()->first)
            : QCoreApplication::translate("BulkEdit", "%1 layers").arg(result.choices.size());
    result.text = QCoreApplication::translate("BulkEdit", "%1 of %2").arg(editText(edit), what);
    return result;
}

} // namespace gradus
