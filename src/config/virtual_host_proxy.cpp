// The TOML file of a proxy for virtual hosts whose backends carry tags: [proxy], [[virtual_hosts]]
// with a domain and the tag that is in use, [[backends]].
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <set>

#include "config/dialect.h"
#include "config/slots.h"

namespace cirque::config {
namespace {

struct CertificateSource {
  std::string type;
  std::string cert_path;
  std::string key_path;
};

struct Domain {
  std::string domain;
  std::string tag;
  bool http_to_https = true;
  bool tls_enabled = false;
  CertificateSource source;
};

struct LetsEncrypt {
  std::string email;
  bool staging = false;
  std::string cache_dir;
  std::string dns_provider;
  Duration dns_propagation = 30s;
  Duration renewal_check_interval = 24h;
  unsigned renewal_days = 30;
};

struct File {
  HostPort listen;
  HostPort listen_http;
  HostPort management;
  LetsEncrypt lets_encrypt;
  log::Level level = log::Level::Info;
  log::Format format = log::Format::Json;
  std::string output = "console";
  std::string path;
  bool metrics_enabled = false;
  HostPort metrics{.text = "0.0.0.0:9090",
                   .host = "0.0.0.0",
                   .port = 9090,
                   .address = Address::parse_ip("0.0.0.0", 9090).value()};
  HealthCheck health{
      .timeout = 5s, .interval = 10s, .unhealthy_threshold = 3, .healthy_threshold = 2, .path = {}};
  std::deque<Domain> domains;
  std::deque<Backend> backends;
};

constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kDay = 24 * 3600 * kSecond;

const Option kOptions[] = {
    {.path = "proxy",
     .type = Type::Map,
     .slot = {},
     .doc = "Where the proxy listens.",
     .need = Need::Required},
    {.path = "proxy.listen_addr",
     .type = Type::Listen,
     .slot = IN(File, listen),
     .doc = "Where clients connect.",
     .example = "0.0.0.0:443",
     .need = Need::Required,
     .also = "listen address bind"},
    {.path = "proxy.listen_addr_http",
     .type = Type::Listen,
     .slot = IN(File, listen_http),
     .doc = "Where clients connect that are to be led to https.",
     .example = "0.0.0.0:80"},
    {.path = "proxy.management_api_addr",
     .type = Type::Listen,
     .slot = IN(File, management),
     .doc = "Where operators connect.",
     .example = "127.0.0.1:8080",
     .need = Need::Required,
     .also = "management_addr api_addr"},

    {.path = "lets_encrypt",
     .type = Type::Map,
     .slot = {},
     .doc = "Certificates from Let's Encrypt.",
     .also = "acme letsencrypt"},
    {.path = "lets_encrypt.email",
     .type = Type::Name,
     .slot = IN(File, lets_encrypt.email),
     .min = 3,
     .max = 254,
     .doc = "Whom the authority writes to.",
     .example = "admin@example.com",
     .need = Need::Required},
    {.path = "lets_encrypt.staging",
     .type = Type::Flag,
     .slot = IN(File, lets_encrypt.staging),
     .doc = "Certificates to try it with.",
     .example = "false"},
    {.path = "lets_encrypt.cache_dir",
     .type = Type::Path,
     .slot = IN(File, lets_encrypt.cache_dir),
     .min = 1,
     .max = 4095,
     .doc = "Where certificates are kept.",
     .example = "/var/lib/certs"},
    {.path = "lets_encrypt.dns_provider",
     .type = Type::Choice,
     .slot = IN(File, lets_encrypt.dns_provider),
     .doc = "Who is told of DNS challenges.",
     .example = "cloudflare",
     .choices = "aliyun cloudflare dnspod"},
    {.path = "lets_encrypt.dns_propagation_secs",
     .type = Type::Seconds,
     .slot = IN(File, lets_encrypt.dns_propagation),
     .min = 1 * kSecond,
     .max = 3600 * kSecond,
     .doc = "How long DNS takes.",
     .example = "30"},
    {.path = "lets_encrypt.renewal_check_interval_secs",
     .type = Type::Seconds,
     .slot = IN(File, lets_encrypt.renewal_check_interval),
     .min = 60 * kSecond,
     .max = 30 * kDay,
     .doc = "How often certificates are looked at.",
     .example = "86400"},
    {.path = "lets_encrypt.renewal_days_before_expiry",
     .type = Type::Number,
     .slot = IN(File, lets_encrypt.renewal_days),
     .min = 1,
     .max = 89,
     .doc = "How long before their end certificates are renewed.",
     .example = "30"},

    {.path = "logging", .type = Type::Map, .slot = {}, .doc = "The log.", .also = "log"},
    {.path = "logging.level",
     .type = Type::Choice,
     .slot = IN(File, level),
     .doc = "What is logged.",
     .example = "info",
     .choices = "trace debug info warn error"},
    {.path = "logging.format",
     .type = Type::Choice,
     .slot = IN(File, format),
     .doc = "JSON, or text for people.",
     .example = "json",
     .choices = "text json"},
    {.path = "logging.output",
     .type = Type::Choice,
     .slot = IN(File, output),
     .doc = "Where to.",
     .example = "console",
     .choices = "console file"},
    {.path = "logging.file_path",
     .type = Type::Path,
     .slot = IN(File, path),
     .min = 1,
     .max = 4095,
     .doc = "The file, with output = \"file\".",
     .example = "/var/log/pingora-proxy/proxy.log",
     .also = "path file"},

    {.path = "metrics", .type = Type::Map, .slot = {}, .doc = "Metrics for Prometheus."},
    {.path = "metrics.enabled",
     .type = Type::Flag,
     .slot = IN(File, metrics_enabled),
     .doc = "Serve them.",
     .example = "true"},
    {.path = "metrics.listen_addr",
     .type = Type::Listen,
     .slot = IN(File, metrics),
     .doc = "Where.",
     .example = "0.0.0.0:9090",
     .also = "listen address bind"},

    {.path = "health_check", .type = Type::Map, .slot = {}, .doc = "How backends are checked."},
    {.path = "health_check.interval_secs",
     .type = Type::Seconds,
     .slot = IN(File, health.interval),
     .min = 1 * kSecond,
     .max = 3600 * kSecond,
     .doc = "The time from one check to the next.",
     .example = "10",
     .also = "interval"},
    {.path = "health_check.timeout_secs",
     .type = Type::Seconds,
     .slot = IN(File, health.timeout),
     .min = 1 * kSecond,
     .max = 600 * kSecond,
     .doc = "How long a check may take.",
     .example = "5",
     .also = "timeout"},
    {.path = "health_check.unhealthy_threshold",
     .type = Type::Number,
     .slot = IN(File, health.unhealthy_threshold),
     .min = 1,
     .max = 100,
     .doc = "So many failures in a row take a backend out.",
     .example = "3"},
    {.path = "health_check.healthy_threshold",
     .type = Type::Number,
     .slot = IN(File, health.healthy_threshold),
     .min = 1,
     .max = 100,
     .doc = "So many successes in a row bring it back.",
     .example = "2"},

    {.path = "virtual_hosts",
     .type = Type::List,
     .slot = RECORDS(File, domains),
     .doc = "The domains that are served.",
     .also = "domains hosts vhosts"},
    {.path = "virtual_hosts[].domain",
     .type = Type::Name,
     .slot = IN(Domain, domain),
     .min = 1,
     .max = 253,
     .doc = "Its name.",
     .example = "example.com",
     .need = Need::Required,
     .also = "host name server_name"},
    {.path = "virtual_hosts[].enabled_backends_tag",
     .type = Type::Name,
     .slot = IN(Domain, tag),
     .min = 1,
     .max = 64,
     .doc = "The backends that serve it are those with this tag.",
     .example = "a",
     .need = Need::Required,
     .also = "tag enabled_tag backends_tag"},
    {.path = "virtual_hosts[].http_to_https",
     .type = Type::Flag,
     .slot = IN(Domain, http_to_https),
     .doc = "Lead clients of listen_addr_http to https.",
     .example = "true"},
    {.path = "virtual_hosts[].tls_enabled",
     .type = Type::Flag,
     .slot = IN(Domain, tls_enabled),
     .doc = "TLS towards clients.",
     .example = "false",
     .also = "tls ssl"},
    {.path = "virtual_hosts[].certificate_source",
     .type = Type::Map,
     .slot = {},
     .doc = "Where its certificate comes from."},
    {.path = "virtual_hosts[].certificate_source.type",
     .type = Type::Choice,
     .slot = IN(Domain, source.type),
     .doc = "Files, or Let's Encrypt.",
     .example = "file",
     .need = Need::Required,
     .choices = "file lets_encrypt"},
    {.path = "virtual_hosts[].certificate_source.cert_path",
     .type = Type::Path,
     .slot = IN(Domain, source.cert_path),
     .min = 1,
     .max = 4095,
     .doc = "The certificate.",
     .example = "/etc/certs/example.com.crt"},
    {.path = "virtual_hosts[].certificate_source.key_path",
     .type = Type::Path,
     .slot = IN(Domain, source.key_path),
     .min = 1,
     .max = 4095,
     .doc = "Its key.",
     .example = "/etc/certs/example.com.key"},

    {.path = "backends",
     .type = Type::List,
     .slot = RECORDS(File, backends),
     .doc = "Who answers requests.",
     .also = "servers upstreams"},
    {.path = "backends[].id",
     .type = Type::Name,
     .slot = IN(Backend, id),
     .min = 1,
     .max = 64,
     .doc = "Its name.",
     .example = "web-v1",
     .need = Need::Required,
     .also = "name"},
    {.path = "backends[].address",
     .type = Type::Target,
     .slot = IN(Backend, address),
     .doc = "Where it listens.",
     .example = "localhost:3001",
     .need = Need::Required,
     .also = "addr url host"},
    {.path = "backends[].tags",
     .type = Type::Names,
     .slot = IN(Backend, tags),
     .min = 1,
     .max = 64,
     .doc = "What virtual hosts choose it by.",
     .example = "[a]",
     .need = Need::Required,
     .also = "tag"},
};

constexpr const char* kMain = "proxy";
constexpr const char* kPlain = "proxy-http";

class Lowering {
 public:
  Lowering(File& file, const Reading& reading)
      : file_(file), model_(reading.model), places_(reading.places), report_(reading.report) {}

