#pragma once
// Fields with secrets, of which no sample of a request keeps what they say. It keeps what came of
// the tests that routes put them to, so that others can be tried that put them to the same.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "route/router.h"

namespace cirque::config {

// Authorization, Proxy-Authorization and Cookie, whatever the case.
bool is_secret_field(std::string_view name) noexcept;

// One of a router's predicates, by what it asks for: the same of another configuration has the same
// id.
struct SecretTest {
  const route::Predicate* predicate;
  std::uint64_t id;
};

// What came of it.
struct SecretVerdict {
  std::uint64_t test;
  bool holds;
};

// Those of the router but the first so many are never judged: each costs time of every sample.
inline constexpr std::size_t kSecretTestsMax = 64;
std::vector<SecretTest> secret_tests_of(const route::Router& router);

// The verdicts on these, and on whether the fields are there at all.
void judge_secrets(const route::Router& router, std::span<const SecretTest> tests,
                   const route::Facts& facts, std::vector<SecretVerdict>& to);

// There was no such field.
bool is_absent(std::string_view name, std::span<const SecretVerdict> verdicts);

// Of a predicate on such a field. None: it was not judged.
std::optional<bool> verdict_on(const route::Predicates& predicates,
                               const route::Predicate& predicate,
                               std::span<const SecretVerdict> verdicts);

}  // namespace cirque::config
