#include "config/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cirque::config {
namespace {

// A line of a generated file may be megabytes long; this much of it is shown around the caret.
constexpr std::size_t kShownCharsMax = 160;

constexpr Explanation kExplanations[] = {
    {Code::Unreadable, "the file cannot be read",
     "The file does not exist, is a folder, or the user that cirque runs as may not read it. The "
     "message ends "
     "with what the kernel said.",
     "", ""},
    {Code::BadCharacter, "a character that no configuration needs",
     "A configuration is text in UTF-8. Control characters other than tab and line break, and "
     "bytes that are "
     "not UTF-8, are refused: they come from a wrong encoding or from a binary file, and they can "
     "hide what "
     "a line really says.",
     "", ""},
    {Code::Syntax, "not valid YAML (or JSON, or TOML)",
     "The text breaks the rules of the language, so what stands behind this place cannot be "
     "trusted and is not "
     "checked. Mend it and check again. Frequent reasons: a tab used as indentation, a quote or "
     "bracket that "
     "is not closed, ': ' within a value without quotes, ${NAME} without quotes within [] or {}.",
     "upstreams: [${BACKEND}]", "upstreams: ['${BACKEND}']"},
    {Code::DuplicateKey, "the same key twice",
     "A key may stand once in a map, also when the map is spread over several files. Which of the "
     "two is meant nobody can know, so neither is guessed.",
     "name: a\nname: b", "name: a"},
    {Code::Unsupported, "a part of YAML that is not supported",
     "One document a file, keys that are words, no tags such as !!str: this is all that a "
     "configuration needs.",
     "name: !!str 7", "name: '7'"},
    {Code::BadAlias, "an alias without its anchor",
     "*name repeats what &name has named further up in the same file. It cannot stand within what "
     "it names, and "
     "'<<' takes maps alone.",
     "health_check: *fast", "health_check: &fast {frequency_secs: 1}"},
    {Code::TooBig, "more than a configuration may be",
     "A file has bounds, so that a broken or hostile one costs neither memory nor time: 64 MiB, 64 "
     "levels, "
     "4 million values, and 64 MiB of what aliases repeat. With its includes: 10,000 files, 16 "
     "includes "
     "within each other, and 64 MiB of error pages.",
     "", ""},
    {Code::NoInclude, "an included file cannot be read",
     "include: names a file that does not exist, or that the user cirque runs as may not read. A "
     "path without "
     "a slash in front starts at the folder of the file that it stands in. A pattern such as "
     "conf.d/*.yaml may "
     "match nothing.",
     "include: conf.d/site.yml", "include: conf.d/site.yaml"},
    {Code::IncludeCycle, "a file that includes itself",
     "The file is being read already, and waits for the one that asks for it. The message has the "
     "whole chain. "
     "A file that two others include is fine, and is read once.",
     "include: '*.yaml'", "include: 'conf.d/*.yaml'"},
    {Code::NoPage, "the file of an error page cannot be used",
     "It does not exist, is empty or larger than 64 KiB, or the user cirque runs as may not read "
     "it. A path without a slash in front starts at the folder of the file that it stands in.",
     "html: {file: /errors/5xx.html}", "html: {file: errors/5xx.html}"},

    {Code::UnsetVariable, "an environment variable is not set",
     "${NAME} is replaced by the environment variable NAME. When it is not set there is nothing to "
     "put here. "
     "Set it where cirque is started, or write a default into the file.",
     "name: ${SITE}", "name: ${SITE:-main}"},
    {Code::BadExpansion, "${ without a name",
     "After ${ comes the name of an environment variable (letters, digits, underscores), then } or "
     ":-default}. "
     "Write $${ for a literal ${.",
     "name: ${site-name}", "name: ${SITE_NAME}"},

    {Code::WrongType, "a value of the wrong type",
     "The key takes another type of value: the line below the message says which. Numbers, true "
     "and false "
     "stand without quotes; a text that looks like one of them needs them. yes, no, on and off are "
     "texts.",
     "tls: 'no'", "tls: false"},
    {Code::MissingKey, "a required key is missing",
     "There is no sensible default for this key, so it must be given.", "services:\n  - name: web",
     "services:\n  - name: web\n    bind_address: '0.0.0.0:80'\n    upstreams: ['127.0.0.1:3000']"},
    {Code::UnknownKey, "an unknown key",
     "No such key is known at this place. It is an error, not ignored, because a mistyped key "
     "would otherwise "
     "silently leave a default in force. `cirque help config` lists all keys.",
     "upstream: ['127.0.0.1:3000']", "upstreams: ['127.0.0.1:3000']"},
    {Code::NoValue, "a key without a value",
     "The key is there, and nothing behind it. Give it a value, or remove it to have the default.",
     "name:", "name: web"},

    {Code::OutOfRange, "a value out of range",
     "The value is of the right type, but smaller or larger than makes sense. The bounds are in "
     "the line below "
     "the message.",
     "timeout_ms: 5", "timeout_ms: 500"},
    {Code::BadDuration, "not a duration",
     "A duration is a whole number with its unit: ms, s, m, h or d. Several may follow each other, "
     "the largest "
     "first. A number alone is refused: nginx would take it for seconds, HAProxy for milliseconds.",
     "drain: 30", "drain: 30s"},
    {Code::BadSize, "not a size",
     "A size is a whole number of bytes. k, m and g behind it stand for 1024, 1024 k and 1024 m.",
     "head_bytes: 32 KB", "head_bytes: 32k"},
    {Code::BadChoice, "not one of the choices",
     "The key takes one of a few words, in small letters. They are in the line below the message.",
     "level: warning", "level: warn"},
    {Code::BadAddress, "not an address",
     "An address is an IPv4 address, an IPv6 address in brackets or a name, then a colon and a "
     "port; or unix: "
     "and the path of a socket. It has no scheme and no path.",
     "upstreams: ['http://127.0.0.1:3000/']", "upstreams: ['127.0.0.1:3000']"},
    {Code::BadNetwork, "not a network",
     "A network is an IP address, or an address, a slash and the number of its leading bits that "
     "count.",
     "trusted_proxies: ['10.*']", "trusted_proxies: ['10.0.0.0/8']"},
    {Code::BadText, "a text that cannot be used",
     "The text is empty or too long, or has characters that would garble logs and metrics.",
     "name: 'my service'", "name: my-service"},
    {Code::BadTemplate, "an error page that cannot be filled in",
     "A page has holes for {status}, {phrase}, {reason}, {request_id} and {host}, and no others. A "
     "brace that is meant, as in a style sheet or in JSON, is written twice.",
     "text: '<style>p { margin: 0 }</style> {code}'",
     "text: '<style>p {{ margin: 0 }}</style> {status}'"},

    {Code::NoServices, "no services",
     "A configuration without services would start a process that does nothing.", "services: []",
     "services:\n  - name: web\n    bind_address: '0.0.0.0:80'\n    upstreams: ['127.0.0.1:3000']"},
    {Code::NoUpstreams, "a service without upstreams",
     "Every request to this service could only be answered with an error.", "upstreams: []",
     "upstreams: ['127.0.0.1:3000']"},
    {Code::DuplicateService, "two services with one name",
     "Logs and metrics tell services apart by their names.", "- name: web\n- name: web",
     "- name: web\n- name: api"},
    {Code::DuplicateBind, "two listeners on one address",
     "The kernel would hand each connection to one or the other at random, so half of the requests "
     "would "
     "reach the wrong service. 0.0.0.0:80 beside 127.0.0.1:80 is fine: the more exact address "
     "wins. localhost "
     "counts as 127.0.0.1. Metrics have an address too: 127.0.0.1:9090 unless metrics.listen says "
     "another.",
     "- bind_address: 'localhost:80'\n- bind_address: '127.0.0.1:80'",
     "- bind_address: '127.0.0.1:80'\n- bind_address: '127.0.0.1:81'"},
    {Code::UpstreamTls, "TLS towards the upstream is not there yet",
     "tls: true asks for TLS between the proxy and its upstreams. This version cannot do that, and "
     "sending in "
     "the clear what was meant to be secret would be worse than not starting.",
     "tls: true", "tls: false"},
    {Code::ProxyLoop, "a service that is its own upstream",
     "A request would go round in circles until a limit ends it.",
     "bind_address: '0.0.0.0:80'\nupstreams: ['127.0.0.1:80']",
     "bind_address: '0.0.0.0:80'\nupstreams: ['127.0.0.1:3000']"},
    {Code::NoLogPath, "a log file without a path", "output: file needs a path to write to.",
     "output: file", "output: file\npath: /var/log/cirque/access.log"},
    {Code::LimitsContradict, "limits that contradict each other",
     "A part cannot be larger than the whole that it is in: a field or a request target than the "
     "head, the idle "
     "connections than all connections.",
     "head_bytes: 8k\nfield_bytes: 16k", "head_bytes: 16k\nfield_bytes: 8k"},
    {Code::DuplicateName, "one name twice",
     "Listeners, virtual hosts, the routes of a host, pools, backends, routing tables and rate "
     "limits are known "
     "by their names, each among its own kind. The services' names count as names of listeners, "
     "hosts and pools.",
     "pools:\n  - {name: web, backends: ['10.0.0.1:80']}\n  - {name: web, backends: "
     "['10.0.0.2:80']}",
     "pools:\n  - {name: web, backends: ['10.0.0.1:80', '10.0.0.2:80']}"},
    {Code::UnknownName, "a name that nothing has",
     "A pool, tag, listener, backend, routing table or rate limit is named that is not defined, in "
     "any of the "
     "files.",
     "pool: wbe", "pool: web"},
    {Code::OneTarget, "a route without one clear target",
     "A route leads to exactly one of pool, tag, split, routing_table, redirect and respond.",
     "- path: /\n  pool: web\n  redirect: {scheme: https}",
     "- path: /\n  redirect: {scheme: https}"},
    {Code::TwoPaths, "a route with two paths",
     "Of path, path_prefix, path_pattern and path_regex a route has one, or none for every path.",
     "path: /a\npath_prefix: /a", "path_prefix: /a"},
    {Code::TwoTests, "two tests of one field",
     "Of value, prefix and regex a field has one at most, and none when present is false. For two "
     "tests of one field, name it twice.",
     "{name: X-Env, prefix: a, regex: '.*b'}", "{name: X-Env, regex: 'a.*b'}"},
    {Code::BadRoute, "a route that cannot be read",
     "A host name, path, pattern, regular expression, method or field name that breaks its rules. "
     "The message says where in the text. docs/routing.md has the rules.",
     "path_prefix: api", "path_prefix: /api"},
    {Code::DuplicateHost, "a host name twice",
     "Two virtual hosts on one listener cannot have the same name: nobody could know which is "
     "meant. Put the routes into one host.",
     "- hosts: [a.example]\n- hosts: [A.example]", "- hosts: [a.example]"},
    {Code::DeadRoute, "a route that can never match",
     "Another route of the host, which goes before it, takes every request that it would take, or "
     "what it asks for contradicts itself, or is nothing that a request can have: a method that is "
     "always refused, a field that is taken off every request, a key with a space in front. The "
     "message says which.",
     "- path: /a\n- path: /a\n  methods: [GET, HEAD]\n- path: /a\n  methods: [GET]",
     "- path_prefix: /api"},
    {Code::NotYet, "something that cirque cannot do yet",
     "The file asks for a feature that this version does not have, and without which the "
     "configuration would mean something else: TLS, above all. The message names it.",
     "", ""},
    {Code::TestFailed, "a test of the configuration fails",
     "One of `tests` expects another outcome than this configuration gives. `cirque explain` tells "
     "why a request goes where it goes.",
     "", ""},
    {Code::PageSource, "an error page with no text, or with two",
     "A page comes from a file or stands here as a text, and an entry of error_pages has one for "
     "html, for json, or for both.",
     "html: {file: 5xx.html, text: '<h1>{status}</h1>'}", "html: {file: 5xx.html}"},

    {Code::BadRateLimit, "a rate limit that contradicts itself",
     "Parts of the limit do not go together: a prefix of addresses where the key has no address, "
     "entries where there is no key, a credit that fills up in more than a year, one limit twice "
     "in a list. In cell routing a limit is of a placement or of a routing key, not of both.",
     "{name: a, requests: 5, ipv6_prefix: 56}",
     "{name: a, requests: 5, key: [address], ipv6_prefix: 56}"},
    {Code::BadSecret, "a secret that cannot be used",
     "Keys and the like stand in files of their own, which the configuration names as file:PATH, "
     "so "
     "that they are in no history of configurations and no message. The file has to be there, and "
     "what is in it has to be long enough that nobody guesses it.",
     "keys: [hunter2]", "keys: ['file:sticky.key']"},
    {Code::BadCertificate, "a certificate that cannot be used",
     "The file has to be there and to be readable, and to have a certificate in PEM form, the "
     "server's own first and then those that vouch for it. The message says what is wrong with it.",
     "certificate: /etc/ssl/example.der", "certificate: /etc/ssl/example.pem"},
    {Code::BadKey, "a private key that cannot be used",
     "The file has to be there and to be readable, and to have a private key in PEM form that is "
     "not encrypted: there is nobody who could be asked for a passphrase.",
     "-----BEGIN ENCRYPTED PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"},
    {Code::KeyMismatch, "a key that is not the certificate's",
     "The key in one file does not belong to the first certificate in the other. Either a file was "
     "renewed without the other, or the certificates stand in the wrong order: the server's own "
     "comes first.",
     "", ""},
    {Code::BadHealthCheck, "a health check that cannot be made",
     "A field that is no field, or that is not for a configuration to say: those that end a "
     "message or concern the connection are the check's own, and Host is health_check.host. Or the "
     "body of an answer is looked at that has none.",
     "health_check: {path: /up, headers: {Host: a.example}}",
     "health_check: {path: /up, host: a.example}"},

    {Code::OpenMetrics, "metrics or orders for everybody (warning)",
     "Metrics name services and backends and count requests and failures: useful to an attacker. "
     "Unless a "
     "firewall or a container network guards the port, listen on the loopback address.",
     "listen: '0.0.0.0:9090'", "listen: '127.0.0.1:9090'"},
    {Code::TrustsEverybody, "every client is trusted (warning)",
     "X-Forwarded-For of a trusted proxy is believed. With 0.0.0.0/0 or ::/0 any client can claim "
     "any address, "
     "in the logs and towards the upstreams.",
     "trusted_proxies: ['0.0.0.0/0']", "trusted_proxies: ['10.0.0.0/8']"},
    {Code::SlowHealthCheck, "a health check that overlaps the next (warning)",
     "When a check may take as long as the time between two, an upstream that hangs is checked all "
     "the time, and "
     "is found out later than the frequency promises.",
     "timeout_ms: 5000\nfrequency_secs: 5", "timeout_ms: 500\nfrequency_secs: 5"},
    {Code::DuplicateUpstream, "an upstream twice in the list (warning)",
     "It takes two turns in every round. That may be meant as a weight; more often a line was "
     "copied and not "
     "changed.",
     "upstreams: ['10.0.0.1:80', '10.0.0.1:80']", "upstreams: ['10.0.0.1:80', '10.0.0.2:80']"},
    {Code::UnusedPath, "a log path that nothing is written to (warning)",
     "A path is used with output: file alone.", "path: /var/log/cirque/access.log",
     "output: file\npath: /var/log/cirque/access.log"},
    {Code::TimeoutsContradict, "a time-out that is never reached (warning)",
     "timeouts.request_total ends a request whatever it waits for, so a longer time-out for a part "
     "of it has no "
     "effect.",
     "request_total: 30s\nupstream_header: 60s", "request_total: 5m\nupstream_header: 60s"},
    {Code::UnusedPool, "a pool that no route leads to (warning)",
     "Its backends are checked for health and never get a request. A route may have lost it, or "
     "name another by mistake.",
     "", ""},
    {Code::UnusedListener, "a listener without virtual hosts (warning)",
     "Whoever connects there gets 404 whatever he asks.", "", ""},
    {Code::NoEffect, "a setting without effect (warning)",
     "It belongs to another setting, which is not there; or the file, in the language of another "
     "proxy, asks for what this version of cirque reads but does not act upon. Requests are served "
     "without it.",
     "balance: {hash_by: path}", "balance: {method: hash, hash_by: path}"},
    {Code::CannotListen, "an address that cannot be listened on here (warning)",
     "On the machine where this was checked another process has the address, or the machine does "
     "not have it, or the user may not listen on it. The cirque that runs with this configuration "
     "is not in the way: it answers at the configuration's admin.listen, or else metrics.listen. "
     "With --elsewhere it is not looked at; files that the configuration names are.",
     "", ""},
    {Code::OverBudget, "more connections than descriptors (warning)",
     "Every client takes a file descriptor, and its backend another. Beyond the hard limit of the "
     "process clients wait in the kernel's queue, however high limits.connections is.",
     "", ""},
    {Code::UnusedRateLimit, "a rate limit that nothing names (warning)",
     "It limits nothing: name it in rate_limits of a listener, virtual host, route or pool.", "",
     ""},
    {Code::OpenSecret, "a secret that everybody may read (warning)",
     "Every user of this machine can read that file.", "-rw-r--r-- sticky.key",
     "-rw------- sticky.key"},
    {Code::ExpiredCertificate, "a certificate whose time it is not (warning)",
     "It has expired or is not valid yet, by the clock of this machine: clients refuse it. Nothing "
     "is held up by that, so that one certificate of many cannot keep the others from changing.",
     "", ""},
    {Code::CertificateName, "a certificate for others (warning)",
     "The certificate does not name a host that it is to be used for, so its clients refuse it. "
     "What counts is its subjectAltName; a common name does not.",
     "hosts: [example.org]  # the certificate: example.com", "hosts: [example.com]"},
    {Code::CannotWrite, "a file that cannot be written here (warning)",
     "On the machine where this was checked the folder is not there, or the user may not write "
     "into it, or the name is that of something else. A log that cannot be opened prevents the "
     "start. With --elsewhere it is not looked at.",
     "", ""},
    {Code::UnusedTable, "a routing table that no route uses (warning)",
     "No request is looked up in it. A route may have lost it, or name another by mistake.", "",
     ""},
    {Code::UnusedBackend, "a backend that nothing uses (warning)",
     "No pool names it, and no route or pool asks for any tag. Where tags are asked for, a backend "
     "with others is not told of: it may stand by for the day when its tag is the one.",
     "pools: [{name: web, backends: ['10.0.0.1:80']}]\n"
     "backends: [{id: web-1, address: '10.0.0.1:80'}]",
     "pools: [{name: web, backends: [web-1]}]\n"
     "backends: [{id: web-1, address: '10.0.0.1:80'}]"},
    {Code::RedirectCircle, "a redirect that leads to itself (warning)",
     "A client that follows the redirect comes back to the same route, again and again, until it "
     "gives up. Where the route takes all paths below one, the target is one of these.",
     "- path_prefix: /\n  redirect: {path: /soon}",
     "- path_prefix: /\n  redirect: {path: /soon}\n"
     "- path: /soon\n  respond: {status: 503}"},
};

// The environment can bring control characters into a message; a terminal must not obey them.
std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7f) {
      out += fmt::format("\\x{:02x}", code);
    } else {
      out += c;
    }
  }
  return out;
}

