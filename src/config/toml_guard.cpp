#include "config/toml_guard.h"

#include <fmt/format.h>

namespace cirque::config {
namespace {

// Knows of TOML what is a string, what a comment and what neither, and there counts the signs that
// make a tree grow. Mistakes of syntax pass: toml++ words them better.
class Guard {
 public:
  Guard(std::string_view text, unsigned file, Report& report)
      : text_(text), spot_{.line = 1, .column = 1, .file = file}, report_(report) {}

  bool run() {
    while (is_safe_ && at_ < text_.size()) step();
    return is_safe_;
  }

 private:
  void step() {
    char c = text_[at_];
    if (c == '#') return comment();
    if (c == '"' || c == '\'') {
      starts_line_ = false;
      return string(c);
    }
    if (static_cast<unsigned char>(c) >= 0x80) {
      return refuse(Code::Syntax, "a letter beyond ASCII stands outside of quotes");
    }
    bool is_header = c == '[' && starts_line_ && depths_.size() == 1;
    if (is_header && !has_name()) {
      return refuse(Code::Syntax, "the header of a table has no name");
    }
    if (c != ' ' && c != '\t') starts_line_ = c == '\n';
    grow(c);
    advance(1);
  }

  // "[name", "[[ 'name'"
  bool has_name() const {
    auto name = text_.substr(at_ + 1);
    if (name.starts_with('[')) name.remove_prefix(1);
    auto from = name.find_first_not_of(" \t");
    if (from == name.npos) return false;
    char c = name[from];
    bool is_bare = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return is_bare || c == '_' || c == '-' || c == '"' || c == '\'';
  }

  void comment() {
    while (at_ < text_.size() && text_[at_] != '\n') advance(1);
  }

  void string(char quote) {
    const char block[] = {quote, quote, quote};
    std::string_view fence(block, sizeof block);
    if (text_.substr(at_).starts_with(fence)) return long_string(fence);
    advance(1);
    while (at_ < text_.size() && text_[at_] != '\n') {
      bool is_end = text_[at_] == quote;
      skip_character(quote);
      if (is_end) return;
    }
  }

  void long_string(std::string_view fence) {
    advance(fence.size());
    while (at_ < text_.size() && !text_.substr(at_).starts_with(fence)) {
      skip_character(fence.front());
    }
    advance(fence.size());
    // One or two quotes may stand inside, right before the end.
    for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] == fence.front(); ++i) advance(1);
  }

  // Of a string; an escaped quote does not end it, and a line break is nobody's to skip.
  void skip_character(char quote) {
    bool is_escape = quote == '"' && text_[at_] == '\\' && at_ + 1 < text_.size() &&
                     text_[at_ + 1] != '\n' && text_[at_ + 1] != '\r';
    advance(is_escape ? 2 : 1);
  }

  void grow(char c) {
    switch (c) {
      case '[':
      case '{':
        depths_.push_back(depths_.back() + 1);
        dots_.push_back(0);
        return count();
      case ']':
      case '}':
        if (depths_.size() > 1) depths_.pop_back();
        if (dots_.size() > 1) dots_.pop_back();
        return rest_dots();
      case ',':
        rest_dots();
        return count();
      case '\n':
        return rest_dots();
      case '.':
        ++dots_.back();
        ++depths_.back();
        return count();
      case '=':
        return count();
      default:
        return;
    }
  }

  // The next key starts where the brackets around it are.
  void rest_dots() {
    depths_.back() -= dots_.back();
    dots_.back() = 0;
  }

  void count() {
    if (depths_.back() > kDepthMax) {
      refuse(Code::TooBig, fmt::format("nested more than {} levels deep", kDepthMax));
    } else if (++grown_ > kNodesMax) {
      refuse(Code::TooBig, fmt::format("more than {} values", kNodesMax));
    }
  }

  void refuse(Code code, std::string message) {
    is_safe_ = false;
    auto& finding = report_.add(code, spot_, {}, std::move(message));
    if (code == Code::Syntax) {
      finding.expected = "names of letters, digits, - and _; in quotes they may have others";
    }
  }

  void advance(std::size_t bytes) {
    for (; bytes > 0 && at_ < text_.size(); --bytes, ++at_) {
      if (text_[at_] == '\n') {
        ++spot_.line;
        spot_.column = 1;
      } else if ((static_cast<unsigned char>(text_[at_]) & 0xc0) != 0x80) {
        ++spot_.column;
      }
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Spot spot_;
  Report& report_;
  // Of every bracket that is open, the outermost being the file: how deep the tree is there, and
  // how much of that is due to the dots of the key that is being read.
  std::vector<std::size_t> depths_{0};
  std::vector<std::size_t> dots_{0};
  std::size_t grown_ = 0;
  bool starts_line_ = true;  // nothing but blanks so far
  bool is_safe_ = true;
};

}  // namespace

bool is_safe_toml(std::string_view text, unsigned file, Report& report) {
  return Guard(text, file, report).run();
}

}  // namespace cirque::config
