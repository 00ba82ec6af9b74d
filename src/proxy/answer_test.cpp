#include "proxy/answer.h"

#include <doctest/doctest.h>

#include <string>

#include "observe/reasons.h"
#include "proxy/worker.h"

using namespace cirque;
using proxy::make_error_answer;
using proxy::status_of;

namespace {

struct Probe final : Exchange {
  explicit Probe(const Link& l) : Exchange(l) {}

  std::string body() {
    auto task = response.body->next();
    task.start(nullptr);
    return std::string(task.take().value().data);
  }

  std::string field(std::string_view name) const { return std::string(response.headers.get(name)); }
};

const Link kLink{.client = {}, .service = "s"};

Error error(Fault fault, Side side, std::uint16_t status = 0) {
  return {.fault = fault, .side = side, .status = status};
}

bool trusts(std::vector<std::string> proxies, std::string_view client) {
  proxy::Rules rules({}, {}, "", proxies, false);
  return rules.trusts(Address::parse_ip(client, 1).value());
}

}  // namespace

TEST_SUITE_BEGIN("proxy");

TEST_CASE("a status says whose fault it is") {
  CHECK(status_of(error(Fault::Malformed, Side::Client)) == 400);
  CHECK(status_of(error(Fault::Timeout, Side::Client)) == 408);
  CHECK(status_of(error(Fault::TooLarge, Side::Client)) == 413);
  CHECK(status_of(error(Fault::Malformed, Side::Upstream)) == 502);
  CHECK(status_of(error(Fault::Refused, Side::Upstream)) == 502);
  CHECK(status_of(error(Fault::Reset, Side::Upstream)) == 502);
  CHECK(status_of(error(Fault::Closed, Side::Upstream)) == 502);
  CHECK(status_of(error(Fault::Timeout, Side::Upstream)) == 504);
  CHECK(status_of(error(Fault::Overload, Side::Upstream)) == 503);
  CHECK(status_of(error(Fault::NoPeer, Side::Us)) == 503);
  CHECK(status_of(error(Fault::Timeout, Side::Us)) == 504);
  CHECK(status_of(error(Fault::Unsupported, Side::Us)) == 501);
  CHECK(status_of(error(Fault::Bug, Side::Us)) == 500);
}

TEST_CASE("a status of its own wins, but a client that is gone gets nothing") {
  CHECK(status_of(error(Fault::Malformed, Side::Client, 431)) == 431);
  CHECK(status_of(error(Fault::Closed, Side::Client)) == 0);
  CHECK(status_of(error(Fault::Reset, Side::Client, 400)) == 0);
}

TEST_CASE("an error page has its reason in the body and in Proxy-Status, and is not cached") {
  Probe x(kLink);
  x.id = "abc";
  x.response.headers.add("X-Half", "made");
  make_error_answer(x, 502, {.side = Side::Upstream, .reason = "upstream_connect_refused"});
  CHECK(x.response.status == 502);
  CHECK(x.body().contains("upstream_connect_refused"));
  CHECK(x.field("Proxy-Status") ==
        "cirque; error=connection_refused; details=\"upstream_connect_refused\"");
  CHECK(x.field("Cache-Control") == "no-store");
  CHECK(x.field("X-Request-Id") == "abc");
  CHECK(x.field("X-Half").empty());
  CHECK(x.field("Content-Type").starts_with("text/html"));
}

TEST_CASE("who prefers JSON gets JSON") {
  for (auto [accept, json] : {std::pair{"application/json", true},
                              {"application/json, text/html", true},
                              {"text/html, application/json", false},
                              {"*/*", false},
                              {"", false}}) {
    Probe x(kLink);
    x.id = "abc";
    x.request.headers.add("Accept", accept);
    make_error_answer(x, 404, {.side = Side::Us, .reason = "no_healthy_backend"});
    CAPTURE(accept);
    CHECK(x.field("Content-Type").starts_with("application/json") == json);
    CHECK(x.body().starts_with("{\"status\":404,") == json);
  }
}

TEST_CASE("every reason makes a page, and Proxy-Status names an error type") {
  for (const auto& reason : observe::reasons()) {
    for (auto side : {Side::Client, Side::Upstream, Side::Us}) {
      Probe x(kLink);
      make_error_answer(x, 500, {.fault = Fault::Malformed, .side = side, .reason = reason.slug});
      CHECK(x.field("Proxy-Status").starts_with("cirque; error="));
      CHECK(x.field("Proxy-Status").ends_with("details=\"" + std::string(reason.slug) + "\""));
    }
  }
}

TEST_CASE("only trusted proxies may say who their client is") {
  CHECK_FALSE(trusts({}, "127.0.0.1"));
  CHECK(trusts({"10.0.0.0/8", "::1"}, "10.1.2.3"));
  CHECK(trusts({"10.0.0.0/8", "::1"}, "::1"));
  CHECK_FALSE(trusts({"10.0.0.0/8", "::1"}, "11.0.0.1"));
}

TEST_CASE("notes make a story") {
  Probe x(kLink);
  CHECK(x.story().empty());
  x.note("first");
  x.note("second");
  CHECK(x.story() == "first; second");
}

TEST_SUITE_END();
