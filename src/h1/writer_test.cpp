#include "h1/writer.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "h1/parser.h"

using namespace cirque;
using h1::RequestHead;
using h1::ResponseHead;
using h1::Telling;

namespace {

constexpr Telling kNone{};
constexpr Telling kChunked{Telling::Kind::Chunked, 0};
constexpr Telling kUntilClose{Telling::Kind::UntilClose, 0};

constexpr Telling length(std::uint64_t bytes) {
  return {Telling::Kind::Length, bytes};
}

const h1::HeadLimits kLimits;

// What is written after `bytes` was read.
std::string rewrite(std::string_view bytes, const RequestHead& options = {}) {
  Arena arena;
  Request request(arena);
  h1::RequestParser parser(kLimits);
  auto taken = parser.parse(bytes, request);
  REQUIRE(taken);
  REQUIRE(*taken == bytes.size());
  return std::string(h1::write_request_head(request, options, {}, arena));
}

struct Answer {
  int status = 200;
  std::string reason = {};
  std::vector<std::pair<Name, std::string>> fields = {};
};

std::string write(const Answer& answer, const ResponseHead& options = {}) {
  Arena arena;
  Response response(arena);
  response.status = answer.status;
  response.reason = answer.reason;
  for (auto& [name, value] : answer.fields) response.headers.add(name, value);
  return std::string(h1::write_response_head(response, options, {}, arena));
}

}  // namespace

TEST_SUITE_BEGIN("h1");

TEST_CASE("a request goes on in origin form, its lines as they came") {
  CHECK(rewrite("GET http://a/x/../y?z HTTP/1.1\r\nhost:a\r\nX-A:  b\r\nX-C: d\r\n\r\n") ==
        "GET /y?z HTTP/1.1\r\nhost: a\r\nX-A: b\r\nX-C: d\r\n\r\n");
}

TEST_CASE("HTTP/1.0 becomes HTTP/1.1 with a Host") {
  CHECK(rewrite("GET / HTTP/1.0\r\n\r\n") == "GET / HTTP/1.1\r\nHost: \r\n\r\n");
  CHECK(rewrite("GET http://a:81/ HTTP/1.0\r\n\r\n") == "GET / HTTP/1.1\r\nHost: a:81\r\n\r\n");
}

