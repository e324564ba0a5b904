// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/io/npy.h"

#include "core/base/atomic_file.h"
#include "core/base/error.h"
#include "core/base/text.h"

#include <optional>

namespace gradus {

namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t mostAxes = 32; // NumPy's own limit
constexpr std::size_t longestHeader = std::size_t(1) << 16;

/// The header's dictionary: three keys in any order, with what Python allows around them.
class NpyHeaderReader
{
public:
    NpyHeaderReader(std::string_view text, const std::string& name)
        : m_text(text)
        , m_name(name)
    {
    }

    void read()
    {
        expect('{');
        while (!accept('}')) {
            const std::string key = string();
            expect(':');
            if (key == "descr" && !descr)
                readDescr();
            else if (key == "fortran_order" && !fortranOrder)
                fortranOrder = boolean();
            else if (key == "shape" && !shape)
                shape = tuple();
            else
                fail(concat("has the key ", quoted(key), " once too often"));
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        skipSpace();
        if (m_at != m_text.size())
            fail("goes on after its end");
        if (!descr || !fortranOrder || !shape)
            fail("lacks one of descr, fortran_order and shape");
    }

    std::optional<std::string> descr;
    std::optional<bool> fortranOrder;
    std::optional<Shape> shape;

private:
    [[noreturn]] void fail(const std::string& what) const
    {
        throw Error(ErrorCode::Format, concat(m_name, ": the npy header ", what));
    }
    void skipSpace()
    {
        while (m_at < m_text.size() && (m_text[m_at] == ' ' || m_text[m_at] == '\n' ||
                                        m_text[m_at] == '\t' || m_text[m_at] == '\r'))
            ++m_at;
    }
    bool accept(char c)
    {
        skipSpace();
        if (m_at >= m_text.size() || m_text[m_at] != c)
            return false;
        ++m_at;
        return true;
    }
    void expect(char c)
    {
        if (!accept(c))
            fail(concat("lacks a '", c, "' at its character ", m_at));
    }
    std::string string()
    {
        skipSpace();
        const char quote = m_at < m_text.size() ? m_text[m_at] : ' ';
        const auto end = m_text.find(quote, m_at + 1);
        if ((quote != '\'' && quote != '"') || end == std::string_view::npos)
            fail(concat("lacks a text at its character ", m_at));
        std::string value(m_text.substr(m_at + 1, end - m_at - 1));
        m_at = end + 1;
        return value;
    }
    void readDescr()
    {
        skipSpace();
        if (m_at < m_text.size() && m_text[m_at] == '[')
            throw Error(ErrorCode::Unsupported,
                        m_name + " holds a structured array; plain numbers are expected");
        descr = string();
    }
    bool boolean()
    {
        skipSpace();
        for (const bool value : {true, false}) {
            const std::string_view word = value ? "True" : "False";
            if (m_text.substr(m_at, word.size()) == word) {
                m_at += word.size();
                return value;
            }
        }
        fail("has a fortran_order that is neither True nor False");
    }
    Shape tuple()
    {
        Shape sizes;
        expect('(');
        while (!accept(')')) {
            skipSpace();
            const std::size_t start = m_at;
            while (m_at < m_text.size() && m_text[m_at] >= '0' && m_text[m_at] <= '9')
                ++m_at;
            long long size = 0;
            if (!parseInteger(m_text.substr(start, m_at - start), size))
                fail(concat("lacks a size at its character ", start));
            (void)accept('L'); // Python 2 wrote long integers so
            sizes.push_back(size);
            if (sizes.size() > mostAxes)
                fail(concat("has more than ", mostAxes, " axes"));
            if (!accept(',')) {
                expect(')');
                break;
            }
        }
        return sizes;
    }

    std::string_view m_text;
    const std::string& m_name;
    std::size_t m_at = 0;
};

/// What '<f4' means. NumPy's letters: f, i, u, b; V2 is what bfloat16 is saved as.
StoredLayout layoutOf(const std::string& descr, const std::string& name)
{
    const auto refuse = [&](std::string_view what) {
        return Error(ErrorCode::Unsupported,
                     concat(name, " holds ", what, " (", quoted(descr),
                            "); floats, integers or booleans are expected"));
    };
    std::string_view type = descr;
    StoredLayout layout;
    if (!type.empty() && std::string_view("<>|=").find(type[0]) != std::string_view::npos) {
        layout.bigEndian = type[0] == '>';
        type.remove_prefix(1);
    }
    static constexpr std::pair<std::string_view, StoredKind> kinds[] = {
        {"f2", StoredKind::F16}, {"f4", StoredKind::F32}, {"f8", StoredKind::F64},
        {"i1", StoredKind::I8},  {"i2", StoredKind::I16}, {"i4", StoredKind::I32},
        {"i8", StoredKind::I64}, {"u1", StoredKind::U8},  {"u2", StoredKind::U16},
        {"u4", StoredKind::U32}, {"u8", StoredKind::U64}, {"b1", StoredKind::Bool},
        {"?", StoredKind::Bool}, {"V2", StoredKind::BF16}};
    for (const auto& [letters, kind] : kinds) {
        if (type == letters) {
            layout.kind = kind;
            return layout;
        }
    }
    switch (type.empty() ? ' ' : type[0]) {
    case 'O':
        throw refuse("Python objects");
    case 'c':
        throw refuse("complex numbers");
    case 'S':
    case 'U':
    case 'a':
        throw refuse("texts");
    case 'M':
    case 'm':
        throw refuse("times");
    default:
        throw refuse("elements of an unknown type");
    }
}

} // namespace

bool isNpy(std::span<const std::byte> bytes)
{
    return bytes.size() >= magic.size() &&
           std::string_view(reinterpret_cast<const char*>(bytes.data()), magic.size()) == magic;
}

StoredArray openNpy(std::shared_ptr<const ByteSource> source)
{
    const std::string name = source->name();
    const auto fail = [&](const auto&... what) {
        return Error(ErrorCode::Format, concat(name, ": ", what...));
    };
    const auto bytes = source->bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!isNpy(bytes))
        throw fail("this is no npy file");
    if (text.size() < 10)
        throw fail("the npy file ends within its first ten bytes");
    const int major = static_cast<unsigned char>(text[6]);
    if (major < 1 || major > 3)
        throw Error(ErrorCode::Unsupported,
                    concat(name, " is an npy file of version ", major, "; 1 to 3 are read"));
    const std::size_t start = major == 1 ? 10 : 12;
    std::size_t length = 0;
    for (std::size_t i = std::min(start, text.size()); i > 8; --i)
        length = length << 8 | static_cast<unsigned char>(text[i - 1]);
    if (text.size() < start || length > text.size() - start)
        throw fail("the npy file ends within its header");
    if (length > longestHeader)
        throw fail("the npy header has ", length, " bytes, at most ", longestHeader,
                   " are expected");
    NpyHeaderReader header(text.substr(start, length), name);
    header.read();
    StoredLayout layout = layoutOf(*header.descr, name);
    layout.columnMajor = *header.fortranOrder;
    layout.offset = start + length;
    StoredArray array(source, name, std::move(*header.shape), layout);
    if (const std::size_t rest = bytes.size() - layout.offset; rest != array.storedBytes())
        throw fail("the shape ", shapeText(array.shape()), " needs ", array.storedBytes(),
                   " bytes, the file has ", rest);
    return array;
}

std::string npyHeader(DType dtype, const Shape& shape)
{
    static constexpr std::string_view descr[] = {"<f8", "<f4", "<f2", "|V2", "<i8",
                                                 "<i4", "<i2", "|i1", "|u1", "|b1"};
    std::string sizes;
    for (const std::int64_t size : shape)
        sizes += concat(sizes.empty() ? "" : ", ", size);
    if (shape.size() == 1)
        sizes += ",";
    std::string text = concat("{'descr': '", descr[static_cast<std::size_t>(dtype)],
                              "', 'fortran_order': False, 'shape': (", sizes, "), }");
    constexpr std::size_t start = 10;
    text.append(63 - (start + text.size()) % 64, ' ');
    text += '\n';
    std::string result(magic);
    result +=
        {'\1', '\0', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
    return result + text;
}

void writeNpy(const std::filesystem::path& path, const TensorView& array)
{
    AtomicFile file(path);
    file.write(npyHeader(array.dtype, array.shape));
    file.write(array.bytes);
    file.commit();
}

} // namespace gradus
