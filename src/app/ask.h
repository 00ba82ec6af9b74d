#pragma once
// Asks the running process, which serves metrics.listen of its configuration, and waits for the
// answer.
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

// `fields` and a body go with the request. Or why there is no answer, in words.
std::expected<Reply, std::string> ask(const config::Model& model, std::string_view method,
                                      std::string_view path,
                                      const std::vector<config::TableEntry>& fields = {},
                                      std::string_view body = {});

// Does a cirque answer operators there?
bool is_admin(const Address& where);

}  // namespace cirque::app
