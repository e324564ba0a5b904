// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLineEdit>
#include <QTimer>

class QCompleter;
class QLabel;
class QStringListModel;

namespace gradus {

struct ExpressionProblem;

/// The line in which a filter is typed: completes names of fields, remembers what was used, and
/// marks what cannot be read with an outline and a note under the line.
class FilterLine final : public QLineEdit
{
    Q_OBJECT
public:
    explicit FilterLine(QWidget* parent = nullptr);

    /// Marks the place and says why; the note appears when typing pauses.
    void showProblem(const ExpressionProblem& problem);
    void clearProblem();
    [[nodiscard]] QString problem() const { return m_problem; }

    void remember(const QString& text);
    [[nodiscard]] const QStringList& history() const { return m_history; }
    void setHistory(const QStringList& history) { m_history = history; }
    /// A window with the fields and examples; examples can be clicked.
    void showHelp(const QPoint& global);

Q_SIGNALS:
    void leftDownward(); ///< Down, Esc: to the table

protected:
    bool event(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    void complete();
    void insertCompletion(const QString& name);
    void showNote();
    void showHistory();
    /// Start of the word before the cursor.
    [[nodiscard]] int wordStart() const;

    QCompleter* m_completer;
    QLabel* m_note = nullptr;
    QTimer m_noteTimer;
    QString m_problem;
    int m_problemAt = 0;
    int m_problemLength = 0;
    QStringList m_history;
};

} // namespace gradus
