#pragma once
// A model as a file would say it, in canonical form: by the table of options, in its order, without
// what is as it would be anyway, and with listeners, pools and virtual hosts in place of the short
// forms that stand for them. What is printed and loaded again is the same model.
#include <string>

#include "config/model.h"
#include "config/options.h"
#include "config/print.h"

namespace cirque::config {

// Of a model that was loaded: its short forms are lowered (lower.h). Findings, file names and the
// spelling of the original are not in a model, and are not printed.
std::string write(const Model& model, Language language);

// The same as a tree, of what stands at `table`: "" for the model, "pools[]" for a pool. `${` is
// not yet written so that it stays as it is. The record is only read.
DraftNode tree_of(std::string_view table, void* record);
// What that record has for one option, even if it is the default.
DraftNode tree_of(const Option& option, void* record);

}  // namespace cirque::config
