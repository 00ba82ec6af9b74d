#pragma once
// This machine, as a configuration would meet it.
#include "config/surroundings.h"

namespace cirque::app {

config::Surroundings here();

}  // namespace cirque::app
