// The canonical options: of what operators see and ask: logs, metrics, orders.
#include "config/model_options.h"
#include "config/slots.h"

namespace cirque::config {
namespace {

const Option kOptions[] = {
    {.path = "logging",
     .type = Type::Map,
     .slot = {},
     .doc = "The application log and, under `access`, the access log.",
     .also = "log logs"},
    {.path = "logging.level",
     .type = Type::Choice,
     .slot = IN(Model, logging.level),
     .doc = "The least important events that are written. debug tells of every connection, health "
            "check and attempt that failed, up to 20 lines a second of each. CIRQUE_LOG, RUST_LOG "
            "and --log-level go before it.",
     .example = "info",
     .choices = "trace debug info warn error",
     .also = "log_level"},
    {.path = "logging.format",
     .type = Type::Choice,
     .slot = IN(Model, logging.format),
     .doc = "Lines for people, or JSON for programs.",
     .example = "json",
     .choices = "text json"},
    {.path = "logging.output",
     .type = Type::Choice,
     .slot = IN(Model, logging.output),
     .doc = "Where the application log goes.",
     .example = "stderr",
     .choices = "stderr file"},
    {.path = "logging.path",
     .type = Type::Path,
     .slot = IN(Model, logging.path),
     .min = 1,
     .max = 4095,
     .doc = "The file, with output: file. SIGUSR1 opens it anew, for log rotation.",
     .example = "/var/log/cirque/cirque.log",
     .also = "file filename"},
    {.path = "logging.access",
     .type = Type::Map,
     .slot = {},
     .doc = "One line a request.",
     .also = "access_log"},
    {.path = "logging.access.enabled",
     .type = Type::Flag,
     .slot = IN(Model, logging.access.enabled),
     .doc = "Write the access log.",
     .example = "true",
     .also = "enable on"},
    {.path = "logging.access.format",
     .type = Type::Choice,
     .slot = IN(Model, logging.access.format),
     .doc = "JSON, a line for people, the combined format of Apache and nginx, or JSON with the "
            "keys of cell routing.",
     .example = "combined",
     .choices = "json text combined cells"},
    {.path = "logging.access.output",
     .type = Type::Choice,
     .slot = IN(Model, logging.access.output),
     .doc = "Where the access log goes.",
     .example = "stdout",
     .choices = "stdout stderr file"},
    {.path = "logging.access.path",
     .type = Type::Path,
     .slot = IN(Model, logging.access.path),
     .min = 1,
     .max = 4095,
     .doc = "The file, with output: file. SIGUSR1 opens it anew, for log rotation.",
     .example = "/var/log/cirque/access.log",
     .also = "file filename"},

    {.path = "admin",
     .type = Type::Map,
     .slot = {},
     .doc = "What operators ask the process: to reload, to explain, what is in use.",
     .also = "management control api"},
    {.path = "admin.listen",
     .type = Type::Listen,
     .slot = IN(Model, admin.listen),
     .doc = "Where, if not beside the metrics. Metrics and health are answered here too.",
     .example = "127.0.0.1:9091",
     .also = "bind_address address bind port management_api_addr"},

    {.path = "metrics",
     .type = Type::Map,
     .slot = {},
     .doc = "Prometheus metrics at /metrics, and /healthz and /readyz beside them.",
     .also = "prometheus monitoring"},
    {.path = "metrics.enabled",
     .type = Type::Flag,
     .slot = IN(Model, metrics.enabled),
     .doc = "Serve them.",
     .example = "true",
     .also = "enable on"},
    {.path = "metrics.listen",
     .type = Type::Listen,
     .slot = IN(Model, metrics.listen),
     .doc =
         "Where. Metrics tell a lot about what runs behind the proxy: keep them from the public.",
     .example = "127.0.0.1:9090",
     .also = "bind_address address bind port"},
};

}  // namespace

std::span<const Option> operation_options() noexcept {
  return kOptions;
}

}  // namespace cirque::config
