#include "config/dialect.h"

#include <algorithm>
#include <array>
#include <vector>

#include "config/walk.h"

namespace cirque::config {
namespace {

// Sections that mean the same whatever the language of the rest.
constexpr std::array<std::string_view, 7> kCommon = {"server",  "timeouts", "limits", "logging",
                                                     "metrics", "admin",    "tests"};

// Takes the common sections out of a tree.
Node split_off(Node& tree, const Schema& schema, TreeMemory& memory) {
  std::vector<Entry> sections;
  std::vector<Entry> rest;
  for (const auto& entry : tree.entries) {
    bool is_common = std::ranges::find(kCommon, entry.key.text) != kCommon.end() &&
                     !schema.child("", entry.key.text);
    (is_common ? sections : rest).push_back(entry);
  }
  Node common = tree;
  common.entries = memory.keep_all(sections);
  tree.entries = memory.keep_all(rest);
  return common;
}

}  // namespace

const Dialect* dialect_of(const Node& tree) {
  if (tree.kind != Node::Kind::Map) return nullptr;
  for (const auto* dialect : {&virtual_host_proxy(), &cell_routing(), &cell_routing_draft()}) {
    if (dialect->is_spoken(tree)) return dialect;
  }
  return nullptr;
}

std::shared_ptr<void> read_dialect(const Dialect& dialect, Node tree, const Reading& reading) {
  auto& [model, places, report, environment, memory] = reading;
  dialect.preset(model);
  auto common = split_off(tree, dialect.schema, memory);
  if (!common.entries.empty()) fill(&model, canonical(), common, places, report);
  dialect.tidy(tree, memory);
  auto record = dialect.schema.make_root();
  fill(record.get(), dialect.schema, tree, places, report);
  dialect.lower(record.get(), reading);
  return record;
}

}  // namespace cirque::config
