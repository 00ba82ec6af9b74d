#include "upstream/health_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/text.h"
#include "net/stream.h"
#include "upstream/health_answer.h"

namespace cirque::upstream {
namespace {

std::unexpected<Error> timed_out(std::string_view reason) {
  return fail({.fault = Fault::Timeout, .side = Side::Upstream, .reason = reason});
}

std::string request_of(const HealthPolicy& policy, const Backend& backend) {
  auto request = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", policy.method, policy.path,
                             policy.host.empty() ? backend.name : policy.host);
  bool has_user_agent = false;
  for (const auto& [name, value] : policy.headers) {
    request += fmt::format("{}: {}\r\n", name, value);
    has_user_agent |= base::equal_fold(name, "User-Agent");
  }
  if (!has_user_agent) request += "User-Agent: cirque-health\r\n";
  if (policy.method == "POST") request += "Content-Length: 0\r\n";  // RFC 9110 8.6
  return request + "Connection: close\r\n\r\n";
}

Task<> send(net::Stream& stream, std::string request, Time deadline) {
  std::string_view rest = request;
  for (;;) {
    auto piece = net::piece_of(rest);
    rest.remove_prefix(co_await ok(stream.give({&piece, 1})));
    if (rest.empty()) co_return done;
    if (!co_await stream.writable(deadline)) co_return timed_out("health_check_failed");
  }
}

// Takes what is here, without waiting. True: the answer passes.
Result<bool> hear(net::Stream& stream, HealthAnswer& answer) {
  char bytes[16 * 1024];
  for (;;) {
    auto taken = TRY(stream.take(bytes));
    if (taken.kind == net::Taken::Kind::Again) return false;
    if (taken.kind == net::Taken::Kind::End) {
      TRY(answer.end());
      return true;
    }
    if (TRY(answer.take({bytes, taken.bytes}))) return true;
  }
}

Task<> listen(net::Stream& stream, const HealthPolicy& policy, Time deadline) {
  HealthAnswer answer(policy);
  while (!co_await ok(hear(stream, answer))) {
    if (!co_await stream.readable(deadline)) co_return timed_out("health_check_failed");
  }
  co_return done;
}

// False: there is no more to wait for.
bool drain(net::Stream& stream, std::size_t& left) {
  char bytes[16 * 1024];
  while (left > 0) {
    auto taken = stream.take(bytes);
    if (!taken || taken->kind == net::Taken::Kind::End) return false;
    if (taken->kind == net::Taken::Kind::Again) return true;
    left -= std::min(left, taken->bytes);
  }
  return false;
}

// A backend that was broken off in the middle of its answer would say so in its log, every time.
// What is still to come after this is not waited for: the verdict is not to be late.
Task<> read_out(loop::Loop& loop, net::Stream& stream) {
  constexpr Duration kPatience = 100ms;
  auto until = loop.now() + kPatience;
  std::size_t left = std::size_t{64} * 1024;
  while (drain(stream, left)) {
    if (!co_await stream.readable(until)) break;
  }
  co_return done;
}

}  // namespace

Task<> probe(loop::Loop& loop, HealthPolicy policy, const Backend& backend) {
  auto fd = co_await ok(net::begin_connect(backend.key.address, {}));
  net::Stream stream(loop, std::move(fd), Side::Upstream);
  stream.watch().may_write = false;
  auto deadline = loop.now() + policy.timeout;
  if (!co_await stream.writable(deadline)) co_return timed_out("upstream_connect_timeout");
  co_await ok(net::finish_connect(stream.watch().fd()));
  if (policy.path.empty()) {
    stream.reset_on_close();  // leaves no TIME_WAIT behind, here or there
    co_return done;
  }
  co_await ok(send(stream, request_of(policy, backend), deadline));
  co_await ok(listen(stream, policy, deadline));
  co_return co_await read_out(loop, stream);
}

bool is_ours(const Error& error) noexcept {
  return error.fault == Fault::Overload || error.sys == EADDRNOTAVAIL;
}

}  // namespace cirque::upstream
