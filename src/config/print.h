#pragma once
// A tree of keys and values as text, in any of the three languages: the way back from read_tree().
// Knows how texts are quoted and lists are laid out; nothing here knows what a key means.
#include <string>
#include <string_view>
#include <vector>

#include "config/reader.h"

namespace cirque::config {

struct DraftEntry;

// Of a tree that is to be printed, or told of: it owns what is in it, can grow, and stands nowhere
// yet.
struct DraftNode {
  using Kind = Node::Kind;
  Kind kind = Kind::Null;
  bool plain = false;               // a scalar without quotes
  std::string text;                 // of a scalar
  std::vector<DraftNode> items;     // of a list
  std::vector<DraftEntry> entries;  // of a map
};

struct DraftEntry {
  std::string key;
  DraftNode value;
};

// In the order of the tree, but that TOML has the values of a map before the maps in it. The same
// tree gives the same text, and that text read again the same tree. Plain scalars are printed as
// they are: numbers, true and false. `${` is printed as it is, too.
std::string print(const DraftNode& tree, Language language);

// A text in double quotes, with whatever that language escapes.
std::string quoted(std::string_view text, Language language);

// To make a tree of.
DraftNode map_node();
DraftNode list_node();
DraftNode text_node(std::string text);
DraftNode plain_node(std::string text);
DraftNode& put(DraftNode& map, std::string_view key, DraftNode value);

}  // namespace cirque::config
