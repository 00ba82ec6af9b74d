#pragma once
// From a file, and those that it includes, to a Model: reads, expands the environment, types every
// value by the table of options, checks what belongs together, compiles the blueprint. Never
// throws, never stops at the first mistake.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/blueprint.h"
#include "config/files.h"
#include "config/finding.h"
#include "config/model.h"
#include "config/source.h"
#include "config/surroundings.h"

namespace cirque::config {

struct Loaded {
  // Both are only worth using when ok().
  Model model;
  std::shared_ptr<const Blueprint> blueprint;
  std::vector<Finding> findings;  // in the order of the files, the main file first
  // Every file that was read, in this order; a configuration that is a folder begins with it. The
  // path of the first loaded from files_of() these gives the same again.
  std::vector<Source> sources;
  bool ok() const noexcept;  // no errors; warnings are fine
};

// What `${NAME}` stands for. Comes in as an argument so that a test can be the world.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
std::optional<std::string> process_environment(std::string_view name);

// "-" is standard input; of a folder every *.yaml, *.yml, *.json and *.toml is read and merged.
// A name that ends in .json is read as strict JSON, .toml as TOML, everything else as YAML.
// `here`: the machine that it is for, if it is this one and that matters.
Loaded load_file(const std::string& path, const Environment& environment = process_environment,
                 const Files& files = system_files(), const Surroundings* here = nullptr);
// As if `text` were in a file of that name. It can include only what `files` has.
Loaded load_text(std::string_view text, std::string file_name,
                 const Environment& environment = process_environment,
                 const Files& files = files_of({}));

}  // namespace cirque::config
