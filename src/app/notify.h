#pragma once
// Telling systemd how we are (sd_notify(3)), without its library.
#include <string_view>

namespace cirque::app {

// "READY=1", "STOPPING=1", "STATUS=...". Nothing happens where nobody listens.
void notify(std::string_view state) noexcept;

}  // namespace cirque::app