  void run() {
    listeners();
    logging();
    management();
    model_.tag_health = file_.health;
    backends();
    for (auto& domain : file_.domains) this->domain(domain);
    if (has_lets_encrypt()) {
      report_.add(Code::NoEffect, *places_.at(&file_.lets_encrypt.email), "lets_encrypt.email",
                  "certificates are not obtained yet: listen_addr serves HTTP without TLS");
    }
    if (!file_.domains.empty() || !file_.backends.empty() || report_.has_errors()) return;
    report_.add(Code::NoServices, {1, 1, 1}, {}, "there is neither a virtual host nor a backend")
        .expected = "at least one of [[virtual_hosts]] and [[backends]]";
  }

 private:
  bool has_lets_encrypt() const { return places_.at(&file_.lets_encrypt.email) != nullptr; }

  void listener(const char* name, const HostPort& address) {
    if (!places_.at(&address)) return;
    auto& listener = model_.listeners.emplace_back(name, address);
    places_.same(&listener.address, &address);
  }

  void listeners() {
    listener(kMain, file_.listen);
    listener(kPlain, file_.listen_http);
  }

  void logging() {
    auto& to = model_.logging;
    to.level = file_.level;
    to.format = file_.format;
    bool is_json = file_.format == log::Format::Json;
    to.access.format = is_json ? AccessLog::Json : AccessLog::Text;
    // Without a path it is the console.
    if (file_.output != "file" || file_.path.empty()) return;
    to.output = to.access.output = "file";
    to.path = to.access.path = file_.path;
    places_.same(&to.path, &file_.path);
  }

