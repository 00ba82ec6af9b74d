#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "config/check.h"
#include "config/lower.h"
#include "config/reader.h"
#include "config/trial.h"
#include "config/walk.h"

namespace cirque::config {
namespace {

std::optional<std::string> read_all(std::FILE* file) {
  std::string text;
  char chunk[16 * 1024];
  while (auto got = std::fread(chunk, 1, sizeof chunk, file)) {
    text.append(chunk, got);
    if (text.size() > kFileBytesMax) break;  // the reader says so
  }
  if (std::ferror(file)) return std::nullopt;
  return text;
}

Loaded unreadable(const std::string& path, int error) {
  Report report(path, {});
  report.add(Code::Unreadable, {}, {}, fmt::format("cannot be read: {}", strerrordesc_np(error)));
  Loaded loaded;
  loaded.model.file = path;
  loaded.findings = report.take();
  return loaded;
}

}  // namespace

bool Loaded::ok() const noexcept {
  return std::ranges::none_of(findings, [](auto& f) { return f.severity == Severity::Error; });
}

std::optional<std::string> process_environment(std::string_view name) {
  // Read before any thread is started.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* value = std::getenv(std::string(name).c_str());
  if (!value) return std::nullopt;
  return value;
}

Loaded load_file(const std::string& path, const Environment& environment) {
  if (path == "-") {
    auto text = read_all(stdin);
    return text ? load_text(*text, "<stdin>", environment) : unreadable(path, errno);
  }
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file) return unreadable(path, errno);
  auto text = read_all(file);
  int error = errno;
  std::fclose(file);
  return text ? load_text(*text, path, environment) : unreadable(path, error);
}

Loaded load_text(std::string_view text, std::string file_name, const Environment& environment) {
  Loaded loaded;
  Report report(file_name, text);
  bool strict_json = file_name.ends_with(".json");
  auto root = read_tree(text, strict_json, environment, report);
  // A file with broken syntax has no trustworthy shape: what is missing may stand behind the
  // mistake.
  bool is_whole = root.kind != Node::Kind::Null || !report.has_errors();
  if (is_whole) {
    Places places;
    fill(&loaded.model, canonical(), root, places, report);
    lower(loaded.model, places);
    check(loaded.model, places, report);
    loaded.blueprint = compile(loaded.model, places, report);
    if (!report.has_errors()) run_tests(loaded.model, *loaded.blueprint, places, report);
  }
  loaded.findings = report.take();
  loaded.model.file = std::move(file_name);
  return loaded;
}

}  // namespace cirque::config
