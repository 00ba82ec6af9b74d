// The canonical options: of what clients see: listeners, virtual hosts and their routes.
#include "config/model_options.h"
#include "config/slots.h"

namespace cirque::config {
namespace {

// What a field of a request is compared with: the same for headers, parameters and cookies.
#define FIELD_OPTIONS(list, what)                                                             \
  {.path = "virtual_hosts[].routes[]." list "[].name",                                        \
   .type = Type::Text,                                                                        \
   .slot = IN(FieldTest, name),                                                               \
   .min = 1,                                                                                  \
   .max = 256,                                                                                \
   .doc = "The name of the " what ".",                                                        \
   .example = "X-Env",                                                                        \
   .need = Need::Required,                                                                    \
   .also = "key header field"},                                                               \
      {.path = "virtual_hosts[].routes[]." list "[].value",                                   \
       .type = Type::Text,                                                                    \
       .slot = IN(FieldTest, value),                                                          \
       .min = 1,                                                                              \
       .max = 8192,                                                                           \
       .doc = "The whole value, byte by byte.",                                               \
       .example = "beta",                                                                     \
       .also = "exact equals is"},                                                            \
      {.path = "virtual_hosts[].routes[]." list "[].prefix",                                  \
       .type = Type::Text,                                                                    \
       .slot = IN(FieldTest, prefix),                                                         \
       .min = 1,                                                                              \
       .max = 8192,                                                                           \
       .doc = "What the value begins with.",                                                  \
       .example = "be",                                                                       \
       .also = "starts_with begins"},                                                         \
      {.path = "virtual_hosts[].routes[]." list "[].regex",                                   \
       .type = Type::Text,                                                                    \
       .slot = IN(FieldTest, regex),                                                          \
       .min = 1,                                                                              \
       .max = 8192,                                                                           \
       .doc = "A regular expression (RE2) that takes the whole value.",                       \
       .example = "'v[0-9]+'",                                                                \
       .also = "pattern matches"},                                                            \
      {.path = "virtual_hosts[].routes[]." list "[].present",                                 \
       .type = Type::Flag,                                                                    \
       .slot = IN(FieldTest, present),                                                        \
       .doc = "Without value, prefix and regex: whether the " what " is to be there at all.", \
       .example = "false",                                                                    \
       .also = "exists absent"}

// A page for errors in one language; `who` are the clients that get it.
#define PAGE_TEXT_OPTIONS(list, language, who, sample)                                        \
  {.path = list "[]." #language,                                                              \
   .type = Type::Map,                                                                         \
   .slot = {},                                                                                \
   .doc = "The page for " who                                                                 \
          ", from a file or from here. It has holes for {status} {phrase} "                   \
          "{reason} {request_id} {host}; a brace that is meant is written twice."},           \
      {.path = list "[]." #language ".file",                                                  \
       .type = Type::Path,                                                                    \
       .slot = IN(ErrorPage, language.file),                                                  \
       .min = 1,                                                                              \
       .max = 4095,                                                                           \
       .doc =                                                                                 \
           "The file that has the page, of 64 KiB at most. A path without a slash in front "  \
           "starts at the folder of the file that it stands in. Read with the configuration " \
           "and watched like it.",                                                            \
       .example = "errors/5xx." #language,                                                    \
       .also = "path filename template"},                                                     \
      {.path = list "[]." #language ".text",                                                  \
       .type = Type::Prose,                                                                   \
       .slot = IN(ErrorPage, language.text),                                                  \
       .min = 1,                                                                              \
       .max = 64 * kKilo,                                                                     \
       .doc = "The page itself.",                                                             \
       .example = sample,                                                                     \
       .also = "body content inline"}

// Pages for errors: the same for all hosts and for one.
#define ERROR_PAGE_OPTIONS(list, Record, whose)                                                \
  {.path = list,                                                                               \
   .type = Type::List,                                                                         \
   .slot = RECORDS(Record, error_pages),                                                       \
   .doc = whose,                                                                               \
   .also = "errors error_page errorfile errorfiles custom_errors",                             \
   .known_by = "status"},                                                                      \
      {.path = list "[].status",                                                               \
       .type = Type::Choice,                                                                   \
       .slot = IN(ErrorPage, status),                                                          \
       .doc =                                                                                  \
           "The status that it is for, or a class of them. That of a status goes before "      \
           "that of its class.",                                                               \
       .example = "'503'",                                                                     \
       .need = Need::Required,                                                                 \
       .choices =                                                                              \
           "4xx 5xx 400 401 403 404 405 408 413 414 417 421 429 431 500 501 502 503 504 "      \
           "505",                                                                              \
       .also = "code status_code for"},                                                        \
      PAGE_TEXT_OPTIONS(list, html, "clients that do not prefer JSON", "'<h1>{status}</h1>'"), \
      PAGE_TEXT_OPTIONS(list, json,                                                            \
                        "clients whose Accept prefers application/json, and for everybody "    \
                        "where there is none in HTML",                                         \
                        "'{{\"error\": \"{reason}\"}}'")

const Option kOptions[] = {
    {.path = "listeners",
     .type = Type::List,
     .slot = RECORDS(Model, listeners),
     .doc = "Where clients connect. Every virtual host is served on all of them, unless it names "
            "its own.",
     .also = "listen binds frontends entry_points entrypoints"},
    {.path = "listeners[].name",
     .type = Type::Name,
     .slot = IN(Listener, name),
     .min = 1,
     .max = 64,
     .doc = "What the listener is called in logs and metrics (as the service). No two share a "
            "name.",
     .example = "web",
     .need = Need::Required,
     .also = "id"},
    {.path = "listeners[].address",
     .type = Type::Listen,
     .slot = IN(Listener, address),
     .doc = "An IPv4 or IPv6 address or a name, with a port, or a unix socket. [::]:80 listens on "
            "IPv6 alone.",
     .example = "0.0.0.0:8080",
     .need = Need::Required,
     .also = "listen bind bind_address port addr listen_addr"},
    {.path = "listeners[].rate_limits",
     .type = Type::Names,
     .slot = IN(Listener, rate_limits),
     .min = 1,
     .max = 128,
     .doc = "The `rate_limits` that every request here meets.",
     .example = "[login]",
     .also = "rate_limit ratelimit limit_req throttle"},

    {.path = "virtual_hosts",
     .type = Type::List,
     .slot = RECORDS(Model, virtual_hosts),
     .doc = "Host names and the routes that serve them. The host decides first, and of its routes "
            "the most specific wins, wherever it stands: docs/routing.md has the order.",
     .also = "vhosts hosts domains sites virtualhosts"},
    {.path = "virtual_hosts[].name",
     .type = Type::Name,
     .slot = IN(VirtualHost, name),
     .min = 1,
     .max = 253,
     .doc = "What the host is called in logs and explanations. The first of its names when not "
            "given.",
     .example = "shop",
     .also = "id"},
    {.path = "virtual_hosts[].hosts",
     .type = Type::Names,
     .slot = IN(VirtualHost, hosts),
     .min = 1,
     .max = 1024,
     .doc = "The names: example.com, *.example.com (one label or more in place of the star), an "
            "IP address, or * for every name that no other host has. No ports.",
     .example = "[shop.example.com, '*.shop.example.com']",
     .need = Need::Required,
     .also = "domain domains host names server_name hostnames"},
    {.path = "virtual_hosts[].listeners",
     .type = Type::Names,
     .slot = IN(VirtualHost, listeners),
     .min = 1,
     .max = 64,
     .doc = "The listeners that serve it. All when not given.",
     .example = "[web]",
     .also = "listener"},
    ERROR_PAGE_OPTIONS("virtual_hosts[].error_pages", VirtualHost,
                       "Pages of this host for errors that cirque answers with itself; they go "
                       "before those of error_pages."),
    {.path = "virtual_hosts[].rate_limits",
     .type = Type::Names,
     .slot = IN(VirtualHost, rate_limits),
     .min = 1,
     .max = 128,
     .doc = "The `rate_limits` that every request for the host meets.",
     .example = "[login]",
     .also = "rate_limit ratelimit limit_req throttle"},
    {.path = "virtual_hosts[].routes",
     .type = Type::List,
     .slot = RECORDS(VirtualHost, routes),
     .doc = "What is asked of a request, and where it goes: exactly one of pool, tag, split, "
            "routing_table, redirect and respond.",
     .need = Need::Required,
     .also = "locations paths rules route",
     .known_by = "name path path_prefix path_pattern path_regex",
     .is_ordered = true},
    {.path = "virtual_hosts[].routes[].name",
     .type = Type::Name,
     .slot = IN(Route, name),
     .min = 1,
     .max = 128,
     .doc = "What the route is called in logs and explanations.",
     .example = "api",
     .also = "id"},
    {.path = "virtual_hosts[].routes[].path",
     .type = Type::Text,
     .slot = IN(Route, path),
     .min = 1,
     .max = 4096,
     .doc = "This path alone. At most one of path, path_prefix, path_pattern and path_regex; "
            "without any, every path.",
     .example = "/login",
     .also = "exact uri url"},
    {.path = "virtual_hosts[].routes[].path_prefix",
     .type = Type::Text,
     .slot = IN(Route, path_prefix),
     .min = 1,
     .max = 4096,
     .doc = "This path and what is below: /api takes /api, /api/ and /api/x, but not /apis.",
     .example = "/api",
     .also = "prefix location path_beg"},
    {.path = "virtual_hosts[].routes[].path_pattern",
     .type = Type::Text,
     .slot = IN(Route, path_pattern),
     .min = 1,
     .max = 4096,
     .doc = "Segments, of which * and {name} take any one; ** at the end takes all that follow.",
     .example = "'/users/{id}/*'",
     .also = "pattern template glob"},
    {.path = "virtual_hosts[].routes[].path_regex",
     .type = Type::Text,
     .slot = IN(Route, path_regex),
     .min = 1,
     .max = 4096,
     .doc = "A regular expression (RE2) that takes the whole path.",
     .example = "'/v[0-9]+/.*'",
     .also = "regex path_reg"},
    {.path = "virtual_hosts[].routes[].methods",
     .type = Type::Names,
     .slot = IN(Route, methods),
     .min = 1,
     .max = 32,
     .doc = "Any of these methods. GET does not take HEAD.",
     .example = "[GET, HEAD]",
     .also = "method verbs"},
    {.path = "virtual_hosts[].routes[].sources",
     .type = Type::Networks,
     .slot = IN(Route, sources),
     .doc = "The client's address is in any of these networks.",
     .example = "['10.0.0.0/8']",
     .also = "source src client_ip from remote_ip"},
    {.path = "virtual_hosts[].routes[].headers",
     .type = Type::List,
     .slot = RECORDS(Route, headers),
     .doc = "Header fields that are to be there, all of them. Of value, prefix and regex at most "
            "one; of a field that occurs more than once, one is enough.",
     .also = "header"},
    FIELD_OPTIONS("headers", "header field"),
    {.path = "virtual_hosts[].routes[].query",
     .type = Type::List,
     .slot = RECORDS(Route, query),
     .doc = "Parameters of the query that are to be there, all of them, compared as decoded.",
     .also = "params parameters query_params args"},
    FIELD_OPTIONS("query", "parameter"),
    {.path = "virtual_hosts[].routes[].cookies",
     .type = Type::List,
     .slot = RECORDS(Route, cookies),
     .doc = "Cookies that are to be there, all of them.",
     .also = "cookie"},
    FIELD_OPTIONS("cookies", "cookie"),
    {.path = "virtual_hosts[].routes[].pool",
     .type = Type::Name,
     .slot = IN(Route, target.pool),
     .min = 1,
     .max = 64,
     .doc = "The pool that the request goes to.",
     .example = "web",
     .also = "backend upstream proxy_pass service cluster target"},
    {.path = "virtual_hosts[].routes[].tag",
     .type = Type::Name,
     .slot = IN(Route, target.tag),
     .min = 1,
     .max = 64,
     .doc = "All backends that carry this tag, as a pool.",
     .example = "a",
     .also = "backends_tag enabled_backends_tag"},
    {.path = "virtual_hosts[].routes[].split",
     .type = Type::List,
     .slot = RECORDS(Route, split),
     .doc = "Several pools or tags that share the requests by their weights.",
     .also = "weighted weights clusters",
     .known_by = "pool tag"},
    {.path = "virtual_hosts[].routes[].split[].pool",
     .type = Type::Name,
     .slot = IN(Share, target.pool),
     .min = 1,
     .max = 64,
     .doc = "A pool.",
     .example = "web-next",
     .also = "backend upstream"},
    {.path = "virtual_hosts[].routes[].split[].tag",
     .type = Type::Name,
     .slot = IN(Share, target.tag),
     .min = 1,
     .max = 64,
     .doc = "Or all backends that carry this tag.",
     .example = "b"},
    {.path = "virtual_hosts[].routes[].split[].weight",
     .type = Type::Number,
     .slot = IN(Share, weight),
     .min = 0,
     .max = 1'000'000,
     .doc = "Its share: weight by the sum of all weights.",
     .example = "10",
     .also = "percent share"},
    {.path = "virtual_hosts[].routes[].routing_table",
     .type = Type::Name,
     .slot = IN(Route, routing_table),
     .min = 1,
     .max = 64,
     .doc = "The routing table that leads from a key in the request to a pool.",
     .example = "cells",
     .also = "table routing cells"},
    {.path = "virtual_hosts[].routes[].redirect",
     .type = Type::Map,
     .slot = {},
     .doc = "Another place, told with a Location field. What is not given is as in the request; "
            "the query stays.",
     .also = "return location"},
    {.path = "virtual_hosts[].routes[].redirect.scheme",
     .type = Type::Choice,
     .slot = IN(Route, redirect.scheme),
     .doc = "http or https.",
     .example = "https",
     .choices = "http https"},
    {.path = "virtual_hosts[].routes[].redirect.host",
     .type = Type::Name,
     .slot = IN(Route, redirect.host),
     .min = 1,
     .max = 253,
     .doc = "Another host.",
     .example = "www.example.com",
     .also = "domain"},
    {.path = "virtual_hosts[].routes[].redirect.port",
     .type = Type::Number,
     .slot = IN(Route, redirect.port),
     .min = 0,
     .max = 65'535,
     .doc = "Another port. 0: that of the request, or none when scheme or host is another.",
     .example = "8443"},
    {.path = "virtual_hosts[].routes[].redirect.path",
     .type = Type::Text,
     .slot = IN(Route, redirect.path),
     .min = 1,
     .max = 4096,
     .doc = "Another path. It may have a query; that of the request is added to it.",
     .example = "/new",
     .also = "url uri to"},
    {.path = "virtual_hosts[].routes[].redirect.status",
     .type = Type::Number,
     .slot = IN(Route, redirect.status),
     .min = 301,
     .max = 308,
     .doc = "301, 302, 303, 307 or 308. With 307 and 308 the client repeats method and body.",
     .example = "301",
     .also = "code status_code"},
    {.path = "virtual_hosts[].routes[].respond",
     .type = Type::Map,
     .slot = {},
     .doc = "A fixed answer.",
     .also = "response direct_response return answer"},
    {.path = "virtual_hosts[].routes[].respond.status",
     .type = Type::Number,
     .slot = IN(Route, respond.status),
     .min = 200,
     .max = 599,
     .doc = "Its status.",
     .example = "404",
     .need = Need::Required,
     .also = "code status_code"},
    {.path = "virtual_hosts[].routes[].respond.body",
     .type = Type::Prose,
     .slot = IN(Route, respond.body),
     .min = 0,
     .max = 64 * kKilo,
     .doc = "Its body.",
     .example = "'gone fishing'",
     .also = "text content"},
    {.path = "virtual_hosts[].routes[].respond.content_type",
     .type = Type::Text,
     .slot = IN(Route, respond.content_type),
     .min = 1,
     .max = 256,
     .doc = "Its Content-Type.",
     .example = "application/json",
     .also = "mime type"},
    {.path = "virtual_hosts[].routes[].report",
     .type = Type::Choice,
     .slot = IN(Route, report),
     .doc = "Answer with what is in use, as JSON: its version, where it came from (file), and when "
            "that was.",
     .example = "configuration",
     .choices = "configuration"},

    ERROR_PAGE_OPTIONS("error_pages", Model,
                       "Pages for errors that cirque answers with itself, instead of its own; "
                       "docs/error-pages.md tells more. What backends answer stays as it is."),
    {.path = "virtual_hosts[].routes[].rate_limits",
     .type = Type::Names,
     .slot = IN(Route, rate_limits),
     .min = 1,
     .max = 128,
     .doc = "The `rate_limits` that a request which the route takes meets, besides those of the "
            "host. One that is named in several places counts a request once.",
     .example = "[login]",
     .also = "rate_limit ratelimit limit_req throttle"},
};

#undef ERROR_PAGE_OPTIONS
#undef PAGE_TEXT_OPTIONS
#undef FIELD_OPTIONS

}  // namespace

std::span<const Option> route_options() noexcept {
  return kOptions;
}

}  // namespace cirque::config
