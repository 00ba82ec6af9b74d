#pragma once
// Paths that a configuration names start at the folder of the file that they stand in. In a model,
// which is of no file any more, they start at that of the main one.
#include "config/places.h"
#include "config/report.h"

namespace cirque::config {

// Of secrets, certificates and their keys; once all of them have been read.
void rebase_paths(Model& model, const Places& places, const Report& report);

}  // namespace cirque::config
