#include "proxy/chronicle.h"

#include <algorithm>

namespace cirque::proxy {
namespace {

// What we added: all the time until the answer began, without that in which peers were waited for.
Duration overhead(const Journey& x, Time now) {
  auto until = x.answered != Time{} ? x.answered : now;
  auto last_attempt = x.chosen != Time{} ? until - x.chosen : Duration{};
  return until - x.started - last_attempt - x.in_vain;
}

// Cookies and credentials are not among these.
observe::AccessEntry entry_of(const Journey& x, int status, std::string_view reason, Time now) {
  auto us = [](Duration time) { return time / 1us; };
  observe::AccessEntry entry;
  entry.unix_us = x.worker.loop.unix_us() - us(now - x.started);
  entry.request_id = x.id;
  entry.client = x.client_address();
  entry.method = x.request.method_text;
  entry.host = x.request.authority;
  entry.target = x.request.target;
  entry.user_agent = x.request.headers.get(Name::UserAgent);
  entry.referer = x.request.headers.get(Name::Referer);
  entry.service = x.site.name;
  entry.backend = x.peer;
  entry.reason = reason;
  entry.story = x.story();
  entry.route = x.route;
  entry.fields = x.told_fields();
  entry.status = status;
  entry.version = x.request.version;
  entry.reused = x.reused;
  entry.attempts = x.attempts;
  entry.bytes_in = x.client->in.body_bytes();
  entry.bytes_out = x.client->out.body_bytes();
  entry.duration_us = us(now - x.started);
  if (x.connected != Time{}) entry.connect_us = us(x.connected - x.chosen);
  if (x.answered != Time{}) entry.upstream_us = us(x.answered - x.connected);
  entry.overhead_us = us(overhead(x, now));
  return entry;
}

unsigned class_of(int status) noexcept {
  constexpr unsigned kNobodyLeft = 5;
  if (status == 499) return kNobodyLeft;
  return static_cast<unsigned>(std::clamp(status / 100 - 1, 0, 4));  // an app may answer anything
}

void count(const Journey& x, int status, std::string_view reason, Time now) {
  auto& metrics = x.metrics;
  metrics.requests[class_of(status)][static_cast<std::size_t>(x.request.method)].add();
  metrics.duration.record(now - x.started);
  metrics.overhead.record(overhead(x, now));
  metrics.bytes_in.add(x.client->in.body_bytes());
  metrics.bytes_out.add(x.client->out.body_bytes());
  if (!reason.empty()) metrics.reasons.add(reason);
}

}  // namespace

void record(Journey& x, std::string_view reason) noexcept {
  if (x.unheard || !x.client || std::exchange(x.is_recorded, true)) return;
  constexpr int kClientGone = 499;
  int status = x.status_sent ? x.status_sent : kClientGone;
  if (x.reason.empty()) x.reason = reason;
  Time now = x.worker.loop.now();
  count(x, status, x.reason, now);
  if (x.worker.log && x.site.logged) x.worker.log->write(entry_of(x, status, x.reason, now));
  if (x.site.stations.done) x.site.app->on_done(x);
}

}  // namespace cirque::proxy
