#include "h1/client.h"

#include "base/text.h"
#include "h1/writer.h"

namespace cirque::h1 {

ClientTurn::ClientTurn(net::Stream& stream, net::Outbox& outbox, Arena& arena,
                       const ClientSettings& settings) noexcept
    : in(stream, outbox.blocks(), arena, settings.body, {}),
      out(stream, outbox, arena, settings.write),
      arena_(arena),
      settings_(settings),
      parser_(settings.head),
      first_byte_(settings.first_byte) {}

void ClientTurn::begin(const Request& request, std::string_view upgrade) {
  method_ = request.method;
  awaits_continue_ = request.body && request.headers.has(Name::Expect);
  asked_upgrade_ = upgrade;
  unsent_ = &request;
  Telling telling;
  if (request.body) {
    auto length = request.body->remaining();
    telling.kind = length ? Telling::Kind::Length : Telling::Kind::Chunked;
    telling.bytes = length.value_or(0);
  }
  out.begin(telling);
}

void ClientTurn::write_head() {
  if (!unsent_) return;
  const Request& request = *std::exchange(unsent_, nullptr);
  out.put(write_request_head(request, {.telling = out.telling(), .upgrade = asked_upgrade_},
                             out.outbox().room(), arena_));
}

Error ClientTurn::from_peer(Error error) const noexcept {
  error.side = Side::Upstream;
  // Not one byte of an answer: it may never have read the request. Who may send it again is decided
  // elsewhere, by method.
  bool ended = error.fault == Fault::Closed || error.fault == Fault::Reset;
  error.replayable = ended && !heard_;
  return error;
}

Result<Unit> ClientTurn::heed(const Result<Unit>& readable) noexcept {
  if (readable) return done;
  auto error = readable.error();
  if (error.fault != Fault::Timeout) return fail(from_peer(error));
  bool is_their_turn = awaits_continue_ && out.body_bytes() == 0;
  if (!out.is_complete() && !is_their_turn) {
    // The request is still on its way: its own deadlines watch over it.
    head_until_ = in.stream().loop().now() + first_byte_;
    return done;
  }
  error.reason = is_their_turn ? "upstream_continue_timeout"
                 : is_hurried_ ? "upstream_try_timeout"
                               : "upstream_header_timeout";
  error.replayable = !heard_;
  error.status = 504;
  return fail(error);
}

void ClientTurn::await_head(Response& into) noexcept {
  into.headers.clear();
  parser_.reset();
  head_until_ = in.stream().loop().now() + first_byte_;
}

Result<bool> ClientTurn::advance_head(Response& into) {
  for (;;) {
    if (!in.unread().empty()) {
      auto head = parser_.parse(in.unread(), into);
      if (!head) return fail(head.error());
      if (*head > 0) {
        in.consume(*head);
        if (auto settled = settle_head(into); !settled) return fail(settled.error());
        return true;
      }
    }
    auto filled = in.fill(settings_.head.head_bytes);
    if (!filled) return fail(from_peer(filled.error()));
    if (*filled == Inbound::Filled::Again) return false;
    if (*filled == Inbound::Filled::End) {
      return fail(from_peer({.fault = Fault::Closed, .reason = "upstream_closed_before_response"}));
    }
    heard_ = true;
    if (*filled == Inbound::Filled::Moved) {
      into.headers.clear();
      parser_.reset();
    }
  }
}

Result<Unit> ClientTurn::settle_head(Response& into) {
  constexpr Error kUnasked{
      .fault = Fault::Malformed, .side = Side::Upstream, .reason = "upstream_unexpected_upgrade"};
  if (into.status == 101 && asked_upgrade_.empty()) return fail(kUnasked);
  if (into.status < 200 && into.status != 101) {
    if (++informational_ > kInformationalMax) {
      return fail({.fault = Fault::Malformed,
                   .side = Side::Upstream,
                   .reason = "upstream_too_many_informational"});
    }
    if (into.status == 100) awaits_continue_ = false;
    (void)http::strip_hop_by_hop(into.headers);
    return done;
  }
  auto framing = TRY(http::judge_response(into, method_));
  if (auto* announced = into.headers.find(Name::KeepAlive)) {
    base::for_each_element(announced->value, [&](std::string_view part) {
      constexpr std::string_view kTimeout = "timeout=";
      if (!part.starts_with(kTimeout)) return;
      if (auto n = base::parse_number(part.substr(kTimeout.size()), 86'400)) {
        keep_alive_seconds_ = static_cast<unsigned>(*n);
      }
    });
  }
  auto stripped = http::strip_hop_by_hop(into.headers);
  if (!stripped) {
    return fail(
        {.fault = Fault::Malformed, .side = Side::Upstream, .reason = "upstream_bad_header"});
  }
  const auto& connection = *stripped;
  upgrade_ = connection.upgrade_protocol;
  if (into.status == 101 && !base::has_element(asked_upgrade_, upgrade_)) return fail(kUnasked);
  bool is_10 = into.version == Version::Http10;
  keep_alive_ = is_10 ? connection.keep_alive : !connection.close;
  final_ = true;
  in.begin_body(framing);
  if (framing.kind != http::Framing::Kind::None) into.body = Body::borrow(in);
  return done;
}

bool ClientTurn::is_reusable() const noexcept {
  return final_ && keep_alive_ && out.is_complete() && in.is_body_complete() && !in.has_excess();
}

}  // namespace cirque::h1
