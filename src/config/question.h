#pragma once
// A request as a person writes it down, for tests of a configuration and for `cirque explain`.
#include <expected>
#include <memory>
#include <optional>
#include <span>
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
  std::string from;  // who connects: an IP address, or "unix:"; empty: 127.0.0.1
};

// The same as the data plane would have it after reading it from a connection, with the fields that
// routes are asked with there. Does not move.
class Question {
 public:
  // Null, and why in words: "the url has a fragment". `trusted`: the proxies in front of us.
  static std::expected<std::unique_ptr<Question>, std::string> of(
      const Asked& asked, std::span<const Network> trusted = {});

  route::Facts facts() const noexcept { return route::Facts::of(request_, source()); }

  // What it gets whatever is configured. None: a route is looked for.
  const std::optional<Refusal>& refusal() const noexcept { return refusal_; }

  const Request& request() const noexcept { return request_; }

  // Who asks, and who has connected: another one, if that is a proxy whom we trust.
  const Address& source() const noexcept { return client_ ? *client_ : peer_; }

  const Address& peer() const noexcept { return peer_; }

 private:
  Question() = default;
  std::optional<std::string> read(const Asked& asked, std::span<const Network> trusted);
  std::optional<std::string> read_peer(const std::string& from);
  std::optional<std::string> read_url(std::string_view url);
  std::optional<std::string> read_headers(const std::vector<TableEntry>& headers);
  void add_host();
  void judge_method();
  void take_hop();
  void refuse(const Refusal& refusal);

  Arena arena_;
  Request request_{arena_};
  Address peer_;
  std::optional<Address> client_;
  std::optional<Refusal> refusal_;
};

}  // namespace cirque::config
