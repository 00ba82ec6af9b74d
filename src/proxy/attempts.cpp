#include "proxy/attempts.h"

#include "base/text.h"

namespace cirque::proxy {
namespace {

// Every backend of a pool may be refused a connection; but a request that ends connections is not
// shown to more than this many peers.
constexpr unsigned kConnectAttemptsMax = 16;
constexpr unsigned kSentAttemptsMax = 3;

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

// May what went wrong be answered by sending the request once more?
bool may_replay(Journey& x, const Error& error, bool was_sent) {
  if (error.side != Side::Upstream || !error.replayable) return false;
  if (was_sent && !is_idempotent(x.request.method)) return false;
  return !x.request.body || x.request.body->rewind();
}

void count_failure(upstream::Local& local, const Error& error) {
  if (error.side == Side::Upstream) local.metrics.failures.add(error.reason);
}

void begin_call(Journey& x, upstream::Local& local,
                std::unique_ptr<upstream::Connection> connection) {
  auto& call = x.call.emplace(local, std::move(connection), x.worker, x.rules, x.arena);
  ++call.connection->requests;
  local.metrics.requests.add();
  x.connected = x.worker.loop.now();
  call.turn.begin(x.request, wanted_upgrade(x));
  if (x.client->expects_continue()) x.client->continue_is_forwarded();
}

bool is_informational(const Response& response) noexcept {
  return response.status < 200 && response.status != 101;
}

// Sends the request over one connection, an idle one if `way` says so and there is one, and reads
// the final head. `was_sent`: the peer may have seen some of the request. On failure the connection
// is closed: the conversation on it is unfinished.
enum class Way : bool { Pooled, Fresh };

Task<> converse(Journey& x, upstream::Local& local, Way way, bool& was_sent) {
  was_sent = false;
  auto connection = way == Way::Pooled ? x.worker.roster.take_idle(local) : nullptr;
  x.reused = connection != nullptr;
  if (x.reused) {
    local.metrics.reuses.add();
  } else {
    connection = co_await ok(x.worker.roster.dial(local));
  }
  begin_call(x, local, std::move(connection));
  auto& turn = x.call->turn;
  auto outcome = co_await x.upload.emplace(x).start();
  was_sent = outcome || !outcome.error().replayable;
  // A peer that stopped taking the body may have answered already; only the client's failure is
  // final.
  bool hopeless = !outcome && (!was_sent || outcome.error().side != Side::Upstream);
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

}  // namespace

// A pooled connection that turns out to be dead costs the peer nothing: the same one is tried over
// a fresh connection. Whatever else goes wrong sends the request to the next peer, while that is
// safe.
Task<> attempt_until_answered(Journey& x) {
  App& app = *x.site.app;
  std::optional<Error> last;
  unsigned sent = 0;
  for (;;) {
    auto peer = co_await app.choose(x);
    if (!peer) co_return fail(last.value_or(peer.error()));
    ++x.attempts;
    x.chosen = x.worker.loop.now();
    x.connected = x.answered = Time{};
    x.local = hold_of(x, *peer);  // before we wait: until then the pool keeps it
    auto& local = *x.local;
    x.peer = local.backend->name;
    if (x.site.stations.attempt) {
      Attempt attempt{x.attempts, *peer, x.request};
      auto verdict = co_await ok(co_await app.on_attempt(x, attempt));
      if (verdict == Step::Verdict::Answered) co_return done;
    }
    bool was_sent = false;
    auto outcome = co_await converse(x, local, Way::Pooled, was_sent);
    if (outcome) co_return done;
    count_failure(local, outcome.error());
    if (x.reused && may_replay(x, outcome.error(), was_sent)) {
      x.note("pooled connection was dead");
      outcome = co_await converse(x, local, Way::Fresh, was_sent);
      if (outcome) co_return done;
      count_failure(local, outcome.error());
    }
    last = outcome.error();
    sent += was_sent;
    bool again = may_replay(x, *last, was_sent) && x.attempts < kConnectAttemptsMax &&
                 sent < kSentAttemptsMax;
    if (again && x.site.stations.failure) again = app.on_failure(x, *last) == Recovery::Retry;
    if (!again) co_return fail(*last);
    x.note(last->reason);
  }
}

}  // namespace cirque::proxy
