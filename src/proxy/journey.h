#pragma once
// The engine's half of an exchange: everything that one request needs on its way and the user's App
// does not see.
#include <memory>
#include <optional>

#include "cirque/exchange.h"
#include "h1/client.h"
#include "proxy/interrupt.h"
#include "proxy/upload.h"
#include "proxy/worker.h"

namespace cirque::proxy {

// Keeps the edition that an exchange began under.
class Pin {
 public:
  explicit Pin(Worker& worker) noexcept : worker_(worker), tenure_(worker.join()) {}

  Pin(const Pin&) = delete;
  Pin& operator=(const Pin&) = delete;

  ~Pin() { worker_.leave(tenure_); }

  const Edition& operator*() const noexcept { return *tenure_.edition; }

 private:
  Worker& worker_;
  Tenure& tenure_;
};

// A connection lent for one attempt.
struct Call {
  upstream::Local* local;
  std::unique_ptr<upstream::Connection> connection;
  h1::ClientTurn turn;

  Call(upstream::Local& l, std::unique_ptr<upstream::Connection> c, Worker& worker,
       const Rules& rules, Arena& arena)
      : local(&l),
        connection(std::move(c)),
        turn(connection->stream, worker.outbox, arena, rules.client) {
    local->metrics.active.add(1);
  }

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  ~Call() { local->metrics.active.add(-1); }
};

class Journey final : public Exchange {
 public:
  Journey(const Link& link_of, Worker& w, const Site& s) noexcept
      : Exchange(link_of),
        worker(w),
        pin(w),
        rules((*pin).rules),
        site(s),
        metrics(w.metrics.service(s.metrics)),
        interrupt(w.loop) {
    started = w.loop.now();
    snapshot = (*pin).snapshot.get();
  }

  ~Journey() { end_call(); }

  Worker& worker;
  Pin pin;
  const Rules& rules;  // those that held when it began
  const Site& site;
  observe::ServiceMetrics& metrics;
  h1::ServerTurn* client = nullptr;
  Interrupt interrupt;

  upstream::Hold local;                      // of the last attempt; `peer` is its name
  observe::BackendMetrics* tally = nullptr;  // what that attempt is counted by
  std::optional<Call> call;      // the attempt in progress, and then the one that answers
  std::optional<Upload> upload;  // its request body on the way; ends before the call does

  // The application has taken the connection over after a 101.
  bool tunnelling = false;
  bool answered_by_us = false;
  bool is_recorded = false;
  bool unheard = false;  // nothing was asked, nothing is told
  int status_sent = 0;   // of the final answer; 0: none was begun

  Duration in_vain{};  // went into attempts that failed, the pauses after them, and waits in line

  // When things happened, for the log; zero: they did not.
  Time chosen{};     // the peer was
  Time connected{};  // a connection to it was there
  Time answered{};   // the answer's head was here

  // Nothing more is wanted on this connection: the process stops or is short of memory, or the
  // service is gone from the configuration.
  bool is_last() const noexcept {
    return worker.closes_connections() || site.retired.load(std::memory_order_relaxed);
  }

  // Before the application looks at the request.
  void find_client();

  const Headers* told_fields() const noexcept { return log_fields_; }

  // The fields that every final answer gets, in place of the backend's; but each cookie is one of
  // its own.
  void stamp() {
    if (!stamps_) return;
    for (const auto& field : *stamps_) {
      if (field.id == Name::Other) {
        response.headers.drop(field.name);
      } else if (field.id != Name::SetCookie) {
        response.headers.drop(field.id);
      }
      response.headers.add_view(field);  // of the same arena
    }
  }

  // Hands the connection back to its pool, or closes it. The request's body stays for another
  // attempt.
  void end_attempt() noexcept;
  // There will be no other.
  void end_call() noexcept;
};

}  // namespace cirque::proxy
