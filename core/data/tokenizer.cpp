// SPDX-License-Identifier: GPL-3.0-or-later
#include "core/data/tokenizer.h"

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/tokenizer_readers.h"
#include "core/io/byte_source.h"
#include "core/io/gguf_header.h"

#include <algorithm>
#include <cstring>

namespace gradus {

namespace {

constexpr std::size_t tokenizerLimit = std::size_t(128) << 20;

/// "YWJj 0": a line of base64 and a rank, as tiktoken writes its vocabularies.
bool looksLikeTiktoken(std::string_view content)
{
    const std::string_view line = content.substr(0, content.substr(0, 1024).find('\n'));
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0)
        return false;
    const auto isBase64 = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '+' || c == '/' || c == '=';
    };
    long long rank = 0;
    return std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(space), isBase64) &&
           parseInteger(line.substr(space + 1), rank);
}

} // namespace

std::shared_ptr<const Tokenizer> openTokenizer(const std::filesystem::path& path,
                                               std::int64_t vocabularySize)
{
    const std::string name = path.string();
    if (const auto source = mapFile(path); looksLikeGguf(source->bytes()))
        return readGgufTokenizer(*source, vocabularySize);
    const std::string content = readTextFile(path, tokenizerLimit);
    if (content.empty())
        throw Error(ErrorCode::Format, concat(name, " is empty"));

    // A llama2.c file starts with the length of its longest token: a small number, so with zero
    // bytes that neither JSON nor a sentencepiece model has there.
    std::uint32_t first = 0;
    std::memcpy(&first, content.data(), std::min(content.size(), sizeof first));
    if (content.size() >= 4 && first < 0x10000 && (first & 0xFF00U) == 0)
        return readLlama2cTokenizer(content, vocabularySize, name);
    const std::size_t start = content.find_first_not_of(" \t\r\n");
    if (content[0] == '\n' && start != std::string::npos && content[start] != '{')
        return readSentencepiece(content, vocabularySize, name); // 0x0A: field 1, the pieces
    const auto beside = [&](const char* file) {
        const std::filesystem::path other = path.parent_path() / file;
        std::error_code ignored;
        return std::filesystem::is_regular_file(other, ignored)
                   ? readTextFile(other, tokenizerLimit)
                   : std::string();
    };
    if (start != std::string::npos && content[start] == '{') {
        const std::string config = beside("tokenizer_config.json");
        if (path.filename() == "vocab.json")
            return readByteLevelFiles(content, beside("merges.txt"), config, vocabularySize, name);
        return readHuggingFaceTokenizer(content, config, vocabularySize, name);
    }
    if (path.filename() == "vocab.txt")
        return readWordPieceVocabulary(content, beside("tokenizer_config.json"), vocabularySize,
                                       name);
    if (looksLikeTiktoken(content))
        throw Error(ErrorCode::Unsupported,
                    concat(name, " is a tiktoken vocabulary; use the tokenizer.json of the same "
                                 "model"));
    if (path.extension() == ".model")
        return readSentencepiece(content, vocabularySize, name);
    throw Error(ErrorCode::Unsupported,
                concat(name,
                       " is neither a tokenizer.json, nor a sentencepiece tokenizer.model, nor "
                       "a llama2.c tokenizer.bin, nor a vocab.txt or vocab.json, nor a GGUF file"));
}

} // namespace gradus
