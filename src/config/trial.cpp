#include "config/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "config/question.h"

namespace cirque::config {
namespace {

// One test: what was expected beside what came of it.
class Trial {
 public:
  Trial(const TestCase& test, const Blueprint& blueprint, const Places& places, Report& report)
      : test_(test), blueprint_(blueprint), places_(places), report_(report) {}

  bool run() {
    const auto* lane =
        test_.listener.empty() ? &blueprint_.lanes.front() : blueprint_.lane(test_.listener);
    if (!lane) {
      return complain(test_.listener, fmt::format("there is no listener '{}'", test_.listener));
    }
    for (const auto& field : test_.headers) {
      if (base::is_token(field.key)) continue;
      return complain(field.key, fmt::format("'{}' is not the name of a field", field.key));
    }
    auto question = Question::of({test_.method, test_.url, test_.headers, test_.from},
                                 blueprint_.trusted_proxies);
    if (!question) return complain(test_.url, question.error());
    if (auto refusal = (*question)->refusal()) {
      refuse(*refusal);
    } else {
      ask(*lane, **question);
    }
    return passed_;
  }

 private:
  void ask(const LanePlan& lane, const Question& question) {
    auto facts = question.facts();
    auto match = lane.router->match(facts);
    auto decision = blueprint_.decide(lane, facts, 0);
    auto [status, reason] = blueprint_.refusal(decision);
    const auto& expect = test_.expect;
    auto host = match.host == kNone ? "none" : blueprint_.hosts[lane.hosts[match.host]];
    compare("virtual_host", expect.virtual_host, host);
    compare("route", expect.route, route_of(decision, host));
    if (!expect.pool.empty()) compare_pool(decision);
    compare_answer({status, reason});
    if (!expect.location.empty()) compare("location", expect.location, location(decision, facts));
    for (const auto& [name, value] : expect.headers) {
      compare_header(name, value, header(name, decision, facts));
    }
  }

  void compare_header(const std::string& name, const std::string& wanted,
                      const std::optional<std::string>& came) {
    if (came) return compare(name, wanted, *came);
    complain(name, fmt::format("{} is not for the configuration to decide; Location, "
                               "Content-Type, X-Routed-To and X-Route-Reason are",
                               name));
  }

  // None: it depends on more than the configuration.
  std::optional<std::string> header(std::string_view name, const Decision& decision,
                                    const route::Facts& facts) const {
    bool is_routed = decision.table && decision.kind == Decision::Kind::Forward;
    bool is_ours = decision.kind == Decision::Kind::Respond;
    if (base::equal_fold(name, "Location")) return location(decision, facts);
    if (base::equal_fold(name, "X-Routed-To")) {
      return is_routed ? blueprint_.pools[decision.index].name : "none";
    }
    if (base::equal_fold(name, "X-Route-Reason")) {
      return std::string(is_routed ? decision.route_reason(decision.index) : "none");
    }
    if (base::equal_fold(name, "Content-Type") && is_ours) {
      return blueprint_.responds[decision.index].content_type;
    }
    return std::nullopt;
  }

  // Before anybody asks for a route.
  void refuse(const Refusal& refusal) {
    const auto& expect = test_.expect;
    compare("virtual_host", expect.virtual_host, "none");
    compare("route", expect.route, "none");
    compare("pool", expect.pool, "none");
    compare_answer(refusal);
    compare("location", expect.location, "none");
    for (const auto& [name, value] : expect.headers) compare(name, value, "none");
  }

  void compare_answer(const Refusal& answer) {
    const auto& expect = test_.expect;
    auto [status, reason] = answer;
    if (expect.status != 0 && expect.status != static_cast<unsigned>(status)) {
      auto what =
          status == 0 ? std::string("the request is sent on") : fmt::format("it is {}", status);
      complain(expect.status, fmt::format("status {} was expected, but {}", expect.status, what));
    }
    compare("reason", expect.reason, reason.empty() ? "none" : reason);
  }

  static std::string_view route_of(const Decision& decision, std::string_view host) {
    if (!decision.route || decision.route->label.empty()) return "none";
    return std::string_view(decision.route->label).substr(host.size() + 1);
  }

  std::string location(const Decision& decision, const route::Facts& facts) const {
    if (decision.kind != Decision::Kind::Redirect) return "none";
    return location_of(blueprint_.redirects[decision.index], "http", facts.host, facts.path,
                       facts.query);
  }

  // Of a split, any side that it can go to.
  void compare_pool(const Decision& decision) {
    const auto& wanted = test_.expect.pool;
    bool is_split = decision.route && decision.route->target.kind == Target::Kind::Split;
    if (is_split) {
      const auto& split = blueprint_.splits[decision.route->target.index];
      for (std::size_t i = 0; i < split.pools.size(); ++i) {
        if (split.weights[i] > 0 && blueprint_.pools[split.pools[i]].name == wanted) return;
      }
    }
    bool is_sent = decision.kind == Decision::Kind::Forward;
    compare("pool", wanted, is_sent ? blueprint_.pools[decision.index].name : "none");
  }

  void compare(std::string_view what, const std::string& wanted, std::string_view came) {
    if (wanted.empty() || wanted == came) return;
    complain(wanted, fmt::format("{} {} was expected, but it is {}", what, wanted, came));
  }

  bool complain(const auto& field, const std::string& message) {
    const auto* spot = places_.at(&field);
    auto name = test_.name.empty() ? test_.url : test_.name;
    report_.add(Code::TestFailed, spot ? *spot : Spot{}, places_.path(&field),
                fmt::format("test '{}': {}", name, message));
    passed_ = false;
    return false;
  }

  const TestCase& test_;
  const Blueprint& blueprint_;
  const Places& places_;
  Report& report_;
  bool passed_ = true;
};

}  // namespace

std::size_t run_tests(const Model& model, const Blueprint& blueprint, const Places& places,
                      Report& report) {
  std::size_t failed = 0;
  for (const auto& test : model.tests) {
    failed += !Trial(test, blueprint, places, report).run();
  }
  return failed;
}

}  // namespace cirque::config
