#include "http/framing.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace cirque;
using http::Framing;
using Kind = http::Framing::Kind;

namespace {

struct Line {
  Name name;
  std::string_view value;
};

using Lines = std::vector<Line>;
constexpr auto kLength = Name::ContentLength;
constexpr auto kCoding = Name::TransferEncoding;

struct Verdict {
  Kind kind = Kind::None;
  std::uint64_t bytes = 0;
  std::string reason;  // empty: accepted
  int status = 0;
  Side side = Side::Us;
};

Verdict verdict(const Result<Framing>& result) {
  if (result) return {result->kind, result->bytes, {}, 0, Side::Us};
  CHECK(result.error().fault == Fault::Malformed);
  return {Kind::None, 0, std::string(result.error().reason), result.error().status,
          result.error().side};
}

Verdict request(const Lines& lines, Version version = Version::Http11) {
  Arena arena;
  Request message(arena);
  message.version = version;
  for (auto& line : lines) message.headers.add(line.name, line.value);
  return verdict(http::judge_request(message));
}

Verdict response(const Lines& lines, Method method = Method::Get, int status = 200,
                 Version version = Version::Http11) {
  Arena arena;
  Response message(arena);
  message.status = status;
  message.version = version;
  for (auto& line : lines) message.headers.add(line.name, line.value);
  return verdict(http::judge_response(message, method));
}

}  // namespace

TEST_SUITE_BEGIN("http");

TEST_CASE("a request that says nothing has no body") {
  CHECK(request({}).kind == Kind::None);
  CHECK(request({}).reason.empty());
  CHECK(request({}, Version::Http10).kind == Kind::None);
}

TEST_CASE("Content-Length is digits alone, once, up to 2^63-1") {
  CHECK(request({{kLength, "0"}}).kind == Kind::None);
  CHECK(request({{kLength, "5"}}).kind == Kind::Length);
  CHECK(request({{kLength, "5"}}).bytes == 5);
  CHECK(request({{kLength, "0005"}}).bytes == 5);
  CHECK(request({{kLength, "9223372036854775807"}}).bytes == INT64_MAX);
  for (auto value : {"", "+2", "-1", "-0", "5,5", "5, 5", "5 5", "0x5", "5.0", "1e1", "five",
                     "9223372036854775808", "18446744073709551616", "99999999999999999999999"}) {
    CAPTURE(value);
    auto refused = request({{kLength, value}});
    CHECK(refused.reason == "bad_content_length");
    CHECK(refused.status == 400);
    CHECK(refused.side == Side::Client);
    auto upstream = response({{kLength, value}});
    CHECK(upstream.reason == "upstream_bad_content_length");
    CHECK(upstream.status == 502);
    CHECK(upstream.side == Side::Upstream);
  }
}

TEST_CASE("Content-Length twice is refused, even when both agree") {
  CHECK(request({{kLength, "5"}, {kLength, "5"}}).reason == "bad_content_length");
  CHECK(request({{kLength, "5"}, {kLength, "6"}}).reason == "bad_content_length");
  CHECK(request({{kLength, "0"}, {kLength, "0"}}).reason == "bad_content_length");
  CHECK(response({{kLength, "5"}, {kLength, "5"}}).reason == "upstream_bad_content_length");
}

TEST_CASE("Transfer-Encoding is exactly one chunked") {
  CHECK(request({{kCoding, "chunked"}}).kind == Kind::Chunked);
  CHECK(request({{kCoding, "CHUNKED"}}).kind == Kind::Chunked);
  CHECK(response({{kCoding, "Chunked"}}).kind == Kind::Chunked);
  for (auto value : {"", "identity", "gzip", "gzip, chunked", "chunked, identity",
                     "identity, chunked", "chunked,", ",chunked", "chunked;q=1", "chunked chunked",
                     "xchunked", "chunkedx", "chunked\x0b",
                     "\x0b"
                     "chunked",
                     "\"chunked\"", "chunked, chunked"}) {
    CAPTURE(value);
    CHECK(request({{kCoding, value}}).reason == "bad_transfer_encoding");
    CHECK(request({{kCoding, value}}).status == 400);
    CHECK(response({{kCoding, value}}).reason == "upstream_bad_transfer_encoding");
    CHECK(response({{kCoding, value}}).status == 502);
  }
  CHECK(request({{kCoding, "chunked"}, {kCoding, "chunked"}}).reason == "bad_transfer_encoding");
  CHECK(request({{kCoding, "chunked"}, {kCoding, "identity"}}).reason == "bad_transfer_encoding");
}

TEST_CASE("Content-Length together with Transfer-Encoding is refused (RFC 9112 6.3)") {
  for (auto& lines :
       {Lines{{kLength, "5"}, {kCoding, "chunked"}}, Lines{{kCoding, "chunked"}, {kLength, "0"}},
        Lines{{kCoding, "identity"}, {kLength, "5"}}}) {
    CHECK(request(lines).reason == "content_length_and_transfer_encoding");
    CHECK(request(lines).status == 400);
    CHECK(response(lines).reason == "upstream_content_length_and_transfer_encoding");
    CHECK(response(lines).status == 502);
  }
}

TEST_CASE("HTTP/1.0 has no Transfer-Encoding") {
  CHECK(request({{kCoding, "chunked"}}, Version::Http10).reason == "bad_transfer_encoding");
  CHECK(request({{kLength, "3"}}, Version::Http10).bytes == 3);
  CHECK(response({{kCoding, "chunked"}}, Method::Get, 200, Version::Http10).reason ==
        "upstream_bad_transfer_encoding");
}

TEST_CASE("a response that says nothing ends with the connection") {
  CHECK(response({}).kind == Kind::UntilClose);
  CHECK(response({}, Method::Get, 200, Version::Http10).kind == Kind::UntilClose);
  CHECK(response({{kLength, "0"}}).kind == Kind::None);
  CHECK(response({{kLength, "7"}}).bytes == 7);
}

TEST_CASE("HEAD, 1xx, 204 and 304 have no body, whatever they say") {
  for (auto& lines : {Lines{}, Lines{{kLength, "500"}}, Lines{{kCoding, "chunked"}}}) {
    CHECK(response(lines, Method::Head).kind == Kind::None);
    for (int status : {100, 101, 103, 204, 304}) {
      CAPTURE(status);
      CHECK(response(lines, Method::Get, status).kind == Kind::None);
      CHECK(response(lines, Method::Get, status).reason.empty());
    }
  }
  CHECK(response({{kLength, "5"}, {kCoding, "chunked"}}, Method::Head).status == 502);
}

TEST_SUITE_END();
