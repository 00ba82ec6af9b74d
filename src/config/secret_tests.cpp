#include "config/secret_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "base/text.h"
#include "route/plan.h"

namespace cirque::config {
namespace {

using route::Test;

constexpr std::array kSecrets = {Name::Authorization, Name::ProxyAuthorization, Name::Cookie};

bool is_secret(const route::Predicate& predicate) noexcept {
  return predicate.part == route::Part::Header &&
         std::ranges::find(kSecrets, predicate.id) != kSecrets.end();
}

// Whether a field is absent is known from whether it is present.
bool is_about_presence(const route::Predicate& predicate) noexcept {
  return predicate.test == Test::Present || predicate.test == Test::Absent;
}

std::uint64_t id_of(Name name, Test test, std::string_view text) {
  return base::hash(
      fmt::format("{}:{}:{}", static_cast<unsigned>(name), static_cast<unsigned>(test), text));
}

std::uint64_t id_of(const route::Predicates& predicates, const route::Predicate& predicate) {
  if (is_about_presence(predicate)) return id_of(predicate.id, Test::Present, {});
  return id_of(predicate.id, predicate.test, predicates.text_of(predicate));
}

}  // namespace

bool is_secret_field(std::string_view name) noexcept {
  return std::ranges::find(kSecrets, name_of(name)) != kSecrets.end();
}

std::vector<SecretTest> secret_tests_of(const route::Router& router) {
  const auto& predicates = router.plan().predicates;
  std::vector<SecretTest> tests;
  for (const auto& predicate : predicates.all()) {
    if (!is_secret(predicate) || is_about_presence(predicate)) continue;
    auto id = id_of(predicates, predicate);
    if (std::ranges::find(tests, id, &SecretTest::id) != tests.end()) continue;
    if (tests.size() == kSecretTestsMax) break;
    tests.push_back({&predicate, id});
  }
  return tests;
}

void judge_secrets(const route::Router& router, std::span<const SecretTest> tests,
                   const route::Facts& facts, std::vector<SecretVerdict>& to) {
  to.clear();
  for (auto name : kSecrets) {
    bool is_there = facts.headers && facts.headers->has(name);
    to.push_back({id_of(name, Test::Present, {}), is_there});
  }
  for (const auto& [predicate, id] : tests) {
    to.push_back({id, router.plan().predicates.holds(*predicate, facts)});
  }
}

bool is_absent(std::string_view name, std::span<const SecretVerdict> verdicts) {
  auto id = id_of(name_of(name), Test::Present, {});
  return std::ranges::any_of(verdicts, [&](auto& one) { return one.test == id && !one.holds; });
}

std::optional<bool> verdict_on(const route::Predicates& predicates,
                               const route::Predicate& predicate,
                               std::span<const SecretVerdict> verdicts) {
  auto verdict = [&](std::uint64_t id) {
    auto found = std::ranges::find(verdicts, id, &SecretVerdict::test);
    return found == verdicts.end() ? std::optional<bool>() : found->holds;
  };
  bool is_reversed = predicate.test == Test::Absent;
  auto told = verdict(id_of(predicates, predicate));
  if (told) return *told != is_reversed;
  bool fails = is_absent(cirque::text_of(predicate.id), verdicts);
  return fails ? std::optional(false) : std::nullopt;
}

}  // namespace cirque::config
