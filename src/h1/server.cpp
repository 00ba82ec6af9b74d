#include "h1/server.h"

namespace cirque::h1 {
namespace {

// What nearly every request fits in. It lies beside everything else that the request touches, so
// that thousands of them in flight are thousands of pages less in the TLB than with a block each.
constexpr std::size_t kFirstReadBytes = 2048;

}  // namespace

ServerTurn::ServerTurn(net::Stream& stream, net::Outbox& outbox, Exchange& exchange,
                       const ServerSettings& settings, Leftover leftover) noexcept
    : in(stream, outbox.blocks(), exchange.arena, settings.body,
         {static_cast<char*>(exchange.arena.take(kFirstReadBytes, 1)), kFirstReadBytes}),
      out(stream, outbox, exchange.arena, settings.write),
      stream_(stream),
      outbox_(outbox),
      exchange_(exchange),
      settings_(settings),
      parser_(settings.head) {
  in.adopt(std::move(leftover));
}

Task<ServerTurn::Head> ServerTurn::read_head() {
  auto complete = advance_head();
  if (!complete) return fail(complete.error());
  if (*complete) return Head::Complete;
  return wait_for_head();
}

Task<ServerTurn::Head> ServerTurn::wait_for_head() {
  Time until = stream_.loop().now() + settings_.head_time;
  for (;;) {
    bool nothing_yet = in.unread().empty();
    if (has_ended_) {
      if (nothing_yet) co_return Head::Nothing;
      co_return fail({.fault = Fault::Closed, .side = Side::Client, .reason = "client_gone"});
    }
    auto readable = co_await stream_.readable(until);
    if (!readable && nothing_yet) co_return Head::Nothing;
    if (!readable) {
      co_return fail({.fault = Fault::Timeout,
                      .side = Side::Client,
                      .status = 408,
                      .reason = "client_header_timeout"});
    }
    if (co_await ok(advance_head())) co_return Head::Complete;
  }
}

// Parses what is here and reads what comes without waiting. True: the head is complete.
Result<bool> ServerTurn::advance_head() {
  Request& request = exchange_.request;
  for (;;) {
    if (!in.unread().empty()) {
      auto head = parser_.parse(in.unread(), request);
      if (!head) return fail(head.error());
      if (*head > 0) return settle_head(*head);
    }
    auto filled = in.fill(settings_.head.head_bytes);
    has_ended_ = !filled || *filled == Inbound::Filled::End;
    if (has_ended_ || *filled == Inbound::Filled::Again) return false;
    if (*filled == Inbound::Filled::Moved) {
      request.headers.clear();
      parser_.reset();
    }
  }
}

Result<bool> ServerTurn::settle_head(std::size_t bytes) {
  Request& request = exchange_.request;
  in.consume(bytes);
  head_bytes_ = bytes;
  auto framing = TRY(http::judge_request(request));
  connection_ = TRY(http::take_hop(request));
  in.begin_body(framing);
  if (framing.kind != http::Framing::Kind::None) request.body = Body::borrow(in);
  bool is_10 = request.version == Version::Http10;
  keep_ = is_10 ? connection_.keep_alive && !connection_.close : !connection_.close;
  if (is_10) request.headers.drop(Name::Expect);  // RFC 9110 10.1.1: it means nothing there
  expects_continue_ = !is_10 && request.headers.has(Name::Expect) && !in.is_body_complete();
  if (expects_continue_) in.on_first_wait(&ServerTurn::send_continue, this);
  return true;
}

Task<> ServerTurn::send_continue(void* self) {
  auto& turn = *static_cast<ServerTurn*>(self);
  turn.expects_continue_ = false;
  co_await ok(turn.out.send_now("HTTP/1.1 100 Continue\r\n\r\n"));
  co_return done;
}

Task<> ServerTurn::inform(const Response& response) {
  if (exchange_.request.version == Version::Http10) return done;  // RFC 9110 15.2
  if (response.status == 100) {
    expects_continue_ = false;
    continue_is_forwarded();
  }
  auto head = write_response_head(response, {}, outbox_.room(), exchange_.arena);
  return out.send_now(head);
}

// An unread body that is short enough is read past, so that the connection lives; otherwise the
// client must be told now that it will be closed.
bool ServerTurn::body_will_be_drained() const noexcept {
  if (in.is_body_complete()) return true;
  auto left = in.remaining();
  return left && *left <= settings_.drain_bytes && !expects_continue_;
}

bool ServerTurn::begin(Response& response, const Source* body) {
  bool is_10 = exchange_.request.version == Version::Http10;
  bool bodyless = exchange_.request.method == Method::Head || response.status == 204 ||
                  response.status == 304 || response.status == 101;
  Telling telling;
  if (!bodyless && body) {
    auto length = body->remaining();
    telling.kind = length  ? Telling::Kind::Length
                   : is_10 ? Telling::Kind::UntilClose
                           : Telling::Kind::Chunked;
    telling.bytes = length.value_or(0);
  }
  if (telling.kind == Telling::Kind::UntilClose || !body_will_be_drained()) keep_ = false;
  head_.telling = telling;
  head_.bodyless = bodyless;
  head_.close = !keep_ && response.status != 101;
  head_.keep_alive = keep_ && is_10;
  unsent_ = &response;
  out.begin(telling, head_.close);
  return telling.kind != Telling::Kind::None;
}

void ServerTurn::write_head() {
  if (!unsent_) return;
  const Response& response = *std::exchange(unsent_, nullptr);
  out.put(write_response_head(response, head_, outbox_.room(), exchange_.arena));
}

void ServerTurn::break_off() noexcept {
  keep_ = false;
  if (out.has_begun() && !out.is_complete()) stream_.reset_on_close();
}

Task<bool> ServerTurn::finish() {
  if (!keep_) {
    // Closing with unread bytes in the socket would send RST, and the client might lose the answer:
    // end our side, then read on for a while (RFC 9112 9.6).
    if (!out.is_complete()) return Task<bool>(false);
    if (!in.is_body_complete() || in.has_excess()) return linger();
    if (!head_.close) return Task<bool>(false);  // a tunnel has ended
    if (!stream_.is_quiet()) return linger();
    stream_.end_writing();  // what comes in before close() must not take the last bytes with it
    return Task<bool>(false);
  }
  return in.is_body_complete() ? Task<bool>(true) : skip_body();
}

Task<bool> ServerTurn::linger() {
  stream_.end_writing();
  (void)co_await drain(stream_.loop().now() + settings_.drain_time);
  co_return false;
}

Task<bool> ServerTurn::skip_body() {
  std::uint64_t drained = 0;
  while (!in.is_body_complete() && drained <= settings_.drain_bytes) {
    auto piece = co_await in.next();
    if (!piece) co_return false;
    drained += piece->data.size();
  }
  co_return in.is_body_complete();
}

// Whatever comes, unparsed, until the client closes, within bounds.
Task<> ServerTurn::drain(Time until) {
  std::size_t drained = 0;
  while (drained <= settings_.drain_bytes * 16) {
    auto taken = co_await ok(stream_.take(outbox_.blocks().scratch()));
    if (taken.kind == net::Taken::Kind::End) co_return done;
    drained += taken.bytes;
    if (taken.kind != net::Taken::Kind::Again) continue;
    if (auto readable = co_await stream_.readable(until); !readable) co_return done;
  }
  co_return done;
}

}  // namespace cirque::h1
