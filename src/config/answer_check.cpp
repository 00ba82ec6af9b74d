#include "config/answer_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/critic.h"
#include "route/host_name.h"

namespace cirque::config {
namespace {

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// What keeps it from a Location (RFC 3986 3.3, 3.4); the sentence continues its quotation. "" for
// nothing.
std::string flaw_of_path(std::string_view path) {
  if (!path.starts_with('/')) return "is not a path";
  if (path.contains('#')) return "has a fragment, which clients keep by themselves";
  for (std::size_t i = 0; i < path.size(); ++i) {
    auto code = static_cast<unsigned char>(path[i]);
    if (code <= ' ' || code >= 0x7f) return "has characters that a URL writes as %20 or the like";
    if (path[i] != '%') continue;
    bool is_escape = i + 2 < path.size() && is_hex(path[i + 1]) && is_hex(path[i + 2]);
    if (!is_escape) return "has a % without two hex digits behind it";
  }
  return {};
}

std::string flaw_of_host(std::string_view host) {
  bool is_literal = host.starts_with('[');
  auto colons = std::ranges::count(host, ':');
  if (!is_literal && colons == 1) return "has a port, which has a key of its own";
  if (!is_literal && colons > 1) return "is an IPv6 address without its brackets";
  auto parsed = route::HostPattern::parse(host);
  if (!parsed) return parsed.error().what;
  return parsed->kind == route::HostPattern::Kind::Exact ? "" : "is not one host";
}

class Check : Critic {
 public:
  Check(const Places& places, Report& report) : Critic(places, report) {}

  void redirect(const Redirect& to) {
    constexpr unsigned kStatuses[] = {301, 302, 303, 307, 308};
    if (std::ranges::find(kStatuses, to.status) == std::end(kStatuses)) {
      add(Code::OutOfRange, &to.status, fmt::format("{} is no redirect", to.status)).expected =
          "301, 302, 303, 307 or 308";
    }
    if (!to.path.empty())
      judge(to.path, flaw_of_path(to.path), "a path that begins with a slash, such as /new");
    if (!to.host.empty())
      judge(to.host, flaw_of_host(to.host), "a host, such as www.example.com or [2001:db8::1]");
  }

  void response(const Respond& respond) {
    bool has_none = respond.status == 204 || respond.status == 205 || respond.status == 304;
    if (!has_none || respond.body.empty()) return;
    add(Code::BadRoute, respond.body, fmt::format("a {} has no body", respond.status)).expected =
        "another status, or no body";
  }

 private:
  void judge(const std::string& field, std::string_view flaw, std::string_view expected) {
    if (flaw.empty()) return;
    add(Code::BadRoute, field, fmt::format("'{}' {}", field, flaw)).expected = expected;
  }
};

}  // namespace

void check_redirect(const Redirect& redirect, const Places& places, Report& report) {
  Check(places, report).redirect(redirect);
}

void check_response(const Respond& respond, const Places& places, Report& report) {
  Check(places, report).response(respond);
}

}  // namespace cirque::config
