// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace gradus::piece {

/// What a piece of a vocabulary is, in the numbers of sentencepiece, which GGUF files have too.
enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6
};

} // namespace gradus::piece
