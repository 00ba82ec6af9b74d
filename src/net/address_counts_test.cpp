#include "net/address_counts.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace cirque;
using net::AddressCounts;
using Entry = net::AddressCounts::Entry;

namespace {

std::uint64_t crowd(std::string_view ip) {
  return net::crowd_of(Address::parse_ip(ip, 1).value());
}

}  // namespace

TEST_SUITE("net: connections by address") {
  TEST_CASE("an IPv4 address is alone, an IPv6 one is with its network") {
    CHECK(crowd("10.0.0.1") != crowd("10.0.0.2"));
    CHECK(crowd("2001:db8::1") == crowd("2001:db8::ffff:ffff:ffff:ffff"));
    CHECK(crowd("2001:db8::1") != crowd("2001:db8:0:1::1"));
    CHECK(crowd("::1") != crowd("0.0.0.0"));
    CHECK(crowd("10.0.0.1") != crowd("::10.0.0.1"));
  }

  TEST_CASE("so many get in, each crowd for itself, and one who leaves makes room") {
    AddressCounts counts(1);
    CHECK(counts.enter(7, 2) == Entry::In);
    CHECK(counts.enter(7, 2) == Entry::In);
    CHECK(counts.enter(7, 2) == Entry::Full);
    CHECK(counts.enter(8, 2) == Entry::In);
    CHECK(counts.leave(7));
    CHECK(counts.enter(7, 2) == Entry::In);
    CHECK(counts.enter(7, 2) == Entry::Full);
    CHECK(counts.enter(7, 3) == Entry::In);  // the limit is the asker's
    CHECK(counts.enter(9, 0) == Entry::Full);
  }

  TEST_CASE("many threads never let in more than may, and lose nobody") {
    constexpr std::uint32_t kMost = 3;
    AddressCounts counts(2);
    std::array<std::atomic<int>, 8> inside{};
    std::atomic<int> most_seen{0};
    auto visit = [&](unsigned thread) {
      for (unsigned i = 0; i < 20'000; ++i) {
        auto who = (i + thread) % inside.size();
        auto entry = counts.enter(who, kMost);
        if (entry != Entry::In) continue;
        int now = inside[who].fetch_add(1) + 1;
        for (int seen = most_seen; now > seen && !most_seen.compare_exchange_weak(seen, now);) {
        }
        inside[who].fetch_sub(1);
        while (!counts.leave(who)) std::this_thread::yield();
      }
    };
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) threads.emplace_back(visit, t);
    for (auto& thread : threads) thread.join();
    CHECK(most_seen <= static_cast<int>(kMost));
    for (std::uint64_t who = 0; who < inside.size(); ++who) {
      for (std::uint32_t i = 0; i < kMost; ++i) CHECK(counts.enter(who, kMost) == Entry::In);
      CHECK(counts.enter(who, kMost) == Entry::Full);
    }
  }
}
