#include "cirque/address.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

using cirque::Address;
using cirque::Network;
using namespace std::string_view_literals;

namespace {

Address at(std::string_view text) {
  return Address::parse(text).value();
}

bool contains(std::string_view network, std::string_view ip) {
  return Network::parse(network).value().contains(Address::parse_ip(ip, 1).value());
}

Address round_trip(const Address& address) {
  sockaddr_storage storage;
  auto bytes = address.to(storage);
  return Address::from(reinterpret_cast<sockaddr*>(&storage), bytes);
}

}  // namespace

TEST_SUITE_BEGIN("base");

TEST_CASE("addresses are read and written alike") {
  for (auto text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80", "[::]:0",
                    "[2001:db8::1]:443", "unix:/run/app.sock"}) {
    CAPTURE(text);
    CHECK(at(text).text() == text);
    char ip[Address::kIpTextMax];
    CHECK(std::string(ip, at(text).write_ip(ip)) == at(text).ip_text());
  }
  CHECK(at("[2001:DB8:0:0:0:0:0:1]:1").text() == "[2001:db8::1]:1");
  CHECK(at("127.0.0.1:80").family() == Address::Family::V4);
  CHECK(at("[::1]:80").port() == 80);
  CHECK(at("unix:/a").path() == "/a");
}

TEST_CASE("what is not exactly an address is refused") {
  auto long_path = "unix:/" + std::string(200, 'a');
  for (auto text : {""sv,
                    ":80"sv,
                    "127.0.0.1"sv,
                    "127.0.0.1:"sv,
                    "127.0.0.1:65536"sv,
                    "127.0.0.1:-1"sv,
                    "127.0.0.1:+80"sv,
                    "127.0.0.1: 80"sv,
                    "127.0.0.1:80 "sv,
                    "127.0.0.1:http"sv,
                    "127.0.0:80"sv,
                    "127.0.0.1.1:80"sv,
                    "256.0.0.1:80"sv,
                    "127.1:80"sv,
                    "0x7f.0.0.1:80"sv,
                    "localhost:80"sv,
                    "::1:80"sv,
                    "[::1]"sv,
                    "[::1:80"sv,
                    "::1]:80"sv,
                    "[]:80"sv,
                    "[127.0.0.1]:80"sv,
                    "[::1]x:80"sv,
                    "[[::1]]:80"sv,
                    "[fe80::1%eth0]:80"sv,
                    "unix:"sv,
                    std::string_view(long_path)}) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text));
  }
}

TEST_CASE("a zero byte does not end an address early") {
  CHECK_FALSE(Address::parse_ip("127.0.0.1\0x"sv, 1));
  CHECK_FALSE(Address::parse("127.0.0.1\0.evil:80"sv));
  CHECK_FALSE(Address::parse_ip("[::1\0x]"sv, 1));
}

TEST_CASE("addresses survive the kernel's form") {
  for (auto text : {"127.0.0.1:80", "[2001:db8::7]:65535"}) {
    CHECK(round_trip(at(text)) == at(text));
  }
}

TEST_CASE("an IPv4 client of a dual-stack socket is an IPv4 client") {
  sockaddr_storage storage;
  auto bytes = at("[::ffff:10.1.2.3]:5").to(storage);
  auto address = Address::from(reinterpret_cast<sockaddr*>(&storage), bytes);
  CHECK(address == at("10.1.2.3:5"));
}

TEST_CASE("addresses that differ in anything are not equal") {
  CHECK(at("127.0.0.1:80") == at("127.0.0.1:80"));
  CHECK(at("127.0.0.1:80").hash() == at("127.0.0.1:80").hash());
  CHECK_FALSE(at("127.0.0.1:80") == at("127.0.0.1:81"));
  CHECK_FALSE(at("127.0.0.1:80") == at("127.0.0.2:80"));
  CHECK_FALSE(at("0.0.0.0:80") == at("[::]:80"));
  CHECK_FALSE(at("unix:/a") == at("unix:/b"));
  CHECK_FALSE(at("127.0.0.1:80").hash() == at("127.0.0.1:81").hash());
  CHECK_FALSE(at("0.0.0.0:80").hash() == at("[::]:80").hash());
}

TEST_CASE("loopback is 127/8, ::1 and unix sockets") {
  CHECK(at("127.255.0.1:1").is_loopback());
  CHECK(at("[::1]:1").is_loopback());
  CHECK(at("unix:/a").is_loopback());
  CHECK_FALSE(at("128.0.0.1:1").is_loopback());
  CHECK_FALSE(at("[::2]:1").is_loopback());
  CHECK_FALSE(at("[::]:1").is_loopback());
}

TEST_CASE("a network holds the addresses that begin with its bits") {
  CHECK(contains("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  CHECK(contains("192.168.1.128/25", "192.168.1.255"));
  CHECK_FALSE(contains("192.168.1.128/25", "192.168.1.127"));
  CHECK(contains("0.0.0.0/0", "8.8.8.8"));
  CHECK_FALSE(contains("0.0.0.0/0", "::1"));
  CHECK(contains("127.0.0.1", "127.0.0.1"));
  CHECK_FALSE(contains("127.0.0.1", "127.0.0.2"));
  CHECK(contains("10.1.2.3/8", "10.9.9.9"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("::1/128", "::1"));
  CHECK(contains("::/0", "2001:db8::1"));
}

TEST_CASE("a block of IPv4 addresses may be written in IPv6") {
  CHECK(contains("::ffff:127.0.0.0/104", "127.9.9.9"));
  CHECK_FALSE(contains("::ffff:127.0.0.0/104", "128.0.0.0"));
  CHECK(contains("::ffff:10.1.2.3", "10.1.2.3"));
  CHECK_FALSE(contains("::ffff:10.1.2.3", "10.1.2.4"));
  CHECK(contains("::ffff:0:0/96", "8.8.8.8"));
  CHECK_FALSE(contains("::ffff:0:0/96", "::1"));
  CHECK_FALSE(contains("::/0", "8.8.8.8"));
  CHECK_FALSE(contains("::ffff:0:0/95", "8.8.8.8"));
  CHECK(Address::parse_ip("::ffff:10.1.2.3", 5)->unmapped() == at("10.1.2.3:5"));
  for (auto text : {"10.1.2.3:5", "[::1]:5", "unix:/a"}) CHECK(at(text).unmapped() == at(text));
}

TEST_CASE("what is no network is refused") {
  for (auto text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8",
                    "::/129", "10.0.0.0/8/8", "10.0.0.0/8 ", "any"}) {
    CAPTURE(text);
    CHECK_FALSE(Network::parse(text));
  }
}

TEST_SUITE_END();
