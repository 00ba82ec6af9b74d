#include "upstream/health_answer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <string_view>

using namespace cirque;
using upstream::HealthAnswer;
using upstream::HealthPolicy;

namespace {

HealthPolicy asking(std::string body, std::string method = "GET") {
  return {.path = "/up", .method = std::move(method), .body = std::move(body)};
}

// The verdict on these bytes, which come in pieces and then end: "passes", or a reason. Memory of
// exactly a piece's size, so that the sanitizer sees a read beyond it.
std::string judged(const HealthPolicy& policy, std::string_view bytes, std::size_t piece) {
  HealthAnswer answer(policy);
  while (!bytes.empty()) {
    auto size = std::min(piece, bytes.size());
    auto memory = std::make_unique<char[]>(size);
    bytes.copy(memory.get(), size);
    bytes.remove_prefix(size);
    auto passes = answer.take({memory.get(), size});
    if (!passes) return std::string(passes.error().reason);
    if (*passes) return "passes";
  }
  auto ended = answer.end();
  return ended ? "passes" : std::string(ended.error().reason);
}

// However it is split.
std::string judged(const HealthPolicy& policy, std::string_view bytes) {
  auto whole = judged(policy, bytes, bytes.size() + 1);
  for (std::size_t piece : {1UZ, 2UZ, 3UZ, 7UZ, 100UZ, 4096UZ}) {
    CAPTURE(piece);
    CHECK(judged(policy, bytes, piece) == whole);
  }
  return whole;
}

std::string chunk(std::string_view data) {
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("of an answer whose status alone counts nothing more is read") {
  HealthPolicy policy{.path = "/up"};
  CHECK(judged(policy, "HTTP/1.1 200") == "passes");
  CHECK(judged(policy, "HTTP/1.0 204 No Content\r\n\r\n") == "passes");
  CHECK(judged(policy, "HTTP/1.1 299 \x01 and garbage") == "passes");
  CHECK(judged(policy, "HTTP/1.1 301 Moved\r\n\r\n") == "health_check_status");
  CHECK(judged(policy, "HTTP/1.1 503 Busy\r\n\r\n") == "health_check_status");
  CHECK(judged(policy, "HTTP/1.1 999 What\r\n\r\n") == "health_check_status");
  CHECK(judged(policy, "HTTP/1.1 20") == "health_check_failed");
  CHECK(judged(policy, "") == "health_check_failed");
  for (auto garbage :
       {"HTTP/2 200 OK\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 099 Odd\r\n",
        "HTTP/1.1 2x0 Odd\r\n", "HTTP/1.1  200\r\n\r\n", "\r\nHTTP/1.1 200\r\n\r\n"}) {
    CAPTURE(garbage);
    CHECK(judged(policy, garbage) == "health_check_malformed");
  }
}

TEST_CASE("the statuses that are asked for are those that pass") {
  HealthPolicy policy{.path = "/up", .statuses = upstream::statuses_between(400, 404)};
  policy.statuses.set(204);
  CHECK(judged(policy, "HTTP/1.1 204 No Content\r\n\r\n") == "passes");
  CHECK(judged(policy, "HTTP/1.1 400 Bad\r\n\r\n") == "passes");
  CHECK(judged(policy, "HTTP/1.1 404 Bad\r\n\r\n") == "passes");
  CHECK(judged(policy, "HTTP/1.1 405 Bad\r\n\r\n") == "health_check_status");
  CHECK(judged(policy, "HTTP/1.1 200 OK\r\n\r\n") == "health_check_status");
}

TEST_CASE("heads of 1xx come before the one that counts") {
  HealthPolicy policy{.path = "/up"};
  std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  std::string many;
  for (unsigned i = 0; i < HealthAnswer::kInformationalMax; ++i) many += hints;
  CHECK(judged(policy, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n") == "passes");
  CHECK(judged(policy, many + "HTTP/1.1 500 Ill\r\n\r\n") == "health_check_status");
  CHECK(judged(policy, many + "HTTP/1.1 200 OK\r\n\r\n") == "passes");
  CHECK(judged(policy, many + hints + "HTTP/1.1 200 OK\r\n\r\n") == "health_check_malformed");
  CHECK(judged(policy, "HTTP/1.1 101 Switching\r\n\r\n") == "health_check_malformed");
  CHECK(judged(asking("up"), hints + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nup") == "passes");
}

TEST_CASE("the text has to be in the body, whatever its framing") {
  auto policy = asking("all is well");
  std::string head = "HTTP/1.1 200 OK\r\n";
  auto with_length = [&](std::string body) {
    return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  CHECK(judged(policy, with_length("so all is well here")) == "passes");
  CHECK(judged(policy, with_length("all is ill, all is wel")) == "health_check_body");
  CHECK(judged(policy, with_length("all all is all is well")) == "passes");
  CHECK(judged(policy, head + "\r\nall is well") == "passes");
  CHECK(judged(policy, head + "\r\nall is") == "health_check_body");
  auto chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  CHECK(judged(policy, chunked + chunk("all is") + chunk(" well") + "0\r\n\r\n") == "passes");
  CHECK(judged(policy, chunked + chunk("all is") + chunk(", well") + "0\r\n\r\n") ==
        "health_check_body");
  CHECK(judged(policy, chunked + "0\r\nX: all is well\r\n\r\n") == "health_check_body");
  CHECK(judged(policy, chunked + "zz\r\nall is well") == "health_check_malformed");
  CHECK(judged(policy, head + "X: all is well\r\nContent-Length: 0\r\n\r\n") ==
        "health_check_body");
  CHECK(judged(policy, head + "Content-Length: 5\r\n\r\nno...all is well") == "health_check_body");
  CHECK(judged(policy, head + "Content-Length: 20\r\n\r\nall is well") == "passes");
  CHECK(judged(policy, head + "Content-Length: 20\r\n\r\nall is") == "health_check_body");
  CHECK(judged(policy, "HTTP/1.1 204 No Content\r\n\r\nall is well") == "health_check_body");
  CHECK(judged(policy, "HTTP/1.1 500 Ill\r\n\r\nall is well") == "health_check_status");
}

TEST_CASE("a head whose framing is in doubt is no answer") {
  auto policy = asking("x");
  for (auto fields : {"Content-Length: 1\r\nTransfer-Encoding: chunked", "Content-Length: -1",
                      "Content-Length: 1\r\nContent-Length: 1", "Transfer-Encoding: gzip",
                      "no colon", "a b: c", "X: \x01"}) {
    CAPTURE(fields);
    auto bytes = std::string("HTTP/1.1 200 OK\r\n") + fields + "\r\n\r\nx";
    CHECK(judged(policy, bytes) == "health_check_malformed");
  }
}

TEST_CASE("the head and what is searched of the body are bounded") {
  auto policy = asking("needle");
  std::string head = "HTTP/1.1 200 OK\r\n";
  std::string blank(HealthAnswer::kBodyBytesMax - 6, ' ');
  CHECK(judged(policy, head + "\r\n" + blank + "needle") == "passes");
  CHECK(judged(policy, head + "\r\n" + blank + " needle") == "health_check_body");
  std::string endless(HealthAnswer::kHeadBytesMax * 2, 'x');
  CHECK(judged(policy, head + "X: " + endless) == "health_check_malformed");
  CHECK(judged(policy, "HTTP/1.1 103 " + endless) == "health_check_malformed");
  std::string lines;
  for (int i = 0; i < 2000; ++i) lines += "X: " + std::string(30, 'y') + "\r\n";
  CHECK(judged(policy, head + lines) == "health_check_malformed");
}

TEST_CASE("a text that nearly occurs everywhere takes no longer to miss") {
  auto policy = asking(std::string(1023, 'a') + "b");
  std::string bytes = "HTTP/1.1 200 OK\r\n\r\n" + std::string(HealthAnswer::kBodyBytesMax, 'a');
  CHECK(judged(policy, bytes, 1) == "health_check_body");
}

TEST_CASE(
    "whatever a backend says, the verdict comes within bounds and does not depend on pieces") {
  constexpr std::string_view kPieces[] = {"HTTP/1.1 200 OK\r\n",
                                          "HTTP/1.1 100 Continue\r\n\r\n",
                                          "HTTP/1.0 200\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "Content-Length: 12\r\n",
                                          "X: y\r\n",
                                          "\r\n",
                                          "\n",
                                          "5\r\nhello\r\n",
                                          "ffffffffffffffff\r\n",
                                          "0\r\n",
                                          "1;ext=\"",
                                          "hell",
                                          "hello world",
                                          ";",
                                          ":",
                                          "\r"};
  std::mt19937 random(7);
  auto below = [&](std::size_t limit) { return random() % limit; };
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = below(8) > 0 ? "HTTP/1.1 200 OK\r\n" : "";
    for (auto count = below(24); count > 0; --count) {
      bytes += below(5) > 0 ? std::string(kPieces[below(std::size(kPieces))])
                            : std::string(1 + below(40), static_cast<char>(below(256)));
    }
    CAPTURE(bytes);
    auto policy = asking(below(2) == 0 ? "hello" : "", below(4) == 0 ? "HEAD" : "GET");
    if (policy.method == "HEAD") policy.body.clear();
    auto whole = judged(policy, bytes, bytes.size() + 1);
    CHECK(judged(policy, bytes, 1) == whole);
    CHECK(judged(policy, bytes, 1 + below(9)) == whole);
  }
}

TEST_SUITE_END();
