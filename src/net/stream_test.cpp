#include "net/stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>

using namespace cirque;
using net::Stream;
using net::Taken;

namespace {

struct Ends {
  explicit Ends(int send_buffer = 0) {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    if (send_buffer) {
      setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    }
    other = net::Fd(fds[1]);
  }

  void write_other(std::string_view text) const {
    REQUIRE(::write(other.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  // What has come on the other side.
  std::string read_other(std::size_t most = 1 << 20) const {
    std::string all(most, '\0');
    auto got = ::read(other.get(), all.data(), most);
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }

  std::array<int, 2> fds{};
  net::Fd other;
};

void turn(loop::Loop& loop) {
  loop.turn(loop::Loop::Wait::No);
}

template <class Check>
void turn_until(loop::Loop& loop, Check check) {
  auto end = std::chrono::steady_clock::now() + 20s;
  while (!check()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    turn(loop);
  }
}

Task<std::string> read_some(Stream& stream, Time until) {
  co_await ok([](Stream& s, Time t) -> Task<> {
    auto readable = co_await s.readable(t);
    if (!readable) co_return fail(readable.error());
    co_return done;
  }(stream, until));
  char bytes[64];
  auto taken = co_await ok(stream.take(bytes));
  co_return std::string(bytes, taken.bytes);
}

struct Told : loop::Wake {
  Told() : Wake([](Wake& w) noexcept { ++static_cast<Told&>(w).calls; }) {}

  int calls = 0;
};

}  // namespace

TEST_SUITE_BEGIN("net");

TEST_CASE("a try to read says some, again or end") {
  loop::Loop loop;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  char bytes[8];
  CHECK(stream.take(bytes)->kind == Taken::Kind::Again);
  CHECK_FALSE(stream.watch().may_read);
  ends.write_other("hello");
  stream.watch().may_read = true;
  auto taken = stream.take(bytes);
  CHECK(taken->kind == Taken::Kind::Some);
  CHECK(std::string_view(bytes, taken->bytes) == "hello");
  CHECK_FALSE(stream.watch().may_read);  // a short read: there is no more
  ends.other = net::Fd();
  stream.watch().may_read = true;
  CHECK(stream.take(bytes)->kind == Taken::Kind::End);
}

TEST_CASE("a read that fills its buffer may find more") {
  loop::Loop loop;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  ends.write_other("0123456789");
  char bytes[4];
  CHECK(stream.take(bytes)->bytes == 4);
  CHECK(stream.watch().may_read);
  CHECK(stream.take(bytes)->bytes == 4);
  CHECK(stream.take(bytes)->bytes == 2);
  CHECK_FALSE(stream.watch().may_read);
}

TEST_CASE("bytes and the end in one edge are both found") {
  loop::Loop loop;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  Told told;
  stream.watch().may_read = false;
  stream.expect(told, kNever);
  ends.write_other("last words");
  shutdown(ends.other.get(), SHUT_WR);
  turn(loop);
  CHECK(told.calls == 1);
  stream.expect_nothing();
  char bytes[64];
  CHECK(stream.take(bytes)->bytes == 10);
  CHECK(stream.take(bytes)->kind == Taken::Kind::End);
}

TEST_CASE("who waits for bytes is woken by them") {
  loop::Loop loop;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  stream.watch().may_read = false;
  auto task = read_some(stream, kNever);
  task.start(nullptr);
  turn(loop);
  CHECK_FALSE(task.is_settled());
  ends.write_other("hello");
  turn_until(loop, [&] { return task.is_settled(); });
  CHECK(task.take().value() == "hello");
}

TEST_CASE("who waits for bytes too long is told so, and the stream lives on") {
  loop::Loop loop;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Upstream);
  stream.watch().may_read = false;
  auto task = read_some(stream, loop.now() + 2ms);
  task.start(nullptr);
  turn_until(loop, [&] { return task.is_settled(); });
  auto result = task.take();
  REQUIRE_FALSE(result);
  CHECK(result.error().fault == Fault::Timeout);
  CHECK(result.error().side == Side::Upstream);
  CHECK(result.error().reason == "timeout");  // for whoever waits to say better
  auto again = read_some(stream, kNever);
  again.start(nullptr);
  ends.write_other("late");
  turn_until(loop, [&] { return again.is_settled(); });
  CHECK(again.take().value() == "late");
}

TEST_CASE("a reader that is cancelled is never woken") {
  loop::Loop loop;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  stream.watch().may_read = false;
  {
    auto task = read_some(stream, loop.now() + 1ms);
    task.start(nullptr);
  }
  CHECK(stream.watch().reader == nullptr);
  ends.write_other("nobody waits");
  Time until = loop.now() + 3ms;
  while (loop.now() < until) turn(loop);
}

TEST_CASE("what the kernel does not take at once is written later, in order") {
  loop::Loop loop;
  base::Blocks blocks;
  Ends ends(4096);
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  std::string head = "head";
  std::string body(1'000'000, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 7 % 251);
  std::array pieces = {net::piece_of(head), net::piece_of(body), net::piece_of("tail")};
  auto expected = head + body + "tail";

  auto task = stream.write(pieces, {.stall = 20s}, blocks);
  task.start(nullptr);
  CHECK_FALSE(task.is_settled());
  CHECK(blocks.leased() == 1);
  std::ranges::fill(body, 'x');  // the pieces need only be good when the task starts
  std::string got;
  turn_until(loop, [&] {
    got += ends.read_other(1 + got.size() % 5000);
    return got.size() == expected.size();
  });
  turn_until(loop, [&] { return task.is_settled(); });
  CHECK(task.take());
  CHECK(got == expected);
  task.cancel();
  CHECK(blocks.leased() == 0);
}

TEST_CASE("a small write is done at once and leases nothing") {
  loop::Loop loop;
  base::Blocks blocks;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  std::array pieces = {net::piece_of("a"), net::piece_of(""), net::piece_of("bc")};
  auto task = stream.write(pieces, {.stall = 1s}, blocks);
  task.start(nullptr);
  CHECK(task.is_settled());
  CHECK(ends.read_other() == "abc");
  CHECK(blocks.leased() == 0);
}

TEST_CASE("an other side that takes nothing is given up, with the reason of its side") {
  for (auto [side, reason] : {std::pair{Side::Client, "client_write_timeout"},
                              std::pair{Side::Upstream, "upstream_write_timeout"}}) {
    loop::Loop loop;
    base::Blocks blocks;
    Ends ends(4096);
    Stream stream(loop, net::Fd(ends.fds[0]), side);
    std::string body(1'000'000, 'x');
    iovec piece = net::piece_of(body);
    auto task = stream.write({&piece, 1}, {.stall = 2ms}, blocks);
    task.start(nullptr);
    turn_until(loop, [&] { return task.is_settled(); });
    auto result = task.take();
    REQUIRE_FALSE(result);
    CHECK(result.error().fault == Fault::Timeout);
    CHECK(result.error().reason == reason);
    CHECK_FALSE(result.error().replayable);
  }
}

TEST_CASE("an other side that drips is given up once a rate is asked of it") {
  for (auto [rate, ends_well] :
       {std::pair{0U, true}, std::pair{1U, true}, std::pair{1'000'000'000U, false}}) {
    CAPTURE(rate);
    loop::Loop loop;
    base::Blocks blocks;
    Ends ends(4096);
    fcntl(ends.other.get(), F_SETFL, O_NONBLOCK);
    Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
    std::string body(1'000'000, 'x');
    iovec piece = net::piece_of(body);
    auto task =
        stream.write({&piece, 1}, {.stall = 1h, .grace = 2ms, .bytes_per_second = rate}, blocks);
    task.start(nullptr);
    turn_until(loop, [&] {
      ends.read_other(ends_well ? 1 << 16 : 16);
      return task.is_settled();
    });
    auto result = task.take();
    CHECK(result.has_value() == ends_well);
    if (!result) CHECK(result.error().reason == "client_write_timeout");
  }
}

TEST_CASE("who takes what the kernel keeps is not stalled, though there is no room yet") {
  loop::Loop loop;
  Ends ends(4096);
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  std::string body(1'000'000, 'x');
  iovec piece = net::piece_of(body);
  REQUIRE(*stream.give({&piece, 1}) > 0);
  net::Uptake uptake(stream, {.stall = 1ms});
  auto wait_in_vain = [&] {
    auto until = uptake.begin_wait();
    turn_until(loop, [&] { return loop.now() >= until; });
    return uptake.end_wait(false);
  };
  ends.read_other(1 << 20);
  CHECK(wait_in_vain());
  CHECK_FALSE(wait_in_vain());
}

namespace {

// Both ends of a connection over the loopback interface.
struct TcpEnds {
  TcpEnds() {
    auto listener = *net::listen(*Address::parse_ip("127.0.0.1", 0),
                                 {.reuse_port = false, .congestion_control = {}});
    ours = *net::begin_connect(net::local_address(listener.get()), {});
    other = net::Fd(::accept(listener.get(), nullptr, nullptr));
    REQUIRE(other);
  }

  // What has come, without waiting; -1: nothing, 0: the end.
  ssize_t take_other() const {
    char bytes[16];
    return ::recv(other.get(), bytes, sizeof bytes, MSG_DONTWAIT);
  }

  net::Fd ours;
  net::Fd other;
};

}  // namespace

TEST_CASE("the last bytes wait for the end that follows, and go with it") {
  for (bool closes : {false, true}) {
    loop::Loop loop;
    TcpEnds ends;
    auto stream = std::make_unique<Stream>(loop, std::move(ends.ours), Side::Client);
    iovec piece = net::piece_of("so long");
    CHECK(*stream->give({&piece, 1}) == 7);
    CHECK(ends.take_other() == 7);
    stream->end_follows();
    CHECK(*stream->give({&piece, 1}) == 7);
    CHECK(ends.take_other() == -1);
    if (closes) {
      stream.reset();
    } else {
      stream->end_writing();
    }
    CHECK(ends.take_other() == 7);
    CHECK(ends.take_other() == 0);
  }
}

TEST_CASE("a write that the kernel refuses whole may be repeated elsewhere") {
  loop::Loop loop;
  base::Blocks blocks;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Upstream);
  ends.other = net::Fd();
  iovec piece = net::piece_of("hello");
  auto task = stream.write({&piece, 1}, {.stall = 1s}, blocks);
  task.start(nullptr);
  REQUIRE(task.is_settled());
  auto result = task.take();
  REQUIRE_FALSE(result);
  CHECK(result.error().fault == Fault::Reset);
  CHECK(result.error().reason == "upstream_reset");
  CHECK(result.error().replayable);
}

TEST_CASE("a write that is cut in the middle may not be repeated") {
  loop::Loop loop;
  base::Blocks blocks;
  Ends ends(4096);
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Upstream);
  std::string body(1'000'000, 'x');
  iovec piece = net::piece_of(body);
  auto task = stream.write({&piece, 1}, {.stall = 20s}, blocks);
  task.start(nullptr);
  CHECK_FALSE(task.is_settled());
  ends.other = net::Fd();
  turn_until(loop, [&] { return task.is_settled(); });
  auto result = task.take();
  REQUIRE_FALSE(result);
  CHECK_FALSE(result.error().replayable);
}

TEST_CASE("waiting without a coroutine tells bytes from time") {
  loop::Loop loop;
  Ends ends;
  Stream stream(loop, net::Fd(ends.fds[0]), Side::Client);
  stream.watch().may_read = false;
  Told told;
  stream.expect(told, loop.now() + 2ms);
  turn_until(loop, [&] { return told.calls == 1; });
  CHECK(stream.timed_out());
  stream.expect(told, kNever);
  CHECK_FALSE(stream.timed_out());
  ends.write_other("x");
  turn_until(loop, [&] { return told.calls == 2; });
  CHECK_FALSE(stream.timed_out());
}

TEST_CASE("a connection that is given away serves on another loop") {
  loop::Loop one, two;
  Ends ends;
  std::optional<Stream> stream(std::in_place, one, net::Fd(ends.fds[0]), Side::Upstream);
  Told told;
  stream->watch().may_read = false;
  stream->expect(told, kNever);
  stream->expect_nothing();
  auto fd = stream->release();
  stream.reset();
  ends.write_other("for the other");
  turn(one);
  CHECK(told.calls == 0);
  Stream moved(two, std::move(fd), Side::Upstream);
  moved.watch().may_read = false;
  moved.expect(told, kNever);
  turn(two);
  CHECK(told.calls == 1);
  char bytes[64];
  CHECK(moved.take(bytes)->bytes == 13);
}

TEST_SUITE_END();
