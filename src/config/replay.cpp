#include "config/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

namespace cirque::config {
namespace {

// The listener that its client would come to: it may have another name by now.
const LanePlan* lane_for(const Blueprint& after, const Blueprint& before, std::string_view name) {
  if (const auto* same = after.lane(name)) return same;
  const auto* old = before.lane(name);
  auto found = std::ranges::find_if(
      after.lanes, [&](const LanePlan& lane) { return old && lane.address == old->address; });
  return found == after.lanes.end() ? nullptr : &*found;
}

std::string outcome_of(const Blueprint& blueprint, const LanePlan* lane, const Sample& sample,
                       const Question& question, std::uint64_t chance) {
  if (!lane) return fmt::format("nowhere: the listener {} is gone", sample.listener);
  auto facts = question.facts();
  auto decision = blueprint.decide(*lane, facts, chance);
  auto [status, reason] = blueprint.refusal(decision);
  switch (decision.kind) {
    case Decision::Kind::Forward:
      return fmt::format("pool {}", blueprint.pools[decision.index].name);
    case Decision::Kind::Redirect:
      return fmt::format("redirect with {} to {}", status,
                         location_of(blueprint.redirects[decision.index], question.request().scheme,
                                     facts.host, facts.path, facts.query));
    case Decision::Kind::Respond:
    case Decision::Kind::Report:
      return fmt::format("answered with {}", status);
    default:
      return fmt::format("refused with {} {}", status, reason);
  }
}

void add_unknown(std::string_view what, const std::vector<std::string>& wanted,
                 const std::vector<std::string>& known, std::vector<std::string>& unknown) {
  for (const auto& name : wanted) {
    if (std::ranges::find(known, name) == known.end())
      unknown.push_back(fmt::format("{} {}", what, name));
  }
}

}  // namespace

Replay replay(std::span<const Sample> samples, const Blueprint& before, const Blueprint& after) {
  Replay result;
  std::map<std::pair<std::string, std::string>, Replay::Move> moves;
  for (const auto& sample : samples) {
    auto question = Question::of(sample.asked);
    if (!question) continue;
    ++result.tried;
    auto chance = std::hash<std::string>()(sample.asked.url) + result.tried;
    const auto* was = before.lane(sample.listener);
    const auto* is = lane_for(after, before, sample.listener);
    auto from = outcome_of(before, was, sample, **question, chance);
    auto to = outcome_of(after, is, sample, **question, chance);
    if (from == to) continue;
    auto& move = moves[{from, to}];
    if (move.count++ > 0) continue;
    move.from = std::move(from);
    move.to = std::move(to);
    move.example = fmt::format("{} {}", sample.asked.method, sample.asked.url);
  }
  for (auto& [key, move] : moves) result.moves.push_back(std::move(move));
  std::ranges::sort(result.moves, [](const auto& a, const auto& b) {
    return std::tie(b.count, a.from, a.to) < std::tie(a.count, b.from, b.to);
  });
  add_unknown("header", after.interests.fields, before.interests.fields, result.unknown);
  add_unknown("parameter", after.interests.parameters, before.interests.parameters, result.unknown);
  add_unknown("cookie", after.interests.cookies, before.interests.cookies, result.unknown);
  return result;
}

std::string render(const Replay& replay) {
  if (replay.tried == 0) return "replay: no request has come yet\n";
  std::size_t moved = 0;
  for (const auto& move : replay.moves) moved += move.count;
  auto out =
      fmt::format("replay: {} of the last {} requests would go elsewhere\n", moved, replay.tried);
  for (const auto& move : replay.moves) {
    out += fmt::format("  {:>6}  {} → {}   such as {}\n", move.count, move.from, move.to,
                       move.example);
  }
  for (const auto& name : replay.unknown) {
    out += fmt::format("  {} is asked for newly, and was not kept of these requests\n", name);
  }
  return out;
}

}  // namespace cirque::config
