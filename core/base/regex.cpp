// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/base/regex.h"

#include "core/base/error.h"
#include "core/base/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <utility>

namespace gradus {

namespace {

// Steps and memory of one search. Layer names and pieces of text need a few thousand steps; a
// pattern like (a+)+$ reaches the limit in well under a second.
constexpr std::uint32_t matchLimit = 1'000'000;
constexpr std::uint32_t heapLimitKibibytes = 64 * 1024;

struct FreeMatchData
{
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

std::string messageOf(int code)
{
    PCRE2_UCHAR buffer[256];
    return pcre2_get_error_message(code, buffer, sizeof buffer) < 0
               ? concat("PCRE2 error ", code)
               : std::string(reinterpret_cast<const char*>(buffer));
}

PCRE2_SPTR units(std::string_view text)
{
    // PCRE2 before 10.43 takes no null pointer, not even for an empty text.
    return reinterpret_cast<PCRE2_SPTR>(text.data() ? text.data() : "");
}

} // namespace

struct Regex::Code
{
    pcre2_code* code = nullptr;
    pcre2_match_context* context = nullptr;
    Code() = default;
    Code(const Code&) = delete;
    Code& operator=(const Code&) = delete;
    ~Code()
    {
        pcre2_match_context_free(context);
        pcre2_code_free(code);
    }
};

Regex::Regex(std::string_view pattern)
    : m_code(std::make_unique<Code>())
    , m_pattern(pattern)
{
    int error = 0;
    PCRE2_SIZE offset = 0;
    m_code->code =
        pcre2_compile(units(pattern), pattern.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                      &error, &offset, nullptr);
    if (!m_code->code)
        throw Error(ErrorCode::Usage,
                    concat("the pattern ", quoted(pattern), " is malformed at offset ", offset,
                           ": ", messageOf(error)));
    // Without a just-in-time compiler the interpreter does the work.
    (void)pcre2_jit_compile(m_code->code, PCRE2_JIT_COMPLETE);
    m_code->context = pcre2_match_context_create(nullptr);
    if (!m_code->context)
        throw Error(ErrorCode::Internal, "cannot prepare a regular expression: out of memory");
    pcre2_set_match_limit(m_code->context, matchLimit);
    pcre2_set_heap_limit(m_code->context, heapLimitKibibytes);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

bool Regex::search(std::string_view subject) const
{
    return find(subject).has_value();
}

std::optional<Regex::Match> Regex::find(std::string_view subject, std::size_t from) const
{
    if (from > subject.size())
        return std::nullopt;
    const std::unique_ptr<pcre2_match_data, FreeMatchData> data(
        pcre2_match_data_create_from_pattern(m_code->code, nullptr));
    if (!data)
        throw Error(ErrorCode::Internal, "cannot run a regular expression: out of memory");
    int result = pcre2_match(m_code->code, units(subject), subject.size(), from, 0, data.get(),
                             m_code->context);
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) // the interpreter's stack is on the heap
        result = pcre2_match(m_code->code, units(subject), subject.size(), from, PCRE2_NO_JIT,
                             data.get(), m_code->context);
    if (result == PCRE2_ERROR_NOMATCH)
        return std::nullopt;
    if (result < 0)
        throw Error(ErrorCode::Usage,
                    concat("the pattern ", quoted(m_pattern), " cannot be searched in ",
                           quoted(subject), ": ", messageOf(result)));
    const PCRE2_SIZE* const ends = pcre2_get_ovector_pointer(data.get());
    // \K inside a lookahead can put the start behind the end.
    return Match{ends[0] < ends[1] ? ends[0] : ends[1], ends[1]};
}

std::string regexEscaped(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (std::string_view("\\^$.|?*+()[]{}-#&~ \t\n").find(c) != std::string_view::npos)
            out += '\\';
        out += c;
    }
    return out;
}

} // namespace gradus
