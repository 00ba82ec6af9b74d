#include "upstream/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "net/stream.h"

namespace cirque::upstream {

bool HealthState::count(bool success) noexcept {
  if (success == healthy_) {
    in_a_row_ = 0;
    return false;
  }
  auto needed = success ? policy_.healthy_threshold : policy_.unhealthy_threshold;
  if (++in_a_row_ < needed) return false;
  healthy_ = success;
  in_a_row_ = 0;
  return true;
}

void HealthChecks::watch(const std::vector<Seat>& seats) {
  std::set<const Standing*> wanted;
  for (const auto& seat : seats) wanted.insert(seat.standing.get());
  std::erase_if(probes_, [&](const auto& entry) { return !wanted.contains(entry.first); });
  for (const auto& seat : seats) {
    auto& scope = probes_[seat.standing.get()];
    if (scope) continue;
    scope = std::make_unique<loop::Scope>();
    scope->spawn(probe_forever(seat));
  }
}

Task<> HealthChecks::probe_forever(Seat seat) {
  auto& vitals = seat.standing->vitals;
  HealthState state(policy_, !vitals.has(Ailment::Unhealthy));
  for (;;) {
    auto outcome = co_await probe(*seat.backend);
    if (state.count(outcome.has_value())) {
      if (state.is_healthy()) {
        vitals.clear(Ailment::Unhealthy, loop_.now());
      } else {
        vitals.set(Ailment::Unhealthy);
      }
      on_change_(seat, state.is_healthy(), outcome ? "" : outcome.error().reason);
    }
    co_await loop_.sleep(until_next(state.is_in_transition()));
  }
}

// Up to a tenth sooner, by chance: many backends are not to be asked all at once.
Duration HealthChecks::until_next(bool is_in_transition) noexcept {
  constexpr Duration kSoon = 1s;
  auto interval = is_in_transition ? std::min(kSoon, policy_.interval) : policy_.interval;
  auto tenth = static_cast<std::uint64_t>(interval / 10ns);
  return interval - Duration(tenth > 0 ? random_.next() % tenth : 0);
}

Task<> HealthChecks::probe(const Backend& backend) {
  auto fd = co_await ok(net::begin_connect(backend.key.address, {}));
  net::Stream stream(loop_, std::move(fd), Side::Upstream);
  stream.watch().may_write = false;
  auto deadline = loop_.now() + policy_.timeout;
  auto writable = co_await stream.writable(deadline);
  if (!writable) {
    co_return fail({.fault = Fault::Timeout, .reason = "upstream_connect_timeout"});
  }
  co_await ok(net::finish_connect(stream.watch().fd()));
  if (policy_.path.empty()) {
    stream.reset_on_close();  // leaves no TIME_WAIT behind, here or there
    co_return done;
  }
  co_await ok(ask(stream, backend, deadline));
  co_return co_await read_out(stream);
}

// A backend that was broken off in the middle of its answer would say so in its log, every time.
// What is still to come after this is not waited for: the verdict is not to be late.
Task<> HealthChecks::read_out(net::Stream& stream) {
  constexpr Duration kPatience = 100ms;
  constexpr std::size_t kBytesMax = std::size_t{64} * 1024;
  auto until = loop_.now() + kPatience;
  char bytes[4096];
  for (std::size_t read = 0; read < kBytesMax;) {
    auto taken = stream.take(bytes);
    if (!taken || taken->kind == net::Taken::Kind::End) break;
    read += taken->bytes;
    bool is_empty = taken->kind == net::Taken::Kind::Again;
    if (is_empty && !co_await stream.readable(until)) break;
  }
  co_return done;
}

// RFC 9112 4: of the answer the status alone counts.
Task<> HealthChecks::ask(net::Stream& stream, const Backend& backend, Time deadline) {
  constexpr std::size_t kStatusEnd = std::string_view("HTTP/1.1 200").size();
  auto request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: cirque-health\r\nConnection: close\r\n\r\n",
      policy_.path, policy_.host.empty() ? std::string(backend.name) : policy_.host);
  iovec piece{request.data(), request.size()};
  auto given = co_await ok(stream.give({&piece, 1}));
  if (given < request.size())
    co_return fail({.fault = Fault::Timeout, .reason = "health_check_failed"});
  std::string answer;
  char bytes[256];
  while (answer.size() < kStatusEnd) {
    auto taken = co_await ok(stream.take(bytes));
    if (taken.kind == net::Taken::Kind::Some) {
      answer.append(bytes, taken.bytes);
    } else if (taken.kind == net::Taken::Kind::End || !co_await stream.readable(deadline)) {
      co_return fail({.fault = Fault::Timeout, .reason = "health_check_failed"});
    }
  }
  bool is_2xx = answer.starts_with("HTTP/1.") && answer[8] == ' ' && answer[9] == '2';
  if (!is_2xx) co_return fail({.fault = Fault::Timeout, .reason = "health_check_status"});
  co_return done;
}

}  // namespace cirque::upstream
