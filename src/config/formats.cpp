#include "config/formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <vector>

#include "base/json.h"

namespace cirque::config {
namespace {

constexpr std::array<std::string_view, 4> kNames = {"text", "json", "sarif", "github"};

std::string_view severity_text(const Finding& finding) noexcept {
  return finding.severity == Severity::Error ? "error" : "warning";
}

// What was expected, and what may have been meant, behind the message.
std::string whole_message(const Finding& finding) {
  auto text = finding.message;
  if (!finding.expected.empty()) text += "; expected " + finding.expected;
  if (!finding.hint.empty()) text += "; " + finding.hint;
  return text;
}

std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

std::string json(std::span<const Finding> findings) {
  std::vector<std::string> rows;
  for (const auto& f : findings) {
    rows.push_back(fmt::format(
        R"({{"severity":"{}","code":"{}","file":{},"line":{},"column":{},"width":{},"path":{},)"
        R"("message":{},"expected":{},"hint":{}}})",
        severity_text(f), text_of(f.code), base::json_string(f.file), f.line, f.column, f.width,
        base::json_string(f.path), base::json_string(f.message), base::json_string(f.expected),
        base::json_string(f.hint)));
  }
  return fmt::format("{{\"findings\":[{}]}}\n", joined(rows));
}

std::string sarif_rules(std::span<const Finding> findings) {
  std::vector<Code> codes;
  for (const auto& f : findings) codes.push_back(f.code);
  std::ranges::sort(codes);
  codes.erase(std::ranges::unique(codes).begin(), codes.end());
  std::vector<std::string> rules;
  for (Code code : codes) {
    const auto* explanation = explanation_of(text_of(code));
    rules.push_back(fmt::format(
        R"({{"id":"{}","shortDescription":{{"text":{}}},"fullDescription":{{"text":{}}}}})",
        text_of(code), base::json_string(explanation->title),
        base::json_string(explanation->text)));
  }
  return joined(rules);
}

// A finding about the file as a whole has no region: lines and columns begin at 1 there.
std::string sarif_region(const Finding& f) {
  if (f.line == 0) return "";
  auto column = std::max(1U, f.column);
  return fmt::format(R"(,"region":{{"startLine":{},"startColumn":{},"endColumn":{}}})", f.line,
                     column, column + std::max(1U, f.width));
}

// Included files are named by the way that led to them; who looks for them in a repository needs
// the shortest.
std::string plain_path(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

// A path as a reference: RFC 3986 3.3 has what stands for itself in it.
std::string uri_of(std::string_view path) {
  constexpr std::string_view kPlain = "-._~/!$&'()*+,;=@";
  std::string uri;
  for (char c : path) {
    bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    kPlain.contains(c);
    if (is_plain) {
      uri += c;
    } else {
      uri += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return uri;
}

std::string sarif(std::span<const Finding> findings, std::string_view version) {
  std::vector<std::string> results;
  for (const auto& f : findings) {
    results.push_back(fmt::format(
        R"({{"ruleId":"{}","level":"{}","message":{{"text":{}}},"locations":[{{"physicalLocation":)"
        R"({{"artifactLocation":{{"uri":{}}}{}}}}}]}})",
        text_of(f.code), severity_text(f), base::json_string(whole_message(f)),
        base::json_string(uri_of(plain_path(f.file))), sarif_region(f)));
  }
  return fmt::format(
      R"({{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[)"
      R"({{"tool":{{"driver":{{"name":"cirque","version":{},"rules":[{}]}}}},"results":[{}]}}]}})"
      "\n",
      base::json_string(version), sarif_rules(findings), joined(results));
}

// Of a workflow command's value; properties escape ':' and ',' as well.
std::string escaped(std::string_view text, bool is_property) {
  std::string out;
  for (char c : text) {
    bool special = c == '%' || c == '\r' || c == '\n' || (is_property && (c == ':' || c == ','));
    if (special) {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

std::string github(std::span<const Finding> findings) {
  std::string out;
  for (const auto& f : findings) {
    out += fmt::format("::{} file={},line={},col={},title={}::{}\n", severity_text(f),
                       escaped(plain_path(f.file), true), std::max(1U, f.line),
                       std::max(1U, f.column), text_of(f.code), escaped(whole_message(f), false));
  }
  return out;
}

}  // namespace

std::optional<Format> format_called(std::string_view name) noexcept {
  auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Format>(found - kNames.begin());
}

std::string write(Format format, std::span<const Finding> findings, std::string_view version) {
  switch (format) {
    case Format::Text:
      break;
    case Format::Json:
      return json(findings);
    case Format::Sarif:
      return sarif(findings, version);
    case Format::Github:
      return github(findings);
  }
  return render(findings);
}

}  // namespace cirque::config
