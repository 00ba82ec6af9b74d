#include "config/question.h"

#include <fmt/format.h>

#include "base/text.h"
#include "http/forwarding.h"
#include "http/framing.h"
#include "http/target.h"

namespace cirque::config {

std::expected<std::unique_ptr<Question>, std::string> Question::of(
    const Asked& asked, std::span<const Network> trusted) {
  std::unique_ptr<Question> question(new Question);
  if (auto why = question->read(asked, trusted)) return std::unexpected(std::move(*why));
  return question;
}

std::optional<std::string> Question::read(const Asked& asked, std::span<const Network> trusted) {
  if (!base::is_token(asked.method)) return fmt::format("'{}' is not a method", asked.method);
  request_.method_text = arena_.copy(asked.method);
  request_.method = method_of(request_.method_text);
  judge_method();
  if (auto why = read_peer(asked.from)) return why;
  if (auto why = read_url(asked.url)) return why;
  if (auto why = read_headers(asked.headers)) return why;
  add_host();
  take_hop();
  client_ = http::client_behind(peer_, trusted, request_.headers);
  return std::nullopt;
}

// As the parser does.
void Question::judge_method() {
  if (!http::is_method(request_.method_text)) return refuse({400, "bad_method"});
  if (!http::is_served(request_.method)) refuse({405, "method_not_allowed"});
}

std::optional<std::string> Question::read_peer(const std::string& from) {
  if (from == "unix:") {
    peer_ = Address::nameless_unix();
    return std::nullopt;
  }
  auto peer = Address::parse_ip(from.empty() ? "127.0.0.1" : from, 1);
  if (!peer) return fmt::format("'{}' is not an IP address", from);
  peer_ = peer->unmapped();
  return std::nullopt;
}

// As h1::ServerTurn does with a head that was read. X-Cirque-Explain ends where routes are looked
// for.
void Question::take_hop() {
  if (auto framing = http::judge_request(request_); !framing) {
    refuse({framing.error().status, framing.error().reason});
  }
  if (auto connection = http::take_hop(request_); !connection) {
    refuse({connection.error().status, connection.error().reason});
  }
  request_.headers.drop(Name::XCirqueExplain);
}

// The first that is found is the one that is told.
void Question::refuse(const Refusal& refusal) {
  if (!refusal_) refusal_ = refusal;
}

std::optional<std::string> Question::read_url(std::string_view url) {
  auto scheme_end = url.find("://");
  bool has_host = !url.starts_with('/') && url != "*";
  if (has_host && scheme_end == url.npos)
    return read_url(arena_.copy(fmt::format("http://{}", url)));
  // What is refused for its method is so before its target is read.
  auto method = http::is_served(request_.method) ? request_.method : Method::Get;
  auto target = http::read_target(method, arena_.copy(url), arena_);
  if (!target) return fmt::format("'{}' is not a URL that a client could ask for", url);
  request_.target = target->path_and_query;
  request_.authority = target->authority;
  if (!target->scheme.empty()) request_.scheme = target->scheme;
  return std::nullopt;
}

std::optional<std::string> Question::read_headers(const std::vector<TableEntry>& headers) {
  for (const auto& [name, value] : headers) {
    if (!base::is_token(name)) return fmt::format("'{}' is not the name of a field", name);
    if (base::equal_fold(name, "host")) {
      if (!http::is_authority(value)) return fmt::format("'{}' is not a host", value);
      request_.authority = arena_.copy(value);
    }
    if (http::is_dropped(name)) continue;
    if (!request_.headers.add(name, value)) {
      return fmt::format("the value of {} has characters that no field can have", name);
    }
  }
  return std::nullopt;
}

// As a client sends it: what it has of the URL, unless it was told another.
void Question::add_host() {
  auto& headers = request_.headers;
  if (headers.has(Name::Host) || request_.authority.empty()) return;
  headers.add(Name::Host, request_.authority);
}

}  // namespace cirque::config