  void management() {
    model_.admin.listen = file_.management;
    places_.same(&model_.admin.listen, &file_.management);
    model_.metrics.enabled = file_.metrics_enabled;
    if (!file_.metrics_enabled) return;
    model_.metrics.listen = file_.metrics;
    places_.same(&model_.metrics.listen, &file_.metrics);
  }

  void backends() {
    for (const auto& backend : file_.backends) {
      is_tagless_ |= backend.tags.empty();
      if (backend.tags.empty() && places_.at(&backend.id) &&
          !report_.has_errors_under(places_.path_of_record(&backend),
                                    places_.at(&backend.id)->file)) {
        report_.add(Code::NoValue, *places_.at(&backend.id), places_.path_of_record(&backend),
                    fmt::format("Backend {} has no tags", backend.id));
      }
      auto& made = model_.backends.emplace_back(backend);
      places_.same_record(&made, &backend);
      places_.same(&made.id, &backend.id);
      places_.same(&made.address, &backend.address);
      for (const auto& tag : backend.tags) tags_.insert(tag);
    }
  }

  void domain(const Domain& domain) {
    if (!places_.at(&domain.domain)) return;  // reported
    refuse_tls(domain);
    bool knows_tag = domain.tag.empty() || tags_.contains(domain.tag);
    bool may_be_known = is_tagless_ || report_.is_partial();
    if (!knows_tag && !may_be_known && places_.at(&domain.tag)) {
      auto& finding = report_.add(
          Code::UnknownName, *places_.at(&domain.tag), places_.path(&domain.tag),
          fmt::format("Domain {} references non-existent tag '{}'", domain.domain, domain.tag));
      if (!tags_.empty()) finding.expected = fmt::format("one of {}", fmt::join(tags_, ", "));
    }
    bool has_plain = places_.at(&file_.listen_http) != nullptr;
    bool is_led = has_plain && domain.http_to_https;
    auto& host = served(domain, domain.domain, kMain);
    host.routes.front().target.tag = domain.tag;
    places_.same(&host.name, &domain.domain);
    if (knows_tag) places_.same(&host.routes.front().target.tag, &domain.tag);
    if (has_plain && !is_led) host.listeners.emplace_back(kPlain);
    if (is_led) lead_to_https(domain);
  }

