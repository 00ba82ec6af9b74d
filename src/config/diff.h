#pragma once
// What differs between two models, by the table of options: what an operator wants to see before a
// reload. Items of lists are known by their names, so that what has only moved has not changed;
// where the order counts, as among routes that are equally specific, the new order is told.
#include <span>
#include <string>
#include <vector>

#include "config/model.h"
#include "config/print.h"

namespace cirque::config {

// An item of a list: "virtual_hosts" and "shop".
struct ChangedItem {
  std::string list;
  std::string name;  // with "#2" for the second of its list, where a name alone does not tell which
  std::size_t position = 0;  // in its list, of the later model unless it is removed

  bool operator==(const ChangedItem&) const = default;
};

struct Change {
  enum class Kind : std::uint8_t { Added, Removed, Changed, Moved };

  Kind kind;
  std::vector<ChangedItem> at;  // from the top down; empty: in no list
  std::string key;              // "timeouts.drain", "health_check.interval"; of an item: empty
  // Of a list whose order is another: `after` has all names or values in it. Of an item that is
  // added or removed, all that it says. Of a value, itself: Null for one that is
  // not given. Of a list or a table of values, only what has left, and what has come.
  DraftNode before;
  DraftNode after;
};

// Both are as loaded: short forms (lower.h) are compared as what they stand for. In the order of
// the table, and of the later model.
std::vector<Change> diff(const Model& before, const Model& after);

// For people: a line for each, and last what has not changed of the lists at the top level.
std::string render(std::span<const Change> changes, const Model& after);
// For programs: {"changes": [...], "unchanged": {"pools": 3}}
std::string render_json(std::span<const Change> changes, const Model& after);

}  // namespace cirque::config
