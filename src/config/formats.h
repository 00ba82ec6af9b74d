#pragma once
// Findings for programs: JSON, SARIF 2.1.0 (OASIS), and the commands that GitHub's log view reads.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/finding.h"

namespace cirque::config {

enum class Format : std::uint8_t { Text, Json, Sarif, Github };

std::optional<Format> format_called(std::string_view name) noexcept;  // "text", "json", ...

// A whole document, or lines; `version` is that of the program. Text is what render() makes.
std::string write(Format format, std::span<const Finding> findings, std::string_view version);

}  // namespace cirque::config
