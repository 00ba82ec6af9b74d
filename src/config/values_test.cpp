#include "config/values.h"

#include <doctest/doctest.h>

namespace cirque::config {
namespace {

TEST_SUITE("config") {
  TEST_CASE("a duration is a number with its unit") {
    CHECK(parse_duration("0s") == Duration::zero());
    CHECK(parse_duration("250ms") == Duration(250ms));
    CHECK(parse_duration("15s") == Duration(15s));
    CHECK(parse_duration("1m30s") == Duration(90s));
    CHECK(parse_duration("1d2h3m4s5ms") == Duration(26h + 3min + 4s + 5ms));
    CHECK(parse_duration("1.5s") == Duration(1500ms));
    CHECK(parse_duration("0.25h1.025s") == Duration(15min + 1025ms));
  }

  TEST_CASE("a bare number is not a duration, and the hint says how to write it") {
    for (const char* text : {"0", "30", "-1", "1.5", "1_000"}) {
      auto parsed = parse_duration(text);
      REQUIRE_FALSE(parsed);
      CHECK(parsed.error().message == "has no unit");
    }
    CHECK(parse_duration("30").error().hint.contains("30s"));
  }

  TEST_CASE("what is not quite a duration is refused") {
    for (const char* text : {"",
                             "s",
                             "5 s",
                             "5S",
                             "5sec",
                             "1s1m",
                             "1s1s",
                             "1.5",
                             "1.s",
                             ".5s",
                             "1.0005s",
                             "0.5ms",
                             "0.0000001ms",
                             "1.0000009ms",
                             "1.5.5s",
                             "106751.9999999d",
                             "-5s",
                             "+5s",
                             "5s ",
                             "m5",
                             "99999999999999999999s",
                             "106752d",
                             "106751d24h"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_duration(text));
    }
  }

  TEST_CASE("a duration is printed in the largest unit that leaves no rest") {
    CHECK(text_of(Duration(75s)) == "75s");
    CHECK(text_of(Duration(60s)) == "1m");
    CHECK(text_of(Duration(24h)) == "1d");
    CHECK(text_of(Duration(1500ms)) == "1500ms");
    CHECK(text_of(Duration::zero()) == "0s");
  }

  TEST_CASE("sizes count in powers of 1024") {
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("65536") == 65536);
    CHECK(parse_size("64k") == 65536);
    CHECK(parse_size("1M") == 1024 * 1024);
    CHECK(parse_size("2g") == std::uint64_t{2} << 30);
    CHECK(size_text(65536) == "64k");
    CHECK(size_text(1500) == "1500");
    CHECK(size_text(0) == "0");
  }

  TEST_CASE("what is not quite a size is refused") {
    for (const char* text :
         {"", "k", "1 k", "1kb", "1.5k", "-1", "0x10", "010", "18446744073709551615k"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_size(text));
    }
    CHECK(parse_size("1kb").error().hint == "write 1k");
  }

  TEST_CASE("an address is an IP, a name or a unix socket") {
    auto v4 = parse_host_port("127.0.0.1:3000", Use::Connect);
    REQUIRE(v4);
    CHECK(v4->host == "127.0.0.1");
    CHECK(v4->port == 3000);
    CHECK(v4->address->text() == "127.0.0.1:3000");

    auto v6 = parse_host_port("[::1]:80", Use::Connect);
    REQUIRE(v6);
    CHECK(v6->host == "::1");
    CHECK(v6->address->family() == Address::Family::V6);

    auto name = parse_host_port("app_1.internal:8080", Use::Connect);
    REQUIRE(name);
    CHECK(name->host == "app_1.internal");
    CHECK_FALSE(name->address);

    auto socket = parse_host_port("unix:/run/app.sock", Use::Listen);
    REQUIRE(socket);
    CHECK(socket->host.empty());
    CHECK(socket->address->path() == "/run/app.sock");
  }

  TEST_CASE("the kernel may choose the port to listen on, never the one to connect to") {
    CHECK(parse_host_port("127.0.0.1:0", Use::Listen));
    CHECK_FALSE(parse_host_port("127.0.0.1:0", Use::Connect));
  }

  TEST_CASE("common slips in an address are told apart") {
    auto hint = [](const char* text) {
      auto parsed = parse_host_port(text, Use::Listen);
      REQUIRE_FALSE(parsed);
      return parsed.error().hint;
    };
    CHECK(hint("http://127.0.0.1:80/x") == "write 127.0.0.1:80");
    CHECK(hint("https://example.org") == "write example.org:443");
    CHECK(hint("8080") == "write 0.0.0.0:8080 for IPv4 or [::]:8080 for IPv6");
    CHECK(hint(":8080") == "write 0.0.0.0:8080 for IPv4 or [::]:8080 for IPv6");
    CHECK(hint("localhost") == "write localhost:80");
    CHECK(hint("::1") == "write [::1]:80");
  }

  TEST_CASE("what is not an address is refused") {
    for (const char* text : {"",
                             ":",
                             "a:",
                             "a:b",
                             "a:+1",
                             "a:080",
                             "a:65536",
                             "a:99999999999",
                             "300.1.2.3:80",
                             "1.2.3:80",
                             "a b:80",
                             "-a:80",
                             "a-:80",
                             "a..b:80",
                             ".a:80",
                             "[::1]80",
                             "[::1:80",
                             "[1.2.3.4]:80",
                             "::1:80",
                             "unix:",
                             "a/b:80",
                             "user@host:80",
                             "*:80"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_host_port(text, Use::Connect));
    }
  }

  TEST_CASE("a name server is an IP address, with port 53 unless another is given") {
    auto asked = [](std::string_view text) {
      auto server = parse_name_server(text);
      return server ? server->address->text() : "no: " + server.error().message;
    };
    CHECK(asked("10.0.0.53") == "10.0.0.53:53");
    CHECK(asked("10.0.0.53:5353") == "10.0.0.53:5353");
    CHECK(asked("::1") == "[::1]:53");
    CHECK(asked("[::1]:5353") == "[::1]:5353");
    CHECK(asked("10.0.0.53:65536") == "no: has the port 65536; the highest is 65535");
    CHECK(asked("10.0.0.53:") == "no: has no port number after the last ':'");
    for (const char* text :
         {"", "ns1", "ns1:53", "unix:/run/dns", "10.0.0.0/8", "10.0.0", "[::1", "::g"}) {
      CAPTURE(text);
      CHECK(asked(text) == "no: is not an IP address, with or without a port");
    }
  }

  TEST_CASE("a network is an address or a block") {
    for (const char* good :
         {"10.0.0.0/8", "127.0.0.1", "::1", "fd00::/8", "0.0.0.0/0", "1.2.3.4/32"}) {
      CAPTURE(good);
      CHECK(is_network(good));
    }
    for (const char* bad : {"", "10.*", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08",
                            "10.0.0.0/-1", "localhost", "[::1]/8", "1.2.3.4:80"}) {
      CAPTURE(bad);
      CHECK_FALSE(is_network(bad));
    }
  }
}

}  // namespace
}  // namespace cirque::config
