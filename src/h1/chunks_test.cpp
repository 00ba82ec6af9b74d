#include "h1/chunks.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace cirque;
using namespace std::string_view_literals;
using h1::ChunkReader;

namespace {

struct Outcome {
  std::string data;
  std::string rest;  // of the input, after the end
  std::string reason;
  bool done = false;
  std::vector<std::string> trailers;

  bool operator==(const Outcome&) const = default;
};

// The input in parts of at most `step` bytes, the first of them of at most `first`. Each part dies
// before the next is given.
Outcome read(std::string_view bytes, std::size_t step = 1 << 20, std::size_t first = 1 << 20,
             Side side = Side::Client) {
  Arena arena;
  ChunkReader reader(side, arena);
  Outcome outcome;
  auto size = std::min(step, first);
  while (!bytes.empty() && !outcome.done) {
    std::string part(bytes.substr(0, size));
    size = step;
    auto taken = reader.take(part);
    if (!taken) {
      outcome.reason = taken.error().reason;
      outcome.data.clear();
      CHECK(taken.error().side == side);
      CHECK(taken.error().status == (side == Side::Client ? 400 : 502));
      return outcome;
    }
    REQUIRE(taken->used > 0);
    REQUIRE(taken->used <= part.size());
    outcome.data += taken->data;
    outcome.done = taken->done;
    bytes.remove_prefix(taken->used);
    part.assign(part.size(), '?');
  }
  outcome.rest = bytes;
  for (const Field& field : reader.trailers()) {
    outcome.trailers.push_back(std::string(field.name) + ": " + std::string(field.value));
  }
  return outcome;
}

}  // namespace

TEST_SUITE_BEGIN("h1");

