// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gradus {

/// SHA-256 in hexadecimal, as sha256sum prints it, so that anybody can check a run's provenance.
class Sha256
{
public:
    Sha256();
    ~Sha256();
    void add(std::span<const std::byte> bytes);
    void add(std::string_view text);
    [[nodiscard]] std::string hex(); ///< ends the computation

private:
    struct Context;
    std::unique_ptr<Context> m_context;
};

[[nodiscard]] std::string sha256(std::string_view text);

} // namespace gradus
