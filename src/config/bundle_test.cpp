#include "config/bundle.h"

#include <doctest/doctest.h>

namespace cirque::config {
namespace {

TEST_SUITE("config") {
  TEST_CASE("a bundle is unpacked as it was packed") {
    std::vector<Source> sources{
        {"a.yaml", "x: 1\r\n"}, {"", ""}, {"b:,.toml", std::string("\0,:", 3)}};
    CHECK(unpack(pack(sources)) == sources);
  }

  TEST_CASE("what is no bundle is not taken for one") {
    for (const char* text : {"", "5:a.yml", "5:a.yml,", "5:a.yml,3:ab,", "5:a.yml,2:abc,", ":,0:,",
                             "x", "-1:,0:,", "99999999999999999999:a,", "5:a.yml,2:ab,rest"}) {
      CAPTURE(text);
      CHECK_FALSE(unpack(text));
    }
    auto bundle = pack({{"a.yaml", "text"}});
    for (std::size_t i = 0; i < bundle.size(); ++i) CHECK_FALSE(unpack(bundle.substr(0, i)));
  }
}

}  // namespace
}  // namespace cirque::config
