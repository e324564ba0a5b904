// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace gradus {

enum class ErrorCode
{
    Usage,       ///< an option or argument is wrong
    Io,          ///< a file cannot be opened, read or written
    Format,      ///< a file's content is malformed
    Shape,       ///< sizes do not fit together
    Unsupported, ///< well-formed, but beyond what Gradus does
    Numeric,     ///< NaN, infinity, or a computation that cannot go on
    Internal,    ///< a defect of Gradus
};

/// The one exception type of core. The message is written for the user: which file or layer, what
/// was found, what was expected. It is one sentence without a final full stop.
class Error : public std::runtime_error
{
public:
    Error(ErrorCode code, const std::string& message)
        : std::runtime_error(message)
        , m_code(code)
    {
    }

    [[nodiscard]] ErrorCode code() const noexcept { return m_code; }

    /// The same error with "context: " in front. Add context at file, layer and session level only.
    [[nodiscard]] Error within(const std::string& context) const
    {
        return Error(m_code, context + ": " + what());
    }

private:
    ErrorCode m_code;
};

/// Thrown by Monitor::checkpoint() when the caller asked to stop. Not an Error: nothing went wrong.
class Cancelled : public std::exception
{
public:
    [[nodiscard]] const char* what() const noexcept override { return "cancelled"; }
};

} // namespace gradus
