#include "app/why.h"

#include <doctest/doctest.h>

namespace cirque::app {
namespace {

std::expected<std::string, Misuse> told(std::vector<std::string> words,
                                        config::Format format = config::Format::Text) {
  Command command;
  command.verb = Verb::Why;
  command.words = std::move(words);
  command.format = format;
  return why(command);
}

std::string_view slug_in(std::string_view text) {
  const auto* reason = reason_in(text);
  return reason ? reason->slug : "";
}

TEST_SUITE("app") {
  TEST_CASE("a reason is found in whatever it was copied from") {
    CHECK(slug_in("no_route") == "no_route");
    CHECK(slug_in(R"(cirque; error=connection_timeout; details="upstream_connect_timeout")") ==
          "upstream_connect_timeout");
    CHECK(slug_in(R"(Proxy-Status: cirque; error=dns_error; details="upstream_dns_failed")") ==
          "upstream_dns_failed");
    CHECK(slug_in(R"("status":504,"reason":"upstream_header_timeout","bytes_in":0)") ==
          "upstream_header_timeout");
    CHECK(slug_in("502 because upstream_reset") == "upstream_reset");
    CHECK(slug_in("timeout").size() == 7);
    for (auto nothing : {"", " ", "upstream", "upstream_resets", "x-cache: hit"})
      CHECK(slug_in(nothing).empty());
  }

  TEST_CASE("one reason tells all that is known of it") {
    auto text = told({"upstream_connect_refused"});
    for (auto part : {"refused the connection", "Start the backend", "The backend, or", "502 Bad",
                      "cirque_upstream_failures_total{reason=\"upstream_connect_refused\"}"})
      CHECK(text->contains(part));
    CHECK(told({"client_gone"})->contains("logged as 499"));
    CHECK(told({"health_check_status"})->contains("No request is answered with it"));
    CHECK(told({"tunnel_idle_timeout"})->contains("broken off"));
    for (const auto& reason : observe::reasons())
      CHECK(told({std::string(reason.slug)})->starts_with(reason.slug));
  }

  TEST_CASE("all of them are one line each") {
    auto text = told({});
    for (const auto& reason : observe::reasons()) {
      CAPTURE(reason.slug);
      CHECK(text->contains(std::string("\n") + std::string(reason.slug) + " ") !=
            text->starts_with(reason.slug));
      CHECK(text->contains(std::string(reason.meaning) + "\n"));
    }
  }

  TEST_CASE("a typo leads to the nearest, anything else to the list") {
    CHECK(told({"upstream_conect_refused"}).error().hint ==
          "did you mean 'upstream_connect_refused'?");
    CHECK(told({"zzzzzzzz"}).error().hint == "cirque why lists them all");
    CHECK(told({"zz", "zz"}).error().message == "there is no reason 'zz zz'");
  }

  TEST_CASE("for programs there is JSON of one or of all") {
    auto one = told({"no_route"}, config::Format::Json);
    CHECK(one->contains(R"({"reason":"no_route","blame":"client","status":404,)"));
    CHECK_FALSE(one->contains("no_virtual_host"));
    CHECK(told({"listen_failed"}, config::Format::Json)->contains(R"("status":null)"));
    CHECK(told({}, config::Format::Json)->contains("no_virtual_host"));
  }

  TEST_CASE("the command line of why") {
    auto read = [](std::vector<std::string_view> words) {
      return parse(words, [](std::string_view) -> std::optional<std::string> { return {}; });
    };
    CHECK(read({"why"})->verb == Verb::Why);
    CHECK(read({"why", "no_route"})->words == std::vector<std::string>{"no_route"});
    CHECK(read({"why", "--markdown"})->page == Page::Markdown);
    CHECK(read({"why", "--format=json"})->format == config::Format::Json);
    CHECK(read({"why", "--format=sarif"}).error().message.contains("text or json"));
    CHECK(read({"why", "--config", "x"}).error().message == "--config does not go with why");
  }
}

}  // namespace
}  // namespace cirque::app
