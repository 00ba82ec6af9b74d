#include "route/path_form.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/text.h"
#include "http/target.h"
#include "route/segments.h"

namespace cirque::route {
namespace {

// The first byte that keeps a text from being a path; canonical() has found that there is one.
std::size_t offset_of_flaw(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    if (byte <= 0x20 || byte >= 0x7f || byte == '#' || byte == '\\' || byte == '%') return i;
  }
  return text.rfind("..");  // above the root
}

// The form in which request paths come (http/target.h).
Parsed<std::string> canonical(std::string_view text) {
  if (text.empty()) return flaw(0, "is empty: a path begins with a slash");
  if (text.front() != '/') return flaw(0, "does not begin with a slash");
  if (auto mark = text.find('?'); mark != std::string_view::npos) {
    return flaw(mark, "has a query: parameters have predicates of their own");
  }
  Arena arena;
  auto target = http::read_target(Method::Get, text, arena);
  if (target) return std::string(target->path_and_query);
  return flaw(
      offset_of_flaw(text),
      "is no path: it has a character that must be percent-encoded, a percent encoding that "
      "is refused, or climbs above the root");
}

constexpr const char* kTooManySegments = "has more than 32 segments";

bool is_open_end(std::string_view segment) noexcept {
  return segment == "**";
}

bool is_wildcard(std::string_view segment) noexcept {
  return segment == "*" || segment.starts_with('{');
}

Parsed<std::string_view> name_of(std::string_view segment, std::size_t offset) {
  if (!segment.ends_with('}')) return flaw(offset, "has a { without its }, or text behind it");
  auto name = segment.substr(1, segment.size() - 2);
  if (name.empty()) return flaw(offset, "has a wildcard without a name: write {name}, or *");
  auto is_name_character = [](char c) {
    char l = base::lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (!std::ranges::all_of(name, is_name_character)) {
    return flaw(offset + 1, "has a name that is not made of letters, digits, - and _");
  }
  return name;
}

// Reads a pattern segment after segment.
class PatternReader {
 public:
  explicit PatternReader(std::string_view text) : text_(text) {}

  Parsed<Shape> read() {
    for (std::size_t at = 0; at < text_.size();) {
      auto segment = text_.substr(at + 1, text_.find('/', at + 1) - at - 1);
      if (auto refused = take(segment, at + 1)) return std::unexpected(std::move(*refused));
      at += 1 + segment.size();
    }
    return shape_;
  }

 private:
  std::optional<Flaw> take(std::string_view segment, std::size_t offset) {
    if (shape_.tail == Tail::Open) {
      return Flaw{offset, "has something behind **, which takes all the rest"};
    }
    if (is_open_end(segment)) {
      shape_.tail = Tail::Open;
      return std::nullopt;
    }
    if (shape_.segments == Segments::kCountMax) return Flaw{offset, kTooManySegments};
    if (!is_wildcard(segment)) return take_literal(segment, offset);
    ++shape_.segments;
    return segment == "*" ? std::nullopt : take_name(segment, offset);
  }

  std::optional<Flaw> take_literal(std::string_view segment, std::size_t offset) {
    auto odd = segment.find_first_of("*{}");
    if (odd != std::string_view::npos) {
      return Flaw{offset + odd,
                  "has a wildcard that does not fill its segment; a regex can do that"};
    }
    shape_.literals |= Shape::bit(shape_.segments++);
    return std::nullopt;
  }

  std::optional<Flaw> take_name(std::string_view segment, std::size_t offset) {
    auto name = name_of(segment, offset);
    if (!name) return std::move(name.error());
    if (std::ranges::find(names_, *name) != names_.end()) {
      return Flaw{offset, "has the name " + std::string(*name) + " twice"};
    }
    names_.push_back(*name);
    return std::nullopt;
  }

  std::string_view text_;
  Shape shape_{.tail = Tail::Closed};
  std::vector<std::string_view> names_;
};

// Offsets are those of what the user wrote, which is longer than its canonical form only where it
// was written in an odd way; there, the begin is what is told.
Flaw told_of(Flaw found, std::string_view written, std::string_view read) {
  if (written != read) found.offset = 0;
  return found;
}

PathForm exact(std::string text) {
  return {PathClass::Exact, {}, text, text};
}

Parsed<PathForm> read_pattern(std::string_view written, std::string text) {
  auto shape = PatternReader(text).read();
  if (!shape) return std::unexpected(told_of(std::move(shape.error()), written, text));
  if (shape->segments == 0) return PathForm{.label = text};  // "/**"
  bool is_literal = static_cast<unsigned>(std::popcount(shape->literals)) == shape->segments;
  if (is_literal && shape->tail == Tail::Closed) return exact(std::move(text));
  std::string label = text;
  if (shape->tail == Tail::Open) text.erase(text.size() - 3);  // "/**"
  return PathForm{PathClass::Shaped, *shape, std::move(text), std::move(label)};
}

Parsed<PathForm> read_prefix(std::string text) {
  if (text == "/") return PathForm{.label = text};
  std::string label = text;
  Tail tail = Tail::Open;
  if (text.ends_with('/')) {
    tail = Tail::Below;
    text.pop_back();
  }
  unsigned segments = Segments(text).count();
  if (segments > Segments::kCountMax) return flaw(0, kTooManySegments);
  std::uint32_t literals = ~std::uint32_t{0} << (32 - segments);
  return PathForm{PathClass::Shaped,
                  {literals, static_cast<std::uint8_t>(segments), tail},
                  std::move(text),
                  std::move(label)};
}

}  // namespace

Parsed<PathForm> PathForm::parse(const PathSpec& path) {
  if (path.kind == PathKind::Any) return PathForm{};
  if (path.kind == PathKind::Regex) return PathForm{PathClass::Regex, {}, path.text, path.text};
  if (path.kind == PathKind::Exact && path.text == "*") return exact("*");
  auto text = canonical(path.text);
  if (!text) return std::unexpected(std::move(text.error()));
  if (path.kind == PathKind::Prefix) return read_prefix(std::move(*text));
  if (path.kind == PathKind::Pattern) return read_pattern(path.text, std::move(*text));
  return exact(std::move(*text));
}

std::string PathForm::nameless() const {
  if (kind != PathClass::Shaped) return text;
  std::string plain;
  plain.reserve(text.size());
  Segments segments(text);
  for (unsigned i = 0; i < shape.segments; ++i) {
    plain += '/';
    plain += shape.is_literal(i) ? segments[i] : std::string_view("*");
  }
  return plain;
}

}  // namespace cirque::route
