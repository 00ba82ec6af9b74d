#include "net/socket_owner.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/socket.h"

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

using Owner = std::optional<uid_t>;

Owner owner(std::string_view table, std::string_view from, std::string_view to) {
  return owner_in(table, Address::parse(from).value(), Address::parse(to).value());
}

}  // namespace

TEST_SUITE_BEGIN("net");

TEST_CASE("whose a connection is") {
  CHECK(owner(kTable, "127.0.0.1:50000", "127.0.0.1:9090") == 1000);
  CHECK(owner(kTable, "127.0.0.1:50000", "127.0.0.2:80") == 33);
  CHECK(owner(kTable, "127.0.0.1:50000", "127.0.0.2:9090") == 34);
  CHECK(owner(kTable, "127.0.0.1:50000", "127.0.0.1:80") == Owner());
  CHECK(owner(kTable, "127.0.0.1:50001", "127.0.0.1:9090") == Owner());
  CHECK(owner(kTable, "127.0.0.2:50000", "127.0.0.1:9090") == Owner());
  CHECK(owner(kTable, "[::1]:50000", "[::1]:9090") == Owner());
}

TEST_CASE("also of one that uses IPv6, and IPv4 by way of that") {
  constexpr std::string_view kTable6 =
      "   0: 00000000000000000000000001000000:C350 00000000000000000000000001000000:2382 01 "
      "00000000:00000000 00:00000000 00000000  1000        0 1648\n"
      "   1: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:2382 01 "
      "00000000:00000000 00:00000000 00000000  1001        0 1649\n";
  CHECK(owner(kTable6, "[::1]:50000", "[::1]:9090") == 1000);
  CHECK(owner(kTable6, "127.0.0.1:50001", "127.0.0.1:9090") == 1001);
}

TEST_CASE("a closed connection has no owner, although its user is 0") {
  constexpr std::string_view kClosed =
      "   0: 0100007F:C350 0100007F:2382 06 00000000:00000000 03:00000BD9 00000000     0        0 "
      "0 "
      "3 00000000778f2c87\n";
  CHECK(owner(kClosed, "127.0.0.1:50000", "127.0.0.1:9090") == Owner());
}

TEST_CASE("of two that could be it nobody knows which, and one that only tries is none") {
  constexpr std::string_view kRow =
      "   0: 0100007F:C350 0100007F:2382 01 00000000:00000000 00:00000000 00000000     0        0 "
      "1648\n";
  CHECK(owner(kRow, "127.0.0.1:50000", "127.0.0.1:9090") == 0);
  auto twice = std::string(kRow) + std::string(kRow);
  CHECK(owner(twice, "127.0.0.1:50000", "127.0.0.1:9090") == Owner());
  auto trying = std::string(kRow);
  trying.replace(trying.find(" 01 "), 4, " 02 ");
  CHECK(owner(trying, "127.0.0.1:50000", "127.0.0.1:9090") == Owner());
}

TEST_CASE("a table that is none tells nothing") {
  for (auto text :
       {"", "\n\n", "1: x:y z", "1: 0100007F:C350", "1: 0100007F:C350 0100007F:2382",
        "1: 0100007F:C350 0100007F:2382 01 a b c d", "1: 0100007F:XXXX 0100007F:2382"}) {
    CAPTURE(text);
    CHECK(owner(text, "127.0.0.1:50000", "127.0.0.1:9090") == Owner());
  }
}

TEST_CASE("the kernel knows whose a connection is that is there") {
  for (auto text : {"127.0.0.1:0", "[::1]:0"}) {
    CAPTURE(text);
    auto listening = listen(Address::parse(text).value(), {});
    if (!listening) continue;  // a machine without IPv6
    auto there = local_address(listening->get());
    auto caller = begin_connect(there, "").value();
    pollfd connected{.fd = caller.get(), .events = POLLOUT, .revents = 0};
    REQUIRE(poll(&connected, 1, 10'000) == 1);
    auto here = local_address(caller.get());
    CHECK(owner_of(here, there) == geteuid());
    CHECK(owner_of(there, here) == Owner());  // nobody has taken it up
    CHECK(owner_of(here, local_address(begin_connect(there, "").value().get())) == Owner());
    auto taken = accept(listening->get(), nullptr, nullptr);
    CHECK(owner_of(there, here) == geteuid());
    caller = Fd();
    CHECK(owner_of(here, there) == Owner());
    close(taken);
  }
}

// The kernel answers with who listens where the caller is, when it does not find the caller.
TEST_CASE("who listens at the caller's address is not the caller") {
  auto listening = listen(Address::parse("127.0.0.1:0").value(), {});
  auto there = local_address(listening->get());
  Fd caller(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int on = 1;
  setsockopt(caller.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_storage name;
  auto length = Address::parse("127.0.0.1:0").value().to(name);
  REQUIRE(bind(caller.get(), reinterpret_cast<sockaddr*>(&name), length) == 0);
  auto here = local_address(caller.get());
  auto beside = listen(here, {});
  REQUIRE(beside.has_value());
  length = there.to(name);
  REQUIRE(connect(caller.get(), reinterpret_cast<sockaddr*>(&name), length) == 0);
  auto server = Fd(accept(listening->get(), nullptr, nullptr));
  CHECK(owner_of(here, there) == geteuid());
  CHECK(is_connected(server.get()));
  reset_on_close(caller.get());
  caller = Fd();
  CHECK(owner_of(here, there) == Owner());
  CHECK_FALSE(is_connected(server.get()));
}

TEST_SUITE_END();

}  // namespace cirque::net
