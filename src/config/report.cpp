#include "config/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace cirque::config {
namespace {

auto place_of(const Finding& f) {
  return std::tie(f.line, f.column, f.code, f.message);
}

}  // namespace

Report::Report(std::string file, std::string_view text)
    : file_(std::move(file)), text_(text), line_starts_{0} {
  for (std::size_t i = 0; i < text_.size(); ++i) {
    bool lone_return = text_[i] == '\r' && (i + 1 == text_.size() || text_[i + 1] != '\n');
    if (text_[i] == '\n' || lone_return) line_starts_.push_back(i + 1);
  }
}

Finding& Report::add(Code code, Spot spot, std::string path, std::string message) {
  if (findings_.size() == kFindingsMax) {
    ++left_out_;
    return beyond_;
  }
  auto source = line(spot.line);
  return findings_.emplace_back(Finding{.severity = severity_of(code),
                                        .code = code,
                                        .file = file_,
                                        .line = spot.line,
                                        .column = spot.column,
                                        .width = std::max(1U, spot.width),
                                        .path = std::move(path),
                                        .message = std::move(message),
                                        .expected = {},
                                        .hint = {},
                                        .source = std::string(source)});
}

bool Report::has_errors() const noexcept {
  return std::ranges::any_of(findings_, [](auto& f) { return f.severity == Severity::Error; });
}

std::vector<Finding> Report::take() {
  std::ranges::sort(findings_, [](auto& a, auto& b) { return place_of(a) < place_of(b); });
  auto same = [](const Finding& a, const Finding& b) { return place_of(a) == place_of(b); };
  auto repeated = std::ranges::unique(findings_, same);
  findings_.erase(repeated.begin(), repeated.end());
  if (left_out_ > 0) {
    Finding more;
    more.code = Code::TooBig;
    more.file = file_;
    more.message = fmt::format("{} more findings are not listed", left_out_);
    findings_.push_back(std::move(more));
  }
  return std::move(findings_);
}

std::string_view Report::line(unsigned number) const {
  if (number == 0 || number > line_starts_.size()) return {};
  auto from = line_starts_[number - 1];
  auto to = number == line_starts_.size() ? text_.size() : line_starts_[number];
  auto line = text_.substr(from, to - from);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

}  // namespace cirque::config
