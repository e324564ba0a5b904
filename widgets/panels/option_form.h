// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "core/quant/options.h"

#include <QWidget>

#include <string>
#include <vector>

class QFormLayout;
class QToolButton;
class QVBoxLayout;

namespace gradus {

/// The options of a method as a form, drawn from its description: check boxes, numbers and
/// drop-downs, under a title for each section that can be folded away. What has no effect under
/// the other options is disabled and says what it needs.
class OptionForm final : public QWidget
{
    Q_OBJECT
public:
    explicit OptionForm(QWidget* parent = nullptr);

    /// Says nothing.
    void setOptions(const MethodOptions& options);
    /// Whether the options of a section are seen; it stays so for other layers and methods.
    void setSectionOpen(const std::string& section, bool open);
    [[nodiscard]] bool isSectionOpen(const std::string& section) const;
    /// "Act order\ttrue" per option, folded away or not.
    [[nodiscard]] QStringList lines() const;
    /// The field of an option; nullptr when the method has none of that name.
    [[nodiscard]] QWidget* editor(const std::string& name) const;

Q_SIGNALS:
    /// value: as setOption reads it.
    void edited(const QString& name, const QString& value);
    void refused(const QString& reason);

protected:
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    struct Section
    {
        std::string name;
        std::string switchedBy; ///< option whose value its title says
        QToolButton* title = nullptr;
        QWidget* box = nullptr;
        QFormLayout* form = nullptr;
    };
    struct Field
    {
        const OptionDescription* option = nullptr;
        QWidget* editor = nullptr;
        QWidget* label = nullptr; ///< null for a check box, which says it itself
    };
    void build(const MethodDescription& method);
    Section& section(const MethodDescription& method, const std::string& name);
    [[nodiscard]] QWidget* makeEditor(const OptionDescription& option);
    void fold(Section& section, bool open);
    static void fill(const Field& field, const QString& value);
    [[nodiscard]] static QString shown(const Field& field);

    std::string m_method;
    QVBoxLayout* m_layout = nullptr;
    std::vector<Section> m_sections;
    std::vector<Field> m_fields;
    std::vector<std::string> m_closed; ///< sections folded away
    bool m_setting = false;
};

} // namespace gradus
