#pragma once
// A client's HTTP/1 connection: idle, or in a turn. While it idles it is a socket and this object:
// no buffer, no coroutine.
#include "proxy/journey.h"
#include "proxy/worker.h"

namespace cirque::proxy {

class Connection final : public base::ListHook, private loop::Wake, private detail::Owner {
 public:
  Connection(Worker& worker, net::Fd fd, const Address& client, const Site& site) noexcept;
  ~Connection();

  void open();  // the first wait

  bool is_idle() const noexcept { return is_idle_; }

  const Link& link() const noexcept { return link_; }

  const Site& site() const noexcept { return site_; }

  bool is_counted = false;  // in the worker's counts by address

  // While it idles: no longer than until then.
  void idle_no_later(Time until) noexcept {
    if (is_idle_) stream_.expect_sooner(until);
  }

  // Its exchange ends now, if it is with this backend.
  void sever(const upstream::Backend& backend) noexcept;

  void close() noexcept;  // ends our life

 private:
  void woken_while_idle() noexcept;
  void idle() noexcept;
  void end_idle() noexcept;
  void begin_turn();
  void settled() noexcept override;  // the turn is over

  Task<> turn(Journey& journey);
  Task<> answer_failure(Journey& journey, const Error& error);
  bool is_unwanted() const noexcept;
  bool is_strained_away() const noexcept;
  bool is_last_request(const Journey& journey) const noexcept;
  void name_request(Journey& journey);
  void client_hung_up() noexcept;
  void time_is_up() noexcept;

  struct Hangup : loop::Wake {
    explicit Hangup(Connection& c) noexcept
        : Wake([](Wake& w) noexcept { static_cast<Hangup&>(w).connection.client_hung_up(); }),
          connection(c) {}

    Connection& connection;
  };

  struct Deadline : loop::Timer {
    explicit Deadline(Connection& c) noexcept
        : Timer([](Timer& t) noexcept { static_cast<Deadline&>(t).connection.time_is_up(); }),
          connection(c) {}

    Connection& connection;
  };

  struct NextTurn : loop::Deferred {
    explicit NextTurn(Connection& c) noexcept
        : Deferred([](Wake& w) noexcept { static_cast<NextTurn&>(w).connection.begin_turn(); }),
          connection(c) {}

    Connection& connection;
  };

  Worker& worker_;
  const Site& site_;
  net::Stream stream_;
  Link link_;
  Time born_;  // moved by up to a tenth of timeouts.client_age
  h1::Leftover leftover_;
  Task<>::Handle turn_;  // smaller than a Task, since thousands of these idle
  Journey* journey_ = nullptr;
  bool keep_ = false;
  bool is_idle_ = false;
  Hangup hangup_;
  Deadline deadline_;
  NextTurn next_turn_;
};

}  // namespace cirque::proxy
