#include "http/forwarding.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace cirque;
using http::Connection;

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

void add(Headers& headers, const Lines& lines) {
  for (auto& [name, value] : lines) REQUIRE(headers.add(name, value));
}

Lines lines(const Headers& headers) {
  Lines all;
  for (const Field& field : headers) all.emplace_back(field.name, field.value);
  return all;
}

// What is left of the lines; {"refused", reason} when they are refused.
Lines strip(const Lines& before, Connection* connection = nullptr) {
  Arena arena;
  Headers headers(arena);
  add(headers, before);
  auto stripped = http::strip_hop_by_hop(headers);
  if (!stripped) {
    CHECK(stripped.error().status == 400);
    CHECK(stripped.error().side == Side::Client);
    return {{"refused", std::string(stripped.error().reason)}};
  }
  if (connection) {
    *connection = *stripped;
    connection->upgrade_protocol = {};  // dies with the arena
  }
  return lines(headers);
}

const Lines kRefused{{"refused", "bad_connection_field"}};

struct Forwarded {
  Arena arena;
  Request request{arena};

  Forwarded(const Lines& before, bool trusted, std::string_view ip = "203.0.113.9",
            Version version = Version::Http11) {
    add(request.headers, before);
    request.authority = "shop.example";
    request.version = version;
    auto client = Address::parse_ip(ip, 4711);
    http::add_forwarding(
        request,
        {.client = *client, .scheme = "http", .client_is_trusted = trusted, .request_id = "id-1"});
  }

  std::string get(std::string_view name) const { return std::string(request.headers.get(name)); }

  std::size_t count(std::string_view name) const { return request.headers.count(name_of(name)); }
};

}  // namespace

TEST_SUITE_BEGIN("http");

TEST_CASE("a message without hop-by-hop fields stays as it is") {
  Lines plain{{"Host", "a"}, {"Accept", "*/*"}, {"X-Mine", "1"}, {"Trailer", "X-Sum"}};
  Connection connection;
  CHECK(strip(plain, &connection) == plain);
  CHECK_FALSE(connection.close);
  CHECK_FALSE(connection.keep_alive);
  CHECK_FALSE(connection.upgrade);
  CHECK_FALSE(connection.te_trailers);
}

TEST_CASE("hop-by-hop fields are taken off, named in Connection or not") {
  CHECK(strip({{"Connection", "keep-alive"},
               {"Keep-Alive", "timeout=5"},
               {"Proxy-Connection", "keep-alive"},
               {"TE", "gzip"},
               {"Transfer-Encoding", "chunked"},
               {"Upgrade", "h2c"},
               {"HTTP2-Settings", "AAMAAABk"},
               {"Proxy-Authorization", "Basic x"},
               {"Proxy-Authenticate", "Basic"},
               {"Content-Length", "5"},
               {"Accept", "*/*"}}) == Lines{{"Content-Length", "5"}, {"Accept", "*/*"}});
}

TEST_CASE("Connection says what is wanted of the connection, in any case and over several lines") {
  Connection connection;
  strip({{"Connection", "Close"}}, &connection);
  CHECK(connection.close);
  strip({{"Connection", "Keep-Alive"}}, &connection);
  CHECK(connection.keep_alive);
  CHECK_FALSE(connection.close);
  strip({{"Connection", ",, keep-alive ,"}, {"connection", "CLOSE"}}, &connection);
  CHECK(connection.close);
  CHECK(connection.keep_alive);
  strip({{"Connection", ""}}, &connection);
  CHECK_FALSE(connection.close);
  strip({{"Connection", "TE"}, {"TE", "gzip;q=0.5, trailers"}}, &connection);
  CHECK(connection.te_trailers);
  strip({{"Connection", "closed, close-notify"}}, &connection);
  CHECK_FALSE(connection.close);
}

TEST_CASE("an upgrade needs both Connection: upgrade and Upgrade") {
  Arena arena;
  Headers both(arena);
  add(both, {{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "websocket"}, {"A", "b"}});
  auto asked = http::strip_hop_by_hop(both);
  REQUIRE(asked);
  CHECK(asked->upgrade);
  CHECK(asked->upgrade_protocol == "websocket");
  CHECK(lines(both) == Lines{{"A", "b"}});

  Connection connection;
  strip({{"Upgrade", "websocket"}}, &connection);
  CHECK_FALSE(connection.upgrade);
  strip({{"Connection", "upgrade"}}, &connection);
  CHECK_FALSE(connection.upgrade);
}

TEST_CASE("a nominated field goes no further") {
  CHECK(strip({{"Connection", "close, X-Auth"}, {"X-Auth", "1"}, {"x-auth", "2"}, {"A", "b"}}) ==
        Lines{{"A", "b"}});
  CHECK(strip({{"A", "b"}, {"X-Auth", "1"}, {"Connection", "x-AUTH"}}) == Lines{{"A", "b"}});
}

