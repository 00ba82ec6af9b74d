#include "config/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/text.h"
#include "route/doubt.h"

namespace cirque::config {
namespace {

using Names = std::vector<std::string>;

// The listener that its client would come to: it may have another name by now.
const LanePlan* lane_for(const Blueprint& after, const Blueprint& before, std::string_view name) {
  if (const auto* same = after.lane(name)) return same;
  const auto* old = before.lane(name);
  auto found = std::ranges::find_if(
      after.lanes, [&](const LanePlan& lane) { return old && lane.address == old->address; });
  return found == after.lanes.end() ? nullptr : &*found;
}

bool has(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool has_field(const Names& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const auto& one) { return base::equal_fold(one, name); });
}

// Where a request may go, and what that hangs on: nothing where all of that is known.
struct Prospect {
  std::string condition;
  std::string outcome;

  bool operator==(const Prospect&) const = default;
};

using Prospects = std::vector<Prospect>;

constexpr std::string_view kByKey = "wherever its key leads";

// One sample under one configuration.
class Attempt {
 public:
  Attempt(const Blueprint& blueprint, const LanePlan* lane, const Sample& sample,
          std::uint64_t chance)
      : blueprint_(blueprint), lane_(lane), sample_(sample), chance_(chance) {}

  // Empty: the request cannot be put once more. In the order in which routes are tried; the last is
  // where it goes if nothing of what is unknown holds.
  Prospects run() {
    if (!lane_) return {{{}, fmt::format("nowhere: the listener {} is gone", sample_.listener)}};
    auto question = Question::of(sample_.asked, blueprint_.trusted_proxies);
    if (!question) return {};
    question_ = question->get();
    auto facts = question_->facts();
    Prospects prospects;
    auto judge = [&](const auto& predicates, const auto& predicate) {
      return answer(predicates, predicate, facts);
    };
    for (const auto& [match, unknown] : route::possible_matches(*lane_->router, facts, judge)) {
      auto decision = blueprint_.lead(*lane_, match, facts, chance_);
      auto condition = condition_of(match, unknown);
      bool is_by_key = decision.table && !knows_key(*decision.table);
      if (is_by_key) {
        auto header = fmt::format("routing table {} asks for header {}", decision.table->name,
                                  base::lowered(decision.table->header));
        prospects.push_back({condition.empty() ? header : condition, std::string(kByKey)});
      } else {
        prospects.push_back({std::move(condition), outcome_of(decision, facts)});
      }
    }
    return prospects;
  }

 private:
  route::Answer answer(const route::Predicates& predicates, const route::Predicate& predicate,
                       const route::Facts& facts) const {
    using route::Answer;
    auto name = predicates.name_of(predicate);
    if (predicate.part == route::Part::Header && is_secret_field(name) && sample_.kept) {
      auto holds = verdict_on(predicates, predicate, sample_.secrets);
      if (!holds) return Answer::Unknown;
      return *holds ? Answer::Holds : Answer::Fails;
    }
    if (!has_value(predicate.part, name)) return Answer::Unknown;
    return predicates.holds(predicate, facts) ? Answer::Holds : Answer::Fails;
  }

  bool has_value(route::Part part, std::string_view name) const {
    using route::Part;
    if (!sample_.kept) return true;
    switch (part) {
      case Part::Header:
        return has_header(name);
      case Part::Query:
        return has(sample_.kept->parameters, name);
      case Part::Cookie:
        return has(sample_.kept->cookies, name) && !has(sample_.left_out, "cookie");
      default:
        return true;
    }
  }

  bool has_header(std::string_view name) const {
    if (base::equal_fold(name, "host") || base::equal_fold(name, "x-forwarded-for")) return true;
    return has_field(sample_.kept->fields, name) && !has_field(sample_.left_out, name);
  }

  // Where there is no key, that is known.
  bool knows_key(const TablePlan& table) const {
    if (!sample_.kept) return true;
    if (!is_secret_field(table.header)) return has_header(table.header);
    return is_absent(table.header, sample_.secrets);
  }

  std::string condition_of(const route::Match& match,
                           const std::vector<const route::Predicate*>& unknown) const {
    if (unknown.empty()) return {};
    const auto& label = blueprint_.routes[match.target].label;
    const auto& predicates = lane_->router->plan().predicates;
    Names parts;
    for (const auto* predicate : unknown) {
      auto what = predicate->part == route::Part::Header  ? "header"
                  : predicate->part == route::Part::Query ? "parameter"
                                                          : "cookie";
      parts.push_back(fmt::format("{} {}", what, predicates.name_of(*predicate)));
    }
    auto route = label.empty() ? fmt::format("route {} of {}", match.route + 1,
                                             blueprint_.hosts[lane_->hosts[match.host]])
                               : fmt::format("route {}", label);
    return fmt::format("{} asks for {}", route, fmt::join(parts, " and "));
  }

  std::string outcome_of(const Decision& decision, const route::Facts& facts) const {
    auto [status, reason] = blueprint_.refusal(decision);
    switch (decision.kind) {
      case Decision::Kind::Forward:
        return fmt::format("pool {}", blueprint_.pools[decision.index].name);
      case Decision::Kind::Redirect:
        return fmt::format(
            "redirect with {} to {}", status,
            location_of(blueprint_.redirects[decision.index], question_->request().scheme,
                        facts.host, facts.path, facts.query));
      case Decision::Kind::Respond:
      case Decision::Kind::Report:
        return fmt::format("answered with {}", status);
      default:
        return fmt::format("refused with {} {}", status, reason);
    }
  }

