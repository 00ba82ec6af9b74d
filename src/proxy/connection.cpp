#include "proxy/connection.h"

#include "base/text.h"
#include "http/forwarding.h"
#include "proxy/answer.h"
#include "proxy/chronicle.h"
#include "proxy/story.h"

namespace cirque::proxy {
namespace {

constexpr Error kOverloaded{
    .fault = Fault::Overload, .side = Side::Us, .status = 503, .reason = "overloaded"};

// Connections that were opened together must not all be closed together: between -10 % and +10 %.
Duration jitter(Worker& worker) noexcept {
  auto tenth = static_cast<std::uint64_t>((worker.rules().timeouts.client_age / 10).count());
  auto some = worker.random.next() % (2 * tenth + 1);
  return Duration(static_cast<Duration::rep>(some)) - Duration(static_cast<Duration::rep>(tenth));
}

}  // namespace

Connection::Connection(Worker& worker, net::Fd fd, const Address& client, const Site& site) noexcept
    : Wake([](Wake& w) noexcept { static_cast<Connection&>(w).woken_while_idle(); }),
      worker_(worker),
      site_(site),
      stream_(worker.loop, std::move(fd), Side::Client),
      link_{.client = client, .service = site.name},
      born_(worker.loop.now() + jitter(worker)),
      hangup_(*this),
      deadline_(*this),
      next_turn_(*this) {
  site_.connections.fetch_add(1, std::memory_order_relaxed);
}

Connection::~Connection() {
  end_idle();
  if (journey_) {
    record(*journey_, "shutting_down");
    turn_.destroy();
    journey_->~Journey();
    worker_.give_journey(journey_);
  }
  site_.connections.fetch_sub(1, std::memory_order_release);
}

void Connection::close() noexcept {
  worker_.retire(*this);
}

// Nothing is known of a new socket; registering it will tell, without a read in vain.
void Connection::open() {
  stream_.watch().may_read = false;
  idle();
}

// Nothing is kept but the socket and this object. If the kernel has already promised something to
// read, no edge will come for it, so it is looked for.
void Connection::idle() noexcept {
  // From the loop, not on top of the last turn's stack.
  if (!stream_.is_quiet()) return worker_.loop.defer(next_turn_);
  is_idle_ = true;
  worker_.metrics.idle.add(1);
  auto patience = is_unwanted() ? Worker::kLastRequest : worker_.idle_patience();
  stream_.expect(*this, worker_.loop.now() + patience);
}

void Connection::end_idle() noexcept {
  if (!std::exchange(is_idle_, false)) return;
  stream_.expect_nothing();
  worker_.metrics.idle.add(-1);
}

void Connection::woken_while_idle() noexcept {
  bool over = stream_.timed_out() || stream_.watch().saw_break;
  end_idle();
  if (over) return close();
  begin_turn();
}

void Connection::begin_turn() {
  journey_ = new (worker_.take_journey()) Journey(link_, worker_, site_);
  turn_ = turn(*journey_).release();
  turn_.promise().owner = this;
  turn_.resume();
}

// Called from the turn's last suspension: its frame may go, and so may we.
void Connection::settled() noexcept {
  std::exchange(turn_, {}).destroy();
  journey_->~Journey();
  worker_.give_journey(std::exchange(journey_, nullptr));
  deadline_.disarm();
  stream_.watch().hangup = nullptr;
  if (!keep_) return close();
  if (leftover_.empty()) return idle();
  // A pipelined request: begin its turn from the loop, not on top of this one's stack.
  worker_.loop.defer(next_turn_);
}

Task<> Connection::turn(Journey& x) {
  h1::ServerTurn http(stream_, worker_.outbox, x, x.rules.server, std::move(leftover_));
  x.client = &http;
  keep_ = false;
  auto head = co_await http.read_head();
  if (head && *head == h1::ServerTurn::Head::Nothing) {
    x.unheard = true;
    co_return done;
  }
  name_request(x);
  if (http.underscored()) worker_.metrics.underscored_fields.add(http.underscored());
  if (is_last_request(x)) {
    http.close_after();
    if (worker_.refuses(link_)) x.interrupt.raise(kOverloaded);  // its story ends before it begins
  }

  Result<Unit> outcome = done;
  if (head) {
    x.metrics.in_flight.add(1);
    stream_.watch().hangup = &hangup_;
    deadline_.arm(worker_.loop.timers(), x.started + x.rules.timeouts.request_total);
    outcome = co_await x.interrupt.during(tell(x));
    x.metrics.in_flight.add(-1);
  } else {
    outcome = fail(head.error());
  }
  if (!outcome) (void)co_await answer_failure(x, outcome.error());
  record(x, outcome ? std::string_view() : outcome.error().reason);
  x.end_call();
  deadline_.disarm();
  keep_ = co_await ok(http.finish());
  leftover_ = http.leave();
  co_return done;
}

Task<> Connection::answer_failure(Journey& x, const Error& error) {
  x.reason = error.reason;
  // Attempts count their own failures; this one came after the answer had begun.
  if (x.call && error.side == Side::Upstream) x.call->local->metrics.failures.add(error.reason);
  x.end_call();
  int status = status_of(error);
  if (status == 0 || x.client->has_begun()) {
    x.client->break_off();
    co_return done;
  }
  bool framing_in_doubt = error.side == Side::Client;
  if (framing_in_doubt) x.client->close_after();
  make_error_answer(x, status, error);
  if (x.site.stations.error_page) x.site.app->on_error_page(x, error);
  x.answered_by_us = true;
  co_await ok(deliver(x));
  co_return done;
}

void Connection::name_request(Journey& x) {
  ++link_.requests;
  auto sent = x.request.headers.get(Name::XRequestId);
  constexpr std::size_t kIdMax = 128;
  bool usable = sent.size() <= kIdMax && base::is_token(sent);
  if (usable) {
    x.id = sent;
    return;
  }
  constexpr std::size_t kIdDigits = 32;
  auto* id = static_cast<char*>(x.arena.take(kIdDigits, 1));
  base::write_hex128(id, worker_.random.next(), worker_.random.next());
  x.id = {id, kIdDigits};
}

// Nothing more is wanted here: the process stops, or the service is gone from the configuration.
bool Connection::is_unwanted() const noexcept {
  return worker_.is_draining() || site_.retired.load(std::memory_order_relaxed);
}

bool Connection::is_last_request(const Journey& x) const noexcept {
  const auto& rules = x.rules;
  return is_strained_away() || site_.retired.load(std::memory_order_relaxed) ||
         link_.requests >= rules.limits.requests_per_connection ||
         x.started - born_ >= rules.timeouts.client_age;
}

bool Connection::is_strained_away() const noexcept {
  if (!worker_.is_strained()) [[likely]]
    return false;
  return worker_.closes_connections() || worker_.refuses(link_);
}

// A client that broke the connection wants nothing any more. One that sent FIN may still read: it
// is given a moment for its answer to begin, then it is taken for gone too.
void Connection::client_hung_up() noexcept {
  if (!journey_ || journey_->tunnelling) return;
  const auto& watch = stream_.watch();
  constexpr Error kGone{.fault = Fault::Reset, .side = Side::Client, .reason = "client_gone"};
  if (watch.saw_break) return journey_->interrupt.raise(kGone);
  bool body_tells = journey_->client && !journey_->client->in.is_body_complete();
  if (body_tells) return;  // whoever reads the body meets the end there
  deadline_.arm(worker_.loop.timers(), worker_.loop.now() + journey_->rules.timeouts.half_close);
}

void Connection::sever(const upstream::Backend& backend) noexcept {
  bool is_with_it = journey_ && journey_->call && journey_->call->local->backend.get() == &backend;
  if (!is_with_it) return;
  journey_->interrupt.raise(
      {.fault = Fault::Closed, .side = Side::Us, .status = 503, .reason = "backend_drained"});
}

void Connection::time_is_up() noexcept {
  if (!journey_ || journey_->tunnelling) return;
  bool half_closed = stream_.watch().saw_end;
  if (half_closed && journey_->client && journey_->client->has_begun()) return;
  if (half_closed) {
    return journey_->interrupt.raise(
        {.fault = Fault::Closed, .side = Side::Client, .reason = "client_gone"});
  }
  journey_->interrupt.raise({.fault = Fault::Timeout,
                             .side = Side::Us,
                             .status = 504,
                             .reason = "request_total_timeout"});
}

}  // namespace cirque::proxy