bool starts_char(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

// The byte at which a character starts; the size when there are fewer.
std::size_t byte_of(std::string_view text, std::size_t character) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (starts_char(text[at]) && character-- == 0) break;
  }
  return at;
}

std::size_t chars_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, starts_char));
}

// A tab in front of the caret would move it; as a space it is as wide as any other character. A
// line that is not text (the finding may be about just that) gets question marks.
std::string shown_as_text(const Finding& f) {
  std::string line = f.source;
  bool is_ascii_only = f.code == Code::BadCharacter;
  for (char& c : line) {
    auto code = static_cast<unsigned char>(c);
    if (c == '\t') {
      c = ' ';
    } else if (code < 0x20 || code == 0x7f || (is_ascii_only && code >= 0x80)) {
      c = '?';
    }
  }
  return line;
}

void append_source(std::string& out, const Finding& f) {
  if (f.line == 0 || f.source.empty()) return;
  auto line = shown_as_text(f);
  auto column = f.column > f.skipped ? std::size_t{f.column} - 1 - f.skipped : 0;
  auto skipped = column > kShownCharsMax / 2 && chars_of(line) > kShownCharsMax
                     ? column - kShownCharsMax / 2
                     : 0;
  auto from = byte_of(line, skipped);
  auto window = std::string_view(line).substr(from);
  auto shown = window.substr(0, byte_of(window, kShownCharsMax));
  auto room = std::max(chars_of(shown), column - skipped + 1) - (column - skipped);
  auto number = fmt::format("{}", f.line);
  out += fmt::format(" {} | {}\n", number, shown);
  if (f.column == 0) return;
  auto width = std::min<std::size_t>(f.width, room);
  out += fmt::format(" {:{}} | {:{}}^{:~<{}}\n", "", number.size(), "", column - skipped, "",
                     width - 1);
}

}  // namespace

