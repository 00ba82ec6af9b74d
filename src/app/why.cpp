#include "app/why.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "cirque/http.h"
#include "config/docs.h"

namespace cirque::app {
namespace {

using config::wrapped;
using observe::Blame;
using observe::Reason;
using observe::reasons;
using observe::Seen;

constexpr std::string_view kSlugCharacters = "abcdefghijklmnopqrstuvwxyz_";
constexpr int kLoggedAsGone = 499;

const Reason* reason_called(std::string_view slug) {
  auto found = std::ranges::find(reasons(), slug, &Reason::slug);
  return found == reasons().end() ? nullptr : &*found;
}

std::string_view word_of(Blame blame) {
  switch (blame) {
    case Blame::Client:
      return "client";
    case Blame::Proxy:
      return "proxy";
    case Blame::Upstream:
      return "upstream";
    case Blame::Nobody:
      break;
  }
  return "nobody";
}

std::string_view blame_text(Blame blame) {
  switch (blame) {
    case Blame::Client:
      return "The client, or what is between it and us.";
    case Blame::Proxy:
      return "This proxy: its configuration, its limits, or a defect.";
    case Blame::Upstream:
      return "The backend, or what is between us and it.";
    case Blame::Nobody:
      break;
  }
  return "Nobody.";
}

std::string answer_text(const Reason& reason) {
  bool has_none = reason.status == 0;
  if (has_none && reason.seen != Seen::Request) return "No request is answered with it.";
  if (has_none) return "Nothing: what has begun is broken off.";
  if (reason.status == kLoggedAsGone) return "Nobody is there to answer; logged as 499.";
  return fmt::format("{} {}. An answer that has begun is broken off instead.", reason.status,
                     reason_phrase(reason.status));
}

std::vector<std::string_view> metrics_of(Seen seen) {
  switch (seen) {
    case Seen::Request:
      return {"cirque_http_reasons_total"};
    case Seen::Attempt:
      return {"cirque_http_reasons_total", "cirque_upstream_failures_total"};
    case Seen::Connection:
      return {"cirque_connections_refused_total"};
    case Seen::Health:
      return {"cirque_upstream_failed_checks_total"};
    case Seen::Start:
      break;
  }
  return {};
}

std::string seen_text(const Reason& reason) {
  std::string counted;
  for (auto metric : metrics_of(reason.seen)) {
    counted += fmt::format(", {}{{reason=\"{}\"}}", metric, reason.slug);
  }
  switch (reason.seen) {
    case Seen::Request:
    case Seen::Attempt:
      return "The access log (reason), Proxy-Status, the error page" + counted + ".";
    case Seen::Connection:
      return counted.substr(2) + ".";
    case Seen::Health:
      return "The log, when a backend becomes unhealthy" + counted + ".";
    case Seen::Start:
      break;
  }
  return "The log, when a listener is opened.";
}

std::string list_text() {
  std::string out;
  for (const auto& r : reasons())
    out += fmt::format("{:<45} {:>3}  {}\n", r.slug, r.status ? fmt::format("{}", r.status) : "-",
                       r.meaning);
  return out + "\nMore on one of them: cirque why upstream_connect_refused\n";
}

std::string json_row(const Reason& r) {
  std::vector<std::string> metrics;
  for (auto metric : metrics_of(r.seen)) metrics.push_back(base::json_string(metric));
  return fmt::format(
      R"({{"reason":{},"blame":"{}","status":{},"meaning":{},"remedy":{},"metrics":[{}]}})",
      base::json_string(r.slug), word_of(r.blame), r.status ? fmt::format("{}", r.status) : "null",
      base::json_string(r.meaning), base::json_string(r.remedy), fmt::join(metrics, ","));
}

std::string json(const Reason* one) {
  std::vector<std::string> rows;
  for (const auto& r : reasons()) {
    if (!one || one == &r) rows.push_back(json_row(r));
  }
  return fmt::format("{{\"reasons\":[\n{}\n]}}\n", fmt::join(rows, ",\n"));
}

// --- docs/reasons.md ----------------------------------------------------------------------------

constexpr std::string_view kIntroduction =
    "# Reasons\n\n<!-- Made by `cirque why --markdown` from src/observe/reasons.cpp: change it "
    "there. -->\n\n"
    "Every request that does not end well has a reason: the same word in the access log (`reason`),"
    "\nin the metric `cirque_http_reasons_total`, in the error page, and in the field Proxy-Status "
    "as\n`details=\"...\"`. `cirque why REASON` explains one on the terminal; what has been copied "
    "from a log or\na field will do. `cirque why --format json` is this page for programs.\n\n"
    "The status is what the request is answered with; an answer that has begun cannot be taken "
    "back, and\nis broken off instead. 499 is logged where the client is gone. Where there is no "
    "status, there is\nno answer of its own.\n";

std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? "\\|" : c == '<' ? "&lt;" : std::string(1, c);
  return out;
}

void append_markdown(std::string& out, Blame blame, std::string_view heading) {
  out += fmt::format(
      "\n## {}\n\n| Reason | Status | What happened | What to do |\n|---|---|---|---|\n", heading);
  for (const auto& r : reasons()) {
    if (r.blame != blame) continue;
    out +=
        fmt::format("| `{}` | {} | {} | {} |\n", r.slug,
                    r.status ? fmt::format("{}", r.status) : "", cell(r.meaning), cell(r.remedy));
  }
}

std::string markdown() {
  std::string out(kIntroduction);
  append_markdown(out, Blame::Client, "The client is to blame");
  append_markdown(out, Blame::Upstream, "The backend is to blame");
  out +=
      "\nAn attempt that failed is counted in `cirque_upstream_failures_total` with its reason, "
      "also where\nanother backend has answered then.\n";
  append_markdown(out, Blame::Proxy, "This proxy is to blame");
  append_markdown(out, Blame::Nobody, "Nobody is to blame");
  return out;
}

std::expected<const Reason*, Misuse> one_of(const std::vector<std::string>& words) {
  auto text = fmt::format("{}", fmt::join(words, " "));
  if (const auto* reason = reason_in(text)) return reason;
  std::vector<std::string_view> slugs;
  for (const auto& reason : reasons()) slugs.push_back(reason.slug);
  auto meant = nearest(text, slugs);
  return std::unexpected(Misuse{
      fmt::format("there is no reason '{}'", text),
      meant.empty() ? "cirque why lists them all" : fmt::format("did you mean '{}'?", meant)});
}

}  // namespace

