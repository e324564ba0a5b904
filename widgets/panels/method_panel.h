// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "widgets/models/choice.h"

#include <QWidget>

#include <string>
#include <utility>
#include <vector>

class QComboBox;
class QLabel;
class QPushButton;
class QTabBar;

namespace gradus {

class FieldPairs;
class OptionForm;

/// The choice of the selected layers, or the standard that all other layers take: method, scheme
/// and the method's own options, drawn from its description.
class MethodPanel final : public QWidget
{
    Q_OBJECT
public:
    explicit MethodPanel(QWidget* parent = nullptr);

    /// layers: the selected ones with their present choices, the current one first. A changed field
    /// is applied to each of them; their other fields stay as they are.
    void setState(const LayerChoice& standard,
                  std::vector<std::pair<std::string, LayerChoice>> layers,
                  bool selectedHaveOverrides);
    /// What is known of the inputs of the layers that the form is about.
    struct InputSites
    {
        QString whyFloat;        ///< why they stay float; empty where they need not
        bool quantizer = true;   ///< another quantizer may change that
        bool attentions = false; ///< some come from an attention
    };
    /// Of the selected layers, and of all layers. Before setState().
    void setInputSites(const InputSites& ofSelected, const InputSites& ofAll);
    /// The form as shown, "Bits\t4" per line.
    [[nodiscard]] QStringList formLines() const;
    [[nodiscard]] OptionForm* optionForm() const { return m_options; }
    void showStandard(bool standard);

Q_SIGNALS:
    /// key: equal for edits that should merge into one undo step.
    void choicesRequested(const gradus::LayerChoices& choices, const QString& text,
                          const QString& key);
    void standardRequested(const gradus::LayerChoice& choice, const QString& text,
                           const QString& key);
    void resetRequested(const std::vector<std::string>& layers);
    void editRefused(const QString& reason);

private:
    [[nodiscard]] bool editsStandard() const;
    [[nodiscard]] const LayerChoice* shownChoice() const;
    void refresh();
    void request(const ChoiceEdit& edit);

    LayerChoice m_standard;
    std::vector<std::pair<std::string, LayerChoice>> m_layers;
    bool m_overridden = false;
    InputSites m_inputSites;    ///< of the selected layers
    InputSites m_allInputSites; ///< of the standard
    QLabel* m_inputsWhy = nullptr;
    bool m_refreshing = false;

    QTabBar* m_target = nullptr;
    QLabel* m_heading = nullptr;
    QWidget* m_form = nullptr;
    std::vector<std::pair<ChoiceField, QComboBox*>> m_fields;
    QLabel* m_summary = nullptr;
    OptionForm* m_options = nullptr;
    QWidget* m_inputs = nullptr;
    FieldPairs* m_powerInputs = nullptr;
    FieldPairs* m_uniformInputs = nullptr;
    QWidget* m_attention = nullptr;
    QPushButton* m_reset = nullptr;
};

} // namespace gradus
