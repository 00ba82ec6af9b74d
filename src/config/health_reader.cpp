#include "config/health_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <vector>

#include "base/text.h"
#include "cirque/http.h"
#include "config/critic.h"
#include "config/statuses.h"
#include "config/values.h"

namespace cirque::config {
namespace {

// What frames the message and what speaks of the connection is the check's own.
constexpr std::array kOwn = {Name::Connection,      Name::ContentLength, Name::Expect,
                             Name::Http2Settings,   Name::KeepAlive,     Name::Te,
                             Name::Trailer,         Name::Upgrade,       Name::ProxyConnection,
                             Name::TransferEncoding};

constexpr std::size_t kFieldsMax = 32;

// What goes into a request line and can mean something to a backend (RFC 3986 3.3 and 3.4): no more
// is asked of it, as it is not matched here.
bool is_target(std::string_view text) noexcept {
  auto is_hex = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] <= ' ' || text[i] > '~' || text[i] == '#') return false;
    if (text[i] != '%') continue;
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
  }
  return text.starts_with('/');
}

class Reading : Critic {
 public:
  Reading(const HealthCheck& check, const Places& places, Report& report)
      : Critic(places, report), check_(check) {}

  upstream::HealthPolicy run() {
    upstream::HealthPolicy policy{.timeout = check_.timeout,
                                  .interval = check_.interval,
                                  .unhealthy_threshold = check_.unhealthy_threshold,
                                  .healthy_threshold = check_.healthy_threshold,
                                  .path = check_.path,
                                  .host = check_.host,
                                  .method = check_.method,
                                  .headers = read_headers(),
                                  .statuses = read_statuses(),
                                  .body = check_.body};
    check_path();
    check_keys_that_need_a_path();
    check_body();
    return policy;
  }

 private:
  std::vector<std::pair<std::string, std::string>> read_headers() {
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto& [name, value] : check_.headers) {
      if (read_field(name)) fields.emplace_back(name, value);
    }
    if (fields.size() > kFieldsMax) {
      add(Code::BadHealthCheck, check_.headers,
          fmt::format("{} fields are too many for a health check", fields.size()))
          .expected = fmt::format("at most {}", kFieldsMax);
    }
    return fields;
  }

  bool read_field(const std::string& name) {
    auto known = name_of(name);
    if (!base::is_token(name)) {
      add(Code::BadHealthCheck, name, fmt::format("'{}' is not the name of a field", name));
      return false;
    }
    if (known == Name::Host) {
      add(Code::BadHealthCheck, name, "Host has a key of its own").hint =
          "write health_check.host instead";
      return false;
    }
    if (std::ranges::find(kOwn, known) != kOwn.end()) {
      add(Code::BadHealthCheck, name,
          fmt::format("{} is not for a configuration to say: a check is one message, without a "
                      "body, on a connection of its own",
                      name));
      return false;
    }
    return true;
  }

  upstream::StatusSet read_statuses() {
    if (check_.statuses.empty()) {
      if (places_.at(&check_.statuses)) {
        add(Code::NoValue, check_.statuses, "'statuses' is empty: nothing would pass").expected =
            "at least one, or not the key";
      }
      return upstream::HealthPolicy().statuses;
    }
    upstream::StatusSet statuses;
    for (const auto& text : check_.statuses) {
      if (auto range = parse_statuses(text)) {
        statuses |= upstream::statuses_between(range->first, range->last);
      }
    }
    return statuses;
  }

  void check_path() {
    if (check_.path.empty()) return;
    if (is_target(check_.path)) return;
    add(Code::BadHealthCheck, check_.path, "no backend can be asked for this").expected =
        "a path from /, and perhaps a query, with what is no part of a URL percent-encoded";
  }

  void check_keys_that_need_a_path() {
    if (!check_.path.empty()) return;
    auto needs_path = [&](const auto& field, std::string_view key) {
      if (!places_.at(&field)) return;
      add(Code::NoEffect, field,
          fmt::format("{} does nothing without a path: a connection that opens is enough", key))
          .hint = "add path: /health";
    };
    needs_path(check_.method, "method");
    needs_path(check_.host, "host");
    needs_path(check_.headers, "headers");
    needs_path(check_.statuses, "statuses");
    needs_path(check_.body, "body");
  }

  void check_body() {
    if (check_.body.empty() || check_.method != "HEAD") return;
    add(Code::BadHealthCheck, check_.body, "the answer to a HEAD has no body that could have this")
        .expected = "another method, or no body";
  }

  const HealthCheck& check_;
};

// "2xx, 301, 400-404"
std::string text_of(const upstream::StatusSet& statuses) {
  std::vector<std::string> parts;
  for (unsigned status = kStatusMin; status <= kStatusMax; ++status) {
    if (!statuses.test(status)) continue;
    auto last = status;
    while (last < kStatusMax && statuses.test(last + 1)) ++last;
    bool is_class = status % 100 == 0 && last == status + 99;
    parts.push_back(is_class        ? fmt::format("{}xx", status / 100)
                    : last > status ? fmt::format("{}-{}", status, last)
                                    : fmt::format("{}", status));
    status = last;
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

upstream::HealthPolicy health_policy_of(const HealthCheck& check, const Places& places,
                                        Report& report) {
  return Reading(check, places, report).run();
}

std::string told_of(const upstream::HealthPolicy& policy) {
  auto text = fmt::format("{} {} every {}, for {}", policy.method, policy.path,
                          text_of(policy.interval), text_of(policy.statuses));
  if (!policy.body.empty()) text += fmt::format(" with '{}'", policy.body);
  return text;
}

}  // namespace cirque::config