  const Blueprint& blueprint_;
  const LanePlan* lane_;
  const Sample& sample_;
  std::uint64_t chance_;
  const Question* question_ = nullptr;
};

Names outcomes_of(const Prospects& prospects) {
  Names outcomes;
  for (const auto& prospect : prospects) {
    if (!has(outcomes, prospect.outcome)) outcomes.push_back(prospect.outcome);
  }
  return outcomes;
}

// What a request was, as its client would write it.
std::string text_of(const Asked& asked) {
  return fmt::format("{} {}", asked.method, asked.url);
}

class Replaying {
 public:
  Replaying(const Blueprint& before, const Blueprint& after) : before_(before), after_(after) {}

  void add(const Sample& sample) {
    auto chance = std::hash<std::string>()(sample.asked.url) + tried_ + 1;
    auto is_lane = lane_for(after_, before_, sample.listener);
    auto was = Attempt(before_, before_.lane(sample.listener), sample, chance).run();
    auto is = Attempt(after_, is_lane, sample, chance).run();
    if (was.empty() || is.empty()) return;
    ++tried_;
    bool is_vague = std::max(was.size(), is.size()) > route::kPossibleMax;
    if (is_vague) return doubt(was, is);
    auto from = outcomes_of(was);
    auto to = outcomes_of(is);
    bool is_by_key = has(from, kByKey) || has(to, kByKey);
    bool is_the_same = !is_by_key && (was == is || (from.size() == 1 && from == to));
    if (is_the_same) return;
    bool may_stay = is_by_key || std::ranges::any_of(from, [&](auto& one) { return has(to, one); });
    if (may_stay) return doubt(was, is);
    auto& requests = moves_[{join(from), join(to)}];
    ++requests[text_of(sample.asked)];
  }

  Replay result() {
    Replay result;
    result.tried = tried_;
    for (auto& [way, requests] : moves_) {
      Replay::Move move{.from = way.first, .to = way.second, .requests = {}};
      for (auto& [text, count] : requests) {
        move.count += count;
        move.requests.push_back({text, count});
      }
      std::ranges::sort(move.requests, [](auto& a, auto& b) {
        return std::tie(b.count, a.text) < std::tie(a.count, b.text);
      });
      result.moves.push_back(std::move(move));
    }
    for (auto& [why, count] : doubts_) result.doubts.push_back({why, count});
    std::ranges::sort(result.moves, [](auto& a, auto& b) {
      return std::tie(b.count, a.from, a.to) < std::tie(a.count, b.from, b.to);
    });
    std::ranges::sort(result.doubts, [](auto& a, auto& b) {
      return std::tie(b.count, a.why) < std::tie(a.count, b.why);
    });
    return result;
  }

 private:
  static std::string join(const Names& outcomes) {
    return fmt::format("{}", fmt::join(outcomes, " or "));
  }

  // By the first that is asked for and not known; later configurations first: theirs can be mended.
  void doubt(const Prospects& was, const Prospects& is) {
    for (const auto* prospects : {&is, &was}) {
      auto found =
          std::ranges::find_if(*prospects, [](auto& one) { return !one.condition.empty(); });
      if (found == prospects->end()) continue;
      ++doubts_[found->condition];
      return;
    }
  }

  const Blueprint& before_;
  const Blueprint& after_;
  std::size_t tried_ = 0;
  std::map<std::pair<std::string, std::string>, std::map<std::string, std::size_t>> moves_;
  std::map<std::string, std::size_t> doubts_;
};

void add_unknown(std::string_view what, const Names& wanted, const Names& known, Names& unknown) {
  for (const auto& name : wanted) {
    if (std::ranges::find(known, name) == known.end())
      unknown.push_back(fmt::format("{} {}", what, name));
  }
}

}  // namespace

Replay replay(std::span<const Sample> samples, const Blueprint& before, const Blueprint& after) {
  Replaying replaying(before, after);
  for (const auto& sample : samples) replaying.add(sample);
  auto result = replaying.result();
  const auto& wanted = *after.interests;
  const auto& known = *before.interests;
  add_unknown("header", wanted.fields, known.fields, result.unknown);
  add_unknown("parameter", wanted.parameters, known.parameters, result.unknown);
  add_unknown("cookie", wanted.cookies, known.cookies, result.unknown);
  return result;
}

std::string render(const Replay& replay) {
  if (replay.tried == 0) return "replay: no request has come yet\n";
  constexpr std::size_t kListedMax = 100;  // what a person may read through
  std::size_t moved = 0;
  for (const auto& move : replay.moves) moved += move.count;
  auto out =
      fmt::format("replay: {} of the last {} requests would go elsewhere\n", moved, replay.tried);
  std::size_t listed = 0;
  Replay::Requests rest;
  std::size_t kinds = 0;
  for (const auto& move : replay.moves) {
    out += fmt::format("  {:>6}  {} → {}\n", move.count, move.from, move.to);
    for (const auto& [text, count] : move.requests) {
      if (listed++ < kListedMax) {
        out += fmt::format("  {:>9}  {}\n", count, text);
      } else {
        rest.count += count;
        ++kinds;
      }
    }
  }
  if (kinds > 0) out += fmt::format("  {:>9}  others, of {} kinds\n", rest.count, kinds);
  for (const auto& [why, count] : replay.doubts) {
    out += fmt::format("  {:>6}  cannot be judged: {}, of which too little is kept\n", count, why);
  }
  for (const auto& name : replay.unknown) {
    out += fmt::format("  {} is asked for newly, and was not kept of these requests\n", name);
  }
  return out;
}

}  // namespace cirque::config
