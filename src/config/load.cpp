#include "config/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "config/certificates.h"
#include "config/check.h"
#include "config/dialect.h"
#include "config/error_pages.h"
#include "config/gather.h"
#include "config/lower.h"
#include "config/reader.h"
#include "config/rebase.h"
#include "config/secrets.h"
#include "config/trial.h"
#include "config/walk.h"

namespace cirque::config {
namespace {

Loaded unreadable(const std::string& path, int error) {
  Report report(path, {});
  report.add(Code::Unreadable, {}, {}, fmt::format("cannot be read: {}", strerrordesc_np(error)));
  Loaded loaded;
  loaded.model.file = path;
  loaded.findings = report.take();
  return loaded;
}

struct World {
  const Environment& environment;
  const Files& files;
  const Surroundings* here = nullptr;
};

// Fills the model with what the trees say, and ends them: the compiler can have their memory. Keep
// what is returned as long as the places, which tell of it.
std::shared_ptr<void> use_up(Gathering& gathering, const Reading& reading) {
  auto& [model, places, report, environment, memory] = reading;
  auto tree = gathering.tree();
  std::shared_ptr<void> written;
  if (const auto* dialect = dialect_of(tree)) {
    written = read_dialect(*dialect, tree, reading);
  } else {
    fill(&model, canonical(), tree, places, report);
  }
  memory.give_back();
  return written;
}

// From the tree on, whatever the files were.
Loaded judged(Gathering& gathering, Report& report, const World& world) {
  Loaded loaded;
  Places places(gathering.nodes());
  auto written =
      use_up(gathering, {loaded.model, places, report, world.environment, gathering.memory()});
  read_error_pages(loaded.model, places, gathering, report);
  lower(loaded.model, places);
  check(loaded.model, places, report, world.here);
  check_certificates(loaded.model, places, gathering, report);
  auto secrets = Secrets::of(loaded.model, places, gathering, report);
  loaded.blueprint = compile(loaded.model, places, secrets, report);
  rebase_paths(loaded.model, places, report);
  if (!report.has_errors()) run_tests(loaded.model, *loaded.blueprint, places, report);
  loaded.model.file = report.name_of(0);
  loaded.findings = report.take();
  return loaded;
}

void keep_sources(std::deque<Source>& included, Loaded& loaded) {
  std::ranges::move(included, std::back_inserter(loaded.sources));
}

Loaded load_main(Source main, const World& world) {
  Report report(main.path, main.text);
  Gathering gathering(report, world.environment, world.files);
  gathering.main_file(main.path, main.text);
  auto loaded = judged(gathering, report, world);
  loaded.sources.push_back(std::move(main));
  keep_sources(gathering.included(), loaded);
  return loaded;
}

Loaded load_folder(const std::string& path, const World& world) {
  Report report(path, {});
  Gathering gathering(report, world.environment, world.files);
  gathering.folder(path);
  auto loaded = judged(gathering, report, world);
  keep_sources(gathering.included(), loaded);
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

Loaded load_file(const std::string& path, const Environment& environment, const Files& files,
                 const Surroundings* here) {
  World world{environment, files, here};
  if (files.is_directory(path)) return load_folder(path, world);
  auto text = files.read(path);
  if (!text) return unreadable(path, text.error());
  auto name = path == "-" ? "<stdin>" : path;
  return load_main({.path = name, .text = std::move(*text)}, world);
}

Loaded load_text(std::string_view text, std::string file_name, const Environment& environment,
                 const Files& files) {
  return load_main({.path = std::move(file_name), .text = std::string(text)}, {environment, files});
}

}  // namespace cirque::config
