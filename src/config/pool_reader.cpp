#include "config/pool_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/critic.h"
#include "config/health_reader.h"
#include "config/secrets.h"
#include "config/statuses.h"

namespace cirque::config {
namespace {

constexpr double kNoBound = 1e9;
constexpr std::uint32_t kComparedMin = 5;  // backends, or there is no usual behaviour

using Kind = RequestPart::Kind;

// By which requests stay with one backend.
constexpr Kind kHashed[] = {Kind::Header, Kind::Cookie, Kind::Query, Kind::Path, Kind::Address};

upstream::HealthPolicy health_of(const Pool& pool, const Places& places, Report& report) {
  auto policy = health_policy_of(pool.health_check, places, report);
  if (policy.host.empty()) policy.host = pool.host;
  return policy;
}

upstream::GuardPolicy guard_of(const Pool& pool, const Timeouts& timeouts) {
  const auto& breaker = pool.circuit_breaker;
  return {.has_breaker = breaker.failure_threshold > 0,
          .breaker = {.failure_threshold = std::max(1U, breaker.failure_threshold),
                      .timeout = breaker.timeout,
                      .probe_lease = timeouts.request_total},
          .concurrency = pool.concurrency_limit,
          .adaptive = {.min = pool.adaptive_limit.min,
                       .max = pool.adaptive_limit.max,
                       .window = pool.adaptive_limit.window},
          .queue = {.size = pool.queue.size, .patience = pool.queue.timeout}};
}

upstream::GatePolicy gates_of(const Pool& pool, const Timeouts& timeouts) {
  const auto& breaker = pool.backend_circuit_breaker;
  return {.concurrency = pool.backend_concurrency_limit,
          .failure_threshold = breaker.failure_threshold,
          .breaker_timeout = breaker.timeout,
          .probe_lease = timeouts.request_total};
}

upstream::RollTerms terms_of(const Pool& pool, const Timeouts& timeouts) {
  const auto& balance = pool.balance;
  const auto& passive = pool.passive_health;
  return {
      .balancer = {.method = static_cast<upstream::Method>(balance.method),
                   .slow_start = {.window = balance.slow_start},
                   .spill = {.spill_percent = static_cast<double>(balance.spill_below),
                             .panic_percent = static_cast<double>(balance.panic_below)},
                   .hash_bound = balance.hash_bound > 0 ? balance.hash_bound / 100.0 : kNoBound},
      .has_outliers = passive.errors > 0 || passive.gateway_errors > 0 || passive.compare,
      .outliers = {.errors = passive.errors,
                   .gateway_errors = passive.gateway_errors,
                   .ejection = passive.ejection,
                   .ejection_max = passive.ejection_max,
                   .ejected_percent_max = static_cast<double>(passive.ejected_percent_max),
                   .window_members_min = passive.compare ? kComparedMin : 0},
      .gates = gates_of(pool, timeouts)};
}

RetryPlan retries_of(const Retries& retries) {
  RetryPlan plan{
      .terms = {.sends = retries.attempts + 1, .per_try = retries.per_try_timeout},
      .budget = {.percent = retries.budget_percent, .per_second = retries.budget_per_second},
      .backoff = retries.backoff,
      .backoff_max = retries.backoff_max,
      .same_backend = retries.same_backend,
      .body_max = retries.body};
  for (const auto& text : retries.statuses) {
    auto range = parse_statuses(text);
    if (!range) continue;
    for (auto status = range->first; status <= range->last; ++status) {
      plan.terms.statuses.set(status - 500);
    }
  }
  return plan;
}

// What a request is hashed by, if it is.
class HashReading : Critic {
 public:
  HashReading(const Balance& balance, const Places& places, Report& report)
      : Critic(places, report), balance_(balance) {}

  std::optional<RequestPart> run() {
    check_bound();
    bool is_hash = balance_.method == Balance::Hash;
    if (balance_.hash_by.empty()) {
      if (is_hash && places_.at(&balance_.method)) {
        add(Code::BadText, balance_.method, "the method hash needs hash_by").expected =
            "hash_by: " + list_of(kHashed);
      }
      return {};
    }
    auto part = parse_request_part(balance_.hash_by, kHashed);
    if (!part) {
      tell_no_part(part.error());
    } else if (!is_hash) {
      add(Code::NoEffect, balance_.hash_by, "hash_by does nothing without method: hash");
    } else {
      return std::move(*part);
    }
    return {};
  }

