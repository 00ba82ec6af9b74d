#pragma once
// The text of a configuration file as a tree in which everything knows its place. YAML and JSON are
// read by libfyaml; aliases and merge keys (`<<`) are resolved, `${NAME}` is expanded, and what
// cannot be read is reported. Nothing here knows what a key means.
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/report.h"

namespace cirque::config {

struct Entry;

struct Node {
  enum class Kind : std::uint8_t { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  bool plain = false;   // a scalar without quotes, or one that the environment has filled
  bool broken = false;  // already reported: do not look at the value
  Spot spot;
  std::string text;            // of a scalar
  std::vector<Node> items;     // of a list
  std::vector<Entry> entries;  // of a map, in the order of the file
};

struct Entry {
  Node key;
  Node value;
};

// Deep and large enough for any configuration that people or programs write, small enough that a
// hostile file costs neither stack nor memory.
inline constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;
inline constexpr std::size_t kDepthMax = 64;
inline constexpr std::size_t kNodesMax = 4'000'000;
inline constexpr std::size_t kCopiedBytesMax = std::size_t{64} << 20;  // by anchors and aliases

// A Null node when there are errors; they are in the report then. `text` may start with a BOM.
Node read_tree(std::string_view text, bool strict_json, const Environment& environment,
               Report& report);

}  // namespace cirque::config
