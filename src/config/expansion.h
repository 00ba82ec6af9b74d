#pragma once
// What the text of a scalar becomes before anybody looks at it: the environment is put in, and no
// control character comes out.
#include "config/reader.h"

namespace cirque::config {

// Replaces ${NAME} and ${NAME:-default}; $${ is a literal ${.
void expand(Node& scalar, Intake& intake);

// "\u0000" and the environment bring in what the prefilter could not see.
void refuse_hidden_controls(Node& scalar, Report& report);

}  // namespace cirque::config
