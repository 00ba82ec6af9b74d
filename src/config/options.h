#pragma once
// Tables of options: parser, defaults, the check for unknown keys, help, documentation, the JSON
// Schema, `cirque adapt` and tests all read them, so that they cannot disagree. The canonical one
// is in model_*.cpp; the dialects have their own.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/model.h"

namespace cirque::config {

enum class Type : std::uint8_t {
  Map,
  List,   // of maps
  Keyed,  // a map of names to maps: a list whose items have their names in front
  Flag,
  Number,
  Duration,
  Milliseconds,  // a bare number, its unit is in the key
  Seconds,
  Size,
  Text,
  Prose,  // text that may have several lines
  Name,   // text without spaces and control characters, as logs and metrics need it
  Path,
  Choice,
  Listen,       // an address to listen on
  Target,       // an address to connect to
  Connect,      // a list of addresses to connect to
  Networks,     // a list of addresses and blocks
  Names,        // a list of names
  Statuses,     // a list of statuses, classes and ranges of them: see statuses.h
  Members,      // a list of addresses to connect to, and of names of backends
  Table,        // a map of texts to names
  NameServers,  // a list of IP addresses; port 53 unless given
  Include,      // a path or a list of them; gone before anything is filled: see gather.h
};

enum class Need : std::uint8_t { Optional, Required };

// Where a value lives in its record: the item of a list that it is in, or the whole model. A
// record's list items are records themselves.
template <class T>
using In = T& (*)(void* record);

struct Records {
  void (*resize)(void* record, std::size_t size);
  std::size_t (*size)(void* record);
  void* (*at)(void* record, std::size_t item);
  std::string& (*name)(void* item) = nullptr;  // of Type::Keyed
};

using Slot = std::variant<std::monostate, Records, In<bool>, In<unsigned>, In<int>, In<std::size_t>,
                          In<Duration>, In<std::string>, In<HostPort>, In<std::vector<HostPort>>,
                          In<std::vector<std::string>>, In<std::vector<TableEntry>>, In<log::Level>,
                          In<log::Format>, In<AccessLog::Format>, In<Balance::Method>,
                          In<Sticky::Secure>, In<Sticky::SameSite>>;

struct Option {
  std::string_view path;  // "timeouts.drain", "services[].name"
  Type type;
  Slot slot;
  std::uint64_t min = 0;  // durations count in milliseconds, sizes in bytes, texts in bytes
  std::uint64_t max = 0;
  std::string_view doc;
  std::string_view example = {};
  Need need = Need::Optional;
  std::string_view choices = {};  // "stdout stderr file", in the order of the enumerators
  std::string_view also = {};     // what people call it elsewhere: leads to "did you mean"
  // Of a list: by which of its keys an item is known from one file to the next, the first of them
  // that it has.
  std::string_view known_by = "name id host address";
  bool is_ordered = false;  // of a list: what stands before others counts for more
  bool is_go = false;       // of a duration: as Go writes it
  bool is_secret = false;   // what somebody writes there by mistake is not to be repeated

  std::string_view parent() const noexcept;  // "" for the top level
  std::string_view key() const noexcept;
  // The path within its record: "health_check.interval" of "pools[].health_check.interval".
  std::string_view within_record() const noexcept;
};

// One language of configuration files: what may stand where.
class Schema {
 public:
  // `table` in the order of the documentation: a map before what is in it. `root` makes the record
  // that the top level fills.
  Schema(std::span<const Option> table, std::shared_ptr<void> (*root)());

  std::span<const Option> options() const noexcept { return table_; }

  std::shared_ptr<void> make_root() const { return make_(); }

  const Option* at(std::string_view path) const;
  // What may stand in the map or list item at that path: "" for the top level, "services[]".
  std::span<const Option* const> children_of(std::string_view parent) const;
  const Option* child(std::string_view parent, std::string_view key) const;

  // The key that was meant: "upstreams", or "server.workers" when it belongs elsewhere. "" for no
  // idea.
  std::string nearest_key(std::string_view parent, std::string_view key) const;

  // As a file would have it; "" for none.
  std::string default_of(const Option& option) const;
  // Does the record have what it would have if nobody had given that key? Of a map: all of it.
  bool is_preset(const Option& option, void* record) const;

 private:
  // The record that the option is in, as it is before anybody fills it.
  void* untouched(const Option& option) const;

  std::span<const Option> table_;
  std::shared_ptr<void> (*make_)();
  std::shared_ptr<void> root_;  // untouched, but that every list has one item
  std::map<std::string_view, const Option*> by_path_;
  std::map<std::string_view, std::vector<const Option*>> children_;
};

// What cirque itself speaks.
const Schema& canonical();

// A map, or a list of maps, by whatever type.
inline bool is_group(const Option& option) noexcept {
  return option.type == Type::Map || option.type == Type::List || option.type == Type::Keyed;
}

// The path of what is in it: "services" -> "services[]".
std::string inside_of(const Option& group);

std::string_view nearest_choice(const Option& option, std::string_view text);

// "1s to 1h", "" for what has no bounds.
std::string bounds_of(const Option& option);
// "a duration with its unit, such as 15s (10ms to 1d)"
std::string expected_of(const Option& option);
// The same for one item, where the value is a list.
std::string expected_item_of(const Option& option);
// The value that a record has, as a file would have it; "" for lists.
std::string text_in(const Option& option, void* record);
// Is that what a record has when nobody has given it anything, nor the defaults?
bool is_unset(const Option& option, std::string_view text);
// Does that text stand without quotes, in every language?
bool is_plain(const Option& option, std::string_view text);
// Of single values, and of lists of them; two groups are always the same.
bool is_same(const Option& option, void* one, void* other);

std::vector<std::string_view> words_of(std::string_view list);

}  // namespace cirque::config
