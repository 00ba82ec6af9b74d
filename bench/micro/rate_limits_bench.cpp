// What a rate limit adds to a request that it lets pass: the short way of a listener with one
// plain pool, with the meeting of one limit by client address on it.
//
//   cmake --preset release -DCIRQUE_MICRO=ON && cmake --build --preset release --target
//   rate_limits_bench && build/release/rate_limits_bench [rounds]
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "config/load.h"
#include "control/rate_limits.h"

using namespace cirque;

namespace {

struct Asked final : Exchange {
  explicit Asked(const Link& link) : Exchange(link) {}
};

constexpr std::string_view kFile = R"(
services: [{name: web, bind_address: '127.0.0.1:8080', upstreams: ['127.0.0.1:3000'], rate_limits: [a]}]
rate_limits: [{name: a, requests: 10000000, key: [address]}]
)";

}  // namespace

int main(int argc, char** argv) {
  long rounds = argc > 1 ? std::atol(argv[1]) : 10'000'000;
  auto loaded = config::load_text(kFile, "bench.yaml", [](auto) { return std::nullopt; });
  control::Lane lane{.blueprint = loaded.blueprint,
                     .plan = loaded.blueprint->lanes.data(),
                     .pools = {},
                     .rates = {std::make_shared<control::RateAccounts>(100'000)}};
  Link link{.client = Address::parse_ip("192.0.2.1", 1).value(), .service = "web"};
  Asked asked(link);
  asked.request.authority = "shop.example";
  asked.started = loop::monotonic_now();
  long passed = 0;
  auto begin = std::chrono::steady_clock::now();
  for (long i = 0; i < rounds; ++i) {
    asked.started += 1us;
    auto decision = lane.blueprint->only_decision(*lane.plan);
    passed += control::meet_rate_limits(asked, lane, decision).has_value();
    asked.arena.reset();
  }
  auto spent = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin);
  fmt::print("{:.1f} ns a request, {} of {} passed\n", spent.count() / static_cast<double>(rounds),
             passed, rounds);
}
