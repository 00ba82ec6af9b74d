// The canonical options: of services, and of the file itself.
#include "config/model_options.h"
#include "config/slots.h"

namespace cirque::config {
namespace {

const Option kOptions[] = {
    {.path = "services",
     .type = Type::List,
     .slot = RECORDS(Model, services),
     .doc = "Proxies in few words, each on an address of its own: a listener, a pool and a route "
            "between them.",
     .also = "service proxies"},
    {.path = "services[].name",
     .type = Type::Name,
     .slot = IN(Service, name),
     .min = 1,
     .max = 64,
     .doc = "What the service is called in logs and metrics. No two services share a name.",
     .example = "admin-portal",
     .need = Need::Required,
     .also = "id service service_name"},
    {.path = "services[].bind_address",
     .type = Type::Listen,
     .slot = IN(Service, bind),
     .doc = "Where the service listens: an IPv4 or IPv6 address or a name, with a port, or a unix "
            "socket. "
            "[::]:80 listens on IPv6 alone.",
     .example = "0.0.0.0:6188",
     .need = Need::Required,
     .also = "listen address bind port listen_address addr"},
    {.path = "services[].upstreams",
     .type = Type::Connect,
     .slot = IN(Service, upstreams),
     .doc = "The backends that take turns (round robin over the healthy ones). All addresses of a "
            "name "
            "are used, and the name is resolved again every timeouts.dns_refresh.",
     .example = "['127.0.0.1:3002', 'app.internal:8080']",
     .need = Need::Required,
     .also = "backends servers targets upstream backend hosts"},
    {.path = "services[].tls",
     .type = Type::Flag,
     .slot = IN(Service, tls),
     .doc = "TLS towards the upstreams. Not supported yet: true is an error.",
     .example = "false",
     .also = "ssl use_tls https"},
    {.path = "services[].health_check",
     .type = Type::Map,
     .slot = {},
     .doc =
         "A TCP connection is opened to every upstream from time to time; one that does not answer "
         "gets no requests until it does. All upstreams are checked, with these defaults too.",
     .also = "health healthcheck"},
    {.path = "services[].health_check.timeout_ms",
     .type = Type::Milliseconds,
     .slot = IN(Service, health_check.timeout),
     .min = 100,
     .max = 10'000,
     .doc = "How long a check may take, in milliseconds.",
     .example = "500",
     .also = "timeout"},
    {.path = "services[].health_check.frequency_secs",
     .type = Type::Seconds,
     .slot = IN(Service, health_check.interval),
     .min = 1 * kSecond,
     .max = 60 * kSecond,
     .doc = "The time from one check to the next, in seconds.",
     .example = "5",
     .also = "interval frequency interval_secs every"},
    {.path = "services[].health_check.unhealthy_threshold",
     .type = Type::Number,
     .slot = IN(Service, health_check.unhealthy_threshold),
     .min = 1,
     .max = 100,
     .doc = "So many checks in a row must fail before the upstream is taken out.",
     .example = "3",
     .also = "fall failures"},
    {.path = "services[].health_check.healthy_threshold",
     .type = Type::Number,
     .slot = IN(Service, health_check.healthy_threshold),
     .min = 1,
     .max = 100,
     .doc = "So many checks in a row must succeed before it is back.",
     .example = "2",
     .also = "rise passes successes"},

    {.path = "services[].rate_limits",
     .type = Type::Names,
     .slot = IN(Service, rate_limits),
     .min = 1,
     .max = 128,
     .doc = "The `rate_limits` that every request for the service meets.",
     .example = "[login]",
     .also = "rate_limit ratelimit limit_req throttle"},

    {.path = "include",
     .type = Type::Include,
     .slot = {},
     .doc = "Files that are read as if they stood here, from the folder of this file: a path, a "
            "pattern such as conf.d/*.yaml, or a folder for all its .yaml, .yml, .json and .toml "
            "files. Lists are appended, maps are joined; a value that stands in two files is an "
            "error. Included files may include others.",
     .example = "[conf.d/*.yaml]",
     .also = "includes import imports conf_d"},

    {.path = "version",
     .type = Type::Text,
     .slot = IN(Model, version),
     .min = 1,
     .max = 256,
     .doc = "What this configuration is called; shown by GET /debug/config.",
     .example = "1.4.0"},
};

}  // namespace

std::span<const Option> service_options() noexcept {
  return kOptions;
}

}  // namespace cirque::config