TEST_CASE("CVE-2026-105299: a client cannot take away what others rely on") {
  for (std::string name :
       {"Authorization", "Cookie", "Content-Type", "X-Forwarded-For", "X-Forwarded-Proto",
        "X-Forwarded-Host", "X-Real-IP", "X-Request-Id", "Via", "Date", "Forwarded"}) {
    CAPTURE(name);
    CHECK(strip({{"Connection", "close, " + name}, {name, "1"}}) == Lines{{name, "1"}});
  }
}

TEST_CASE("who nominates where a message goes or ends is refused") {
  CHECK(strip({{"Connection", "Host"}, {"Host", "a"}}) == kRefused);
  CHECK(strip({{"Connection", "close, content-LENGTH"}, {"Content-Length", "5"}}) == kRefused);
  CHECK(strip({{"Connection", "Transfer-Encoding"}, {"Transfer-Encoding", "chunked"}}).empty());
}

TEST_CASE("a nomination that is no token is refused") {
  for (auto value :
       {"close;x=1", "\"close\"", "X Auth", "close:", "a/b", "(close)", "{}", "X-\xc3\xa4"}) {
    CAPTURE(value);
    CHECK(strip({{"Connection", value}}) == kRefused);
    CHECK(strip({{"Connection", "keep-alive"}, {"Connection", value}}) == kRefused);
  }
}

TEST_CASE("a request says whom it came from and through whom") {
  Forwarded forwarded({{"Host", "shop.example"}}, false);
  CHECK(lines(forwarded.request.headers) == Lines{{"Host", "shop.example"},
                                                  {"Via", "1.1 cirque"},
                                                  {"X-Forwarded-For", "203.0.113.9"},
                                                  {"X-Forwarded-Proto", "http"},
                                                  {"X-Forwarded-Host", "shop.example"},
                                                  {"X-Real-IP", "203.0.113.9"},
                                                  {"X-Request-Id", "id-1"}});
  CHECK(Forwarded({}, false, "2001:db8::1").get("X-Forwarded-For") == "2001:db8::1");
  CHECK(Forwarded({}, false, "10.0.0.1", Version::Http10).get("Via") == "1.0 cirque");
}

TEST_CASE("what a stranger says about itself is replaced") {
  Forwarded forwarded({{"X-Forwarded-For", "127.0.0.1"},
                       {"x-forwarded-for", "10.0.0.1"},
                       {"X-Forwarded-Proto", "https"},
                       {"X-Forwarded-Host", "admin.example"},
                       {"X-Real-IP", "127.0.0.1"},
                       {"X-Request-Id", "evil"},
                       {"X-Forwarded-Port", "443"},
                       {"X-Forwarded-Prefix", "/admin"},
                       {"Forwarded", "for=127.0.0.1"},
                       {"Proxy", "http://evil.example"},
                       {"X-Forward", "stays"}},
                      false);
  CHECK(lines(forwarded.request.headers) == Lines{{"X-Forward", "stays"},
                                                  {"Via", "1.1 cirque"},
                                                  {"X-Forwarded-For", "203.0.113.9"},
                                                  {"X-Forwarded-Proto", "http"},
                                                  {"X-Forwarded-Host", "shop.example"},
                                                  {"X-Real-IP", "203.0.113.9"},
                                                  {"X-Request-Id", "id-1"}});
}

TEST_CASE("a trusted proxy's words are kept and appended to") {
  Forwarded forwarded({{"X-Forwarded-For", "198.51.100.7"},
                       {"X-Forwarded-For", "10.1.1.1"},
                       {"X-Forwarded-Proto", "https"},
                       {"X-Forwarded-Host", "www.example"},
                       {"X-Real-IP", "198.51.100.7"},
                       {"X-Forwarded-Port", "443"}},
                      true, "10.2.2.2");
  CHECK(forwarded.get("X-Forwarded-For") == "198.51.100.7, 10.1.1.1, 10.2.2.2");
  CHECK(forwarded.count("X-Forwarded-For") == 1);
  CHECK(forwarded.get("X-Forwarded-Proto") == "https");
  CHECK(forwarded.get("X-Forwarded-Host") == "www.example");
  CHECK(forwarded.get("X-Real-IP") == "198.51.100.7");
  CHECK(forwarded.get("X-Forwarded-Port") == "443");
  CHECK(Forwarded({}, true, "10.2.2.2").get("X-Forwarded-For") == "10.2.2.2");
  CHECK(Forwarded({{"X-Forwarded-For", ""}}, true, "10.2.2.2").get("X-Forwarded-For") ==
        "10.2.2.2");
}

TEST_CASE("Via grows by one, as one line") {
  Forwarded forwarded({{"Via", "1.0 fred"}, {"Via", "1.1 p.example"}}, false);
  CHECK(forwarded.get("Via") == "1.0 fred, 1.1 p.example, 1.1 cirque");
  CHECK(forwarded.count("Via") == 1);
}

