#pragma once
// A request as a person writes it down, for tests of a configuration and for `cirque explain`.
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cirque/arena.h"
#include "config/blueprint.h"
#include "config/model.h"
#include "route/facts.h"

namespace cirque::config {

struct Asked {
  std::string method = "GET";
  std::string url;  // "http://host:port/path?query", "host/path", or "/path"
  std::vector<TableEntry> headers;
  std::string from;  // an IP address; empty: 127.0.0.1
};

// The same as the data plane would have it after reading it from a connection. Does not move.
class Question {
 public:
  // Null, and why in words: "the url has a fragment".
  static std::expected<std::unique_ptr<Question>, std::string> of(const Asked& asked);

  route::Facts facts() const noexcept { return route::Facts::of(request_, source_); }

  // What it gets for its method, whatever is configured. None: a route is looked for.
  std::optional<Refusal> refusal() const noexcept;

  const Request& request() const noexcept { return request_; }

  const Address& source() const noexcept { return source_; }

 private:
  Question() = default;
  std::optional<std::string> read(const Asked& asked);
  std::optional<std::string> read_url(std::string_view url);
  std::optional<std::string> read_headers(const std::vector<TableEntry>& headers);
  void add_host();

  Arena arena_;
  Request request_{arena_};
  Address source_;
};

}  // namespace cirque::config
