#include "config/prefilter.h"

#include <fmt/format.h>

namespace cirque::config {
namespace {

class Prefilter {
 public:
  Prefilter(std::string_view text, unsigned file, Report& report)
      : text_(text), file_(file), report_(report) {}

  bool run() {
    while (at_ < text_.size() && bad_ < kReportedMax) step();
    return bad_ == 0;
  }

 private:
  // A binary file has thousands: enough of them to see what it is.
  static constexpr unsigned kReportedMax = 10;

  void step() {
    auto [code, bytes] = decode();
    if (bytes == 0) {
      refuse("a byte that is not UTF-8");
      at_ += 1;
    } else {
      if (code == '\n') return next_line(1);
      if (code == '\r') return next_line(text_.substr(at_).starts_with("\r\n") ? 2 : 1);
      if (!is_allowed(code)) refuse(fmt::format("the character U+{:04X}", code));
      at_ += bytes;
    }
    ++column_;
  }

  void next_line(std::size_t bytes) {
    at_ += bytes;
    ++line_;
    column_ = 1;
  }

  void refuse(std::string_view what) {
    ++bad_;
    report_
        .add(Code::BadCharacter, {.line = line_, .column = column_, .file = file_}, {},
             fmt::format("{} is not allowed in a configuration file", what))
        .expected = "text in UTF-8 without control characters";
  }

  static bool is_allowed(std::uint32_t c) {
    if (c < 0x20) return c == '\t';
    if (c >= 0x7f && c <= 0x9f) return false;
    return c != 0x2028 && c != 0x2029 && c != 0xfeff && (c & 0xfffe) != 0xfffe;
  }

  struct Decoded {
    std::uint32_t code;
    std::size_t bytes;  // 0: not UTF-8
  };

  Decoded decode() const {
    auto byte = [&](std::size_t i) -> std::uint32_t {
      return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0U;
    };
    auto tail = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
    auto bits = [&](std::size_t i) { return byte(i) & 0x3f; };
    auto first = byte(0);
    if (first < 0x80) return {first, 1};
    if (first >= 0xc2 && first < 0xe0 && tail(1)) return {(first & 0x1f) << 6 | bits(1), 2};
    if ((first & 0xf0) == 0xe0 && tail(1) && tail(2)) {
      auto code = (first & 0x0f) << 12 | bits(1) << 6 | bits(2);
      bool surrogate = code >= 0xd800 && code < 0xe000;
      return {code, code >= 0x800 && !surrogate ? std::size_t{3} : 0};
    }
    if (first >= 0xf0 && first < 0xf5 && tail(1) && tail(2) && tail(3)) {
      auto code = (first & 0x07) << 18 | bits(1) << 12 | bits(2) << 6 | bits(3);
      return {code, code >= 0x10000 && code < 0x110000 ? std::size_t{4} : 0};
    }
    return {0, 0};
  }

  std::string_view text_;
  unsigned file_;
  Report& report_;
  std::size_t at_ = 0;
  unsigned line_ = 1;
  unsigned column_ = 1;
  unsigned bad_ = 0;
};

}  // namespace

bool is_clean_text(std::string_view text, unsigned file, Report& report) {
  return Prefilter(text, file, report).run();
}

}  // namespace cirque::config
