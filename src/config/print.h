#pragma once
// A tree of keys and values as text, in any of the three languages: the way back from read_tree().
// Knows how texts are quoted and lists are laid out; nothing here knows what a key means.
#include <string>
#include <string_view>

#include "config/reader.h"

namespace cirque::config {

// In the order of the tree, but that TOML has the values of a map before the maps in it. The same
// tree gives the same text, and that text read again the same tree. Plain scalars are printed as
// they are: numbers, true and false. `${` is printed as it is, too.
std::string print(const Node& tree, Language language);

// A text in double quotes, with whatever that language escapes.
std::string quoted(std::string_view text, Language language);

// To make a tree of.
Node map_node();
Node list_node();
Node text_node(std::string text);
Node plain_node(std::string text);
Node& put(Node& map, std::string_view key, Node value);

}  // namespace cirque::config
