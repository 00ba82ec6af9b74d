#pragma once
// The database that a History is kept in: makes it, looks whether it is sound, and moves one aside
// that is not.
#include <expected>
#include <string>

#include "config/sqlite.h"

namespace cirque::config {

std::string history_file_in(const std::string& state_dir);

std::expected<sqlite::Database, std::string> open_history_file(const std::string& state_dir);
std::expected<sqlite::Database, std::string> open_history_file_to_read(
    const std::string& state_dir);

}  // namespace cirque::config
