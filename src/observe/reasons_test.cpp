#include "observe/reasons.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

namespace cirque::observe {

TEST_SUITE_BEGIN("observe");

TEST_CASE("every slug is there once and is found at its place") {
  std::set<std::string_view> seen;
  for (unsigned i = 0; i < reasons().size(); ++i) {
    CAPTURE(reasons()[i].slug);
    CHECK(seen.insert(reasons()[i].slug).second);
    CHECK(reason_index(reasons()[i].slug) == i);
    CHECK(reason_index(std::string(reasons()[i].slug)) == i);  // not the same pointer
    CHECK(is_reason(reasons()[i].slug));
  }
  CHECK(seen.size() <= kReasonsMax);
}

TEST_CASE("a slug is a word for logs and labels, and is explained") {
  for (const auto& reason : reasons()) {
    CAPTURE(reason.slug);
    CHECK(reason.slug.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    CHECK(reason.meaning.ends_with('.'));
    CHECK(reason.remedy.size() > 20);
    CHECK(reason.remedy.ends_with('.'));
    CHECK((reason.status == 0 || (reason.status >= 200 && reason.status <= 599)));
  }
}

TEST_CASE("whoever is to blame shows in the status") {
  for (const auto& reason : reasons()) {
    CAPTURE(reason.slug);
    bool is_4xx = reason.status / 100 == 4 || reason.status == 505 || reason.status == 0;
    CHECK((reason.blame == Blame::Client ? is_4xx : true));
    CHECK((reason.blame == Blame::Upstream ? reason.status >= 502 : true));
    CHECK((reason.slug.starts_with("upstream_") ? reason.blame == Blame::Upstream : true));
    CHECK((reason.slug.starts_with("client_") ? reason.blame == Blame::Client : true));
  }
}

TEST_CASE("where a reason is seen goes with who is to blame") {
  for (const auto& reason : reasons()) {
    CAPTURE(reason.slug);
    CHECK((reason.seen == Seen::Attempt ? reason.blame == Blame::Upstream : true));
    CHECK((reason.seen == Seen::Health ? reason.status == 0 : true));
  }
}

TEST_CASE("an unknown slug counts as a defect of ours") {
  CHECK(!is_reason("no_such_reason"));
  CHECK(reasons()[reason_index("no_such_reason")].slug == "internal_error");
  CHECK(reason_index("") == reason_index("internal_error"));
  CHECK(reason_index("upstream_reset_") == reason_index("internal_error"));
}

TEST_SUITE_END();

}  // namespace cirque::observe
