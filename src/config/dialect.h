#pragma once
// Configuration files of other proxies, which load as they are: what each of them says is told in
// the words of the canonical model, and places follow, so that whatever is wrong is shown in the
// file that somebody wrote.
#include <memory>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/options.h"
#include "config/places.h"
#include "config/reader.h"

namespace cirque::config {

struct Reading {
  Model& model;
  Places& places;
  Report& report;
  const Environment& environment;
  TreeMemory& memory;  // of the tree
};

struct Dialect {
  std::string_view name;  // for people
  const Schema& schema;

  // By the keys of the top level, for which it was made.
  bool (*is_spoken)(const Node& tree);
  // What the file leaves open, when that is not what it is elsewhere.
  void (*preset)(Model& model);
  // Before the file is read by the schema: an older form of it may be brought into the newer one.
  void (*tidy)(Node& tree, TreeMemory& memory);
  // From the record that the schema fills, which lives as long as the places are asked.
  void (*lower)(void* record, const Reading& reading);
};

const Dialect& virtual_host_proxy();
const Dialect& cell_routing();
const Dialect& cell_routing_draft();

// Null: the canonical one.
const Dialect* dialect_of(const Node& tree);

// Fills the model. A dialect's file may also have sections of the canonical language that it has no
// key for: server, timeouts, limits, tests and so on. Keep what is returned as long as the places.
std::shared_ptr<void> read_dialect(const Dialect& dialect, Node tree, const Reading& reading);

}  // namespace cirque::config
