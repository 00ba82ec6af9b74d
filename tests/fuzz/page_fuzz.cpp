// Error pages: whatever the text and the values, a mistake has a place within the text, and nothing
// that is filled in breaks out of HTML or of a JSON string.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/page.h"

using namespace cirque;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// What holes alone make of a value.
void check_escapes(std::string_view value) {
  Arena arena;
  http::PageFacts facts{.status = 400, .phrase = {}, .reason = {}, .request_id = {}, .host = value};
  auto html = http::PageTemplate::of("{host}", http::PageLanguage::Html)->fill(arena, facts);
  check(html.find_first_of("<>\"'") == std::string_view::npos);
  auto json = http::PageTemplate::of("{host}", http::PageLanguage::Json)->fill(arena, facts);
  for (std::size_t i = 0; i < json.size(); ++i) {
    check(static_cast<unsigned char>(json[i]) >= 0x20 && json[i] != '"');
    if (json[i] == '\\') ++i;  // and what it escapes
    check(i < json.size());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 20'000) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check_escapes(text);
  for (auto language : {http::PageLanguage::Html, http::PageLanguage::Json}) {
    auto page = http::PageTemplate::of(text, language);
    if (!page) {
      const auto& mistake = page.error();
      check(mistake.at < size && mistake.width > 0 && mistake.at + mistake.width <= size);
      continue;
    }
    Arena arena;
    http::PageFacts facts{.status = 503,
                          .phrase = "Service Unavailable",
                          .reason = "no_route",
                          .request_id = text.substr(0, 128),
                          .host = text};
    check(page->fill(arena, facts).data() != nullptr || size == 0);
  }
  return 0;
}
