#include "net/outbox.h"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace cirque;
using net::Stream;

namespace {

constexpr net::Pace kPace{.stall = 5s};

struct Pair {
  explicit Pair(loop::Loop& loop) {
    std::array<int, 2> fds{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0);
    stream = std::make_unique<Stream>(loop, net::Fd(fds[0]), Side::Client);
    other = net::Fd(fds[1]);
  }

  std::string come() const {
    std::string all(1 << 20, '\0');
    auto got = ::read(other.get(), all.data(), all.size());
    all.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return all;
  }

  std::unique_ptr<Stream> stream;
  net::Fd other;
};

struct Rig {
  loop::Loop loop;
  base::Blocks blocks;
  net::Outbox outbox{loop, blocks};

  void turn() { loop.turn(loop::Loop::Wait::No); }
};

// Writes one text after the other, and keeps what the last came to.
Task<> write_all(net::Outbox& outbox, Stream& stream, std::vector<std::string> texts,
                 std::optional<Result<Unit>>& outcome) {
  for (const auto& text : texts) {
    iovec piece = net::piece_of(text);
    outcome = co_await outbox.write(stream, {&piece, 1}, kPace, nullptr);
    if (!*outcome) co_return done;
  }
  co_return done;
}

}  // namespace

TEST_SUITE_BEGIN("net");

TEST_CASE("short messages leave at the end of the turn, in order") {
  Rig rig;
  Pair a(rig.loop), b(rig.loop);
  std::optional<Result<Unit>> a_outcome, b_outcome;
  auto to_a = write_all(rig.outbox, *a.stream, {"one", "two"}, a_outcome);
  auto to_b = write_all(rig.outbox, *b.stream, {"three"}, b_outcome);
  to_a.start(nullptr);
  to_b.start(nullptr);
  CHECK(a.come().empty());
  CHECK_FALSE(a_outcome);
  rig.turn();
  CHECK(a.come() == "one");
  CHECK(b.come() == "three");
  rig.turn();
  CHECK(a.come() == "two");
  CHECK(to_a.is_settled());
  CHECK(a_outcome->has_value());
  CHECK(b_outcome->has_value());
}

TEST_CASE("what is put together in the room is sent from there, with what follows it") {
  Rig rig;
  Pair a(rig.loop);
  auto head = rig.outbox.room();
  std::string_view("head ").copy(head.data(), 5);
  std::array<iovec, 2> pieces{iovec{head.data(), 5}, net::piece_of("body")};
  auto write = rig.outbox.write(*a.stream, pieces, kPace, nullptr);
  write.start(nullptr);
  std::string_view("XXXXX").copy(rig.outbox.room().data(), 5);  // somebody else's room by now
  rig.turn();
  CHECK(a.come() == "head body");
  CHECK(write.is_settled());
}

TEST_CASE("a task that is cancelled takes its message with it") {
  Rig rig;
  Pair a(rig.loop), b(rig.loop);
  std::optional<Result<Unit>> a_outcome, b_outcome;
  auto to_a = std::make_optional(write_all(rig.outbox, *a.stream, {"never"}, a_outcome));
  auto to_b = write_all(rig.outbox, *b.stream, {"sent"}, b_outcome);
  to_a->start(nullptr);
  to_a.reset();
  to_b.start(nullptr);
  rig.turn();
  CHECK(a.come().empty());
  CHECK(b.come() == "sent");
}

TEST_CASE("a long message goes at once, and many short ones before the turn ends") {
  Rig rig;
  Pair a(rig.loop);
  std::optional<Result<Unit>> outcome;
  auto long_one = write_all(rig.outbox, *a.stream, {std::string(3000, 'a')}, outcome);
  long_one.start(nullptr);
  CHECK(a.come().size() == 3000);
  CHECK(long_one.is_settled());

  std::vector<std::unique_ptr<Pair>> pairs;
  std::vector<Task<>> tasks;
  std::vector<std::optional<Result<Unit>>> outcomes(60);
  for (auto& each : outcomes) {
    pairs.push_back(std::make_unique<Pair>(rig.loop));
    tasks.push_back(write_all(rig.outbox, *pairs.back()->stream, {std::string(1000, 'b')}, each));
    tasks.back().start(nullptr);
  }
  CHECK(pairs.front()->come().size() == 1000);
  CHECK_FALSE(outcomes.front());  // sent, and told at the end of the turn
  rig.turn();
  CHECK(pairs.back()->come().size() == 1000);
  for (auto& each : outcomes) CHECK(each->has_value());
}

TEST_CASE("what the kernel does not take follows when it has room") {
  Rig rig;
  Pair a(rig.loop);
  int small = 4096;
  setsockopt(a.stream->watch().fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  constexpr int kMessages = 100;
  std::vector<std::string> texts;
  std::string all;
  for (int i = 0; i < kMessages; ++i)
    all += texts.emplace_back(1999, static_cast<char>('a' + i % 26));
  std::optional<Result<Unit>> outcome;
  auto task = write_all(rig.outbox, *a.stream, texts, outcome);
  task.start(nullptr);
  std::string got;
  for (int turns = 0; turns < 10'000 && !task.is_settled(); ++turns) {
    rig.turn();
    if (turns % 3 == 0) got += a.come();
  }
  got += a.come();
  CHECK(task.is_settled());
  CHECK(got == all);
}

TEST_CASE("who writes to a connection that is gone is told, and that nothing was seen of it") {
  Rig rig;
  Pair a(rig.loop);
  a.other = net::Fd();
  std::optional<Result<Unit>> outcome;
  auto task = write_all(rig.outbox, *a.stream, {"x"}, outcome);
  task.start(nullptr);
  rig.turn();
  REQUIRE(outcome);
  REQUIRE_FALSE(outcome->has_value());
  CHECK(outcome->error().fault == Fault::Reset);
  CHECK(outcome->error().replayable);
}

TEST_SUITE_END();
