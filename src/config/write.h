#pragma once
// A model as a file would say it, in canonical form: by the table of options, in its order, without
// what is as it would be anyway, and with listeners, pools and virtual hosts in place of the short
// forms that stand for them. What is printed and loaded again is the same model.
#include <string>

#include "config/model.h"
#include "config/print.h"

namespace cirque::config {

// Of a model that was loaded: its short forms are lowered (lower.h). Findings, file names and the
// spelling of the original are not in a model, and are not printed.
std::string write(const Model& model, Language language);

// The same as a tree, in which `${` is written so that it is not expanded.
Node tree_of(const Model& model);

}  // namespace cirque::config