  VirtualHost& served(const Domain& domain, std::string name, const char* listener) {
    auto& host = model_.virtual_hosts.emplace_back();
    host.name = std::move(name);
    host.hosts = {domain.domain};
    host.listeners = {listener};
    host.routes.emplace_back();
    places_.same_record(&host, &domain);
    places_.same_record(&host.routes.front(), &domain);
    places_.same(host.hosts.data(), &domain.domain);
    return host;
  }

  void lead_to_https(const Domain& domain) {
    constexpr unsigned kHttps = 443;
    auto& host = served(domain, fmt::format("{}@{}", domain.domain, kPlain), kPlain);
    auto& redirect = host.routes.front().redirect;
    redirect.scheme = "https";
    redirect.status = 301;
    if (file_.listen.port != kHttps) redirect.port = file_.listen.port;
  }

  void refuse_tls(const Domain& domain) {
    auto refuse = [&](const void* field, std::string what) {
      report_.add(Code::NotYet, *places_.at(field), places_.path(field), std::move(what)).hint =
          "without it, the domain is served over HTTP";
    };
    if (domain.tls_enabled && !places_.at(&domain.source.type)) {
      report_.add(Code::NotYet, *places_.at(&domain.tls_enabled), places_.path(&domain.tls_enabled),
                  fmt::format("Domain {} has tls_enabled=true but no certificate_source configured",
                              domain.domain));
    } else if (domain.tls_enabled) {
      refuse(&domain.tls_enabled, "TLS towards clients is not supported yet");
      if (domain.source.type == "file") keep_certificate(domain);
    }
    bool wants_lets_encrypt = domain.source.type == "lets_encrypt";
    if (wants_lets_encrypt && !has_lets_encrypt() && !report_.is_partial()) {
      refuse(&domain.source.type,
             fmt::format("Domain {} uses Let's Encrypt certificates but [lets_encrypt] section is "
                         "not configured",
                         domain.domain));
    }
  }

  void keep_certificate(const Domain& domain) {
    auto& one = model_.certificates.emplace_back();
    one.name = one.domain = domain.domain;
    one.certificate = domain.source.cert_path;
    one.key = domain.source.key_path;
    one.hosts = {domain.domain};
    places_.same(&one.certificate, &domain.source.cert_path);
    places_.same(&one.key, &domain.source.key_path);
    places_.same(one.hosts.data(), &domain.domain);
  }

  File& file_;
  Model& model_;
  Places& places_;
  Report& report_;
  std::set<std::string> tags_;
  bool is_tagless_ = false;  // a backend has none, which is reported
};

bool has(const Node& map, std::string_view key) {
  return std::ranges::any_of(map.entries, [&](auto& e) { return e.key.text == key; });
}

// Only where nothing else tells: one of our own files may have `domain` by mistake.
bool has_domains(const Node& tree) {
  if (has(tree, "listeners") || has(tree, "services") || has(tree, "pools")) return false;
  auto hosts = std::ranges::find(tree.entries, "virtual_hosts", [](auto& e) { return e.key.text; });
  if (hosts == tree.entries.end()) return false;
  return std::ranges::any_of(hosts->value.items, [](auto& item) { return has(item, "domain"); });
}

}  // namespace

const Dialect& virtual_host_proxy() {
  static const Schema schema(
      kOptions, +[]() -> std::shared_ptr<void> { return std::make_shared<File>(); });
  static const Dialect dialect{
      .name = "virtual host proxy",
      .schema = schema,
      .is_spoken = [](const Node& tree) { return has(tree, "proxy") || has_domains(tree); },
      .preset = [](Model&) {},
      .tidy = [](Node&, TreeMemory&) {},
      .lower = [](void* record,
                  const Reading& reading) { Lowering(*static_cast<File*>(record), reading).run(); },
  };
  return dialect;
}

}  // namespace cirque::config
