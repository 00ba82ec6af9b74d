#pragma once
// Which virtual host serves a name: the name itself, else the wildcard with the longest suffix,
// else the default.
#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "route/host_name.h"
#include "route/text_table.h"

namespace cirque::route {

// Built once, then read by any thread. One probe for a name, and one more for each number of labels
// that wildcards have, however many names there are.
class HostTable {
 public:
  struct Entry {
    HostPattern name;  // each occurs once
    std::uint32_t host;
  };

  // How a name was found, for explanations.
  enum class By : std::uint8_t { Name, Wildcard, Default, Nothing };

  struct Found {
    std::uint32_t host = kNone;
    By by = By::Nothing;
  };

  HostTable() = default;
  explicit HostTable(std::span<const Entry> entries);

  Found find(std::string_view authority) const noexcept;

  // visit(name, host) of every name but the default; wildcards with their star.
  template <class Visit>
  void for_each(Visit visit) const {
    names_.for_each([&](std::string_view name, std::uint32_t host) { visit(name, host); });
    suffixes_.for_each([&](std::string_view suffix, std::uint32_t host) {
      visit("*." + std::string(suffix), host);
    });
  }

  std::size_t bytes() const noexcept { return names_.bytes() + suffixes_.bytes(); }

 private:
  std::uint32_t find_suffix(std::string_view name) const noexcept;

  TextTable names_;
  TextTable suffixes_;  // of wildcards, without "*."
  // How many labels the suffixes have. A name of 253 bytes has 127 labels at most.
  std::bitset<128> suffix_labels_;
  std::uint32_t default_ = kNone;
};

}  // namespace cirque::route
