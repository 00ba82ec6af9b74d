#include "upstream/roster.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "upstream/pool.h"

using namespace cirque;
using upstream::Connection;
using upstream::ConnectSettings;
using upstream::Local;
using upstream::Roster;

namespace {

Task<std::unique_ptr<Connection>> dial(Roster& roster, Local& local) {
  co_return co_await ok(roster.dial(local));
}

// One core, and a server that accepts and never speaks by itself.
struct Core {
  explicit Core(ConnectSettings s = {}) : settings(std::move(s)) {}

  Result<std::unique_ptr<Connection>> connect() {
    auto task = dial(roster, local);
    task.start(nullptr);
    turn_until([&] { return task.is_settled(); });
    return task.take();
  }

  net::Fd accept() {
    int fd = -1;
    turn_until([&] { return (fd = accept4(server.get(), nullptr, nullptr, SOCK_NONBLOCK)) >= 0; });
    return net::Fd(fd);
  }

  void turn_until(const std::function<bool()>& check) {
    auto end = std::chrono::steady_clock::now() + 20s;
    while (!check()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      loop.turn(loop::Loop::Wait::No);
    }
  }

  ConnectSettings settings;
  loop::Loop loop;
  upstream::Directory directory;
  observe::Registry registry{1};
  net::Fd server = net::listen(Address::parse("127.0.0.1:0").value(), {}).value();
  Roster roster{loop, directory, registry.worker(0), settings};
  upstream::Hold hold =
      roster.hold(*directory.find_or_add({net::local_address(server.get())}, "b", 0));
  Local& local = *hold;
};

struct Call : loop::Wake {
  explicit Call(std::function<void()> f)
      : Wake([](Wake& w) noexcept { static_cast<Call&>(w).run(); }), run(std::move(f)) {}

  std::function<void()> run;
};

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a connection that is given back is taken again, the newest first") {
  Core core;
  auto first = core.connect();
  auto second = core.connect();
  REQUIRE((first && second));
  auto* one = first->get();
  auto* two = second->get();
  CHECK(core.local.backend->connections == 2);
  core.roster.give_back(core.local, std::move(*first));
  core.roster.give_back(core.local, std::move(*second));
  CHECK(core.roster.take_idle(core.local).get() == two);
  auto again = core.roster.take_idle(core.local);
  CHECK(again.get() == one);
  CHECK(core.roster.take_idle(core.local) == nullptr);
}

TEST_CASE("an idle connection that ends is dropped") {
  Core core;
  auto connection = core.connect();
  auto peer = core.accept();
  core.roster.give_back(core.local, std::move(*connection));
  peer = net::Fd();
  core.turn_until([&] { return core.local.backend->connections == 0; });
  CHECK(core.roster.take_idle(core.local) == nullptr);
  CHECK(core.local.metrics.expired.get() == 1);
}

TEST_CASE("an idle connection on which bytes come is dropped") {
  Core core;
  auto connection = core.connect();
  auto peer = core.accept();
  core.roster.give_back(core.local, std::move(*connection));
  REQUIRE(write(peer.get(), "x", 1) == 1);
  core.turn_until([&] { return core.local.backend->connections == 0; });
  CHECK(core.roster.take_idle(core.local) == nullptr);
}

TEST_CASE("bytes that come in the same turn in which somebody takes it are seen in time") {
  Core core;
  std::array<int, 2> fds;
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
  net::Fd ours(fds[0]), theirs(fds[1]);
  loop::Watch client(core.loop, ours.get());
  bool asked = false;
  std::unique_ptr<Connection> got;
  Call request([&] {
    client.may_read = false;
    asked = true;
    got = core.roster.take_idle(core.local);
  });
  client.may_read = false;
  client.reader = &request;
  client.attach();
  core.loop.turn(loop::Loop::Wait::No);

  auto connection = core.connect();
  auto peer = core.accept();
  core.roster.give_back(core.local, std::move(*connection));
  core.loop.turn(loop::Loop::Wait::No);
  // The client's event is the first of the batch.
  REQUIRE(write(theirs.get(), "GET", 3) == 3);
  REQUIRE(write(peer.get(), "poison", 6) == 6);
  core.turn_until([&] { return asked; });
  CHECK(got == nullptr);
  client.forget();
}

TEST_CASE("bytes that came before it was given back are seen, too") {
  Core core;
  auto connection = core.connect();
  auto peer = core.accept();
  REQUIRE(write(peer.get(), "poison", 6) == 6);
  core.turn_until([&] { return (*connection)->stream.watch().may_read; });
  core.roster.give_back(core.local, std::move(*connection));
  CHECK(core.roster.take_idle(core.local) == nullptr);
}

TEST_CASE("what has idled too long is not taken, and closes by itself") {
  Core core({.keep_alive = 3ms, .congestion_control = {}});
  auto connection = core.connect();
  core.roster.give_back(core.local, std::move(*connection));
  core.turn_until([&] { return core.local.backend->connections == 0; });
  CHECK(core.roster.take_idle(core.local) == nullptr);
}

TEST_CASE("more idle connections than may be kept are closed") {
  Core core({.idle_max = 1, .congestion_control = {}});
  auto first = core.connect();
  auto second = core.connect();
  core.roster.give_back(core.local, std::move(*first));
  core.roster.give_back(core.local, std::move(*second));
  CHECK(core.local.backend->connections == 1);
  CHECK(core.local.metrics.evictions.get() == 1);
}

