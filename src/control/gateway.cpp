#include "control/gateway.h"

#include "base/random.h"
#include "config/explain.h"
#include "control/errand.h"
#include "control/rate_limits.h"
#include "http/bodies.h"
#include "http/forwarding.h"

namespace cirque::control {
namespace {

using config::Decision;

// Chance needs no quality here, only independence of the cores.
std::uint64_t chance() noexcept {
  thread_local base::Random random;
  return random.next();
}

// `pool`: where it goes, which is another than was decided when that one cannot take it.
void tell_routing(Exchange& exchange, const Lane& lane, const Decision& decision,
                  std::uint32_t pool) {
  auto& stamps = exchange.stamps();
  stamps.set(Name::XRoutedTo, lane.blueprint->pools[pool].name);
  stamps.set(Name::XRouteReason, decision.route_reason(decision.index));
  stamps.set(Name::XRequestId, exchange.id);
  auto& log = exchange.log_fields();
  log.set("routing_key", decision.key);
  log.set("placement_key", lane.blueprint->pools[pool].name);
  log.set("route_reason", decision.route_reason(decision.index));
}

Response& redirect(Exchange& exchange, const config::Redirect& to) {
  const auto& request = exchange.request;
  auto scheme = exchange.link.tls ? "https" : "http";
  auto location =
      config::location_of(to, scheme, request.authority, request.path(), request.query());
  auto& answer = exchange.answer(static_cast<int>(to.status));
  answer.headers.add(Name::Location, location);
  return answer;
}

Response& refuse_without_key(Exchange& exchange, const Decision& decision) {
  exchange.reason = "routing_key_missing";
  auto text = std::string("Bad Request: ") + decision.table->header + " header is required\n";
  auto& answer = exchange.answer(400, text);
  answer.headers.add("X-Content-Type-Options", "nosniff");
  exchange.stamps().set(Name::XRequestId, exchange.id);
  return answer;
}

Step too_often(Exchange& exchange, const Lane& lane, const Decision& decision, const Error& why) {
  bool is_routed = decision.table && decision.kind == Decision::Kind::Forward;
  if (is_routed) tell_routing(exchange, lane, decision, decision.index);
  return fail(why);
}

// Which pool it was that did not take it.
void tell_pool(Exchange& exchange, const Lane& lane, std::uint32_t pool) {
  exchange.log_fields().set("pool", lane.blueprint->pools[pool].name);
}

Step turn_away(Exchange& exchange, const Lane& lane, std::uint32_t pool, const Error& why) {
  tell_pool(exchange, lane, pool);
  return fail(why);
}

const Routing& routing_of(const Exchange& exchange) noexcept {
  return *static_cast<const Routing*>(exchange.snapshot);
}

Decision decide(const Exchange& exchange, const Lane& lane) noexcept {
  const auto& blueprint = *lane.blueprint;
  if (lane.plan->only_route != config::kNone) return blueprint.only_decision(*lane.plan);
  auto facts = route::Facts::of(exchange.request, exchange.client_address());
  return blueprint.decide(*lane.plan, facts, chance());
}

// Of a request that asked for it: the pool that it has come to, which is not the one that it was
// for.
void tell_stand_in(Exchange& exchange, const Lane& lane, const Decision& decision,
                   const config::Arrival& arrival) {
  auto& stamps = exchange.stamps();
  if (!stamps.has(Name::XCirqueExplain)) return;
  auto line = config::explain_line(*lane.blueprint, *lane.plan, decision, &arrival);
  stamps.set(Name::XCirqueExplain, line);
}

// And that its answer is an error of ours.
void tell_error(Exchange& exchange, const Error& error) {
  auto& stamps = exchange.stamps();
  auto line = stamps.get(Name::XCirqueExplain);
  if (line.empty()) return;
  stamps.set(Name::XCirqueExplain,
             config::with_error(line, {exchange.response.status, error.reason}));
}

}  // namespace

bool Routing::trusts(const Address& client) const noexcept {
  if (client.is_loopback() || client.family() == Address::Family::Unix) return true;
  return http::is_in(trusted, client);
}

const Lane& Gateway::lane_of(const Exchange& exchange) const noexcept {
  return *routing_of(exchange).lanes[lane_];
}

Step Gateway::on_request(Exchange& exchange) {
  const Lane& lane = lane_of(exchange);
  if (Sampler::is_due(exchange.started)) [[unlikely]] {
    routing_of(exchange).sampler->offer(exchange, *lane.blueprint, *lane.plan);
  }
  if (exchange.request.headers.has(Name::XCirqueExplain)) return lead_told(exchange, lane);
  if (lane.plan->only_pool != config::kNone) {
    exchange.slot<Errand>().go_to(lane, lane.plan->only_pool);
    return go_on;
  }
  return lead(exchange, lane);
}

// Apart, so that the short way above saves no registers for it.
Step Gateway::lead(Exchange& exchange, const Lane& lane) {
  return follow(exchange, lane, decide(exchange, lane));
}

// The same, but somebody whom we trust has asked for an explanation with a field of the request,
// which ends here.
Step Gateway::lead_told(Exchange& exchange, const Lane& lane) {
  exchange.request.headers.drop(Name::XCirqueExplain);
  auto decision = decide(exchange, lane);
  if (routing_of(exchange).trusts(exchange.client_address())) {
    exchange.stamps().set(Name::XCirqueExplain,
                          config::explain_line(*lane.blueprint, *lane.plan, decision));
  }
  return follow(exchange, lane, decision);
}

inline Step Gateway::follow(Exchange& exchange, const Lane& lane, const Decision& decision) {
  const auto& blueprint = *lane.blueprint;
  if (decision.route) exchange.route = decision.route->label;
  if (!blueprint.rates.empty()) {
    auto met = meet_rate_limits(exchange, lane, decision);
    if (!met) return too_often(exchange, lane, decision, met.error());
  }
  switch (decision.kind) {
    case Decision::Kind::Forward:
      return forward(exchange, lane, decision);
    case Decision::Kind::Redirect:
      return redirect(exchange, blueprint.redirects[decision.index]);
    case Decision::Kind::Respond: {
      const auto& respond = blueprint.responds[decision.index];
      return exchange.answer(static_cast<int>(respond.status), respond.body, respond.content_type);
    }
    case Decision::Kind::Report:
      return exchange.answer(200, routing_of(exchange).in_use, "application/json");
    case Decision::Kind::NoKey:
      return refuse_without_key(exchange, decision);
    case Decision::Kind::NoHost:
    case Decision::Kind::NoRoute:
      break;
  }
  auto [status, reason] = blueprint.refusal(decision);
  return fail({.fault = Fault::NoPeer,
               .side = Side::Us,
               .status = static_cast<std::uint16_t>(status),
               .reason = reason});
}

Step Gateway::forward(Exchange& exchange, const Lane& lane, const Decision& decision) {
  auto pool = decision.index;
  if (lane.blueprint->pools[pool].is_plain() && !decision.table) {
    exchange.slot<Errand>().go_to(lane, pool);
    return go_on;
  }
  if (decision.table) tell_routing(exchange, lane, decision, pool);
  auto& passage = exchange.arena.make<Passage>();
  auto entry = passage.enter(exchange, lane, pool);
  if (!entry) return turn_away(exchange, lane, pool, entry.error());
  bool is_full = *entry == Passage::Entry::Full;
  return is_full ? forward_later(exchange, lane, decision, passage)
                 : forward_past(exchange, lane, decision, passage);
}

Step Gateway::forward_later(Exchange& exchange, const Lane& lane, Decision decision,
                            Passage& passage) {
  auto waited = co_await passage.wait(exchange, lane, decision.index);
  if (!waited) {
    tell_pool(exchange, lane, decision.index);
    co_return fail(waited.error());
  }
  auto step = co_await forward_past(exchange, lane, decision, passage);
  if (!step) co_return fail(step.error());
  co_return go_on;
}

// There is room for it.
Step Gateway::forward_past(Exchange& exchange, const Lane& lane, const Decision& decision,
                           Passage& passage) {
  auto passed = passage.pass(exchange, lane, decision);
  if (!passed) return turn_away(exchange, lane, decision.index, passed.error());
  if (passed->pool != decision.index) return stand_in(exchange, lane, decision, passage, *passed);
  return go_to(exchange, lane, passed->pool, passage);
}

// It has come to another pool, which has limits of its own.
Step Gateway::stand_in(Exchange& exchange, const Lane& lane, const Decision& decision,
                       Passage& passage, const config::Arrival& arrival) {
  if (decision.table) tell_routing(exchange, lane, decision, arrival.pool);
  tell_stand_in(exchange, lane, decision, arrival);
  auto entry = passage.enter(exchange, lane, arrival.pool);
  if (!entry) return turn_away(exchange, lane, arrival.pool, entry.error());
  bool is_full = *entry == Passage::Entry::Full;
  return is_full ? stand_in_later(exchange, lane, arrival.pool, passage)
                 : go_to(exchange, lane, arrival.pool, passage);
}

Step Gateway::stand_in_later(Exchange& exchange, const Lane& lane, std::uint32_t pool,
                             Passage& passage) {
  auto waited = co_await passage.wait(exchange, lane, pool);
  if (!waited) {
    tell_pool(exchange, lane, pool);
    co_return fail(waited.error());
  }
  auto step = co_await go_to(exchange, lane, pool, passage);
  if (!step) co_return fail(step.error());
  co_return go_on;
}

inline Step Gateway::go_to(Exchange& exchange, const Lane& lane, std::uint32_t pool,
                           Passage& passage) {
  if (const auto& host = lane.blueprint->pools[pool].host; !host.empty()) {
    exchange.request.headers.set(Name::Host, host);
  }
  exchange.slot<Errand>().go_to(lane, pool, &passage);
  return go_on;
}

// The page that was made tells by its type what the client prefers. Who asks for JSON never gets
// HTML; the others get JSON where there is nothing else.
void Gateway::on_error_page(Exchange& exchange, const Error& error) {
  constexpr std::string_view kJson = "application/json";
  const Lane& lane = lane_of(exchange);
  auto& answer = exchange.response;
  tell_error(exchange, error);
  exchange.stamps().drop(Name::SetCookie);  // of a backend that has not answered
  bool is_json = answer.headers.get(Name::ContentType) == kJson;
  auto host = exchange.request.authority;
  auto find = [&](http::PageLanguage language) {
    return lane.blueprint->error_page(*lane.plan, host, answer.status, language);
  };
  const auto* page = is_json ? nullptr : find(http::PageLanguage::Html);
  if (!page && (page = find(http::PageLanguage::Json))) {
    answer.headers.set(Name::ContentType, kJson);
  }
  if (!page) return;
  auto text = page->fill(exchange.arena, {.status = answer.status,
                                          .phrase = reason_phrase(answer.status),
                                          .reason = error.reason,
                                          .request_id = exchange.id,
                                          .host = host});
  answer.body = Body::borrow(exchange.arena.make<http::TextBody>(text));
}

Task<Peer> Gateway::choose(Exchange& exchange) {
  return exchange.slot<Errand>().choose(exchange);
}

Recovery Gateway::on_failure(Exchange& exchange, const Error& error) {
  return exchange.slot<Errand>().on_failure(exchange, error);
}

void Gateway::on_done(const Exchange& exchange) noexcept {
  if (auto* errand = exchange.state<Errand>()) errand->on_done(exchange);
}

}  // namespace cirque::control
