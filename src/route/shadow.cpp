#include "route/shadow.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "route/text_hash.h"

namespace cirque::route {
namespace {

using Run = std::span<const Draft>;  // routes with equal paths

bool is_exact_field(const Predicate& predicate) noexcept {
  return predicate.test == Test::Exact;
}

// The hosts' routes, judged run after run: a route is hidden by an earlier one of its run, or by a
// run of another class that has all of its paths.
class Shadows {
 public:
  Shadows(const Predicates& predicates, std::uint32_t host, Findings& findings)
      : predicates_(predicates), host_(host), findings_(findings) {}

  void judge(Run drafts) {
    for (std::size_t first = 0; first < drafts.size();) {
      std::size_t end = first + 1;
      while (end < drafts.size() && drafts[end].has_paths_of(drafts[first])) ++end;
      Run run = drafts.subspan(first, end - first);
      judge_run(run);
      remember(run);
      first = end;
    }
  }

 private:
  void judge_run(Run run) {
    std::vector<Run> wider = runs_around(run.front());
    std::vector<const Draft*> loose;  // with no exact field: each may hide what follows
    std::unordered_map<std::uint64_t, std::vector<const Draft*>> exact;
    for (const Draft& draft : run) {
      const Draft* hides = hider_in(wider, draft);
      if (!hides) hides = hider_among(loose, draft);
      if (!hides) hides = hider_by_field(exact, draft);
      if (hides) {
        report(draft, *hides);
      } else if (run.size() > 1) {
        file(draft, loose, exact);
      }
    }
  }

  const Draft* hider_in(const std::vector<Run>& runs, const Draft& draft) const {
    for (Run run : runs) {
      for (const Draft& other : run.first(std::min(run.size(), kCompaniesMax))) {
        if (hides(other, draft)) return &other;
      }
    }
    return nullptr;
  }

  const Draft* hider_among(const std::vector<const Draft*>& others, const Draft& draft) const {
    auto found = std::ranges::find_if(others, [&](auto* other) { return hides(*other, draft); });
    return found == others.end() ? nullptr : *found;
  }

  // A route with an exact field hides only routes that have the same one: that is what keeps
  // thousands of routes with one path and a key each from being compared in pairs.
  const Draft* hider_by_field(
      const std::unordered_map<std::uint64_t, std::vector<const Draft*>>& exact,
      const Draft& draft) const {
    for (const Predicate& predicate : predicates_of(draft)) {
      if (!is_exact_field(predicate)) continue;
      auto others = exact.find(key_of(predicate));
      if (others == exact.end()) continue;
      if (auto* found = hider_among(others->second, draft)) return found;
    }
    return nullptr;
  }

  void file(const Draft& draft, std::vector<const Draft*>& loose,
            std::unordered_map<std::uint64_t, std::vector<const Draft*>>& exact) const {
    auto predicates = predicates_of(draft);
    auto field = std::ranges::find_if(predicates, is_exact_field);
    auto& company = field == predicates.end() ? loose : exact[key_of(*field)];
    if (company.size() < kCompaniesMax) company.push_back(&draft);
  }

  // Everything that `narrow` would take is taken by `wide`, which is tried before.
  bool hides(const Draft& wide, const Draft& narrow) const {
    auto wanted = predicates_of(narrow);
    return std::ranges::all_of(predicates_of(wide), [&](const Predicate& asked) {
      return std::ranges::any_of(
          wanted, [&](const Predicate& given) { return predicates_.implies(given, asked); });
    });
  }

  // Runs of a better class that have all the paths of `draft`.
  std::vector<Run> runs_around(const Draft& draft) const {
    if (draft.form.kind == PathClass::Regex) {
      auto around = runs_around_regex(predicates_.regex(draft.regex));
      // Regexes stand in the order of the file, so that equal ones need not be side by side.
      if (auto same = regexes_.find(draft.regex); same != regexes_.end()) {
        around.insert(around.end(), same->second.begin(), same->second.end());
      }
      return around;
    }
    if (draft.form.kind == PathClass::Any) return whole_regexes_;
    return {};
  }

  // All that matches lies between two texts. Where both lie below a prefix, all of it does.
  std::vector<Run> runs_around_regex(const Regex& regex) const {
    auto range = regex.range();
    if (!range) return {};
    std::vector<Run> around;
    std::string_view least = range->least;
    if (least == range->greatest && regex.matches(least)) add_known(exact_, least, around);
    for (auto slash = least.rfind('/'); slash != 0 && slash != std::string_view::npos;
         slash = least.rfind('/', slash - 1)) {
      auto prefix = least.substr(0, slash);
      if (is_below(regex, *range, prefix)) add_known(prefixes_, prefix, around);
    }
    return around;
  }

  // Texts from "/a/" up to "/a0", that one left out, are those that begin with "/a/".
  static bool is_below(const Regex& regex, const Regex::Range& range, std::string_view prefix) {
    std::string behind = std::string(prefix) + static_cast<char>('/' + 1);
    return range.greatest < behind || (range.greatest == behind && !regex.matches(behind));
  }

  using Known = std::unordered_map<std::string_view, std::vector<Run>>;

  static void add_known(const Known& known, std::string_view text, std::vector<Run>& to) {
    if (auto found = known.find(text); found != known.end()) {
      to.insert(to.end(), found->second.begin(), found->second.end());
    }
  }

  void remember(Run run) {
    const Draft& draft = run.front();
    switch (draft.form.kind) {
      case PathClass::Exact:
        exact_[draft.key].push_back(run);
        break;
      case PathClass::Shaped:
        if (is_prefix(draft.form.shape)) prefixes_[draft.key].push_back(run);
        break;
      case PathClass::Regex:
        regexes_[draft.regex].push_back(run);
        if (draft.form.text == ".*") whole_regexes_.push_back(run);
        break;
      case PathClass::Any:
        break;
    }
  }

  static bool is_prefix(Shape shape) noexcept {
    return shape.tail != Tail::Closed &&
           static_cast<unsigned>(std::popcount(shape.literals)) == shape.segments;
  }

  std::span<const Predicate> predicates_of(const Draft& draft) const noexcept {
    return {predicates_.begin_of(draft.predicates), draft.predicates.count};
  }

  std::uint64_t key_of(const Predicate& predicate) const noexcept {
    return text_hash(predicates_.text_of(predicate), text_hash(predicates_.name_of(predicate)));
  }

  void report(const Draft& hidden, const Draft& by) {
    findings_.push_back({Finding::Kind::Unreachable,
                         {.host = host_, .route = hidden.in_host},
                         {.host = host_, .route = by.in_host},
                         0,
                         "is never reached, because another route takes all of its requests"});
  }

  const Predicates& predicates_;
  std::uint32_t host_;
  Findings& findings_;
  Known exact_;
  Known prefixes_;
  std::unordered_map<std::uint32_t, std::vector<Run>> regexes_;
  std::vector<Run> whole_regexes_;
};

}  // namespace

void find_unreachable(std::span<const Draft> drafts, const Predicates& predicates,
                      std::uint32_t host, Findings& findings) {
  if (drafts.size() > 1) Shadows(predicates, host, findings).judge(drafts);
}

}  // namespace cirque::route
