#pragma once
// Pages for errors, of texts with holes: "<h1>{status} {phrase}</h1>". Cut into pieces once;
// filling them in touches no file and parses nothing.
//
// The holes are {status} {phrase} {reason} {request_id} {host}; a brace that is meant is written
// twice. What is filled in is escaped as the page's language wants it: whatever a client sends as
// its Host stays text.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "cirque/arena.h"

namespace cirque::http {

enum class PageLanguage : std::uint8_t { Html, Json };

// What a page may say. Views that live as long as the call that takes them.
struct PageFacts {
  int status = 0;
  std::string_view phrase;
  std::string_view reason;
  std::string_view request_id;
  std::string_view host;  // as the client sent it: any bytes, of which the first 256 are shown
};

// Immutable: share it between threads.
class PageTemplate {
 public:
  struct Mistake {
    std::size_t at = 0;     // byte of the text
    std::size_t width = 1;  // bytes
    std::string what;       // "{hots} is no placeholder"
  };

  static std::expected<PageTemplate, Mistake> of(std::string_view text, PageLanguage language);

  // Lives in the arena.
  std::string_view fill(Arena& arena, const PageFacts& facts) const;

 private:
  enum class Hole : std::uint8_t { None, Status, Phrase, Reason, RequestId, Host };

  struct Piece {
    std::string text;
    Hole hole = Hole::None;  // behind the text
  };

  explicit PageTemplate(PageLanguage language) noexcept : language_(language) {}

  static Hole hole_called(std::string_view name) noexcept;
  static std::string_view value_of(Hole hole, const PageFacts& facts,
                                   std::string_view status) noexcept;
  char* write_escaped(char* to, std::string_view value) const noexcept;

  PageLanguage language_;
  std::vector<Piece> pieces_;
};

// Which page is for which status: of a status first, then of its class (4xx, 5xx). Immutable once
// it is made.
class ErrorPages {
 public:
  // `status`: 400 to 599, or 4 or 5 for the class. The first page for a status stays.
  void add(unsigned status, PageLanguage language, PageTemplate page);

  // Null: there is none.
  const PageTemplate* find(int status, PageLanguage language) const noexcept;

  bool is_empty() const noexcept { return rows_.empty(); }

 private:
  struct Row {
    unsigned status;
    PageLanguage language;
    PageTemplate page;
  };

  const PageTemplate* row(unsigned status, PageLanguage language) const noexcept;

  std::vector<Row> rows_;
};

}  // namespace cirque::http
