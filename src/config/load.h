#pragma once
// From a file to a Model: reads, expands the environment, types every value by the table of
// options, checks what belongs together, compiles the blueprint. Never throws, never stops at the
// first mistake.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/blueprint.h"
#include "config/finding.h"
#include "config/model.h"

namespace cirque::config {

struct Loaded {
  // Both are only worth using when ok().
  Model model;
  std::shared_ptr<const Blueprint> blueprint;
  std::vector<Finding> findings;  // in the order of the file
  bool ok() const noexcept;       // no errors; warnings are fine
};

// What `${NAME}` stands for. Comes in as an argument so that a test can be the world.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
std::optional<std::string> process_environment(std::string_view name);

// "-" is standard input.
Loaded load_file(const std::string& path, const Environment& environment = process_environment);
// A name that ends in .json is read as strict JSON, everything else as YAML.
Loaded load_text(std::string_view text, std::string file_name,
                 const Environment& environment = process_environment);

}  // namespace cirque::config
