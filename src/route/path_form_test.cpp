#include "route/path_form.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "route/segments.h"

using namespace cirque::route;

namespace {

PathForm form_of(PathKind kind, std::string text) {
  auto form = PathForm::parse({kind, std::move(text)});
  REQUIRE(form);
  return *form;
}

PathForm pattern(std::string text) {
  return form_of(PathKind::Pattern, std::move(text));
}

std::string parameters(std::string_view pattern, std::string_view path) {
  std::string all;
  for_each_parameter(pattern, path, [&](std::string_view name, std::string_view value) {
    all.append(name).append("=").append(value).append(";");
  });
  return all;
}

}  // namespace

TEST_SUITE_BEGIN("route");

TEST_CASE("segments are what stands between slashes") {
  CHECK(Segments("*").count() == 0);
  CHECK(Segments("").count() == 0);
  CHECK(Segments("/").count() == 1);
  CHECK(Segments("/a").count() == 1);
  Segments two("/a/");
  CHECK(two.count() == 2);
  CHECK(two[0] == "a");
  CHECK(two[1] == "");
  std::string deep;
  for (int i = 0; i < 32; ++i) deep += "/x";
  CHECK(Segments(deep).count() == 32);
  CHECK(Segments(deep + "/").count() == 33);
  CHECK(Segments(deep + "/x/y/z").count() == 33);
}

TEST_CASE("paths of a specification are brought into the form in which requests come") {
  CHECK(form_of(PathKind::Exact, "/a//b/./c/../%41").text == "/a/b/A");
  CHECK(form_of(PathKind::Prefix, "/%61pi").text == "/api");
  CHECK(form_of(PathKind::Exact, "*").text == "*");
}

TEST_CASE("what takes every path says nothing about paths") {
  for (auto all : {PathSpec{PathKind::Any, ""}, PathSpec{PathKind::Prefix, "/"},
                   PathSpec{PathKind::Pattern, "/**"}}) {
    CHECK(PathForm::parse(all)->kind == PathClass::Any);
  }
}

TEST_CASE("a pattern without wildcards is an exact path, and one that ends in ** a prefix") {
  CHECK(pattern("/a/b").kind == PathClass::Exact);
  CHECK(pattern("/a/").kind == PathClass::Exact);
  auto open = pattern("/a/**");
  auto prefix = form_of(PathKind::Prefix, "/a");
  CHECK(open.kind == PathClass::Shaped);
  CHECK(open.shape == prefix.shape);
  CHECK(open.text == prefix.text);
}

TEST_CASE("a pattern's shape says which segments are literal") {
  auto form = pattern("/users/{id}/posts/*");
  CHECK(form.shape.segments == 4);
  CHECK(form.shape.is_literal(0));
  CHECK_FALSE(form.shape.is_literal(1));
  CHECK(form.shape.is_literal(2));
  CHECK_FALSE(form.shape.is_literal(3));
  CHECK(form.shape.tail == Tail::Closed);
  CHECK(form.nameless() == "/users/*/posts/*");
  CHECK(form.nameless() == pattern("/users/{user}/posts/{post}").nameless());
}

TEST_CASE("a wrong path is refused where it goes wrong") {
  struct Row {
    PathKind kind;
    std::string text;
    std::size_t offset;
    std::string_view word;
  };

  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "/x";
  for (const Row& row :
       {Row{PathKind::Exact, "", 0, "empty"}, Row{PathKind::Exact, "a", 0, "slash"},
        Row{PathKind::Prefix, "*", 0, "slash"}, Row{PathKind::Exact, "/a?b", 2, "query"},
        Row{PathKind::Exact, "/a#b", 2, "no path"}, Row{PathKind::Exact, "/a b", 2, "no path"},
        Row{PathKind::Exact, "/a/%zz", 3, "no path"}, Row{PathKind::Exact, "/a%2Fb", 2, "no path"},
        Row{PathKind::Exact, "/a/../..", 6, "no path"},
        Row{PathKind::Pattern, "/a/{id", 3, "without its }"},
        Row{PathKind::Pattern, "/a/{}", 3, "without a name"},
        Row{PathKind::Pattern, "/a/{i.d}", 4, "name"},
        Row{PathKind::Pattern, "/{a}/{a}", 5, "twice"},
        Row{PathKind::Pattern, "/a/v{n}", 4, "fill its segment"},
        Row{PathKind::Pattern, "/a/*.png", 3, "fill its segment"},
        Row{PathKind::Pattern, "/{id}.json", 1, "text behind"},
        Row{PathKind::Pattern, "/a/**/b", 6, "behind **"},
        Row{PathKind::Pattern, deep, 65, "32 segments"},
        Row{PathKind::Prefix, deep, 0, "32 segments"}}) {
    CAPTURE(row.text);
    auto form = PathForm::parse({row.kind, row.text});
    REQUIRE_FALSE(form);
    CHECK(form.error().offset == row.offset);
    CHECK(form.error().what.find(row.word) != std::string::npos);
  }
}

TEST_CASE("parameters are what the wildcards stand for") {
  CHECK(parameters("/users/{id}/posts/{post}", "/users/7/posts/x%20y") == "id=7;post=x%20y;");
  CHECK(parameters("/*/{b}", "/1/2") == "b=2;");
  CHECK(parameters("/files/**", "/files/a/b/") == "**=a/b/;");
  CHECK(parameters("/files/**", "/files") == "**=;");
  CHECK(parameters("/**", "/") == "**=;");
  CHECK(parameters("/{a}/**", "/x/y/z") == "a=x;**=y/z;");
  CHECK(parameters("/**", "*") == "**=;");
}

TEST_CASE("the order of paths: exact, more segments, more literals, literals first, less behind") {
  std::vector<PathForm> best_first = {
      pattern("/a/b"),          // exact
      pattern("/a/b/{c}/{d}"),  // four segments
      pattern("/*/*/*/x"),      // four, fewer literal
      pattern("/a/b/c/**"),     // three
      pattern("/a/b/{c}"),      // two literals
      pattern("/a/{b}/c"),      // two, the first difference later
      pattern("/{a}/b/c"),
      form_of(PathKind::Prefix, "/a/b/"),  // a slash at least behind it
      form_of(PathKind::Prefix, "/a/b"),
      pattern("/a/{b}"),
      pattern("/a/{b}/**"),
      form_of(PathKind::Prefix, "/a"),
      form_of(PathKind::Regex, "/a/b/c/d/e/f"),
      form_of(PathKind::Any, ""),
  };
  for (std::size_t i = 0; i + 1 < best_first.size(); ++i) {
    auto rank = [](const PathForm& form, std::uint32_t predicates) {
      return Rank::of(form.kind, form.shape, predicates);
    };
    CAPTURE(best_first[i].text);
    CAPTURE(best_first[i + 1].text);
    CHECK(rank(best_first[i], 0) > rank(best_first[i + 1], 9));
    CHECK(rank(best_first[i], 1) > rank(best_first[i], 0));
  }
}

TEST_SUITE_END();
