#pragma once
// What can go wrong, as a small value that is cheap to pass and easy to print.
#include <cstdint>
#include <expected>
#include <string_view>
#include <utility>

namespace cirque {

// Whose fault it is. Client becomes a 4xx or silence, Upstream a 502/503/504, Us a 500.
enum class Side : std::uint8_t { Us, Client, Upstream };

enum class Fault : std::uint8_t {
  Refused,      // the peer's machine said no
  Unreachable,  // no route, no address, no socket to be had
  Timeout,
  Closed,     // the other side ended the connection in good order
  Reset,      // the other side broke the connection
  Malformed,  // bytes that are not the protocol
  TooLarge,
  Overload,
  NoPeer,  // nobody to send the request to
  Unsupported,
  Cancelled,
  Bug,
};

// Trivially copyable on purpose: an error travels through many frames and must never allocate.
// `reason` is a stable slug ("upstream_connect_refused", see observe/reasons.h): the same in log,
// metric, header and error page. It always points to static storage.
struct Error {
  Fault fault = Fault::Bug;
  Side side = Side::Us;
  bool replayable = false;  // nothing of the request can have been acted upon: it may be sent again
  std::uint16_t status =
      0;        // the status to answer with, when the rule of fault and side is too coarse
  int sys = 0;  // errno, when the kernel was asked
  std::string_view reason = "internal_error";
};

template <class T>
using Result = std::expected<T, Error>;

struct Unit {};

inline constexpr Unit done{};

[[nodiscard]] inline std::unexpected<Error> fail(Error e) {
  return std::unexpected(e);
}

}  // namespace cirque

// TRY: unwrap a Result in an ordinary function, or return its error. In a coroutine: co_await
// ok(...).
#define TRY(expr)                                                \
  ({                                                             \
    auto try_result = (expr);                                    \
    if (!try_result) return std::unexpected(try_result.error()); \
    std::move(*try_result);                                      \
  })