TEST_CASE("framing and connection fields are ours, not the message's") {
  constexpr auto kPost =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
  CHECK(rewrite(kPost, {length(5), {}}) ==
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
  CHECK(rewrite(kPost, {kChunked, {}}) ==
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(rewrite(kPost, {kNone, {}}) == "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  CHECK(rewrite("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                {length(UINT64_MAX), {}}) ==
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n");
}

TEST_CASE("a request without body that never spoke of one does not speak of one") {
  CHECK(rewrite("GET / HTTP/1.1\r\nHost: a\r\n\r\n") == "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST_CASE("an upgrade is asked for in our own words") {
  CHECK(rewrite("GET / HTTP/1.1\r\nHost: a\r\n\r\n", {kNone, "websocket"}) ==
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("an authority as long as the target was does not run over (HTTP/1.0 without Host)") {
  Arena arena;
  Request request(arena);
  std::string authority(20'000, 'a');
  request.authority = authority;
  auto room = std::make_unique<char[]>(1024);
  auto head = h1::write_request_head(request, {}, {room.get(), 1024}, arena);
  CHECK(head == "GET / HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
}

TEST_CASE("a head is written where there is room, else into the arena") {
  Arena arena;
  Request request(arena);
  request.headers.add(Name::Host, "a");
  char room[512];
  CHECK(h1::write_request_head(request, {}, room, arena).data() == room);
  std::string value(1000, 'v');
  request.headers.add("X-Long", value);
  auto head = h1::write_request_head(request, {}, room, arena);
  CHECK(head.data() != room);
  CHECK(head == "GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + value + "\r\n\r\n");
}

TEST_CASE("every size of head fits the memory that was measured for it") {
  for (std::size_t size = 0; size < 300; ++size) {
    Arena arena;
    Request request(arena);
    std::string text(size, 'x');
    auto target = "/" + text;
    request.method_text = "OPTIONS";
    request.target = target;
    request.authority = text;
    request.headers.add("X-" + text, text);
    request.headers.add(Name::ContentLength, "18446744073709551615");
    auto head = h1::write_request_head(request, {length(UINT64_MAX), text}, {}, arena);
    REQUIRE(head.ends_with("\r\n\r\n"));
    Response response(arena);
    response.status = 599;
    response.reason = text;
    response.headers.add("X-" + text, text);
    auto answer =
        h1::write_response_head(response, {length(UINT64_MAX), false, true, true, text}, {}, arena);
    REQUIRE(answer.ends_with("\r\n\r\n"));
  }
}

TEST_CASE("a response head says how its body ends") {
  CHECK(write({}, {.telling = length(5)}) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  CHECK(write({}, {.telling = kChunked}) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  CHECK(write({}, {.telling = kUntilClose, .close = true}) ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  CHECK(write({}) == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(write({.fields = {{Name::ContentLength, "9"}, {Name::TransferEncoding, "chunked"}}},
              {.telling = length(5)}) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}

TEST_CASE("what has no body by nature says so by saying nothing, or what GET would get") {
  CHECK(write({.status = 204}, {.bodyless = true}) == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(write({.status = 204, .fields = {{Name::ContentLength, "5"}}}, {.bodyless = true}) ==
        "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(write({.status = 304}, {.bodyless = true}) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  CHECK(write({.status = 304, .fields = {{Name::ContentLength, "5"}}}, {.bodyless = true}) ==
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
  CHECK(write({.fields = {{Name::ContentLength, "5"}}}, {.bodyless = true}) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  CHECK(write({.status = 100}) == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(write({.status = 103, .fields = {{Name::Vary, "x"}}}) ==
        "HTTP/1.1 103 Early Hints\r\nVary: x\r\n\r\n");
}

TEST_CASE("a response head says what becomes of the connection") {
  CHECK(write({}, {.telling = length(1), .close = true}) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n");
  CHECK(write({}, {.telling = length(1), .keep_alive = true}) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n");
  CHECK(write({.status = 101}, {.bodyless = true, .upgrade = "websocket"}) ==
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("the reason is the server's own, or the usual one") {
  CHECK(write({.status = 404, .reason = "Nope"}).starts_with("HTTP/1.1 404 Nope\r\n"));
  CHECK(write({.status = 404}).starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(write({.status = 299}).starts_with("HTTP/1.1 299 Unknown\r\n"));
}

TEST_CASE("dropped lines are not written") {
  Arena arena;
  Request request(arena);
  request.headers.add(Name::Host, "a");
  request.headers.add("X-A", "1");
  request.headers.add("X-B", "2");
  request.headers.drop("x-a");
  CHECK(h1::write_request_head(request, {}, {}, arena) ==
        "GET / HTTP/1.1\r\nHost: a\r\nX-B: 2\r\n\r\n");
}

TEST_CASE("a chunk line is the size in hexadecimal digits") {
  h1::ChunkLine line;
  CHECK(h1::write_chunk_line(line, 1) == "1\r\n");
  CHECK(h1::write_chunk_line(line, 500) == "1f4\r\n");
  CHECK(h1::write_chunk_line(line, SIZE_MAX) == "ffffffffffffffff\r\n");
}

TEST_CASE("the last chunk carries the trailers") {
  Arena arena;
  CHECK(h1::write_last_chunk(nullptr, arena) == "0\r\n\r\n");
  Headers trailers(arena);
  CHECK(h1::write_last_chunk(&trailers, arena) == "0\r\n\r\n");
  trailers.add("X-Sum", "abc");
  trailers.add("Grpc-Status", "0");
  CHECK(h1::write_last_chunk(&trailers, arena) == "0\r\nX-Sum: abc\r\nGrpc-Status: 0\r\n\r\n");
}

TEST_SUITE_END();
