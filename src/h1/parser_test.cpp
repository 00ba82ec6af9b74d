#include "h1/parser.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using namespace cirque;
using namespace std::string_view_literals;
using h1::HeadLimits;
using h1::RequestParser;
using h1::ResponseParser;

namespace {

using Lines = std::vector<std::string>;

Lines lines(const Headers& headers) {
  Lines all;
  for (const Field& field : headers) {
    all.push_back(std::string(field.name) + ": " + std::string(field.value));
  }
  return all;
}

const HeadLimits kLimits;

// A message and the bytes it points into; the bytes in memory of exactly their size, so that the
// sanitizer sees a read beyond them.
template <class Message, class Parser>
struct Parsed {
  Arena arena;
  Message message{arena};
  std::unique_ptr<char[]> memory;
  std::size_t size;
  Result<std::size_t> taken = 0;
  unsigned underscored = 0;

  explicit Parsed(std::string_view bytes, const HeadLimits& limits = kLimits)
      : memory(new char[bytes.size()]), size(bytes.size()) {
    bytes.copy(memory.get(), bytes.size());
    Parser parser(limits);
    taken = parser.parse({memory.get(), size}, message);
    if constexpr (requires { parser.underscored(); }) underscored = parser.underscored();
  }

  std::string reason() const { return taken ? "" : std::string(taken.error().reason); }

  int status() const { return taken ? 0 : taken.error().status; }
};

using ReadRequest = Parsed<Request, RequestParser>;
using ReadResponse = Parsed<Response, ResponseParser>;

// The verdict when the bytes come one by one: what was taken, or the reason; and after how many.
template <class Message, class Parser>
struct Dripped {
  std::size_t taken = 0;
  std::string reason;
  std::size_t after = 0;

  explicit Dripped(std::string_view bytes, const HeadLimits& limits = kLimits) {
    Arena arena;
    Message message(arena);
    Parser parser(limits);
    for (std::size_t n = 1; n <= bytes.size(); ++n) {
      auto result = parser.parse(bytes.substr(0, n), message);
      after = n;
      if (!result) reason = result.error().reason;
      if (!result || *result > 0) {
        taken = result.value_or(0);
        return;
      }
    }
  }
};

using DrippedRequest = Dripped<Request, RequestParser>;
using DrippedResponse = Dripped<Response, ResponseParser>;

struct Refusal {
  std::string_view bytes;
  std::string_view reason;
  int status = 400;
};

void check_refused(const Refusal& row) {
  CAPTURE(row.bytes);
  ReadRequest request(row.bytes);
  CHECK(request.reason() == row.reason);
  CHECK(request.status() == row.status);
  if (!request.taken) CHECK(request.taken.error().side == Side::Client);
  CHECK_FALSE(DrippedRequest(row.bytes).reason.empty());
}

void check_upstream_refused(std::string_view bytes, std::string_view reason) {
  CAPTURE(bytes);
  ReadResponse response(bytes);
  CHECK(response.reason() == reason);
  CHECK(response.status() == 502);
  if (!response.taken) CHECK(response.taken.error().side == Side::Upstream);
  CHECK_FALSE(DrippedResponse(bytes).reason.empty());
}

constexpr auto kUsual =
    "POST /a/../b?x=1 HTTP/1.1\r\n"
    "Host: example.com:8080\r\n"
    "Content-Type:text/plain\r\n"
    "X-Spaces: \t a  b \t \r\n"
    "X-Empty:\r\n"
    "x-latin: \xe4\xff\r\n"
    "Content-Length: 5\r\n"
    "\r\n"sv;

}  // namespace

TEST_SUITE_BEGIN("h1");

TEST_CASE("a request head is read into views of its bytes") {
  ReadRequest read(kUsual);
  REQUIRE(read.taken);
  CHECK(*read.taken == kUsual.size());
  CHECK(read.message.method == Method::Post);
  CHECK(read.message.method_text == "POST");
  CHECK(read.message.version == Version::Http11);
  CHECK(read.message.target == "/b?x=1");
  CHECK(read.message.authority == "example.com:8080");
  CHECK(lines(read.message.headers) == Lines{"Host: example.com:8080", "Content-Type: text/plain",
                                             "X-Spaces: a  b", "X-Empty: ", "x-latin: \xe4\xff",
                                             "Content-Length: 5"});
  const auto* host = read.message.headers.find(Name::Host);
  CHECK(host->value.data() >= read.memory.get());
  CHECK(host->value.data() < read.memory.get() + read.size);
}

