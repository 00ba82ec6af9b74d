#pragma once
// Where in the files each value of a model came from, so that whatever is found wrong with it later
// can be shown there. Values are known by their addresses: the model must not move meanwhile, nor a
// list grow that is not a deque.
#include <cstddef>
#include <string>

#include "config/address_map.h"
#include "config/options.h"
#include "config/report.h"

namespace cirque::config {

class Places {
 public:
  static constexpr std::size_t kWhole = static_cast<std::size_t>(-1);

  // `nodes`: of the tree that is to be filled in, about.
  explicit Places(std::size_t nodes = 0)
      : fields_(nodes / 3), records_(nodes / 6) {}  // keys, maps and lists are nodes as well

  // A list's item, which is `record`; `in` is the record that has the list.
  void put_record(const void* record, Spot spot, const void* in, const Option& list,
                  std::size_t item);
  // A value of `record`, or one item of it.
  void put(const void* field, Spot spot, const void* record, const Option& option,
           std::size_t item = kWhole);
  // Another value that was made of one that somebody wrote, and is to be told as that one.
  void same(const void* made, const void* written);
  void same_record(const void* made, const void* written);

  // Null: not given, or wrong and reported already. Lives until the next place is put.
  const Spot* at(const void* field) const;
  const Spot* at_record(const void* record) const;

  // "services[1].name"
  std::string path(const void* field) const;
  std::string path_of_record(const void* record) const;

 private:
  struct Mark {
    Spot spot;
    const Option* option;
    const void* record;  // that it is in
    std::size_t item;
  };

  AddressMap<Mark> fields_;
  AddressMap<Mark> records_;  // a record begins where its first field does
};

}  // namespace cirque::config
