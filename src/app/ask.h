#pragma once
// Asks the running process, which serves admin.listen of its configuration, or else metrics.listen,
// and waits for the answer.
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.h"

namespace cirque::app {

struct Reply {
  int status = 0;
  std::string body;
};

struct Question {
  std::string_view method;
  std::string_view path;
  std::vector<config::TableEntry> fields = {};
  std::string_view body = {};
};

// Why there is no answer.
struct Silence {
  std::string why;          // in words
  bool is_nobody = false;   // nothing listens there, or there is no address to ask at
  bool is_nowhere = false;  // the latter
};

std::expected<Reply, Silence> ask(const config::Model& model, const Question& question);

// The address where the process with this model answers, if it answers anywhere.
const config::HostPort& asked_at(const config::Model& model);

// Does a cirque answer operators there?
bool is_admin(const Address& where);

}  // namespace cirque::app
