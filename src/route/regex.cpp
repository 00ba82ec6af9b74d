#include "route/regex.h"

#include <re2/re2.h>

namespace cirque::route {
namespace {

re2::RE2::Options options() {
  re2::RE2::Options options(re2::RE2::Latin1);  // bytes: what is not UTF-8 must not slip past "."
  options.set_dot_nl(true);                     // %0A in a parameter is a byte like any other
  options.set_log_errors(false);
  options.set_max_mem(Regex::kMemoryBytesMax);
  return options;
}

// RE2 names the piece that it stumbled over; where that stands is the best that can be said.
std::size_t offset_of(std::string_view text, const std::string& piece) {
  auto at = piece.empty() ? std::string_view::npos : text.rfind(piece);
  return at == std::string_view::npos ? 0 : at;
}

}  // namespace

Regex::Regex(std::unique_ptr<re2::RE2> compiled) noexcept : compiled_(std::move(compiled)) {}

Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Parsed<Regex> Regex::compile(std::string_view text) {
  if (text.empty()) return flaw(0, "is empty");
  if (text.size() > kTextBytesMax) return flaw(kTextBytesMax, "is longer than 4096 bytes");
  auto compiled = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options());
  if (!compiled->ok()) {
    return flaw(offset_of(text, compiled->error_arg()),
                "is not a regular expression that RE2 takes: " + compiled->error());
  }
  return Regex(std::move(compiled));
}

bool Regex::matches(std::string_view text) const noexcept {
  return compiled_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                          re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

std::string_view Regex::text() const noexcept {
  return compiled_->pattern();
}

std::optional<Regex::Range> Regex::range() const {
  constexpr int kBytes = 256;  // as long a common beginning as two routes may have
  Range range;
  if (!compiled_->PossibleMatchRange(&range.least, &range.greatest, kBytes)) return std::nullopt;
  return range;
}

}  // namespace cirque::route