 private:
  void check_bound() {
    if (balance_.hash_bound == 0 || balance_.hash_bound > 100) return;
    add(Code::OutOfRange, balance_.hash_bound,
        fmt::format("{} percent of the average leave no room for anybody", balance_.hash_bound))
        .expected = "more than 100, or 0 for no bound";
  }

  void tell_no_part(const Complaint& why) {
    auto& finding = add(Code::BadChoice, balance_.hash_by,
                        fmt::format("'{}' {}", balance_.hash_by, why.message));
    finding.expected = list_of(kHashed);
    finding.hint = why.hint;
  }

  const Balance& balance_;
};

// How clients are kept with one backend, if they are.
class StickyReading : Critic {
 public:
  StickyReading(const Sticky& sticky, const PoolContext& context)
      : Critic(context.places, context.report), sticky_(sticky), secrets_(context.secrets) {}

  std::optional<upstream::StickyTerms> run() {
    if (sticky_.cookie.empty()) {
      warn_of_no_cookie();
      return {};
    }
    check();
    upstream::StickyTerms terms{
        .policy = {.name = sticky_.cookie,
                   .path = sticky_.path,
                   .max_age_seconds = static_cast<std::uint32_t>(sticky_.max_age / 1s),
                   .secure = static_cast<upstream::Secure>(sticky_.secure),
                   .is_http_only = sticky_.http_only,
                   .same_site = static_cast<upstream::SameSite>(sticky_.same_site)},
        .keys = {}};
    for (const auto& reference : sticky_.keys) {
      if (const auto* bytes = secrets_.find(reference)) terms.keys.push_back(*bytes);
    }
    return terms;
  }

 private:
  void warn_of_no_cookie() {
    auto is_given = [&](const auto& field) { return places_.at(&field) != nullptr; };
    if (is_given(sticky_.cookie)) return;
    auto warn = [&](const auto& field) {
      add(Code::NoEffect, field, "this does nothing without the name of a cookie").expected =
          "sticky: {cookie: NAME}";
    };
    if (!sticky_.keys.empty() && is_given(sticky_.keys.front())) warn(sticky_.keys.front());
    if (is_given(sticky_.max_age)) warn(sticky_.max_age);
    if (is_given(sticky_.path)) warn(sticky_.path);
    if (is_given(sticky_.secure)) warn(sticky_.secure);
    if (is_given(sticky_.http_only)) warn(sticky_.http_only);
    if (is_given(sticky_.same_site)) warn(sticky_.same_site);
  }

  // RFC 6265 4.1.1: a name is a token; what is told of it ends with a semicolon.
  void check() {
    if (!base::is_token(sticky_.cookie)) {
      add(Code::BadText, sticky_.cookie, fmt::format("no cookie is called '{}'", sticky_.cookie))
          .expected = "letters, digits and any of !#$%&'*+-.^_`|~";
    }
    if (!sticky_.path.starts_with('/') || sticky_.path.contains(';')) {
      add(Code::BadText, sticky_.path, fmt::format("'{}' is no path of a cookie", sticky_.path))
          .expected = "a path that begins with a slash, without a semicolon";
    }
    if (sticky_.same_site == Sticky::None && sticky_.secure == Sticky::Never) {
      add(Code::LimitsContradict, sticky_.secure,
          "browsers take a cookie with SameSite=None only if it is secure")
          .expected = "secure: auto or always";
    }
    if (sticky_.keys.size() > upstream::StickyValues::kKeysMax) {
      add(Code::OutOfRange, sticky_.keys[upstream::StickyValues::kKeysMax],
          "these are too many keys: each of them is tried with every request")
          .expected = fmt::format("at most {}", upstream::StickyValues::kKeysMax);
    }
  }

  const Sticky& sticky_;
  const Secrets& secrets_;
};

}  // namespace

PoolPlan pool_plan_of(const Pool& pool, const PoolContext& context) {
  PoolPlan plan{.name = pool.name,
                .host = pool.host,
                .origins = {},
                .health = health_of(pool, context.places, context.report),
                .guard = guard_of(pool, context.timeouts),
                .terms = terms_of(pool, context.timeouts),
                .hash_by = HashReading(pool.balance, context.places, context.report).run(),
                .retries = retries_of(pool.retries),
                .body_max = pool.max_request_body};
  plan.terms.sticky = StickyReading(pool.sticky, context).run();
  plan.is_particular = plan.hash_by || plan.terms.sticky || plan.terms.gates.is_any();
  return plan;
}

}  // namespace cirque::config
