#include "config/line_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace cirque::config {
namespace {

// The search takes its square in time and twice its square in bytes: 8 MB.
constexpr int kEditsMax = 2000;
constexpr std::size_t kContextLines = 3;  // as diff -u

struct Edit {
  char sign;  // ' ' in both, '-' before alone, '+' after alone
  std::string_view line;
};

using Edits = std::vector<Edit>;
using Lines = std::span<const std::string_view>;

// With their line breaks, so that a last line without one is different from one with it.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto size = std::min(text.size(), text.find('\n')) + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(std::min(size, text.size()));
  }
  return lines;
}

// Eugene W. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), the greedy one. A
// point (x, y) means that x lines of `before` and y of `after` are dealt with; points with the same
// x - y are on one diagonal.
class Search {
 public:
  Search(Lines before, Lines after)
      : before_(before),
        after_(after),
        width_(static_cast<int>(before.size())),
        height_(static_cast<int>(after.size())) {}

  std::optional<Edits> run() {
    int rounds = std::min(width_ + height_, kEditsMax);
    for (int edits = 0; edits <= rounds; ++edits) {
      if (goes_to_the_end(edits)) return way_back(edits);
    }
    return std::nullopt;
  }

 private:
  // The furthest x with so many edits, on each diagonal from -edits to edits by twos.
  using Round = std::vector<int>;

  static int furthest(const Round& round, int edits, int diagonal) {
    return round[static_cast<std::size_t>((diagonal + edits) / 2)];
  }

  // Is the last edit before this diagonal an added line (y grows), rather than a removed one?
  bool came_by_adding(int edits, int diagonal) const {
    if (diagonal == -edits) return true;
    if (diagonal == edits) return false;
    const auto& last = rounds_[static_cast<std::size_t>(edits - 1)];
    return furthest(last, edits - 1, diagonal - 1) < furthest(last, edits - 1, diagonal + 1);
  }

  // Right behind the last edit.
  int arrival(int edits, int diagonal) const {
    if (edits == 0) return 0;
    const auto& last = rounds_[static_cast<std::size_t>(edits - 1)];
    return came_by_adding(edits, diagonal) ? furthest(last, edits - 1, diagonal + 1)
                                           : furthest(last, edits - 1, diagonal - 1) + 1;
  }

  bool goes_to_the_end(int edits) {
    Round round;
    round.reserve(static_cast<std::size_t>(edits) + 1);
    for (int diagonal = -edits; diagonal <= edits; diagonal += 2) {
      int x = arrival(edits, diagonal);
      int y = x - diagonal;
      for (; x < width_ && y < height_ && line(before_, x) == line(after_, y); ++x) ++y;
      round.push_back(x);
      if (x >= width_ && y >= height_) return true;
    }
    rounds_.push_back(std::move(round));
    return false;
  }

  Edits way_back(int edits) const {
    Edits found;
    int x = width_, y = height_;
    for (; x > 0 || y > 0; --edits) {
      int diagonal = x - y;
      for (int start = arrival(edits, diagonal); x > start; --x, --y)
        found.push_back({' ', line(before_, x - 1)});
      if (edits == 0) break;
      if (came_by_adding(edits, diagonal)) {
        found.push_back({'+', line(after_, --y)});
      } else {
        found.push_back({'-', line(before_, --x)});
      }
    }
    std::ranges::reverse(found);
    return found;
  }

  static std::string_view line(Lines lines, int number) {
    return lines[static_cast<std::size_t>(number)];
  }

  Lines before_, after_;
  int width_, height_;
  std::vector<Round> rounds_;
};

void add(Edits& edits, char sign, Lines lines) {
  for (auto line : lines) edits.push_back({sign, line});
}

// What both have at their ends is most of them, and needs no search.
Edits edits_between(Lines before, Lines after) {
  auto ahead = std::ranges::mismatch(before, after);
  auto same_ahead = static_cast<std::size_t>(ahead.in1 - before.begin());
  auto rest_before = before.subspan(same_ahead), rest_after = after.subspan(same_ahead);
  std::size_t same_behind = 0;
  while (same_behind < std::min(rest_before.size(), rest_after.size()) &&
         rest_before[rest_before.size() - same_behind - 1] ==
             rest_after[rest_after.size() - same_behind - 1])
    ++same_behind;
  auto middle_before = rest_before.first(rest_before.size() - same_behind);
  auto middle_after = rest_after.first(rest_after.size() - same_behind);

  Edits edits;
  add(edits, ' ', before.first(same_ahead));
  if (auto found = Search(middle_before, middle_after).run()) {
    edits.insert(edits.end(), found->begin(), found->end());
  } else {
    add(edits, '-', middle_before);
    add(edits, '+', middle_after);
  }
  add(edits, ' ', rest_before.last(same_behind));
  return edits;
}

bool is_change(const Edit& edit) {
  return edit.sign != ' ';
}

struct Hunk {
  std::size_t begin, end;  // of the edits
};

// The next changes behind `from` with their context; changes whose contexts touch are one hunk.
std::optional<Hunk> next_hunk(const Edits& edits, std::size_t from) {
  auto first =
      std::find_if(edits.begin() + static_cast<std::ptrdiff_t>(from), edits.end(), is_change);
  if (first == edits.end()) return std::nullopt;
  auto last = static_cast<std::size_t>(first - edits.begin());
  auto begin = std::max(from, last - std::min(last, kContextLines));
  for (auto at = last + 1; at < edits.size() && at - last <= 2 * kContextLines + 1; ++at) {
    if (is_change(edits[at])) last = at;
  }
  return Hunk{begin, std::min(edits.size(), last + 1 + kContextLines)};
}

std::size_t lines_without(char sign, std::span<const Edit> edits) {
  return static_cast<std::size_t>(
      std::ranges::count_if(edits, [&](const Edit& e) { return e.sign != sign; }));
}

// "-3,7": from line 3, 7 lines; no lines are said to be behind the line ahead of them.
std::string range(const Edits& edits, const Hunk& hunk, char without) {
  std::span all(edits);
  auto ahead = lines_without(without, all.first(hunk.begin));
  auto count = lines_without(without, all.subspan(hunk.begin, hunk.end - hunk.begin));
  return fmt::format("{},{}", count == 0 ? ahead : ahead + 1, count);
}

std::string text_of(const Edits& edits, const Hunk& hunk) {
  auto out = fmt::format("@@ -{} +{} @@\n", range(edits, hunk, '+'), range(edits, hunk, '-'));
  for (auto at = hunk.begin; at < hunk.end; ++at) {
    const auto& edit = edits[at];
    out += edit.sign;
    out += edit.line;
    if (!edit.line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
  }
  return out;
}

}  // namespace

std::string line_diff(const Named& before, const Named& after) {
  if (before.text == after.text) return {};
  auto edits = edits_between(lines_of(before.text), lines_of(after.text));
  auto out = fmt::format("--- {}\n+++ {}\n", before.name, after.name);
  for (auto hunk = next_hunk(edits, 0); hunk; hunk = next_hunk(edits, hunk->end))
    out += text_of(edits, *hunk);
  return out;
}

}  // namespace cirque::config
