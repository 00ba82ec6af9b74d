#pragma once
// Several trees become one: lists are appended in the order of the files, maps are merged key by
// key, and a scalar that stands in two files is a mistake, because which of them is meant nobody
// can know.
#include <vector>

#include "config/reader.h"

namespace cirque::config {

// `values` are those that one key has, at least one. A key without a value says nothing against
// one that has it.
Entry merged(std::vector<Entry> values, TreeMemory& memory, Report& report);

}  // namespace cirque::config
