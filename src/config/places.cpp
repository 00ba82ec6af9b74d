#include "config/places.h"

#include <fmt/format.h>

namespace cirque::config {
namespace {

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

}  // namespace

void Places::put_record(const void* record, Spot spot, const void* in, const Option& list,
                        std::size_t item) {
  records_.insert_or_assign(record, Mark{spot, &list, in, item});
}

void Places::put(const void* field, Spot spot, const void* record, const Option& option,
                 std::size_t item) {
  fields_.insert_or_assign(field, Mark{spot, &option, record, item});
}

void Places::same(const void* made, const void* written) {
  if (auto found = fields_.find(written); found != fields_.end()) {
    Mark mark = found->second;  // inserting may move what was found
    fields_.insert_or_assign(made, mark);
  }
}

void Places::same_record(const void* made, const void* written) {
  if (auto found = records_.find(written); found != records_.end()) {
    Mark mark = found->second;
    records_.insert_or_assign(made, mark);
  }
}

const Spot* Places::at(const void* field) const {
  auto found = fields_.find(field);
  return found == fields_.end() ? nullptr : &found->second.spot;
}

const Spot* Places::at_record(const void* record) const {
  auto found = records_.find(record);
  return found == records_.end() ? nullptr : &found->second.spot;
}

std::string Places::path(const void* field) const {
  auto found = fields_.find(field);
  if (found == fields_.end()) return {};
  const Mark& mark = found->second;
  auto path = join(path_of_record(mark.record), mark.option->within_record());
  return mark.item == kWhole ? path : fmt::format("{}[{}]", path, mark.item);
}

std::string Places::path_of_record(const void* record) const {
  auto found = records_.find(record);
  if (found == records_.end()) return {};  // the top level
  const Mark& mark = found->second;
  auto path = join(path_of_record(mark.record), mark.option->within_record());
  if (mark.option->type != Type::Keyed) return fmt::format("{}[{}]", path, mark.item);
  return join(path, std::get<Records>(mark.option->slot).name(const_cast<void*>(record)));
}

}  // namespace cirque::config
