// Answers to health checks: in any pieces the verdict is the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "upstream/health_answer.h"

using namespace cirque;
using upstream::HealthAnswer;
using upstream::HealthPolicy;

namespace {

// Empty: it passes.
std::string_view judged(const HealthPolicy& policy, std::string_view bytes, std::size_t piece) {
  HealthAnswer answer(policy);
  while (!bytes.empty()) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    auto passes = answer.take(part);
    if (!passes) return passes.error().reason;
    if (*passes) return {};
  }
  auto ended = answer.end();
  return ended ? std::string_view() : ended.error().reason;
}

}  // namespace

// The first byte says what is asked for and how large the pieces are.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 100'000) return 0;
  static const HealthPolicy kStatus{.path = "/"};
  static const HealthPolicy kBody{.path = "/", .body = "aab"};
  const auto& policy = data[0] % 2 == 0 ? kBody : kStatus;
  std::size_t piece = 1 + data[0] / 2;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (judged(policy, bytes, std::max<std::size_t>(1, bytes.size())) !=
      judged(policy, bytes, piece)) {
    std::abort();
  }
  return 0;
}
