#include "config/redirect_circle.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "config/question.h"

namespace cirque::config {
namespace {

// As it is matched; none: nobody can ask for it, or with a query, by which other routes may go.
std::optional<std::string> canonical(std::string_view path) {
  if (!path.starts_with('/') || path.find_first_of("?#") != path.npos) return std::nullopt;
  auto question =
      Question::of({.method = "GET", .url = std::string(path), .headers = {}, .from = {}});
  if (!question) return std::nullopt;
  return std::string((*question)->request().path());
}

// A client that follows 301, 302 or 303 may ask with GET, whatever it asked with before.
bool keeps_method(const Redirect& to, const route::RouteSpec& spec) {
  constexpr unsigned kTemporary = 307;
  bool takes_get =
      spec.methods.empty() || std::ranges::find(spec.methods, "GET") != spec.methods.end();
  return takes_get || to.status >= kTemporary;
}

bool asks_for_path_alone(const route::RouteSpec& spec) {
  return spec.methods.empty() && spec.sources.empty() && spec.headers.empty() &&
         spec.query.empty() && spec.cookies.empty();
}

// A name that the virtual host serves.
std::string example_of(std::string_view host_name) {
  if (host_name == "*") return {};
  bool is_wildcard = host_name.starts_with("*.");
  return is_wildcard ? fmt::format("www{}", host_name.substr(1)) : std::string(host_name);
}

}  // namespace

bool leads_to_itself(const Redirect& to, const route::RouteSpec& spec, const route::Router& router,
                     std::string_view host_name) {
  bool is_same_scheme = to.scheme.empty() || to.scheme == "http";
  bool stays = to.host.empty() && to.port == 0 && is_same_scheme && keeps_method(to, spec);
  if (!stays) return false;
  if (to.path.empty()) return true;
  auto path = canonical(to.path);
  if (!path) return false;
  // All that the route asks for is there again.
  if (spec.path.kind == route::PathKind::Exact && canonical(spec.path.text) == path) return true;
  if (!asks_for_path_alone(spec)) return false;
  auto name = example_of(host_name);
  return router.match({.host = name, .path = *path}).target == spec.target;
}

}  // namespace cirque::config
