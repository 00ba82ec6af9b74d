#pragma once
// Fills a record from a tree, key by key as a schema has it, and reports whatever does not fit.
#include "config/places.h"
#include "config/reader.h"

namespace cirque::config {

// `root` is what the schema's top level fills: a Model, or a dialect's own.
void fill(void* root, const Schema& schema, const Node& tree, Places& places, Report& report);

}  // namespace cirque::config
