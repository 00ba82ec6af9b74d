#include "config/question.h"

#include <fmt/format.h>

#include "base/text.h"
#include "http/target.h"

namespace cirque::config {

std::expected<std::unique_ptr<Question>, std::string> Question::of(const Asked& asked) {
  std::unique_ptr<Question> question(new Question);
  if (auto why = question->read(asked)) return std::unexpected(std::move(*why));
  return question;
}

std::optional<Refusal> Question::refusal() const noexcept {
  if (http::is_served(request_.method)) return std::nullopt;
  return Refusal{405, "method_not_allowed"};
}

std::optional<std::string> Question::read(const Asked& asked) {
  if (!base::is_token(asked.method)) return fmt::format("'{}' is not a method", asked.method);
  request_.method_text = arena_.copy(asked.method);
  request_.method = method_of(request_.method_text);
  auto source = Address::parse_ip(asked.from.empty() ? "127.0.0.1" : asked.from, 1);
  if (!source) return fmt::format("'{}' is not an IP address", asked.from);
  source_ = *source;
  if (auto why = read_url(asked.url)) return why;
  if (auto why = read_headers(asked.headers)) return why;
  add_host();
  return std::nullopt;
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
