#include "net/socket_owner.h"

#include <doctest/doctest.h>

namespace cirque::net {
namespace {

constexpr std::string_view kTable =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode\n"
    "   0: 0100007F:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
    "1647\n"
    "   1: 0100007F:C350 0100007F:2382 01 00000000:00000000 00:00000000 00000000  1000        0 "
    "1648\n"
    "   2: 0100007F:2382 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 "
    "1649\n"
    "   3: 0100007F:C350 0200007F:0050 01 00000000:00000000 00:00000000 00000000    33        0 "
    "1650\n"
    "   4: 0100007F:C350 0200007F:2382 01 00000000:00000000 00:00000000 00000000    34        0 "
    "1651\n";

std::vector<uid_t> owners(std::string_view table, std::string_view from, std::uint16_t port) {
  std::vector<uid_t> found;
  add_owners(table, Address::parse(from).value(), port, found);
  return found;
}

}  // namespace

TEST_SUITE_BEGIN("net");

TEST_CASE("whose a connection is") {
  CHECK(owners(kTable, "127.0.0.1:50000", 9090) == std::vector<uid_t>{1000, 34});
  CHECK(owners(kTable, "127.0.0.1:50000", 80) == std::vector<uid_t>{33});
  CHECK(owners(kTable, "127.0.0.1:50001", 9090).empty());
  CHECK(owners(kTable, "127.0.0.2:50000", 9090).empty());
  CHECK(owners(kTable, "[::1]:50000", 9090).empty());
}

TEST_CASE("also of one that uses IPv6, and IPv4 by way of that") {
  constexpr std::string_view kTable6 =
      "   0: 00000000000000000000000001000000:C350 00000000000000000000000001000000:2382 01 "
      "00000000:00000000 00:00000000 00000000  1000        0 1648\n"
      "   1: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:2382 01 "
      "00000000:00000000 00:00000000 00000000  1001        0 1649\n";
  CHECK(owners(kTable6, "[::1]:50000", 9090) == std::vector<uid_t>{1000});
  CHECK(owners(kTable6, "127.0.0.1:50001", 9090) == std::vector<uid_t>{1001});
}

TEST_CASE("a table that is none tells nothing") {
  for (auto text :
       {"", "\n\n", "1: x:y z", "1: 0100007F:C350", "1: 0100007F:C350 0100007F:2382",
        "1: 0100007F:C350 0100007F:2382 01 a b c d", "1: 0100007F:XXXX 0100007F:2382"}) {
    CAPTURE(text);
    CHECK(owners(text, "127.0.0.1:50000", 9090).empty());
  }
}

TEST_SUITE_END();

}  // namespace cirque::net