TEST_CASE("a hundred Via lines cost one copy, not a hundred") {
  Arena arena;
  Request request(arena);
  std::string hop(250, 'a');
  for (int i = 0; i < 100; ++i) request.headers.add_view({"Via", hop, Name::Via});
  auto client = Address::parse_ip("10.0.0.1", 1);
  http::add_forwarding(request, {*client, "http", false, "id"});
  CHECK(request.headers.count(Name::Via) == 1);
  CHECK(request.headers.get(Name::Via).size() == 100 * 252 + 10);
}

TEST_CASE("exactly one request id goes on, and the one that was chosen") {
  CHECK(lines(Forwarded({{"X-Request-Id", "id-1"}}, false).request.headers).front() ==
        std::pair<std::string, std::string>("X-Request-Id", "id-1"));
  Forwarded twice({{"X-Request-Id", "id-1"}, {"X-Request-Id", "other"}}, true);
  CHECK(twice.count("X-Request-Id") == 1);
  CHECK(twice.get("X-Request-Id") == "id-1");
}

TEST_CASE("a response says through whom it came") {
  Arena arena;
  Response response(arena);
  http::add_via(response);
  CHECK(response.headers.get(Name::Via) == "1.1 cirque");
  response.version = Version::Http10;
  http::add_via(response);
  CHECK(response.headers.get(Name::Via) == "1.1 cirque, 1.0 cirque");
}

TEST_SUITE_END();

TEST_CASE("of its own hop a request keeps the protocol that it wants to switch to") {
  auto upgrade_of = [](const Lines& before, Version version = Version::Http11) {
    Arena arena;
    Request request(arena);
    request.version = version;
    add(request.headers, before);
    CHECK(http::take_hop(request));
    CHECK_FALSE(request.headers.has(Name::Upgrade));
    return std::string(request.upgrade);
  };
  CHECK(upgrade_of({{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "websocket"}}) ==
        "websocket");
  CHECK(upgrade_of({{"Upgrade", "websocket"}}).empty());
  CHECK(upgrade_of({{"Connection", "Upgrade"}}).empty());
  CHECK(upgrade_of({{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}, Version::Http10).empty());
}

TEST_CASE("no route can ask for what is taken off every request") {
  for (auto name : {"Connection", "keep-alive", "TE", "Transfer-Encoding", "Proxy-Connection",
                    "Proxy-Authorization", "HTTP2-Settings", "X-Cirque-Explain", "x_id"}) {
    CAPTURE(name);
    CHECK_FALSE(http::reaches_routes(name));
  }
  for (auto name : {"upgrade", "Host", "X-Id", "Authorization", "Cookie", "Content-Length"}) {
    CAPTURE(name);
    CHECK(http::reaches_routes(name));
  }
  CHECK_FALSE(http::is_kept("Upgrade"));
}

TEST_CASE("a client is whom the proxies that are trusted have met") {
  std::vector<Network> trusted = {*Network::parse("10.0.0.0/8"), *Network::parse("2001:db8::/32")};
  auto told = [&](const Lines& before) {
    Arena arena;
    Headers headers(arena);
    add(headers, before);
    auto client = http::client_told_by(trusted, headers);
    return client ? client->ip_text() : std::string("nobody");
  };
  auto in_one = [&](std::string value) { return told({{"X-Forwarded-For", std::move(value)}}); };
  CHECK(told({}) == "nobody");
  CHECK(in_one("203.0.113.9") == "203.0.113.9");
  CHECK(in_one("1.1.1.1, 203.0.113.9") == "203.0.113.9");  // who wrote the first may lie
  CHECK(in_one("203.0.113.9, 10.1.1.1, 2001:db8::7") == "203.0.113.9");
  CHECK(in_one("10.0.0.1, 10.0.0.2") == "10.0.0.1");
  CHECK(in_one("1.1.1.1, unknown") == "nobody");
  CHECK(in_one("1.1.1.1, unknown, 10.0.0.2") == "10.0.0.2");
  CHECK(in_one("unknown, 203.0.113.9") == "203.0.113.9");
  CHECK(in_one("203.0.113.9:4711, [2001:db8::7]:80") == "203.0.113.9");
  CHECK(in_one("unix:/run/x") == "nobody");
  CHECK(in_one("::ffff:203.0.113.9") == "203.0.113.9");
  CHECK(in_one("203.0.113.9, ::ffff:10.0.0.1") == "203.0.113.9");
  CHECK(in_one(" , ") == "nobody");
  CHECK(told({{"X-Forwarded-For", "203.0.113.9"}, {"x-forwarded-for", "10.0.0.1"}}) ==
        "203.0.113.9");
  CHECK(told({{"X-Forwarded-For", "203.0.113.9"}, {"x-forwarded-for", "1.1.1.1"}}) == "1.1.1.1");
}
