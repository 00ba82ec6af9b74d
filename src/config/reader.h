#pragma once
// The text of a configuration file as a tree in which everything knows its place, whichever of
// YAML, JSON and TOML it is written in. `${NAME}` is expanded, and what cannot be read is reported.
// Nothing here knows what a key means. What is to be written is a tree of another kind: print.h.
#include <optional>
#include <span>
#include <string_view>

#include "config/load.h"
#include "config/report.h"
#include "config/tree_memory.h"

namespace cirque::config {

struct Entry;

// A view of what is kept in a TreeMemory, and good as long as that. A copy has the same things in
// it, and nobody can change those: whoever wants others in it keeps a new list of them.
struct Node {
  enum class Kind : std::uint8_t { Null, Scalar, List, Map };
  Kind kind = Kind::Null;
  bool plain = false;     // a scalar without quotes, or one that the environment has filled
  bool expanded = false;  // the environment has filled it, or part of it
  bool broken = false;    // already reported: do not look at the value
  Spot spot;
  std::string_view text;           // of a scalar
  std::span<const Node> items;     // of a list
  std::span<const Entry> entries;  // of a map, in the order of the file
};

struct Entry {
  Node key;
  Node value;
};

// Deep and large enough for any configuration that people or programs write, small enough that a
// hostile file costs neither stack nor memory.
inline constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;  // of all files together
inline constexpr std::size_t kDepthMax = 64;
inline constexpr std::size_t kNodesMax = 4'000'000;                    // of all files together
inline constexpr std::size_t kCopiedBytesMax = std::size_t{64} << 20;  // by anchors and aliases

// What the files of one configuration share while they are read.
struct Intake {
  const Environment& environment;
  Report& report;
  TreeMemory& memory;     // where the trees are kept
  std::size_t bytes = 0;  // so far, of all files
  std::size_t nodes = 0;

  // False: too many, and told.
  bool count(Spot spot);
};

enum class Language : std::uint8_t { Yaml, Json, Toml };

// By the name's end; what is neither .json nor .toml is YAML.
Language language_of(std::string_view path) noexcept;
std::optional<Language> language_called(std::string_view name) noexcept;  // "yaml", "json", "toml"

// A Null node when there are errors; they are in the report then, whose file number `file` this is.
// `text` may start with a BOM.
Node read_tree(std::string_view text, Language language, unsigned file, Intake& intake);

}  // namespace cirque::config
