#include "http/page.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/json.h"

namespace cirque::http {
namespace {

constexpr std::string_view kPlaceholders = "{status} {phrase} {reason} {request_id} {host}";
constexpr std::size_t kNameBytesMax = 32;  // of what is taken for a placeholder, in messages

// More than any name has: a client does not decide how large a page becomes.
constexpr std::size_t kHostBytesMax = 256;

// Room for any byte of a value: &#39; in HTML, \u0000 in JSON.
constexpr std::size_t kEscapedBytesMax = 6;

std::string_view html_escape(char c) noexcept {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

// A byte that is not printable ASCII has no business in a name, and might not be UTF-8.
char* write_html(char* to, std::string_view value) noexcept {
  for (char c : value) {
    auto escaped = html_escape(c);
    bool is_printable = c >= 0x20 && c < 0x7f;
    if (!escaped.empty()) {
      to += escaped.copy(to, escaped.size());
    } else {
      *to++ = is_printable ? c : '?';
    }
  }
  return to;
}

bool is_name_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || c == '_';
}

}  // namespace

PageTemplate::Hole PageTemplate::hole_called(std::string_view name) noexcept {
  using enum Hole;

  struct Named {
    std::string_view name;
    Hole hole;
  };

  static constexpr std::array kHoles = {Named{"status", Status}, Named{"phrase", Phrase},
                                        Named{"reason", Reason}, Named{"request_id", RequestId},
                                        Named{"host", Host}};
  const auto* found = std::ranges::find(kHoles, name, &Named::name);
  return found == kHoles.end() ? None : found->hole;
}

std::expected<PageTemplate, PageTemplate::Mistake> PageTemplate::of(std::string_view text,
                                                                    PageLanguage language) {
  PageTemplate page(language);
  std::string literal;
  for (std::size_t at = 0; at < text.size();) {
    char c = text[at];
    bool is_brace = c == '{' || c == '}';
    if (!is_brace) {
      literal += c;
      ++at;
      continue;
    }
    if (text.substr(at + 1).starts_with(c)) {
      literal += c;
      at += 2;
      continue;
    }
    auto name = text.substr(at + 1);
    auto end = std::ranges::find_if_not(name, is_name_char);
    name = {name.begin(), end};
    bool is_closed =
        c == '{' && !name.empty() && text.substr(at + 1 + name.size()).starts_with('}');
    if (!is_closed) {
      return std::unexpected(
          Mistake{.at = at,
                  .width = 1,
                  .what = std::string("a brace that is meant is written twice: ") + c + c});
    }
    auto hole = hole_called(name);
    if (hole == Hole::None) {
      return std::unexpected(Mistake{.at = at,
                                     .width = name.size() + 2,
                                     .what = "{" + std::string(name.substr(0, kNameBytesMax)) +
                                             "} is no placeholder; there are " +
                                             std::string(kPlaceholders)});
    }
    page.pieces_.push_back({std::exchange(literal, {}), hole});
    at += name.size() + 2;
  }
  page.pieces_.push_back({std::move(literal), Hole::None});
  return page;
}

std::string_view PageTemplate::value_of(Hole hole, const PageFacts& facts,
                                        std::string_view status) noexcept {
  switch (hole) {
    case Hole::Status:
      return status;
    case Hole::Phrase:
      return facts.phrase;
    case Hole::Reason:
      return facts.reason;
    case Hole::RequestId:
      return facts.request_id;
    case Hole::Host:
      return facts.host.substr(0, kHostBytesMax);
    case Hole::None:
      break;
  }
  return {};
}

char* PageTemplate::write_escaped(char* to, std::string_view value) const noexcept {
  return language_ == PageLanguage::Json ? base::write_json(to, value) : write_html(to, value);
}

std::string_view PageTemplate::fill(Arena& arena, const PageFacts& facts) const {
  static_assert(base::json_size_max("x") <= kEscapedBytesMax);
  char digits[12];
  std::string_view status(digits, std::to_chars(digits, std::end(digits), facts.status).ptr);
  std::size_t most = 0;
  for (const auto& [text, hole] : pieces_)
    most += text.size() + kEscapedBytesMax * value_of(hole, facts, status).size();
  auto* to = static_cast<char*>(arena.take(most, 1));
  char* at = to;
  for (const auto& [text, hole] : pieces_) {
    at += text.copy(at, text.size());
    at = write_escaped(at, value_of(hole, facts, status));
  }
  return {to, at};
}

void ErrorPages::add(unsigned status, PageLanguage language, PageTemplate page) {
  if (!row(status, language)) rows_.push_back({status, language, std::move(page)});
}

const PageTemplate* ErrorPages::row(unsigned status, PageLanguage language) const noexcept {
  for (const auto& row : rows_) {
    if (row.status == status && row.language == language) return &row.page;
  }
  return nullptr;
}

const PageTemplate* ErrorPages::find(int status, PageLanguage language) const noexcept {
  auto number = static_cast<unsigned>(status);
  const auto* exact = row(number, language);
  return exact ? exact : row(number / 100, language);
}

}  // namespace cirque::http
