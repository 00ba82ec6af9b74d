#pragma once
// What the kernel knows of this process, in the metrics' words.
#include <string>

namespace cirque::observe {

// Appends the process_* lines of the Prometheus text format. Reads /proc; for scrapes only.
void append_process_stats(std::string& to);

}  // namespace cirque::observe