std::string text_of(Code code) {
  return fmt::format("CQ{}", static_cast<unsigned>(code));
}

std::string render(const Finding& finding) {
  std::string out = printable(finding.file);
  if (finding.line > 0) out += fmt::format(":{}:{}", finding.line, finding.column);
  out += fmt::format(": {} {}: {}\n", finding.severity == Severity::Error ? "error" : "warning",
                     text_of(finding.code), printable(finding.message));
  append_source(out, finding);
  if (!finding.expected.empty())
    out += fmt::format("   expected: {}\n", printable(finding.expected));
  if (!finding.hint.empty()) out += fmt::format("   {}\n", printable(finding.hint));
  return out;
}

std::string render(std::span<const Finding> findings) {
  std::string out;
  for (const auto& finding : findings) out += render(finding);
  return out;
}

std::span<const Explanation> explanations() {
  return kExplanations;
}

const Explanation* explanation_of(std::string_view code) {
  bool has_prefix = code.size() > 2 && base::equal_fold(code.substr(0, 2), "CQ");
  auto number = base::parse_number(has_prefix ? code.substr(2) : code, 9999);
  if (!number) return nullptr;
  for (const auto& e : kExplanations) {
    if (static_cast<std::uint64_t>(e.code) == *number) return &e;
  }
  return nullptr;
}

}  // namespace cirque::config
