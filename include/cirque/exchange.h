#pragma once
// One request and its answer on their way through the proxy, and what is known about them.
#include <bitset>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "cirque/address.h"
#include "cirque/arena.h"
#include "cirque/clock.h"
#include "cirque/http.h"

namespace cirque {

namespace upstream {
class Backend;
}

// What an app knows of its configuration: published as a whole (Server::publish), never changed
// after. An exchange keeps the one that it began with until it ends.
struct Snapshot {
  virtual ~Snapshot() = default;
};

// The connection that a request came in on. Lives as long as the connection.
struct Link {
  Address client;
  std::string_view service;    // the name of the listener's service
  std::uint32_t requests = 0;  // begun on this connection, the present one included
  bool tls = false;
};

// How far the engine goes to have a request answered. In all of it, a request that a peer may have
// seen is sent again only if its method is idempotent (RFC 9110 9.2.2) and its body can start over.
struct RetryTerms {
  unsigned sends = 3;  // a request is shown to so many peers at most
  Duration
      per_try{};  // the head of an answer must be here by then; zero: no limit but the engine's
  std::bitset<100> statuses = {};  // of 500 to 599: answers that are as good as none

  bool operator==(const RetryTerms&) const = default;

  bool is_failure(int status) const noexcept {
    return status >= 500 && status <= 599 && statuses.test(static_cast<std::size_t>(status - 500));
  }
};

// Where an attempt goes.
struct Peer {
  Address address;
  std::string_view name;  // how logs and metrics call it; empty: its address
  // Set by pools of the library, which know their backends already; it wins over `address`.
  upstream::Backend* backend = nullptr;
  unsigned metrics = 0;               // of such a backend: the row that its requests are counted in
  const RetryTerms* terms = nullptr;  // null: the usual ones; outlives the attempt

  // "127.0.0.1:3001", "[::1]:3001", "unix:/run/app.sock"
  static Result<Peer> at(std::string_view address) {
    auto parsed = Address::parse(address);
    if (!parsed) return fail(parsed.error());
    return Peer{.address = std::move(*parsed), .name = {}};
  }
};

// One sending of the request to one peer, just before it happens.
struct Attempt {
  unsigned number;  // from 1
  const Peer& peer;
  Request& request;  // as the peer will see it, but for the framing and hop-by-hop fields
};

// Lives on one core, from the first byte of the request until after on_done.
class Exchange {
 public:
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const Link& link;

  // Who asks: whoever has connected, or, where that is one of the proxies whom we trust, the client
  // that they have told of (X-Forwarded-For).
  const Address& client_address() const noexcept { return client_ ? *client_ : link.client; }

  Arena arena;  // memory that lives as long as the exchange
  Request request{arena};
  Response response{arena};
  Time started{};  // when the request's first byte was seen
  const Snapshot* snapshot = nullptr;
  std::string_view id;      // X-Request-Id
  std::string_view route;   // that the app has chosen, for the log; empty: none, or it has no name
  std::string_view reason;  // why it ended as it did: a slug; empty when all went well
  std::string_view peer;    // the name of the last peer that was tried
  unsigned attempts = 0;
  bool reused = false;  // the last attempt went over a pooled connection
  bool seen = false;    // the last peer may have seen some of the request, and acted upon it

  // Tells the story: why something was decided. Printed in the access log.
  void note(std::string_view why);

  std::string_view story() const noexcept { return story_; }

  // Makes the answer ourselves. The views are copied. Return the response from a station to send
  // it.
  Response& answer(int status, std::string_view text = {},
                   std::string_view content_type = "text/plain; charset=utf-8");

  // Fields that the final answer gets, whoever makes it: the peer, the app, or the engine for an
  // error. They replace what the answer has by the same name; a Set-Cookie stands beside others.
  Headers& stamps() {
    if (!stamps_) stamps_ = &arena.make<Headers>(arena);
    return *stamps_;
  }

  // What else the access log says of this exchange, by name.
  Headers& log_fields() {
    if (!log_fields_) log_fields_ = &arena.make<Headers>(arena);
    return *log_fields_;
  }

  // How long the last peer took for the head of its answer; zero: it has not sent one.
  Duration head_latency() const noexcept;

  // So much of the time went by in waiting for others: it is not our overhead.
  void leave_out(Duration time) noexcept;

  // Where the client found us. Asks the kernel.
  Address local_address() const noexcept;

  // Has the client not begun to close its connection, which is TCP? Asks the kernel.
  bool is_connected() const noexcept;

  // The number of the core that it lives on, from 0.
  unsigned core() const noexcept;

  // Waits without keeping the core from other work.
  Task<> sleep(Duration time);

  // Your per-request state, made on first use and destroyed after on_done. One type a proxy.
  template <class State>
  State& slot() {
    if (!slot_) slot_ = &arena.make<State>();
    return *static_cast<State*>(slot_);
  }

  // The same, if it was made.
  template <class State>
  State* state() const noexcept {
    return static_cast<State*>(slot_);
  }

 protected:
  explicit Exchange(const Link& l) noexcept : link(l) {}

  ~Exchange() = default;

  const Address* client_ = nullptr;
  void* slot_ = nullptr;
  Headers* stamps_ = nullptr;
  Headers* log_fields_ = nullptr;
  std::string_view story_;
};

}  // namespace cirque