TEST_CASE("a quiet core's idle connection serves another core") {
  Core core;
  auto connection = core.connect();
  core.roster.give_back(core.local, std::move(*connection));
  core.turn_until([&] { return core.directory.overflow.size() == 1; });

  loop::Loop loop;
  observe::Registry registry(1);
  Roster other(loop, core.directory, registry.worker(0), core.settings);
  auto taken = other.take_idle(*other.hold(*core.local.backend));
  REQUIRE(taken);
  CHECK(core.directory.overflow.size() == 0);
  CHECK(core.local.backend->connections == 1);
}

TEST_CASE("nobody listens: refused, and may be tried elsewhere") {
  Core core;
  core.server = net::Fd();
  auto result = core.connect();
  REQUIRE_FALSE(result);
  CHECK(result.error().reason == "upstream_connect_refused");
  CHECK(result.error().replayable);
  CHECK(core.local.backend->connections == 0);
}

TEST_CASE("at the limit a dial waits for room, and is refused when none comes in time") {
  Core core({.connect = 20ms, .connections_max = 1, .congestion_control = {}});
  auto first = core.connect();
  REQUIRE(first);
  auto refused = core.connect();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == "upstream_connection_limit");
  CHECK(refused.error().replayable);
  first->reset();
  CHECK(core.connect());
}

TEST_CASE("a dial that is cancelled leaves nothing behind") {
  Core core;
  {
    auto task = dial(core.roster, core.local);
    task.start(nullptr);
  }
  CHECK(core.local.backend->connections == 0);
  core.loop.turn(loop::Loop::Wait::No);
}

TEST_CASE("the same address is the same backend, whoever asks") {
  Core core;
  auto address = core.local.backend->key.address;
  CHECK(&*core.roster.hold(address, "other name", 7) == &core.local);
  auto found = core.directory.find_or_add({address}, "x", 1);
  CHECK(found == core.local.backend);
}

// --- backends that leave their pools

namespace {

void sit(upstream::Pool& pool, const std::vector<std::shared_ptr<upstream::Backend>>& backends) {
  static upstream::Bulletin bulletin;
  std::vector<upstream::Seat> seats;
  for (const auto& backend : backends) {
    seats.push_back(
        {.backend = backend,
         .standing = std::make_shared<upstream::Standing>(bulletin, upstream::Vitals::kForEver)});
  }
  pool.set_roll(upstream::make_roll(std::move(seats), {}));
}

}  // namespace

TEST_CASE("idle connections to a backend that has left are closed, and it is forgotten") {
  Core core;
  upstream::Pool pool("p", core.directory.bulletin);
  sit(pool, {core.local.backend});
  core.roster.give_back(core.local, std::move(*core.connect()));
  core.hold = {};
  sit(pool, {});
  CHECK(core.roster.size() == 1);
  auto peer = core.accept();
  core.roster.forget_departed();
  CHECK(core.roster.size() == 0);
  char byte;
  core.turn_until([&] { return read(peer.get(), &byte, 1) == 0; });
  CHECK(core.registry.worker(0).backend(0).idle.get() == 0);
}

TEST_CASE("a backend that has left stays until the last one who uses it is done") {
  Core core;
  upstream::Pool pool("p", core.directory.bulletin);
  auto backend = core.local.backend;
  sit(pool, {backend});
  auto connection = core.connect();
  sit(pool, {});
  core.roster.forget_departed();
  CHECK(core.roster.size() == 1);
  CHECK(backend->connections == 1);
  core.roster.give_back(core.local, std::move(*connection));
  CHECK(backend->connections == 0);
  CHECK(core.roster.size() == 1);
  core.hold = {};
  CHECK(core.roster.size() == 0);
}

TEST_CASE("the last hold may go before the word that a backend has left") {
  Core core;
  upstream::Pool pool("p", core.directory.bulletin);
  sit(pool, {core.local.backend});
  core.roster.give_back(core.local, std::move(*core.connect()));
  sit(pool, {});
  core.hold = {};
  CHECK(core.roster.size() == 0);
  core.roster.forget_departed();
  core.loop.turn(loop::Loop::Wait::No);
}

TEST_CASE("a backend that comes back in time keeps its connections") {
  Core core;
  upstream::Pool pool("p", core.directory.bulletin);
  auto backend = core.local.backend;
  sit(pool, {backend});
  core.roster.give_back(core.local, std::move(*core.connect()));
  core.hold = {};
  sit(pool, {});
  sit(pool, {backend});
  core.roster.forget_departed();
  CHECK(core.roster.take_idle(*core.roster.hold(*backend)));
}

TEST_CASE("addresses that rotate for ever leave nothing behind") {
  Core core;
  upstream::Pool pool("p", core.directory.bulletin);
  for (int i = 0; i < 1000; ++i) {
    auto port = static_cast<std::uint16_t>(1 + i);
    auto address = Address::parse_ip("127.0.0.9", port).value();
    sit(pool, {core.directory.find_or_add({address}, "name", 0)});
    upstream::Tried tried;
    auto pick = pool.choose(tried);
    REQUIRE(pick);
    CHECK(&*core.roster.hold(*pick.seat().backend) != &core.local);
    core.roster.forget_departed();
    CHECK(core.roster.size() <= 2);  // and the one of the core
  }
}

TEST_CASE("a peer that an application named by its address is not forgotten with a pool") {
  Core core;
  upstream::Pool pool("p", core.directory.bulletin);
  sit(pool, {core.local.backend});
  core.hold = core.roster.hold(core.local.backend->key.address, "", 0);
  core.roster.give_back(core.local, std::move(*core.connect()));
  sit(pool, {});
  core.roster.forget_departed();
  CHECK(core.roster.take_idle(core.local));
}

TEST_SUITE_END();