// Of several the longest: the others are words that happen to be slugs, too.
const Reason* reason_in(std::string_view text) {
  const Reason* found = nullptr;
  while (!text.empty()) {
    auto end = std::min(text.find_first_not_of(kSlugCharacters), text.size());
    const auto* reason = reason_called(text.substr(0, end));
    if (reason && (!found || reason->slug.size() > found->slug.size())) found = reason;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return found;
}

std::string reason_text(const Reason& reason) {
  return fmt::format(
      "{}\n\n{}\nWhat to do:\n{}\nWho is to blame:\n{}\nAnswered with:\n{}\nSeen "
      "in:\n{}",
      reason.slug, wrapped(reason.meaning, 2), wrapped(reason.remedy, 2),
      wrapped(blame_text(reason.blame), 2), wrapped(answer_text(reason), 2),
      wrapped(seen_text(reason), 2));
}

std::expected<std::string, Misuse> why(const Command& command) {
  if (command.page == Page::Markdown) return markdown();
  bool is_json = command.format == config::Format::Json;
  if (command.words.empty()) return is_json ? json(nullptr) : list_text();
  auto reason = one_of(command.words);
  if (!reason) return std::unexpected(reason.error());
  return is_json ? json(*reason) : reason_text(**reason);
}

}  // namespace cirque::app