TEST_CASE("what follows a head is left alone") {
  ReadRequest read("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\n\0\n\r bad"sv);
  REQUIRE(read.taken);
  CHECK(*read.taken == 27);
}

TEST_CASE("a head split at any byte is the same head") {
  for (std::size_t split = 1; split < kUsual.size(); ++split) {
    CAPTURE(split);
    Arena arena;
    Request request(arena);
    RequestParser parser(kLimits);
    auto first = parser.parse(kUsual.substr(0, split), request);
    REQUIRE(first);
    REQUIRE(*first == 0);
    auto second = parser.parse(kUsual, request);
    REQUIRE(second);
    REQUIRE(*second == kUsual.size());
    CHECK(request.target == "/b?x=1");
    CHECK(request.headers.size() == 6);
  }
  CHECK(DrippedRequest(kUsual).taken == kUsual.size());
}

TEST_CASE("a head may go on elsewhere after reset") {
  Arena arena;
  Request request(arena);
  RequestParser parser(kLimits);
  std::string here(kUsual.substr(0, 70));
  REQUIRE(parser.parse(here, request).value() == 0);
  here.assign(here.size(), '?');
  request.headers.clear();
  parser.reset();
  std::string there(kUsual);
  REQUIRE(parser.parse(there, request).value() == kUsual.size());
  CHECK(request.headers.size() == 6);
  CHECK(request.authority == "example.com:8080");
}

TEST_CASE("up to two empty lines in front of a request are forgiven (RFC 9112 2.2)") {
  constexpr auto kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv;
  for (auto front : {""sv, "\r\n"sv, "\r\n\r\n"sv}) {
    auto bytes = std::string(front) + std::string(kGet);
    CHECK(ReadRequest(bytes).taken.value() == bytes.size());
    CHECK(DrippedRequest(bytes).taken == bytes.size());
  }
  check_refused({"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request_line"});
  check_refused({"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bare_lf"});
  check_refused({"\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_request_line"});
}

TEST_CASE("methods other than the usual ones are passed on, in upper case") {
  ReadRequest read("M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n");
  REQUIRE(read.taken);
  CHECK(read.message.method == Method::Other);
  CHECK(read.message.method_text == "M-SEARCH");
}

TEST_CASE("a request line that is not one is refused") {
  for (auto row : {
           Refusal{"GET / HTTP/1.1 \r\n\r\n", "bad_version"},
           Refusal{"GET /\r\n\r\n", "bad_request_line"},
           Refusal{"GET\r\n\r\n", "bad_request_line"},
           Refusal{"GET HTTP/1.1\r\n\r\n", "bad_request_line"},
           Refusal{"GET  HTTP/1.1\r\n\r\n", "bad_target"},
           Refusal{"GET  / HTTP/1.1\r\n\r\n", "bad_target"},
           Refusal{"GET /  HTTP/1.1\r\n\r\n", "bad_target"},
           Refusal{"GET /a b HTTP/1.1\r\n\r\n", "bad_target"},
           Refusal{"GET\t/\tHTTP/1.1\r\n\r\n", "bad_method"},
           Refusal{"GET /\tHTTP/1.1\r\n\r\n", "bad_request_line"},
           Refusal{"GET /\0 HTTP/1.1\r\n\r\n"sv, "bad_request_line"},
           Refusal{"GET /\r HTTP/1.1\r\n\r\n", "bad_request_line"},
           Refusal{"GET / HTTP/1.1\n\r\n", "bare_lf"},
           Refusal{"GET / HTTP/1.1\nHost: a\n\n", "bare_lf"},
           Refusal{"\x16\x03\x01\x02\0\x01"sv, "bad_request_line"},
           Refusal{" GET / HTTP/1.1\r\n\r\n", "bad_method"},
           Refusal{"get / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_method"},
           Refusal{"Get / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_method"},
           Refusal{"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_method"},
           Refusal{"G\xc3\x84T / HTTP/1.1\r\nHost: a\r\n\r\n", "bad_method"},
           Refusal{"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n\r\n", "bad_method"},
       }) {
    check_refused(row);
  }
}

