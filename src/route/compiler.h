#pragma once
// Puts a Plan together, virtual host after virtual host.
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "route/draft.h"
#include "route/finding.h"
#include "route/name_index.h"
#include "route/plan.h"
#include "route/router.h"
#include "route/spec.h"

namespace cirque::route {

// Used once: compile() takes what the compiler has.
class Compiler {
 public:
  explicit Compiler(std::span<const VirtualHostSpec* const> hosts);

  Router::Compiled compile();

 private:
  void read_names(std::uint32_t host);
  void read_name(HostPattern name, Place place);
  std::uint32_t first_named(const HostPattern& name, std::uint32_t number);
  void read_routes(std::uint32_t host);
  void read_route(std::uint32_t host, std::uint32_t route);
  void read_path(Draft& draft, const PathSpec& path, Place place);
  void judge_regex(const Draft& draft, Place place);
  void place_routes(std::uint32_t host);
  void place_group(std::uint32_t host, std::size_t draft);
  std::uint32_t shapes_of_drafts(std::uint32_t& count);
  void refuse(Place place, Flaw found);

  std::span<const VirtualHostSpec* const> specs_;
  Plan plan_;
  Findings findings_;
  std::vector<Draft> drafts_;            // of one host
  std::vector<HostTable::Entry> names_;  // room for all: the indices have views of them
  std::vector<Place> name_places_;       // of each of them
  NameIndex exact_names_, wildcards_;    // their numbers
  std::optional<std::uint32_t> default_name_;
  std::vector<Group> groups_;
  // By codes: hosts with the same shapes share one list.
  std::map<std::vector<std::uint64_t>, std::uint32_t> shape_lists_;
};

}  // namespace cirque::route
