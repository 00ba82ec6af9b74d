#include "config/gather.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/load.h"

namespace cirque::config {
namespace {

std::optional<std::string> small_world(std::string_view name) {
  if (name == "SITE") return "b";
  return std::nullopt;
}

// "main.yaml" and what it includes.
struct World {
  explicit World(std::vector<Source> sources, const std::string& path = "main.yaml")
      : loaded(load_file(path, small_world, files_of(std::move(sources)))) {}

  // The codes and places: "CQ1003@main.yaml:2:1".
  std::string told() const {
    std::string out;
    for (const auto& f : loaded.findings) {
      out += fmt::format("{}{}@{}:{}:{}", out.empty() ? "" : " ", text_of(f.code), f.file, f.line,
                         f.column);
    }
    return out;
  }

  std::string names() const {
    std::string out;
    for (const auto& service : loaded.model.services) {
      out += (out.empty() ? "" : " ") + service.name;
    }
    return out;
  }

  std::string paths() const {
    std::string out;
    for (const auto& source : loaded.sources) out += (out.empty() ? "" : " ") + source.path;
    return out;
  }

  Loaded loaded;
};

Source service(std::string path, int number) {
  return {std::move(path), fmt::format("services: [{{name: s{0}, bind_address: '0.0.0.0:{0}', "
                                       "upstreams: ['10.0.0.1:{0}']}}]\n",
                                       number)};
}

TEST_SUITE("config") {
  TEST_CASE("lists of included files are appended, files of a pattern in sorted order") {
    World w({{"main.yaml", "include: conf.d/*.yaml\n" + service("", 1).text},
             service("conf.d/b.yaml", 3),
             service("conf.d/a.yaml", 2),
             service("conf.d/.hidden.yaml", 4),
             service("conf.d/deeper/c.yaml", 5),
             service("conf.d/c.yml", 6)});
    REQUIRE(w.told().empty());
    CHECK(w.names() == "s1 s2 s3");
    CHECK(w.paths() == "main.yaml conf.d/a.yaml conf.d/b.yaml");
    CHECK(w.loaded.model.file == "main.yaml");
  }

  TEST_CASE("YAML, JSON and TOML include each other, from the folder of each") {
    World w({{"etc/main.yaml", "include: [conf.d/a.toml]\n" + service("", 1).text},
             {"etc/conf.d/a.toml",
              "include = 'b.json'\n[server]\nworkers = 3\n[[services]]\n"
              "name = 's2'\nbind_address = '0.0.0.0:2'\n"
              "upstreams = ['10.0.0.1:2']\n"},
             {"etc/conf.d/b.json", R"({"include": "/srv/c.yaml", "server": {"backlog": 5}})"},
             service("/srv/c.yaml", 4)},
            "etc/main.yaml");
    REQUIRE(w.told().empty());
    CHECK(w.names() == "s1 s2 s4");
    CHECK(w.loaded.model.server.workers == 3);
    CHECK(w.loaded.model.server.backlog == 5);
  }

  TEST_CASE("a value in two files is a mistake that names both") {
    World w({{"main.yaml", "include: a.yaml\nserver: {workers: 1}\n" + service("", 1).text},
             {"a.yaml", "server:\n  backlog: 7\n  workers: 2\n"}});
    CHECK(w.told() == "CQ1004@a.yaml:3:3");
    const auto& f = w.loaded.findings[0];
    CHECK(f.message == "'workers' stands here a second time; the first is in main.yaml:2");
    CHECK(f.hint == "included from main.yaml:1");
    CHECK(f.source == "  workers: 2");
  }

  TEST_CASE("a list cannot be merged with a map, and a key without a value says nothing") {
    World w({{"main.yaml", "include: a.yaml\nservices:\nserver:\n" + std::string()},
             {"a.yaml", service("", 1).text + "server: {workers: 2}\ninclude: b.yaml\n"},
             {"b.yaml", "server: [1]\n"}});
    CHECK(w.told() == "CQ1004@b.yaml:1:1");
    CHECK(w.loaded.findings[0].hint == "included from a.yaml:3, main.yaml:1");
    CHECK(w.names() == "s1");
  }

  TEST_CASE("what is wrong in an included file is told there, with the way to it") {
    World w({{"main.yaml", "include:\n  - a.yaml\n" + service("", 1).text + "zebra: 1\n"},
             {"a.yaml", "include: b.toml\nservr: 1\n"},
             {"b.toml", "[server]\nworkers = 'many'\n"}});
    CHECK(w.told() == "CQ1203@main.yaml:4:1 CQ1203@a.yaml:2:1 CQ1201@b.toml:2:11");
    CHECK(w.loaded.findings[1].hint == "did you mean 'server'? included from main.yaml:2");
    CHECK(w.loaded.findings[2].hint.ends_with("included from a.yaml:1, main.yaml:2"));
    CHECK(w.loaded.findings[2].source == "workers = 'many'");
  }

  TEST_CASE("a path that is not there is told; a pattern without files is fine") {
    World gone({{"main.yaml", "include: [no.yaml, nothing/*.yaml]\n" + service("", 1).text}});
    CHECK(gone.told() == "CQ1008@main.yaml:1:11");
    CHECK(gone.loaded.findings[0].message == "'no.yaml' cannot be read: No such file or directory");
    CHECK(World({{"main.yaml", "include: nothing/*.yaml\n" + service("", 1).text}}).loaded.ok());
  }

  TEST_CASE("after a broken file nothing is said to be missing") {
    World w({{"main.yaml", "include: [a.yaml, b.yaml]\n"},
             {"a.yaml", "services: [\n"},
             {"b.yaml", "a: {b: *c}\n"}});
    CHECK(w.told() == "CQ1003@a.yaml:2:1 CQ1203@b.yaml:1:1 CQ1006@b.yaml:1:9");
  }

  TEST_CASE("a file that is missing or broken hides no mistake of the others") {
    World w({{"main.yaml",
              "include: [no.yaml, torn.yaml]\n"
              "listeners: [{name: web, address: '0.0.0.0:80'}]\n"
              "virtual_hosts: [{hosts: [a.example], listeners: [elsewhere], routes: [\n"
              "  {path: /nowhere},\n"
              "  {path: /known, pool: elsewhere},\n"
              "  {path: relative, respond: {status: 204}}]},\n"
              "  {hosts: [b.example], routes: [{path: relative, respond: {status: 204}}]}]\n"
              "timeouts: {drain: 5}\n"},
             {"torn.yaml", "pools: [\n"}});
    CHECK(w.told() ==
          "CQ1008@main.yaml:1:11 CQ1411@main.yaml:4:3 CQ1414@main.yaml:6:10 "
          "CQ1414@main.yaml:7:40 "
          "CQ1302@main.yaml:8:19 CQ1003@torn.yaml:2:1");
  }

  TEST_CASE("what a file says is not held against defaults that a missing one may change") {
    World w({{"main.yaml",
              "include: no.yaml\n"
              "listeners: [{name: web, address: '127.0.0.1:9090'}]\n"
              "virtual_hosts: [{hosts: ['*'], routes: [{respond: {status: 204}}]}]\n"
              "timeouts: {client_body: 1h}\n"
              "limits: {field_bytes: 64k}\n"
              "logging: {output: file, access: {path: /tmp/a.log}}\n"}});
    CHECK(w.told() == "CQ1008@main.yaml:1:10");
  }

  TEST_CASE("include takes paths") {
    CHECK(World({{"main.yaml", "include: [[a], '', {b: 1}]\n" + service("", 1).text}}).told() ==
          "CQ1201@main.yaml:1:11 CQ1201@main.yaml:1:16 CQ1201@main.yaml:1:20");
    CHECK(World({{"main.yaml", "include:\n" + service("", 1).text}}).told() ==
          "CQ1204@main.yaml:1:1");
    CHECK(World({{"main.yaml", "include: '${NONE}'\n" + service("", 1).text}}).told() ==
          "CQ1101@main.yaml:1:10");
    World expanded({{"main.yaml", "include: '${SITE}.yaml'\n"}, service("b.yaml", 2)});
    CHECK(expanded.names() == "s2");
    CHECK(World({{"main.yaml", "include: a.yaml\n" + service("", 1).text}, {"a.yaml", "[1]\n"}})
              .told() == "CQ1201@a.yaml:1:1");
    CHECK(World({{"main.yaml", "include: a.yaml\n" + service("", 1).text}, {"a.yaml", "# later\n"}})
              .loaded.ok());
  }

  TEST_CASE("files that include each other are told with the whole circle") {
    World w({{"main.yaml", "include: a.yaml\n" + service("", 1).text},
             {"a.yaml", "include: ./b.yaml\n"},
             {"./b.yaml", "include: ../here/../a.yaml\n"},
             {"a.yaml", ""}});
    // Nothing but the text of the path is looked at, so it must be the same once it is tidied.
    CHECK(w.told() == "CQ1008@./b.yaml:1:10");
    World circle({{"main.yaml", "include: a.yaml\n" + service("", 1).text},
                  {"a.yaml", "include: x/../b.yaml\n"},
                  {"x/../b.yaml", "include: ./a.yaml\n"}});
    CHECK(circle.told() == "CQ1009@x/../b.yaml:1:10");
    CHECK(circle.loaded.findings[0].message ==
          "'x/.././a.yaml' is in the middle of being read: a.yaml -> x/../b.yaml -> a.yaml");
    CHECK(World({{"main.yaml", "include: '*.yaml'\n"}, service("a.yaml", 1)}).told() ==
          "CQ1009@main.yaml:1:10");
  }

  TEST_CASE("a file that two others include is read once") {
    World w({{"main.yaml", "include: [a.yaml, b.yaml, ./c.yaml]\n"},
             {"a.yaml", "include: c.yaml\n"},
             {"b.yaml", "include: c.yaml\n"},
             service("c.yaml", 1)});
    CHECK(w.told().empty());
    CHECK(w.paths() == "main.yaml a.yaml c.yaml b.yaml");
  }

  TEST_CASE("includes have bounds") {
    std::vector<Source> deep{{"main.yaml", "include: 0.yaml\n" + service("", 1).text}};
    for (int i = 0; i < 20; ++i) {
      deep.push_back({fmt::format("{}.yaml", i), fmt::format("include: {}.yaml\n", i + 1)});
    }
    CHECK(World(deep).told() == "CQ1007@15.yaml:1:10");

    std::vector<Source> wide{{"main.yaml", "include: d/*\n" + service("", 1).text}};
    for (int i = 0; i < 10'100; ++i) wide.push_back({fmt::format("d/{}", i), "{}"});
    World many(wide);
    CHECK(many.told() == "CQ1007@main.yaml:1:10");
    CHECK(many.loaded.sources.size() == kFilesMax);

    std::vector<Source> large{{"main.yaml", "include: d/*\n" + service("", 1).text}};
    for (int i = 0; i < 3; ++i) {
      large.push_back({fmt::format("d/{}", i), std::string(std::size_t{30} << 20, '\n')});
    }
    CHECK(World(large).told() == "CQ1007@d/2:0:0");
  }

  TEST_CASE("a folder is read as if something had included its files") {
    std::vector<Source> folder{service("conf.d/2.json.yaml", 2),
                               service("conf.d/1.yml", 1),
                               {"conf.d/3.toml", "server.workers = 2\n"},
                               {"conf.d/readme.txt", "{{{"}};
    for (const char* path : {"conf.d", "conf.d/"}) {
      World w(folder, path);
      CHECK(w.told().empty());
      CHECK(w.names() == "s1 s2");
      CHECK(w.loaded.model.server.workers == 2);
      CHECK(w.loaded.model.file == path);
    }
    folder.push_back({"conf.d/4.yaml", "server: {workers: 3}\n"});
    World twice(folder, "conf.d");
    CHECK(twice.told() == "CQ1004@conf.d/4.yaml:1:10");
    CHECK(twice.loaded.findings[0].hint.empty());
    CHECK(World({{"conf.d/readme.txt", ""}}, "conf.d").told() == "CQ1001@conf.d:0:0");
    World included({{"main.yaml", "include: conf.d\n"}, service("conf.d/a.yaml", 1)});
    CHECK(included.names() == "s1");
  }

  TEST_CASE("the tests beside a file belong to it, and a pattern does not include them") {
    const std::string test = "tests:\n  - {name: t, url: http://x/, expect: {}}\n";
    World w({{"etc/site.yaml", "include: conf.d/*.yaml\n" + service("", 1).text},
             {"etc/site.test.yaml", test},
             {"etc/conf.d/a.yaml", service("", 2).text},
             {"etc/conf.d/a.test.toml", "[[tests]]\nname = 'u'\nurl = 'http://x/'\n"},
             {"etc/conf.d/other.test.yaml", "tests: ["}},
            "etc/site.yaml");
    CHECK(w.paths() == "etc/site.yaml etc/site.test.yaml etc/conf.d/a.yaml etc/conf.d/a.test.toml");
    CHECK(w.loaded.model.tests.size() == 2);
    World more(
        {{"site.yaml", service("", 1).text}, {"site.test.yaml", "server: {workers: 2}\n" + test}},
        "site.yaml");
    CHECK(more.told() == "CQ1201@site.test.yaml:1:1");
    CHECK(World({{"d/a.yaml", service("", 1).text}, {"d/a.test.yaml", test}}, "d").paths() ==
          "d/ d/a.yaml d/a.test.yaml");
  }

  TEST_CASE("a survey knows what was looked for, and where") {
    auto found = survey("etc/site.yaml", files_of({{"etc/site.yaml", "include: [a.yaml, 'd/x*']\n"},
                                                   {"etc/d/x1", "server: {workers: 1}\n"}}));
    REQUIRE(found.sources.size() == 2);
    CHECK(found.sources[1].path == "etc/d/x1");
    CHECK(found.wanted.folders == std::vector<std::string>{"etc/d/"});
    for (const char* path : {"etc/site.yaml", "etc/site.test.yaml", "etc/a.yaml", "etc/d/x1"}) {
      CHECK((std::ranges::count(found.wanted.paths, path) == 1));
    }
    CHECK(survey("none.yaml", files_of({})).sources.empty());
  }

  TEST_CASE("what was read can be loaded again, though the files are gone") {
    World w({{"etc/main.yaml", "include: [conf.d/*.yaml, ../x.toml]\n" + service("", 1).text},
             service("etc/conf.d/a.yaml", 2),
             {"etc/../x.toml", "server.workers = 3\n"}},
            "etc/main.yaml");
    REQUIRE(w.told().empty());
    World again(w.loaded.sources, w.loaded.sources[0].path);
    CHECK(again.told().empty());
    CHECK(again.loaded.sources == w.loaded.sources);
    CHECK(again.names() == w.names());
    CHECK(again.loaded.model.server.workers == 3);
  }

  TEST_CASE("a folder can be loaded again as a whole, and one that was empty as empty") {
    World w({service("d/a.yaml", 1), service("d/b.yaml", 2)}, "d");
    World again(w.loaded.sources, w.loaded.sources[0].path);
    CHECK(again.names() == "s1 s2");
    CHECK(again.loaded.sources == w.loaded.sources);

    auto files = files_of({{"m.yaml", "include: [d]\n" + service("", 1).text}});
    files.is_directory = [](const std::string& path) { return path == "d"; };
    auto empty = load_file("m.yaml", small_world, files);
    REQUIRE(empty.ok());
    CHECK(World(empty.sources, "m.yaml").told().empty());
  }

  TEST_CASE("nobody waits for a pipe without a writer") {
    char folder[] = "/tmp/cirque_gather_XXXXXX";
    REQUIRE(mkdtemp(folder));
    auto path = std::string(folder) + "/pipe.yaml";
    REQUIRE(mkfifo(path.c_str(), 0600) == 0);
    auto text = system_files().read(path);
    CHECK((text && text->empty()));
    unlink(path.c_str());
    rmdir(folder);
  }

  TEST_CASE("a text includes nothing of this machine") {
    auto loaded = load_text("include: /etc/hostname\n", "t.yaml", small_world);
    REQUIRE(loaded.findings.size() == 1);
    CHECK(loaded.findings[0].code == Code::NoInclude);
  }
}

}  // namespace
}  // namespace cirque::config
