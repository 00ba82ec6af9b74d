#pragma once
// One request/response channel towards the client, whatever the wire version: an HTTP/1 turn now, a
// stream of HTTP/2 and HTTP/3 alike.
#include "cirque/http.h"

namespace cirque::http {

// Lives as long as the exchange. One core. The request's head was read into the exchange before.
class ServerStream {
 public:
  // An informational answer (1xx but 101). Not forwarded to clients that cannot take one.
  virtual Task<> inform(const Response& response) = 0;

  // The final head. It leaves with the first piece, or with flush(). `body` tells the framing;
  // null: no body. Views in the response must be good until then. False: this answer takes no body,
  // whatever there is (HEAD, 204, 304): send() just the last, empty piece.
  virtual bool begin(Response& response, const Source* body) = 0;
  virtual Task<> send(Piece piece, const Headers* trailers) = 0;
  virtual Task<> flush() = 0;

  // A byte of the final answer has left: there is no other answer any more.
  virtual bool has_begun() const noexcept = 0;
  // The message must not look complete to the client: something went wrong in the middle of it.
  virtual void break_off() noexcept = 0;

 protected:
  ~ServerStream() = default;
};

}  // namespace cirque::http
