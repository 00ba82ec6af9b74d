#pragma once
// The one table of options (in model.cpp): parser, defaults, the check for unknown keys, help,
// documentation and tests all read it, so that they cannot disagree.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/model.h"

namespace cirque::config {

enum class Type : std::uint8_t {
  Map,
  List,  // of maps
  Flag,
  Number,
  Duration,
  Milliseconds,  // a bare number, its unit is in the key
  Seconds,
  Size,
  Text,
  Name,  // text without spaces and control characters, as logs and metrics need it
  Path,
  Choice,
  Listen,       // an address to listen on
  Connect,      // a list of addresses to connect to
  Networks,     // a list of addresses and blocks
  NameServers,  // a list of IP addresses; port 53 unless given
};

enum class Need : std::uint8_t { Optional, Required };

// Where a value lives in the model. The index is that of the service, and 0 elsewhere.
template <class T>
using In = T& (*)(Model&, std::size_t);
using Slot = std::variant<std::monostate, In<bool>, In<unsigned>, In<int>, In<std::size_t>,
                          In<Duration>, In<std::string>, In<HostPort>, In<std::vector<HostPort>>,
                          In<std::vector<std::string>>, In<log::Level>, In<log::Format>,
                          In<AccessLog::Format>>;

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

  std::string_view parent() const noexcept;  // "" for the top level
  std::string_view key() const noexcept;
};

// In the order of the documentation: a map before what is in it.
std::span<const Option> options();
const Option* option_at(std::string_view path);
std::vector<const Option*> children_of(std::string_view parent);

// The key that was meant: "upstreams", or "server.workers" when it belongs elsewhere. "" for no
// idea.
std::string nearest_key(std::string_view parent, std::string_view key);
std::string_view nearest_choice(const Option& option, std::string_view text);

// "1s to 1h", "" for what has no bounds.
std::string bounds_of(const Option& option);
// "a duration with its unit, such as 15s (10ms to 1d)"
std::string expected_of(const Option& option);
// The same for one item, where the value is a list.
std::string expected_item_of(const Option& option);
// As a file would have it; "" for none.
std::string default_of(const Option& option);

std::vector<std::string_view> words_of(std::string_view list);

}  // namespace cirque::config
