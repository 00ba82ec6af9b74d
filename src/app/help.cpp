#include "app/help.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/why.h"
#include "base/text.h"
#include "config/docs.h"
#include "config/options.h"

namespace cirque::app {
namespace {

using config::roff;
using config::words_of;
using config::wrapped;

std::string_view name_of(const VerbRow& row) {
  return words_of(row.names)[0];
}

// "-c, -f, --config FILE"
std::string spelled(const FlagRow& flag) {
  auto names = words_of(flag.names);
  std::ranges::rotate(names, names.begin() + 1);  // the short ones first
  auto out = fmt::format("{}", fmt::join(names, ", "));
  return flag.value.empty() ? out : fmt::format("{} {}", out, flag.value);
}

std::string flag_text(const FlagRow& flag) {
  auto out = fmt::format("  {}\n", spelled(flag));
  std::string text(flag.text);
  if (!flag.environment.empty()) text += fmt::format(" Environment: {}.", flag.environment);
  return out + wrapped(text, 6);
}

template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  while (!text.empty()) {
    auto end = text.find('\n');
    visit(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
}

std::string examples_text(std::string_view examples) {
  std::string out = "\nExamples:\n";
  for_each_line(examples, [&](std::string_view line) {
    auto note = line.find("  # ");
    out += note == line.npos
               ? fmt::format("  {}\n", line)
               : fmt::format("  {:<40} {}\n", line.substr(0, note), line.substr(note + 2));
  });
  return out;
}

struct Variable {
  std::string_view name;
  std::string_view text;
};

constexpr Variable kVariables[] = {
    {"CONFIG_PATH", "The configuration, when --config is not given."},
    {"WORKER_THREADS", "Threads that serve requests, when --workers is not given."},
    {"CIRQUE_LOG", "The level of the log, when --log-level is not given."},
    {"CIRQUE_STATE_DIR", "Where versions of the configuration are, when --state-dir is not given."},
    {"RUST_LOG",
     "Understood in its place, also as in pingora=debug,info: the level without a name counts, "
     "else the last."},
};

struct Signal {
  std::string_view names;
  std::string_view text;
};

constexpr Signal kSignals[] = {
    {"TERM, INT",
     "Stop in good order: accept nothing more, let requests end for timeouts.drain. A second one "
     "stops at once."},
    {"HUP",
     "Read the configuration again; `cirque reload` does so too, and waits for the verdict."},
    {"USR1", "Open the log files anew."},
};

struct Status {
  int number;
  std::string_view text;
};

constexpr Status kStatuses[] = {
    {0, "All is well."},
    {1,
     "The configuration is wrong, the proxy cannot start, or there is no such version or reason."},
    {2, "The command line is wrong, or a stop had to be forced."},
};

std::string overview() {
  std::string out = "cirque, a reverse proxy\n\nUsage: cirque [VERB] [FLAGS]\n\nVerbs:\n";
  for (const auto& row : verbs()) {
    auto left = fmt::format("{} {}", name_of(row), row.arguments);
    out += fmt::format("  {:<16} {}\n", left, row.brief);
  }
  out += "\nFlags:\n";
  for (const auto& flag : flags()) {
    bool is_of_help = flag.verbs == "help";
    if (!is_of_help) out += flag_text(flag);
  }
  out += "\nEnvironment:\n";
  for (const auto& v : kVariables) out += fmt::format("  {}\n{}", v.name, wrapped(v.text, 6));
  out += examples_text(
      "cirque demo  # try it, with backends of its own\n"
      "cirque --config site.yaml  # run\n"
      "cirque validate site.yaml  # list every mistake\n"
      "cirque help config  # all keys of the configuration\n"
      "cirque help CQ1203  # what a finding means\n"
      "cirque why no_route  # what an answer's reason means");
  return out;
}

std::string verb_text(const VerbRow& row) {
  auto out = fmt::format("Usage: cirque {} [FLAGS]{}{}\n\n{}", name_of(row),
                         row.arguments.empty() ? "" : " ", row.arguments, wrapped(row.text, 0));
  auto names = words_of(row.names);
  if (names.size() > 1) {
    names.erase(names.begin());
    out += fmt::format("\nAlso: {}\n", fmt::join(names, ", "));
  }
  out += "\nFlags:\n";
  for (const auto& flag : flags()) {
    bool tells_something =
        goes_with(flag, row.verb) && !(flag.verbs.empty() && row.verb != Verb::Run);
    if (tells_something) out += flag_text(flag);
  }
  return out + examples_text(row.examples);
}

std::string man_page() {
  auto out = fmt::format(
      ".\\\" Made by `cirque help --man`.\n.TH CIRQUE 8 \"\" \"cirque {}\" \"System "
      "administration\"\n"
      ".SH NAME\ncirque \\- reverse proxy\n.SH SYNOPSIS\n.B cirque\n[\\fIverb\\fR] "
      "[\\fIflags\\fR]\n"
      ".SH DESCRIPTION\nCirque takes HTTP requests and passes them on to the healthy backends of a "
      "service. "
      "What it serves is in a configuration file; see\n.BR cirque.yaml (5).\n.SH VERBS\n",
      roff(version()));
  for (const auto& row : verbs()) {
    out +=
        fmt::format(".TP\n.B {} {}\n{}\n", roff(name_of(row)), roff(row.arguments), roff(row.text));
    auto names = words_of(row.names);
    names.erase(names.begin());
    if (!names.empty())
      out += fmt::format("Also: {}.\n", roff(fmt::format("{}", fmt::join(names, ", "))));
  }
  out += ".SH FLAGS\n";
  for (const auto& flag : flags()) {
    out += fmt::format(".TP\n.B {}\n{}\n", roff(spelled(flag)), roff(flag.text));
    if (!flag.environment.empty()) out += fmt::format("Environment: {}.\n", roff(flag.environment));
  }
  out += ".SH ENVIRONMENT\n";
  for (const auto& v : kVariables)
    out += fmt::format(".TP\n.B {}\n{}\n", roff(v.name), roff(v.text));
  out += ".SH SIGNALS\n";
  for (const auto& s : kSignals)
    out += fmt::format(".TP\n.B {}\n{}\n", roff(s.names), roff(s.text));
  out += ".SH EXIT STATUS\n";
  for (const auto& s : kStatuses) out += fmt::format(".TP\n.B {}\n{}\n", s.number, roff(s.text));
  out += ".SH FILES\n";
  for (const char* path : kDefaultConfigs)
    out += fmt::format(".TP\n.I {}\nThe configuration.\n", roff(path));
  out += ".SH EXAMPLES\n.nf\n";
  for (const auto& row : verbs()) {
    for_each_line(row.examples, [&](std::string_view line) { out += roff(line) + "\n"; });
  }
  out += ".fi\n.SH SEE ALSO\n.BR cirque.yaml (5)\n";
  return out;
}

std::expected<std::string, Misuse> on_topic(std::string_view topic) {
  auto row = std::ranges::find_if(verbs(), [&](auto& r) {
    return std::ranges::any_of(words_of(r.names), [&](auto n) { return n == topic; });
  });
  // A verb, and what the verb is about.
  if (topic == "config") return config::overview_text() + "\n" + verb_text(row_of(Verb::Config));
  if (topic == "version") {
    return config::option_text(*config::canonical().at("version")) + "\n" +
           verb_text(row_of(Verb::Version));
  }
  if (row != verbs().end()) return verb_text(*row);
  if (topic == "codes") return config::codes_text();
  if (const auto* code = config::explanation_of(topic)) return config::explanation_text(*code);
  if (const auto* option = config::topic_of(topic)) return config::option_text(*option);
  if (observe::is_reason(topic))
    return reason_text(observe::reasons()[observe::reason_index(topic)]);
  std::vector<std::string_view> topics = {"config", "codes"};
  for (const auto& r : verbs()) std::ranges::copy(words_of(r.names), std::back_inserter(topics));
  for (const auto& option : config::canonical().options()) {
    topics.push_back(option.path);
    topics.push_back(option.key());
  }
  auto meant = nearest(topic, topics);
  return std::unexpected(Misuse{
      fmt::format("no help on '{}'", topic),
      meant.empty() ? "topics: a verb, config, a key of the configuration, codes, a code, or "
                      "a reason"
                    : fmt::format("did you mean '{}'?", meant)});
}

}  // namespace

std::expected<std::string, Misuse> help(const Command& command) {
  bool on_config = !command.words.empty() && command.words.front() == "config";
  if (command.page == Page::Markdown) return config::markdown();
  if (command.page == Page::Man) return on_config ? config::man_page(version()) : man_page();
  if (command.words.empty()) return overview();
  return on_topic(command.words.back());  // "config timeouts" is the same as "timeouts"
}

}  // namespace cirque::app
