#pragma once
// The documentation of the configuration, made from the table of options: for the terminal, as
// Markdown (docs/configuration.md) and as the man page cirque.yaml(5).
#include <string>
#include <string_view>

#include "config/finding.h"
#include "config/options.h"

namespace cirque::config {

// The text in lines of at most `width` characters, each after `indent` spaces.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 80);

// Every section with its keys in one line each.
std::string overview_text();
// A section with all that is in it, or one key. `path` may leave out "services[]." and the like.
const Option* topic_of(std::string_view path);
std::string option_text(const Option& option);

std::string codes_text();
std::string explanation_text(const Explanation& explanation);

std::string markdown();
std::string man_page(std::string_view version);
// For roff: what would be a request or an escape is made harmless.
std::string roff(std::string_view text);

}  // namespace cirque::config
