#include "config/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/text.h"

namespace cirque::config {
namespace {

std::vector<std::size_t> line_starts_of(std::string_view text) {
  std::vector<std::size_t> starts{0};
  for (std::size_t i = 0; i < text.size(); ++i) {
    bool lone_return = text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n');
    if (text[i] == '\n' || lone_return) starts.push_back(i + 1);
  }
  return starts;
}

// Of a certificate or of its own, in the file itself (PEM).
bool is_key(std::string_view line) {
  return line.contains("-----BEGIN");
}

// A line of which nobody knows what it means. Keys are also those of sticky sessions.
bool may_have_secrets(std::string_view line) {
  return speaks_of_secrets(line) || line.contains("keys") || line.contains("sticky");
}

// "${" that no quotation mark has been opened for.
bool has_open_variable(std::string_view line) {
  auto before = line.substr(0, line.find("${"));
  auto is_quote = [](char c) { return c == '"' || c == '\''; };
  return before.size() < line.size() && std::ranges::count_if(before, is_quote) % 2 == 0;
}

// What it is about names nothing else, or names it well enough.
bool names_nothing(Code code) noexcept {
  switch (code) {
    case Code::OutOfRange:
    case Code::BadDuration:
    case Code::BadSize:
    case Code::BadChoice:
    case Code::BadNetwork:
    case Code::DuplicateBind:
    case Code::ProxyLoop:
    case Code::LimitsContradict:
    case Code::BadSecret:
    case Code::BadCertificate:
    case Code::BadKey:
    case Code::KeyMismatch:
    case Code::BadHealthCheck:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool speaks_of_secrets(std::string_view text) {
  auto lowered = base::lowered(text);
  constexpr std::string_view kWords[] = {"token", "secret", "password", "passwd", "credential"};
  return std::ranges::any_of(kWords, [&](auto word) { return lowered.contains(word); });
}

Report::Report(std::string file, std::string_view text) {
  add_file(std::move(file), text);
}

unsigned Report::add_file(std::string name, std::string_view text, Spot included_from) {
  files_.push_back({.name = std::move(name),
                    .text = text,
                    .included_from = included_from,
                    .line_starts = line_starts_of(text)});
  return static_cast<unsigned>(files_.size() - 1);
}

Finding& Report::add(Code code, Spot spot, std::string path, std::string message) {
  auto& taken = severity_of(code) == Severity::Error ? errors_ : warnings_;
  if (taken == kFindingsMax) {
    ++left_out_;
    return beyond_;
  }
  ++taken;
  if (severity_of(code) == Severity::Error) note(spot, path);
  const auto& file = files_.at(spot.file);
  auto line = file.line(spot.line);
  auto part = excerpt(line, spot.column);
  // Of a line of megabytes only what would be shown: who writes a key into a file is told so at it.
  if (is_key(part.text) || (code == Code::Syntax && may_have_secrets(part.text))) hide(spot);
  Finding finding{.severity = severity_of(code),
                  .code = code,
                  .file = file.name,
                  .line = spot.line,
                  .column = spot.column,
                  .width = std::max(1U, spot.width),
                  .path = std::move(path),
                  .message = std::move(message),
                  .expected = {},
                  .hint = {},
                  .source = std::string(part.text),
                  .skipped = part.skipped};
  if (code == Code::Syntax && has_open_variable(line)) {
    finding.hint = "a variable stands in quotes: \"${NAME}\"";
  }
  return findings_.emplace_back(Placed{.finding = std::move(finding), .file = spot.file}).finding;
}

// For the error that is about to be added.
void Report::note(Spot spot, const std::string& path) {
  if (path.empty()) {
    unplaced_[{spot.file, spot.line, spot.column}].push_back(findings_.size());
  } else {
    wrong_.insert(path);
  }
}

void Report::attribute(Spot spot, std::string path) {
  if (auto found = unplaced_.find({spot.file, spot.line, spot.column}); found != unplaced_.end()) {
    for (auto number : found->second) findings_[number].finding.path = path;
    unplaced_.erase(found);
  }
  is_anywhere_ |= wrong_.size() >= 2 * kFindingsMax;
  if (!is_anywhere_) wrong_.insert(std::move(path));
}

bool Report::is_quote(Spot spot) {
  if (spot.column == 0) return false;
  auto line = files_.at(spot.file).line(spot.line);
  auto byte = byte_of(line, spot.column - 1);
  return byte < line.size() && (line[byte] == '"' || line[byte] == '\'');
}

bool Report::has_errors_in(unsigned file) const noexcept {
  return std::ranges::any_of(
      findings_, [&](auto& p) { return p.file == file && p.finding.severity == Severity::Error; });
}

bool Report::has_errors_but_in(std::span<const std::string_view> sections) const noexcept {
  if (left_out_ > 0 && has_errors()) return true;
  return std::ranges::any_of(findings_, [&](const Placed& placed) {
    const auto& [finding, file] = placed;
    if (finding.severity != Severity::Error || names_nothing(finding.code)) return false;
    auto section = std::string_view(finding.path).substr(0, finding.path.find_first_of(".["));
    return std::ranges::find(sections, section) == sections.end();
  });
}

bool Report::has_errors_under(std::string_view path, std::optional<unsigned> file,
                              std::span<const std::string_view> but) const noexcept {
  if (is_anywhere_ || (left_out_ > 0 && has_errors())) return true;
  auto unplaced = file ? unplaced_.lower_bound({*file, 0, 0}) : unplaced_.begin();
  if (unplaced != unplaced_.end() && (!file || unplaced->first[0] == *file)) return true;
  auto counts = [&](std::string_view rest) {
    if (rest.empty() || path.empty() || rest.front() == '[') return true;
    if (rest.front() != '.') return false;
    auto key = rest.substr(1, rest.find_first_of(".[", 1) - 1);
    return std::ranges::find(but, key) == but.end();
  };
  for (auto at = wrong_.lower_bound(path); at != wrong_.end() && at->starts_with(path); ++at) {
    if (counts(std::string_view(*at).substr(path.size()))) return true;
  }
  return false;
}

// A file may be one line of many megabytes, and every finding keeps what is shown of it.
Report::Excerpt Report::excerpt(std::string_view line, unsigned column) {
  constexpr unsigned kBefore = 256;  // characters; more than is shown
  constexpr std::size_t kBytes = 4096;
  if (line.size() <= kBytes) return {line, 0};
  auto skipped = column > kBefore ? column - kBefore : 0;
  return {line.substr(byte_of(line, skipped), kBytes), skipped};
}

// From where the last one was found: findings come more or less in order, and to count from the
// beginning each time would take minutes.
std::size_t Report::byte_of(std::string_view line, unsigned character) {
  if (last_.line != line.data()) last_ = {.line = line.data()};
  auto& [data, at, byte] = last_;
  auto is_inside = [&] { return (static_cast<unsigned char>(line[byte]) & 0xc0) == 0x80; };
  for (; at < character && byte < line.size(); ++at) {
    ++byte;
    while (byte < line.size() && is_inside()) ++byte;
  }
  for (; at > character; --at) {
    --byte;
    while (byte > 0 && is_inside()) --byte;
  }
  return byte;
}

std::string Report::where(Spot spot, Spot from) const {
  if (spot.file == from.file) return fmt::format("on line {}", spot.line);
  return fmt::format("in {}:{}", name_of(spot.file), spot.line);
}

std::vector<Finding> Report::take() {
  auto place_of = [](const Placed& p) {
    const auto& f = p.finding;
    return std::tie(p.file, f.line, f.column, f.code, f.message);
  };
  std::ranges::sort(findings_, [&](auto& a, auto& b) { return place_of(a) < place_of(b); });
  auto same = [&](const Placed& a, const Placed& b) { return place_of(a) == place_of(b); };
  auto repeated = std::ranges::unique(findings_, same);
  findings_.erase(repeated.begin(), repeated.end());

  std::vector<Finding> taken;
  taken.reserve(findings_.size() + 1);
  for (auto& [finding, file] : findings_) {
    if (auto chain = chain_of(file); !chain.empty()) {
      bool is_question = finding.hint.ends_with('?');
      finding.hint += (finding.hint.empty() ? "" : is_question ? " " : "; ") + chain;
    }
    if (hidden_.contains({file, finding.line})) finding.source.clear();
    taken.push_back(std::move(finding));
  }
  findings_.clear();
  if (left_out_ > 0) {
    Finding more;
    more.severity = has_errors() ? Severity::Error : Severity::Warning;
    more.code = Code::TooBig;
    more.file = files_.front().name;
    more.message = fmt::format("{} more findings are not listed", left_out_);
    taken.push_back(std::move(more));
  }
  return taken;
}

// "included from b.yaml:2, a.yaml:3"; empty for a file that nobody has included.
std::string Report::chain_of(unsigned file) const {
  std::string chain;
  for (auto at = files_[file].included_from; at.line > 0; at = files_[at.file].included_from) {
    chain +=
        fmt::format("{}{}:{}", chain.empty() ? "included from " : ", ", name_of(at.file), at.line);
  }
  return chain;
}

std::string_view Report::File::line(unsigned number) const {
  if (number == 0 || number > line_starts.size()) return {};
  auto from = line_starts[number - 1];
  auto to = number == line_starts.size() ? text.size() : line_starts[number];
  auto line = text.substr(from, to - from);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

}  // namespace cirque::config