TEST_CASE("chunks are put together") {
  struct Row {
    std::string_view bytes;
    std::string_view data;
  };

  for (auto row : {
           Row{"0\r\n\r\n", ""},
           Row{"5\r\nhello\r\n0\r\n\r\n", "hello"},
           Row{"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"},
           Row{"A\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
           Row{"a\r\n0123456789\r\n000\r\n\r\n", "0123456789"},
           Row{"0000000000000001\r\nx\r\n0\r\n\r\n", "x"},
           Row{"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
           Row{"5;a=b\r\nhello\r\n0;last\r\n\r\n", "hello"},
           Row{"5 ; a=\"b;c\" ;d\r\nhello\r\n0\r\n\r\n", "hello"},
           Row{"5;\r\nhello\r\n0\r\n\r\n", "hello"},
       }) {
    CAPTURE(row.bytes);
    auto outcome = read(row.bytes);
    CHECK(outcome.data == row.data);
    CHECK(outcome.done);
    CHECK(outcome.rest.empty());
  }
}

TEST_CASE("what follows the last chunk is the next message") {
  auto outcome = read("3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\nGET / HTTP/1.1\r\n");
  CHECK(outcome.done);
  CHECK(outcome.rest == "GET / HTTP/1.1\r\n");
}

TEST_CASE("an end that has not come is not an end") {
  constexpr auto kBytes = "3;e=1\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"sv;
  for (std::size_t size = 1; size < kBytes.size(); ++size) {
    auto outcome = read(kBytes.substr(0, size));
    CHECK_FALSE(outcome.done);
    CHECK(outcome.reason.empty());
  }
}

TEST_CASE("split at any byte, and into single bytes, the outcome is the same") {
  for (
      auto bytes : {
          "5;ext=\"x\"\r\nhello\r\n10 ;a\r\n0123456789abcdef\r\n0;z\r\nX-Sum: 1 \r\nX-B:2\r\n\r\nrest"sv,
          "0\r\n\r\n"sv,
          "5\r\nhelloX\r\n0\r\n\r\n"sv,
          "5\nhello\r\n0\r\n\r\n"sv,
          "3\r\nabc\r\n0\r\nX-Sum 1\r\n\r\n"sv,
          "3\r\nabc\r\n0\r\n\n"sv,
          "8000000000000000\r\n"sv,
      }) {
    CAPTURE(bytes);
    auto whole = read(bytes);
    for (std::size_t split = 1; split < bytes.size(); ++split) {
      CAPTURE(split);
      CHECK(read(bytes, 1 << 20, split) == whole);
    }
    for (std::size_t step : {1U, 2U, 3U, 7U}) CHECK(read(bytes, step) == whole);
  }
}

TEST_CASE("what is not the chunked coding is refused") {
  for (auto bytes : {
           "\r\n"sv,
           "\r\n5\r\nhello"sv,
           " 5\r\n"sv,
           "+5\r\n"sv,
           "-5\r\n"sv,
           "0x5\r\n"sv,
           "g\r\n"sv,
           "5g\r\n"sv,
           "5,\r\n"sv,
           ";a=b\r\n"sv,
           "5\n"sv,
           "5\rx"sv,
           "5\r\r\n"sv,
           "5;a=b\n"sv,
           "5;a\rb\r\n"sv,
           "5;a\0b\r\n"sv,
           "5;a\x7f\r\n"sv,
           "5 x\r\n"sv,
           "5 \r\n"sv,
           "5\t\r\n"sv,
           "5\x0b\r\n"sv,
           "5\r\nhello\n0\r\n\r\n"sv,
           "5\r\nhello0\r\n\r\n"sv,
           "5\r\nhello!\r\n"sv,
           "5\r\nhello\rx"sv,
           "5\r\nhello\r\n\r\n"sv,
           "8000000000000000\r\n"sv,
           "ffffffffffffffff\r\n"sv,
           "10000000000000000\r\n"sv,
           "00000000000000000\r\n"sv,
           "0\r\n\n"sv,
           "0\r\nx\r\n"sv,
           "0\r\nX: 1\n"sv,
           "0\r\nX: a\rb\r\n"sv,
           "0\r\nX: a\0\r\n"sv,
           "0\r\nX : 1\r\n"sv,
           "0\r\n: 1\r\n"sv,
           "0\r\n X: 1\r\n"sv,
           "0\r\nX: 1\r\n fold\r\n"sv,
       }) {
    CAPTURE(bytes);
    CHECK(read(bytes).reason == "bad_chunk");
    CHECK(read(bytes, 1).reason == "bad_chunk");
  }
}

TEST_CASE("a server may pad its sizes with spaces, as old ones do; a client may not") {
  CHECK(read("5  \r\nhello\r\n0 \r\n\r\n", 1 << 20, 1 << 20, Side::Upstream).data == "hello");
  CHECK(read("5  \r\nhello\r\n0 \r\n\r\n").reason == "bad_chunk");
  CHECK(read("5 x\r\n", 1 << 20, 1 << 20, Side::Upstream).reason == "upstream_bad_chunk");
}

TEST_CASE("a chunk may be as large as 2^63-1") {
  auto outcome = read("7fffffffffffffff\r\nabc");
  CHECK(outcome.data == "abc");
  CHECK(outcome.reason.empty());
}

TEST_CASE("extensions are bounded by the line and by the message") {
  auto line = [](std::size_t size) { return "1;" + std::string(size - 2, 'e'); };
  CHECK(read(line(ChunkReader::kLineBytesMax - 1) + "\r\nx").data == "x");
  CHECK(read(line(ChunkReader::kLineBytesMax + 1)).reason == "bad_chunk");

  std::string many;
  for (int i = 0; i < 16; ++i) many += line(1000) + "\r\nx\r\n";
  CHECK(read(many).reason.empty());
  CHECK(read(many + line(1000) + "\r\nx\r\n").reason == "bad_chunk");
}

TEST_CASE("trailers are read, trimmed, and outlive the input") {
  auto outcome = read("0\r\nX-Sum: \t abc \t\r\nX-Empty:\r\nGrpc-Status: 0\r\n\r\n", 3);
  CHECK(outcome.done);
  CHECK(outcome.trailers == std::vector<std::string>{"X-Sum: abc", "X-Empty: ", "Grpc-Status: 0"});
}

TEST_CASE("trailers that speak for the head or the way are dropped") {
  std::string bytes = "0\r\n";
  for (auto name : {"Content-Length",
                    "transfer-encoding",
                    "Host",
                    "Connection",
                    "TE",
                    "Upgrade",
                    "Trailer",
                    "Keep-Alive",
                    "Authorization",
                    "Cookie",
                    "Set-Cookie",
                    "X-Forwarded-For",
                    "X-Forwarded-Proto",
                    "X-Real-IP",
                    "Forwarded",
                    "Via",
                    "X-Request-Id",
                    "Content-Type",
                    "Content-Encoding",
                    "Proxy-Authorization",
                    "Expect"}) {
    bytes += std::string(name) + ": 5\r\n";
  }
  auto outcome = read(bytes + "X-Mine: 1\r\n\r\n");
  CHECK(outcome.done);
  CHECK(outcome.trailers == std::vector<std::string>{"X-Mine: 1"});
  CHECK(read("0\r\nX_Real_IP: 1\r\n\r\n").trailers.empty());
  CHECK(read("0\r\nX_Y: 1\r\n\r\n", 9, 9, Side::Upstream).trailers.size() == 1);
}

TEST_CASE("trailers are bounded in bytes and in number") {
  std::string many = "0\r\n";
  for (std::size_t i = 0; i < ChunkReader::kTrailersMax; ++i) many += "X: 1\r\n";
  CHECK(read(many + "\r\n").trailers.size() == ChunkReader::kTrailersMax);
  CHECK(read(many + "X: 1\r\n").reason == "bad_chunk");
  CHECK(read("0\r\nX: " + std::string(ChunkReader::kTrailerBytesMax - 10, 'v') + "\r\n\r\n").done);
  CHECK(read("0\r\nX: " + std::string(ChunkReader::kTrailerBytesMax, 'v')).reason == "bad_chunk");
}

TEST_SUITE_END();
