#pragma once
// One request and its answer on a client's connection (RFC 9112, the server's half).
#include "cirque/exchange.h"
#include "h1/inbound.h"
#include "h1/outbound.h"
#include "h1/parser.h"
#include "h1/writer.h"
#include "http/forwarding.h"
#include "http/server_stream.h"
#include "net/socket.h"

namespace cirque::h1 {

struct ServerSettings {
  HeadLimits head;
  Duration head_time = 15s;  // for the whole head, from its first byte
  Pace body{.stall = 30s, .grace = 30s, .bytes_per_second = 240};
  net::Pace write{.stall = 60s, .grace = 60s, .bytes_per_second = 240};  // how answers are taken
  std::size_t drain_bytes = 64 * 1024;
  Duration drain_time = 2s;
};

// Lives as long as one turn of a connection; stream and exchange outlive it. One core.
class ServerTurn final : public http::ServerStream {
 public:
  ServerTurn(net::Stream& stream, net::Outbox& outbox, Exchange& exchange,
             const ServerSettings& settings, Leftover leftover) noexcept;

  // Reads the head and judges the framing. Nothing: the client ended, or was silent, before the
  // first byte of a request, and nobody is owed an answer. On an error the request may be half
  // filled.
  enum class Head : bool { Nothing, Complete };
  Task<Head> read_head();

  Task<> inform(const Response& response) override;
  bool begin(Response& response, const Source* body) override;

  Task<> send(Piece piece, const Headers* trailers) override {
    write_head();
    return out.send(piece, trailers);
  }

  Task<> flush() override {
    write_head();
    return out.flush();
  }

  bool has_begun() const noexcept override { return out.has_begun(); }

  void break_off() noexcept override;

  // After the answer: disposes of a request body that nobody read. True: the connection can take
  // another request, whose bytes may be in leave().
  Task<bool> finish();

  Leftover leave() noexcept { return in.leave(); }

  Address local_address() const noexcept { return net::local_address(stream_.watch().fd()); }

  bool is_connected() const noexcept { return net::is_connected(stream_.watch().fd()); }

  // This is the connection's last answer.
  void close_after() noexcept { keep_ = false; }

  // The answer is a 101: from here on the connection speaks `protocol`.
  void switch_to(std::string_view protocol) noexcept {
    keep_ = false;
    head_.upgrade = protocol;
  }

  // What the request's Connection field asked for.
  const http::Connection& connection() const noexcept { return connection_; }

  // The client waits for 100 Continue before it sends the body.
  bool expects_continue() const noexcept { return expects_continue_; }

  // Somebody else's 100 Continue will do.
  void continue_is_forwarded() noexcept {
    in.on_first_wait(nullptr, nullptr);
    in.excuse(expects_continue_);
  }

  std::uint64_t head_bytes() const noexcept { return head_bytes_; }

  // Field lines of the head that were dropped for an underscore in the name.
  unsigned underscored() const noexcept { return parser_.underscored(); }

  Inbound in;
  Outbound out;

 private:
  Result<bool> advance_head();
  Result<bool> settle_head(std::size_t bytes);
  Task<Head> wait_for_head();
  Task<bool> linger();
  Task<bool> skip_body();
  void write_head();
  static Task<> send_continue(void* self);
  Task<> drain(Time until);
  bool body_will_be_drained() const noexcept;

  net::Stream& stream_;
  net::Outbox& outbox_;
  Exchange& exchange_;
  const ServerSettings& settings_;
  RequestParser parser_;
  bool has_ended_ = false;  // the client sends no more
  http::Connection connection_;
  const Response* unsent_ = nullptr;  // whose head is still to be written
  ResponseHead head_;
  bool expects_continue_ = false;
  bool keep_ = false;
  std::uint64_t head_bytes_ = 0;
};

}  // namespace cirque::h1
