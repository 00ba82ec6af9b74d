#pragma once
// Your proxy: one class, one function for each station of a request's journey. Override those you
// need.
//
//   on_connect -> on_request -> choose -> on_attempt -> on_response -> on_done
//                                 ^  on_failure  |
//                                 +--- retry ----+
//
// A station that need not wait is an ordinary function (return go_on;). One that must wait is a
// coroutine (co_await ...; co_return go_on;). The engine asks once, when the app is registered,
// which stations it overrides: the others are never called and cost nothing.
#include <coroutine>
#include <optional>
#include <type_traits>
#include <utility>

#include "cirque/exchange.h"

namespace cirque {

struct GoOn {};

inline constexpr GoOn go_on{};

// What a station says: "go on", "here is the answer" (exchange.answer(...)), or an error.
class [[nodiscard]] Step {
 public:
  enum class Verdict : bool { GoOn, Answered };

  struct promise_type : detail::Frame {
    Verdict verdict = Verdict::GoOn;

    Step get_return_object() {
      return Step(std::coroutine_handle<promise_type>::from_promise(*this));
    }

    void return_value(GoOn) {}

    void return_value(Response&) { verdict = Verdict::Answered; }

    void return_value(std::unexpected<Error> e) { settle_with(e.error()); }
  };

  Step(GoOn) noexcept {}

  Step(Response&) noexcept : verdict_(Verdict::Answered) {}

  Step(std::unexpected<Error> e) noexcept : failure_(e.error()) {}

  Step(Step&& other) noexcept
      : verdict_(other.verdict_),
        failure_(other.failure_),
        handle_(std::exchange(other.handle_, {})) {}

  ~Step() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return !handle_; }

  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
    handle_.promise().waiter = waiter;
    return handle_;
  }

  Result<Verdict> await_resume() {
    if (!handle_) {
      if (failure_) return fail(*failure_);
      return verdict_;
    }
    auto& p = handle_.promise();
    if (p.failed) return fail(p.error);
    return p.verdict;
  }

 private:
  explicit Step(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}

  Verdict verdict_ = Verdict::GoOn;
  std::optional<Error> failure_;
  std::coroutine_handle<promise_type> handle_;
};

// What becomes of a request whose attempt has failed. All but Retry end it with that failure; the
// metrics tell them apart.
enum class Recovery : std::uint8_t { Retry, GiveUp, TooMany, OverBudget, NobodyElse };

// One object serves all workers at once: what it changes itself must be safe to change from several
// threads. An exchange, and everything reached through it, belongs to the calling thread alone.
class App {
 public:
  virtual ~App() = default;

  // The client has connected and nothing was read yet. False hangs up.
  virtual bool on_connect(const Link&) { return true; }

  // The request head is here. Refuse it, answer it, rewrite it, or let it pass.
  virtual Step on_request(Exchange&) { return go_on; }

  // The request's body on its way to the peer. Return a source that pulls from the given one.
  virtual Body on_request_body(Exchange&, Body body) { return body; }

  // Where should it go? Asked again for every retry. An app that answers everything in on_request
  // need not say.
  virtual Task<Peer> choose(Exchange&) {
    return fail({.fault = Fault::NoPeer, .reason = "no_healthy_backend"});
  }

  // About to be sent to that peer: the last chance to change what the peer sees.
  virtual Step on_attempt(Exchange&, Attempt&) { return go_on; }

  // The answer's head is here, in exchange.response.
  virtual Step on_response(Exchange&, Response&) { return go_on; }

  virtual Body on_response_body(Exchange&, Body body) { return body; }

  // An attempt failed, or came to a status that its terms count as a failure (then error.status is
  // that). The engine has already checked that a replay is safe and within the terms.
  virtual Recovery on_failure(Exchange&, const Error&) { return Recovery::Retry; }

  // A page was made for an error, in exchange.response: give it another body, or other fields. Not
  // called for answers of peers, nor where a client is gone. Never waits. The request may be one
  // whose head was refused: parts of it are missing then.
  virtual void on_error_page(Exchange&, const Error&) {}

  // Always called, always last, never waits.
  virtual void on_done(const Exchange&) noexcept {}
};

// Which stations an app overrides.
struct Stations {
  bool connect = false;
  bool request = false;
  bool request_body = false;
  bool attempt = false;
  bool response = false;
  bool response_body = false;
  bool failure = false;
  bool error_page = false;
  bool done = false;

  // The type of &A::f names the class that last defined f.
  template <class A>
  static consteval Stations of() {
    static_assert(!std::is_same_v<A, App>, "pass the app by its own type: it tells its stations");
    return {
        .connect = !std::is_same_v<decltype(&A::on_connect), decltype(&App::on_connect)>,
        .request = !std::is_same_v<decltype(&A::on_request), decltype(&App::on_request)>,
        .request_body =
            !std::is_same_v<decltype(&A::on_request_body), decltype(&App::on_request_body)>,
        .attempt = !std::is_same_v<decltype(&A::on_attempt), decltype(&App::on_attempt)>,
        .response = !std::is_same_v<decltype(&A::on_response), decltype(&App::on_response)>,
        .response_body =
            !std::is_same_v<decltype(&A::on_response_body), decltype(&App::on_response_body)>,
        .failure = !std::is_same_v<decltype(&A::on_failure), decltype(&App::on_failure)>,
        .error_page = !std::is_same_v<decltype(&A::on_error_page), decltype(&App::on_error_page)>,
        .done = !std::is_same_v<decltype(&A::on_done), decltype(&App::on_done)>,
    };
  }
};

}  // namespace cirque