TEST_CASE("a refused method is not repeated in the log") {
  ReadRequest read("get / HTTP/1.1\r\n\r\n");
  CHECK(read.message.method_text == "-");
}

TEST_CASE("TRACE and CONNECT are not for us") {
  check_refused({"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "method_not_allowed", 405});
  check_refused({"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", "method_not_allowed", 405});
  check_refused({"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "method_not_allowed", 405});
}

TEST_CASE("versions are 1.0 and 1.1; others are told so, what is none is refused") {
  CHECK(ReadRequest("GET / HTTP/1.0\r\n\r\n").message.version == Version::Http10);
  CHECK(ReadRequest("GET / HTTP/1.1\r\nHost: a\r\n\r\n").message.version == Version::Http11);
  for (auto row : {
           Refusal{"GET / HTTP/2.0\r\n\r\n", "http_version_unsupported", 505},
           Refusal{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http_version_unsupported", 505},
           Refusal{"GET / HTTP/0.9\r\n\r\n", "http_version_unsupported", 505},
           Refusal{"GET / HTTP/3.0\r\n\r\n", "http_version_unsupported", 505},
           Refusal{"GET / http/1.1\r\n\r\n", "bad_version"},
           Refusal{"GET / HTTP/1.\r\n\r\n", "bad_version"},
           Refusal{"GET / HTTP/1\r\n\r\n", "bad_version"},
           Refusal{"GET / HTTP/1.10\r\n\r\n", "bad_version"},
           Refusal{"GET / HTTP/11\r\n\r\n", "bad_version"},
           Refusal{"GET / HTTP/1,1\r\n\r\n", "bad_version"},
           Refusal{"GET / HTTP/a.1\r\n\r\n", "bad_version"},
           Refusal{"GET / HTPP/1.1\r\n\r\n", "bad_version"},
           Refusal{"GET / SIP/2.0\r\n\r\n", "bad_version"},
       }) {
    check_refused(row);
  }
}

TEST_CASE("a bad target is refused by its line, before the fields") {
  for (auto target : {"/../x"sv, "/a#b"sv, "/a%2fb"sv, "/a\\b"sv, "/%00"sv, "*"sv, "/\xc3\xa4"sv,
                      "http://user@a/"sv, "http:/\\a/"sv, "a:80"sv}) {
    auto bytes = "GET " + std::string(target) + " HTTP/1.1\r\n";
    check_refused({bytes, "bad_target"});
    CHECK(DrippedRequest(bytes).after == bytes.size());
  }
}

TEST_CASE("a field line that is not one is refused") {
  constexpr auto kFront = "GET / HTTP/1.1\r\nHost: a\r\n"sv;
  for (auto row : {
           Refusal{"X-A : 1\r\n\r\n", "bad_header_name"},
           Refusal{"X-A\t: 1\r\n\r\n", "bad_header_name"},
           Refusal{"Content-Length : 5\r\n\r\n", "bad_header_name"},
           Refusal{": 1\r\n\r\n", "bad_header_name"},
           Refusal{"X-A\r\n\r\n", "bad_header_name"},
           Refusal{"X A: 1\r\n\r\n", "bad_header_name"},
           Refusal{"X(A): 1\r\n\r\n", "bad_header_name"},
           Refusal{"X-\xc3\xa4: 1\r\n\r\n", "bad_header_name"},
           Refusal{"\"X\": 1\r\n\r\n", "bad_header_name"},
           Refusal{"X-A: 1\r\n folded\r\n\r\n", "obs_fold"},
           Refusal{"X-A: 1\r\n\tfolded\r\n\r\n", "obs_fold"},
           Refusal{" X-A: 1\r\n\r\n", "obs_fold"},
           Refusal{"X-A: 1\r\n \r\n\r\n", "obs_fold"},
           Refusal{"X-A: a\0b\r\n\r\n"sv, "bad_header_value"},
           Refusal{"X-A: a\rb\r\n\r\n", "bad_header_value"},
           Refusal{"X-A: a\r\r\n\r\n", "bad_header_value"},
           Refusal{"X-A: a\x01\r\n\r\n", "bad_header_value"},
           Refusal{"X-A: a\x0b\r\n\r\n", "bad_header_value"},
           Refusal{"X-A: a\x7f\r\n\r\n", "bad_header_value"},
           Refusal{"Transfer-Encoding: \x0b"
                   "chunked\r\n\r\n",
                   "bad_header_value"},
           Refusal{"X-A: 1\nX-B: 2\r\n\r\n", "bare_lf"},
           Refusal{"X-A: 1\r\n\n", "bare_lf"},
           Refusal{"\n", "bare_lf"},
           Refusal{"\r\r\n", "bad_header_value"},
           Refusal{"\0: 1\r\n\r\n"sv, "bad_header_value"},
       }) {
    auto bytes = std::string(kFront) + std::string(row.bytes);
    check_refused({bytes, row.reason});
  }
}

TEST_CASE("a name with an underscore is dropped and counted, for some read it as a hyphen") {
  ReadRequest read(
      "GET / HTTP/1.1\r\nHost: a\r\nX_Real_IP: 1.2.3.4\r\nX-Mine: 1\r\nContent_Length: 5\r\n\r\n");
  REQUIRE(read.taken);
  CHECK(lines(read.message.headers) == Lines{"Host: a", "X-Mine: 1"});
  CHECK(read.underscored == 2);
}

TEST_CASE("HTTP/1.1 has exactly one good Host") {
  for (auto row : {
           Refusal{"GET / HTTP/1.1\r\n\r\n", "missing_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "duplicate_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "duplicate_host"},
           Refusal{"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "duplicate_host"},
           Refusal{"GET / HTTP/1.1\r\nHost:\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.1\r\nHost: [::1]x80\r\n\r\n", "bad_host"},
           Refusal{"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", "bad_host"},
       }) {
    check_refused(row);
  }
  CHECK(ReadRequest("GET / HTTP/1.0\r\n\r\n").message.authority.empty());
  CHECK(ReadRequest("GET / HTTP/1.0\r\nHost: a\r\n\r\n").message.authority == "a");
}

TEST_CASE("an absolute target must agree with Host") {
  ReadRequest same("GET http://Example.com:80/x HTTP/1.1\r\nHost: example.COM:80\r\n\r\n");
  REQUIRE(same.taken);
  CHECK(same.message.target == "/x");
  CHECK(same.message.authority == "Example.com:80");
  check_refused({"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "host_mismatch"});
  check_refused({"GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", "host_mismatch"});
  check_refused({"GET http://a/ HTTP/1.1\r\n\r\n", "missing_host"});
  ReadRequest old("GET http://a/x HTTP/1.0\r\n\r\n");
  REQUIRE(old.taken);
  CHECK(old.message.authority == "a");
}

TEST_CASE("the only expectation is 100-continue") {
  CHECK(ReadRequest("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").taken);
  CHECK(ReadRequest("POST / HTTP/1.0\r\nExpect: anything\r\n\r\n").taken);
  for (auto value : {"bogus", "100-continue, x", "100-continued", ""}) {
    auto bytes = "POST / HTTP/1.1\r\nHost: a\r\nExpect: " + std::string(value) + "\r\n\r\n";
    check_refused({bytes, "expectation_failed", 417});
  }
  check_refused({"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: x\r\n\r\n",
                 "expectation_failed", 417});
}

TEST_CASE("a target above its limit is 414, before its end has come") {
  HeadLimits limits;
  limits.target_bytes = 100;
  auto get = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CHECK(ReadRequest(get(100), limits).taken);
  CHECK(DrippedRequest(get(100), limits).reason.empty());
  CHECK(ReadRequest(get(101), limits).reason() == "target_too_long");
  CHECK(ReadRequest(get(101), limits).status() == 414);
  ReadRequest endless("GET /" + std::string(200, 'a'), limits);
  CHECK(endless.reason() == "target_too_long");
}

TEST_CASE("the longest method with the longest target is good at once and in drips") {
  HeadLimits limits;
  limits.target_bytes = 100;
  auto bytes = std::string(32, 'M') + " /" + std::string(99, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(ReadRequest(bytes, limits).taken);
  CHECK(DrippedRequest(bytes, limits).taken == bytes.size());
}

TEST_CASE("fields above their limits are 431, before their end has come") {
  HeadLimits limits{.head_bytes = 1000, .field_bytes = 200, .fields = 10, .target_bytes = 100};
  std::string front = "GET / HTTP/1.1\r\nHost: a\r\n";
  auto field = [](std::size_t size) { return "X: " + std::string(size - 3, 'v') + "\r\n"; };

  CHECK(ReadRequest(front + field(200) + "\r\n", limits).taken);
  ReadRequest long_field(front + field(201), limits);
  CHECK(long_field.reason() == "header_field_too_large");
  CHECK(long_field.status() == 431);
  CHECK(long_field.taken.error().fault == Fault::TooLarge);
  CHECK(ReadRequest(front + "X: " + std::string(198, 'v'), limits).reason() ==
        "header_field_too_large");

  std::string nine;
  for (int i = 0; i < 9; ++i) nine += "X: 1\r\n";
  CHECK(ReadRequest(front + nine + "\r\n", limits).taken);
  ReadRequest many(front + nine + "X: 1\r\n", limits);
  CHECK(many.reason() == "too_many_headers");
  CHECK(many.status() == 431);
  CHECK(ReadRequest(front + nine + "X_X: 1\r\n", limits).reason() == "too_many_headers");

  std::string thousand;
  for (int i = 0; i < 5; ++i) thousand += field(200);
  ReadRequest whole(front + thousand, limits);
  CHECK(whole.reason() == "header_block_too_large");
  CHECK(whole.status() == 431);
}

TEST_CASE("the usual limits hold what browsers send, and no more") {
  auto head = [](int fields, std::size_t size) {
    std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (int i = 0; i < fields; ++i) bytes += "X: " + std::string(size, 'v') + "\r\n";
    return bytes + "\r\n";
  };
  CHECK(ReadRequest(head(127, 100)).taken);
  CHECK(ReadRequest(head(128, 100)).reason() == "too_many_headers");
  CHECK(ReadRequest(head(2, 16'000)).taken);
  CHECK(ReadRequest(head(3, 12'000)).reason() == "header_block_too_large");
  CHECK(ReadRequest(head(1, 16'400)).reason() == "header_field_too_large");
}

TEST_CASE("an error comes with the byte that proves it") {
  struct Row {
    std::string_view good;  // nothing to say yet
    std::string_view bad;   // the byte after which there is
    std::string_view reason;
  };

  for (auto row : {
           Row{"", "g", "bad_method"},
           Row{"GE", "(", "bad_method"},
           Row{"GET / HTTP/1.1", "\n", "bare_lf"},
           Row{"GET / HTTP/1.1\r", "x", "bad_request_line"},
           Row{"GET / HTTP/2.0\r", "\n", "http_version_unsupported"},
           Row{"GET / HTTP/1.1\r\n", " ", "obs_fold"},
           Row{"GET / HTTP/1.1\r\n", ":", "bad_header_name"},
           Row{"GET / HTTP/1.1\r\nX-A", " ", "bad_header_name"},
           Row{"GET / HTTP/1.1\r\nX-A: b", "\x01", "bad_header_value"},
           Row{"GET / HTTP/1.1\r\nX-A: b\r", "c", "bad_header_value"},
           Row{"GET / HTTP/1.1\r\nX-A: b\r\n\r", "\n", "missing_host"},
       }) {
    auto bytes = std::string(row.good) + std::string(row.bad);
    CAPTURE(bytes);
    DrippedRequest dripped(bytes);
    CHECK(dripped.reason == row.reason);
    CHECK(dripped.after == bytes.size());
  }
}

TEST_CASE("a response head is read") {
  constexpr auto kBytes =
      "HTTP/1.1 404 Not Found\r\n"
      "Content-Type: text/html\r\n"
      "X_Under_Score: kept\r\n"
      "Set-Cookie: a=1\r\n"
      "Set-Cookie: b=2\r\n"
      "\r\nbody"sv;
  ReadResponse read(kBytes);
  REQUIRE(read.taken);
  CHECK(*read.taken == kBytes.size() - 4);
  CHECK(read.message.status == 404);
  CHECK(read.message.version == Version::Http11);
  CHECK(read.message.reason == "Not Found");
  CHECK(lines(read.message.headers) == Lines{"Content-Type: text/html", "X_Under_Score: kept",
                                             "Set-Cookie: a=1", "Set-Cookie: b=2"});
  CHECK(DrippedResponse(kBytes).taken == kBytes.size() - 4);
}

TEST_CASE("a status line may go without a reason, and without the space before it") {
  for (auto line : {"HTTP/1.0 200"sv, "HTTP/1.0 200 "sv}) {
    ReadResponse read(std::string(line) + "\r\n\r\n");
    REQUIRE(read.taken);
    CHECK(read.message.status == 200);
    CHECK(read.message.version == Version::Http10);
    CHECK(read.message.reason.empty());
  }
  CHECK(ReadResponse("HTTP/1.1 599 \xc3\xa4 \t x\r\n\r\n").message.reason == "\xc3\xa4 \t x");
  CHECK(ReadResponse("HTTP/1.1 100 Continue\r\n\r\n").message.status == 100);
}

TEST_CASE("a status line that is not one is refused") {
  for (auto line : {"HTTP/1.1 2000 x"sv,
                    "HTTP/1.1 20 x"sv,
                    "HTTP/1.1 099 x"sv,
                    "HTTP/1.1 600 x"sv,
                    "HTTP/1.1 999"sv,
                    "HTTP/1.1 +20 x"sv,
                    "HTTP/1.1 2x0 x"sv,
                    "HTTP/1.1  200 x"sv,
                    "HTTP/1.1 200OK"sv,
                    "HTTP/1.1\t200 OK"sv,
                    "HTTP/1.1 200\tOK"sv,
                    "HTTP/1.2 200 OK"sv,
                    "HTTP/2.0 200 OK"sv,
                    "HTTP/2 200"sv,
                    "http/1.1 200 OK"sv,
                    "HTTP/1.1"sv,
                    ""sv,
                    "ICY 200 OK"sv,
                    " HTTP/1.1 200 OK"sv,
                    "SSH-2.0-OpenSSH_9.2"sv,
                    "HTTP/1.1 200 \0"sv,
                    "HTTP/1.1 200 a\rb"sv}) {
    check_upstream_refused(std::string(line) + "\r\n\r\n", "upstream_bad_status_line");
  }
}

TEST_CASE("a server that speaks something else is not waited for") {
  CHECK(DrippedResponse("SSH-").after == 1);
  CHECK(DrippedResponse("HTTP/2").after == 6);
  CHECK(DrippedResponse("HTTP/2").reason == "upstream_bad_status_line");
}

TEST_CASE("a response's fields are as strict as a request's") {
  for (auto fields : {"X-A : 1\r\n\r\n"sv, ": 1\r\n\r\n"sv, "X-A\r\n\r\n"sv,
                      "X-A: 1\r\n fold\r\n\r\n"sv, "X-A: 1\nX-B: 2\r\n\r\n"sv, "X-A: a\0\r\n\r\n"sv,
                      "X-A: a\rb\r\n\r\n"sv, "X-A: 1\r\n\n"sv, " X-A: 1\r\n\r\n"sv}) {
    check_upstream_refused("HTTP/1.1 200 OK\r\n" + std::string(fields), "upstream_bad_header");
  }
  check_upstream_refused("HTTP/1.1 200 OK\n\n", "upstream_bad_header");
}

TEST_CASE("a response head above the limits is refused") {
  std::string front = "HTTP/1.1 200 OK\r\n";
  std::string many;
  for (int i = 0; i < 129; ++i) many += "X: 1\r\n";
  check_upstream_refused(front + many, "upstream_header_too_large");
  check_upstream_refused(front + "X: " + std::string(17'000, 'v'), "upstream_header_too_large");
  std::string long_lines;
  for (int i = 0; i < 3; ++i) long_lines += "X: " + std::string(12'000, 'v') + "\r\n";
  check_upstream_refused(front + long_lines, "upstream_header_too_large");
  check_upstream_refused("HTTP/1.1 200 " + std::string(33'000, 'r'), "upstream_header_too_large");
}

TEST_CASE("several heads in one packet are read one after the other") {
  std::string_view bytes =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 "
      "OK\r\n\r\n";
  Arena arena;
  Response response(arena);
  ResponseParser parser(kLimits);
  std::vector<int> statuses;
  while (!bytes.empty()) {
    response.headers.clear();
    parser.reset();
    auto taken = parser.parse(bytes, response);
    REQUIRE(taken);
    REQUIRE(*taken > 0);
    bytes.remove_prefix(*taken);
    statuses.push_back(response.status);
  }
  CHECK(statuses == std::vector{100, 103, 200});
  CHECK(response.headers.size() == 0);
}

TEST_SUITE_END();
