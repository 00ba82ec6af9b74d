#include "upstream/sticky.h"

#include <doctest/doctest.h>

#include "base/random.h"

namespace cirque::upstream {
namespace {

const std::string kOld(32, 'o');
const std::string kNew(32, 'n');

StickyValues values_of(std::string_view pool, const std::vector<std::string>& keys) {
  return {pool, keys};
}

std::string_view view(const StickyValues::Value& value) {
  return {value.data(), value.size()};
}

}  // namespace

TEST_SUITE_BEGIN("upstream");

TEST_CASE("a sticky value names the member that it was made for") {
  auto values = values_of("shop", {kNew});
  base::Random random(1);
  for (std::uint64_t identity : {std::uint64_t{0}, std::uint64_t{1}, UINT64_MAX, random.next()}) {
    auto value = values.make(identity);
    auto found = values.read(view(value));
    REQUIRE(found);
    CHECK(found->identity == identity);
    CHECK(found->is_current);
    CHECK(view(value).find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_") == std::string_view::npos);
  }
}

// Computed with Python's hmac and base64: cookies must survive a new version.
TEST_CASE("a sticky value is what it has always been") {
  auto values = values_of("shop", {kNew});
  CHECK(view(values.make(0x0123456789abcdef)) == "ASNFZ4mrze8SEbCegr6xsMTSyqQMWyMl");
}

TEST_CASE("a sticky value with any one bit changed is not ours") {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  auto values = values_of("shop", {kNew, kOld});
  auto value = values.make(0x0123456789abcdef);
  for (char& c : value) {
    auto right = c;
    for (unsigned bit = 0; bit < 6; ++bit) {
      c = kAlphabet[kAlphabet.find(right) ^ (1U << bit)];
      CHECK_FALSE(values.read(view(value)));
    }
    c = right;
  }
  CHECK(values.read(view(value)));
}

TEST_CASE("a sticky value that is cut, longer or not base64url is not ours") {
  auto values = values_of("shop", {kNew});
  auto value = values.make(42);
  std::string good(view(value));
  for (std::size_t length = 0; length < good.size(); ++length) {
    CHECK_FALSE(values.read(good.substr(0, length)));
  }
  CHECK_FALSE(values.read(good + "A"));
  CHECK_FALSE(values.read(good + "="));
  CHECK_FALSE(values.read('"' + good + '"'));
  for (int c = 0; c < 256; ++c) {
    auto changed = good;
    changed[5] = static_cast<char>(c);
    CHECK(values.read(changed).has_value() == (changed == good));
  }
  CHECK_FALSE(values.read(std::string(32, 'A')));
}

TEST_CASE("a sticky value of another pool is not ours") {
  auto shop = values_of("shop", {kNew});
  auto blog = values_of("blog", {kNew});
  auto value = shop.make(42);
  CHECK_FALSE(blog.read(view(value)));
  CHECK_FALSE(values_of("", {kNew}).read(view(value)));
  CHECK_FALSE(values_of("sho", {kNew}).read(view(value)));
}

TEST_CASE("a sticky value outlives a change of keys, and says that it is old") {
  auto before = values_of("shop", {kOld});
  auto after = values_of("shop", {kNew, kOld});
  auto value = before.make(42);
  auto found = after.read(view(value));
  REQUIRE(found);
  CHECK(found->identity == 42);
  CHECK_FALSE(found->is_current);
  auto renewed = after.make(42);
  CHECK(after.read(view(renewed))->is_current);
  CHECK_FALSE(before.read(view(renewed)));
  CHECK_FALSE(values_of("shop", {kNew}).read(view(value)));  // the old key was dropped
}

TEST_CASE("a sticky cookie says where it holds and how long") {
  auto values = values_of("shop", {kNew});
  auto value = values.make(42);
  std::string text(view(value));
  CHECK(set_cookie({}, value, true) ==
        "cirque_sticky=" + text + "; Path=/; Secure; HttpOnly; SameSite=Lax");
  CHECK(set_cookie({}, value, false) ==
        "cirque_sticky=" + text + "; Path=/; HttpOnly; SameSite=Lax");
  StickyPolicy policy{.name = "s",
                      .path = "/shop",
                      .max_age_seconds = 3600,
                      .secure = Secure::Never,
                      .is_http_only = false,
                      .same_site = SameSite::Strict};
  CHECK(set_cookie(policy, value, true) ==
        "s=" + text + "; Path=/shop; Max-Age=3600; SameSite=Strict");
  policy.same_site = SameSite::None;
  CHECK(set_cookie(policy, value, true).ends_with("; SameSite=None"));
}

TEST_SUITE_END();

}  // namespace cirque::upstream
