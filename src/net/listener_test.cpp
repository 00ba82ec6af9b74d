#include "net/listener.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <vector>

using namespace cirque;

namespace {

struct Door {
  explicit Door(bool room_at_first = true)
      : room(room_at_first),
        listener(loop, net::listen(Address::parse("127.0.0.1:0").value(), {}).value(),
                 {.accept =
                      [this](net::Fd fd, const Address& a) {
                        accepted.push_back(std::move(fd));
                        clients.push_back(a);
                      },
                  .room = [this] { return room; },
                  .unused = [] {},
                  .trouble =
                      [this](int error) {
                        ++troubles;
                        last_error = error;
                      }}) {
    address = net::local_address(listener.fd());
  }

  // A connection that the kernel has established.
  void knock() {
    net::Fd fd(socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_storage to;
    auto bytes = address.to(to);
    REQUIRE(connect(fd.get(), reinterpret_cast<sockaddr*>(&to), bytes) == 0);
    callers.push_back(std::move(fd));
  }

  template <class Check>
  void turn_until(Check check) {
    auto end = std::chrono::steady_clock::now() + 20s;
    while (!check()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      loop.turn(loop::Loop::Wait::No);
    }
  }

  loop::Loop loop;
  bool room;
  int troubles = 0;
  int last_error = 0;
  std::vector<net::Fd> accepted, callers;
  std::vector<Address> clients;
  net::Listener listener;
  Address address;
};

// No new descriptor while this lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    net::Fd lowest(dup(0));
    auto limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(lowest.get());
    setrlimit(RLIMIT_NOFILE, &limit);
  }

  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_SUITE_BEGIN("net");

TEST_CASE("every connection is handed over, with its client's address") {
  Door door;
  for (int i = 0; i < 3; ++i) door.knock();
  door.turn_until([&] { return door.accepted.size() == 3; });
  CHECK(door.clients[0].is_loopback());
  CHECK(door.clients[0] == net::local_address(door.callers[0].get()));
}

TEST_CASE("a burst larger than a batch is emptied over several turns") {
  Door door;
  constexpr std::size_t kMany = 150;
  for (std::size_t i = 0; i < kMany; ++i) door.knock();
  door.loop.turn(loop::Loop::Wait::No);
  auto first = door.accepted.size();
  CHECK(first < kMany);
  door.turn_until([&] { return door.accepted.size() == kMany; });
}

TEST_CASE("without room connections wait, and come in when there is some") {
  Door door(false);
  door.knock();
  door.knock();
  for (int i = 0; i < 10; ++i) door.loop.turn(loop::Loop::Wait::No);
  CHECK(door.accepted.empty());
  door.room = true;
  door.listener.resume();
  door.turn_until([&] { return door.accepted.size() == 2; });
  door.listener.resume();  // nobody waits: nothing happens
  door.loop.turn(loop::Loop::Wait::No);
  CHECK(door.accepted.size() == 2);
}

TEST_CASE("out of descriptors it backs off instead of spinning, and recovers by itself") {
  Door door;
  door.knock();
  {
    NoDescriptors none;
    door.turn_until([&] { return door.troubles == 1; });
    CHECK(door.last_error == EMFILE);
    auto began = door.loop.now();
    for (int i = 0; i < 100; ++i) door.loop.turn(loop::Loop::Wait::No);
    if (door.loop.now() - began < 40ms) CHECK(door.troubles == 1);
    CHECK(door.accepted.empty());
  }
  door.turn_until([&] { return door.accepted.size() == 1; });
}

TEST_CASE("closing serves what the kernel has established and refuses the next") {
  Door door;
  door.knock();
  door.knock();
  door.listener.close();
  CHECK(door.accepted.size() == 2);
  CHECK_FALSE(door.listener.is_open());
  door.listener.close();
  door.listener.resume();
  net::Fd late(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage to;
  auto bytes = door.address.to(to);
  CHECK(connect(late.get(), reinterpret_cast<sockaddr*>(&to), bytes) < 0);
  for (int i = 0; i < 3; ++i) door.loop.turn(loop::Loop::Wait::No);
}

TEST_SUITE_END();
