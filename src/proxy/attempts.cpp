#include "proxy/attempts.h"

#include "base/log.h"
#include "base/text.h"

namespace cirque::proxy {
namespace {

using observe::NoRetry;

// Every backend of a pool may refuse a connection, and so many may have to be asked to find the one
// that is alive; but a request that ends connections is not shown to more peers than the terms say.
constexpr unsigned kConnectAttemptsMax = 128;
constexpr unsigned kSilentAttemptsMax = 16;  // of those that take their time to fail
constexpr RetryTerms kUsualTerms;

// The protocol that the client asks to switch to, where we would go along. HTTP/2 by upgrade is not
// among them: it would carry requests past everything that we check.
std::string_view wanted_upgrade(const Journey& x) noexcept {
  const auto& connection = x.client->connection();
  bool possible = connection.upgrade && x.request.version == Version::Http11 && !x.request.body;
  if (!possible || base::has_element(connection.upgrade_protocol, "h2c")) return {};
  return connection.upgrade_protocol;
}

upstream::Hold hold_of(Journey& x, const Peer& peer) {
  auto& roster = x.worker.roster;
  if (peer.backend) return roster.hold(*peer.backend);
  return roster.hold(peer.address, peer.name, x.site.metrics);
}

// May what went wrong be answered by sending the request once more? If not: why.
std::optional<NoRetry> obstacle(Journey& x, const Error& error) {
  if (!error.replayable) return NoRetry::Heard;
  if (x.seen && !is_idempotent(x.request.method)) return NoRetry::Method;
  x.upload.reset();  // it would go on where the body begins again
  bool starts_over = !x.request.body || x.request.body->rewind();
  return starts_over ? std::nullopt : std::optional(NoRetry::Body);
}

// Had the connection died while nobody used it? Then no attempt was made. Whoever merely takes too
// long has got the request.
bool was_dead(Journey& x, const Error& error) {
  bool has_ended = error.fault == Fault::Closed || error.fault == Fault::Reset;
  return x.reused && has_ended && error.side == Side::Upstream && !obstacle(x, error);
}

NoRetry why_of(Recovery recovery) noexcept {
  switch (recovery) {
    case Recovery::TooMany:
      return NoRetry::Attempts;
    case Recovery::OverBudget:
      return NoRetry::Budget;
    case Recovery::NobodyElse:
      return NoRetry::NoPeer;
    default:
      return NoRetry::App;
  }
}

// None: once more.
std::optional<NoRetry> judge(Journey& x, const Error& error, unsigned sent,
                             const RetryTerms& terms) {
  if (auto in_the_way = obstacle(x, error)) return in_the_way;
  if (!x.worker.allows_retries()) return NoRetry::Overload;
  auto most = error.fault == Fault::Timeout ? kSilentAttemptsMax : kConnectAttemptsMax;
  if (x.attempts >= most || sent >= terms.sends) return NoRetry::Attempts;
  if (!x.site.stations.failure) return std::nullopt;
  auto recovery = x.site.app->on_failure(x, error);
  return recovery == Recovery::Retry ? std::nullopt : std::optional(why_of(recovery));
}

void note_failure(const Journey& x, upstream::Local& local, const Error& error) {
  if (error.side == Side::Upstream) x.tally->failures.add(error.reason);
  if (!log::is_on(log::Level::Debug)) return;
  log::debug("proxy", "an attempt has failed",
             {{"request_id", x.id},
              {"backend", local.backend->name},
              {"attempt", x.attempts},
              {"reason", error.reason}});
}

void begin_call(Journey& x, upstream::Local& local,
                std::unique_ptr<upstream::Connection> connection) {
  auto& call = x.call.emplace(local, std::move(connection), x.worker, x.rules, x.arena);
  ++call.connection->requests;
  x.tally->requests.add();
  x.connected = x.worker.loop.now();
  call.turn.begin(x.request, wanted_upgrade(x));
  if (x.client->expects_continue()) x.client->continue_is_forwarded();
}

bool is_informational(const Response& response) noexcept {
  return response.status < 200 && response.status != 101;
}

// Sends the request over one connection, an idle one if `way` says so and there is one, and reads
// the final head. Exchange::seen tells whether the peer may have seen some of the request. On
// failure the connection is closed: the conversation on it is unfinished.
enum class Way : bool { Pooled, Fresh };

Task<> converse(Journey& x, upstream::Local& local, const RetryTerms& terms, Way way) {
  x.seen = false;
  auto connection = way == Way::Pooled ? x.worker.roster.take_idle(local) : nullptr;
  x.reused = connection != nullptr;
  if (x.reused) {
    local.metrics.reuses.add();
  } else {
    connection = co_await ok(x.worker.roster.dial(local));
  }
  begin_call(x, local, std::move(connection));
  auto& turn = x.call->turn;
  if (terms.per_try > Duration::zero()) turn.hurry(terms.per_try);
  auto outcome = co_await x.upload.emplace(x).start();
  x.seen = outcome || !outcome.error().replayable;
  // A peer that stopped taking the body may have answered already; only the client's failure is
  // final.
  bool hopeless = !outcome && (!x.seen || outcome.error().side != Side::Upstream);
  if (!hopeless) {
    turn.await_head(x.response);
    for (outcome = done; outcome;) {
      auto complete = turn.advance_head(x.response);
      if (!complete) {
        outcome = fail(complete.error());
      } else if (!*complete) {
        outcome = turn.heed(co_await turn.readable());
      } else if (!is_informational(x.response)) {
        break;
      } else {
        outcome = co_await x.client->inform(x.response);
        turn.await_head(x.response);
      }
    }
  }
  if (!outcome) {
    x.upload.reset();
    x.call.reset();
    co_return fail(outcome.error());
  }
  x.answered = x.worker.loop.now();
  if (auto seconds = turn.keep_alive_seconds()) local.backend->learn_announced(seconds);
  co_return done;
}

// It was answered, but that is as good as no answer.
Error bad_status(const Journey& x) noexcept {
  return {.fault = Fault::Refused,
          .side = Side::Upstream,
          .replayable = true,
          .status = static_cast<std::uint16_t>(x.response.status),
          .reason = "upstream_status"};
}

void begin_attempt(Journey& x, const Peer& peer) {
  auto now = x.worker.loop.now();
  if (x.attempts++ > 0) x.in_vain += now - x.chosen;
  x.chosen = now;
  x.connected = x.answered = Time{};
  x.local = hold_of(x, peer);  // before we wait: until then the pool keeps it
  auto& local = *x.local;
  bool is_shared = peer.backend && peer.metrics != local.backend->metrics;
  x.tally = is_shared ? &x.worker.metrics.backend(peer.metrics) : &local.metrics;
  x.peer = local.backend->name;
}

// To the next one.
void move_on(Journey& x, const Error& failure) {
  x.tally->retries.add();
  x.note(failure.reason);
  x.end_attempt();
}

}  // namespace

// A pooled connection that turns out to be dead costs the peer nothing: the same one is tried over
// a fresh connection. Whatever else goes wrong sends the request to the next peer, while that is
// safe and within the terms.
Task<> attempt_until_answered(Journey& x) {
  App& app = *x.site.app;
  std::optional<Error> last;
  unsigned sent = 0;
  for (;;) {
    auto peer = co_await app.choose(x);
    if (!peer) co_return fail(last.value_or(peer.error()));
    const auto& terms = peer->terms ? *peer->terms : kUsualTerms;
    begin_attempt(x, *peer);
    auto& local = *x.local;
    if (x.site.stations.attempt) {
      Attempt attempt{x.attempts, *peer, x.request};
      auto verdict = co_await ok(co_await app.on_attempt(x, attempt));
      if (verdict == Step::Verdict::Answered) co_return done;
    }
    auto outcome = co_await converse(x, local, terms, Way::Pooled);
    if (!outcome && was_dead(x, outcome.error())) {
      note_failure(x, local, outcome.error());
      x.note("pooled connection was dead");
      outcome = co_await converse(x, local, terms, Way::Fresh);
    }
    if (outcome && !terms.is_failure(x.response.status)) co_return done;
    last = outcome ? bad_status(x) : outcome.error();
    note_failure(x, local, *last);
    if (last->side != Side::Upstream) co_return fail(*last);
    sent += x.seen;
    if (auto why = judge(x, *last, sent, terms)) {
      x.tally->no_retries[static_cast<std::size_t>(*why)].add();
      if (outcome) co_return done;  // a bad answer is better than none
      co_return fail(*last);
    }
    move_on(x, *last);
  }
}

}  // namespace cirque::proxy
