#include "config/question.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace cirque::config {
namespace {

std::unique_ptr<Question> ask(Asked asked, std::vector<Network> trusted = {}) {
  auto question = Question::of(asked, trusted);
  REQUIRE(question);
  return std::move(*question);
}

Asked with(std::vector<TableEntry> headers) {
  return {.method = "GET", .url = "/", .headers = std::move(headers), .from = {}};
}

// "x y": the names of its fields.
std::string names_of(const Question& question) {
  std::string names;
  for (const auto& field : question.request().headers) {
    if (!names.empty()) names += " ";
    names += field.name;
  }
  return names;
}

std::string refusal_of(Asked asked) {
  auto refusal = ask(std::move(asked))->refusal();
  return refusal ? fmt::format("{} {}", refusal->status, refusal->reason) : "none";
}

}  // namespace

TEST_SUITE("config") {
  TEST_CASE("a question has the fields that routes are asked with") {
    CHECK(names_of(*ask(with({{"X-A", "1"}, {"TE", "trailers"}, {"Proxy-Authorization", "b"}}))) ==
          "X-A");
    CHECK(names_of(*ask(with({{"X-A", "1"}, {"Connection", "x-a, x-b"}, {"X-C", "1"}}))) == "X-C");
    CHECK(names_of(*ask(with({{"X_A", "1"}, {"X-Cirque-Explain", "1"}, {"X-A", "1"}}))) == "X-A");
    auto upgrade = ask(with({{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}));
    CHECK(names_of(*upgrade).empty());
    CHECK(upgrade->facts().upgrade == "websocket");
    CHECK(ask(with({{"Upgrade", "websocket"}}))->facts().upgrade.empty());
  }

  TEST_CASE("a question is refused as the request would be") {
    auto by = [](std::string method) {
      return refusal_of({.method = std::move(method), .url = "/", .headers = {}, .from = {}});
    };
    CHECK(by("GET") == "none");
    CHECK(by("PURGE") == "none");
    CHECK(by("get") == "400 bad_method");
    CHECK(by(std::string(33, 'A')) == "400 bad_method");
    CHECK(by("TRACE") == "405 method_not_allowed");
    CHECK(refusal_of(with({{"Connection", "host"}})) == "400 bad_connection_field");
    CHECK(refusal_of(with({{"Transfer-Encoding", "gzip"}})) == "400 bad_transfer_encoding");
    CHECK(refusal_of(with({{"Content-Length", "5"}})) == "none");
  }

  TEST_CASE("who asks is whom a trusted proxy tells of") {
    std::vector<Network> trusted = {*Network::parse("10.0.0.0/8")};
    auto client = [&](std::string from, std::vector<TableEntry> headers) {
      auto asked = with(std::move(headers));
      asked.from = std::move(from);
      return ask(asked, trusted)->source().ip_text();
    };
    CHECK(client("10.0.0.1", {{"X-Forwarded-For", "::1"}}) == "::1");
    CHECK(client("10.0.0.1", {{"X-Forwarded-For", "1.1.1.1, 203.0.113.9, 10.0.0.7"}}) ==
          "203.0.113.9");
    CHECK(client("10.0.0.1", {}) == "10.0.0.1");
    CHECK(client("::ffff:10.0.0.1", {{"X-Forwarded-For", "::1"}}) == "::1");
    CHECK(client("192.0.2.1", {{"X-Forwarded-For", "::1"}}) == "192.0.2.1");
    CHECK(client("::ffff:192.0.2.1", {}) == "192.0.2.1");
    CHECK(client("unix:", {{"X-Forwarded-For", "::1"}}) == "unix:");
    CHECK(client("", {}) == "127.0.0.1");
  }
}

}  // namespace cirque::config
