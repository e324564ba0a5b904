// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QFrame>
#include <QStringList>

#include <functional>
#include <vector>

class QHBoxLayout;
class QLabel;
class QToolButton;

namespace gradus {

/// One sentence across the top of the window, until it is dismissed or replaced.
class MessageBar final : public QFrame
{
    Q_OBJECT
public:
    enum class Kind
    {
        Information,
        Success,
        Problem
    };
    explicit MessageBar(QWidget* parent = nullptr);
    /// Something that the person can do about it, as a button; the bar goes when it is chosen.
    struct Action
    {
        QString text;
        std::function<void()> run;
    };
    void showMessage(Kind kind, const QString& text, const std::vector<Action>& actions = {});
    [[nodiscard]] QStringList actionTexts() const;
    [[nodiscard]] QString text() const;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QLabel* m_text = nullptr;
    QHBoxLayout* m_layout = nullptr;
    std::vector<QToolButton*> m_actions;
    Kind m_kind = Kind::Information;
};

} // namespace gradus
