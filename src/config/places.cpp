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
  records_.put(record, Mark{spot, &list, in, item});
}

void Places::put(const void* field, Spot spot, const void* record, const Option& option,
                 std::size_t item) {
  fields_.put(field, Mark{spot, &option, record, item});
}

void Places::same(const void* made, const void* written) {
  if (const auto* mark = fields_.find(written)) fields_.put(made, Mark(*mark));
}

void Places::same_record(const void* made, const void* written) {
  if (const auto* mark = records_.find(written)) records_.put(made, Mark(*mark));
}

const Spot* Places::at(const void* field) const {
  const auto* mark = fields_.find(field);
  return mark ? &mark->spot : nullptr;
}

const Spot* Places::at_record(const void* record) const {
  const auto* mark = records_.find(record);
  return mark ? &mark->spot : nullptr;
}

std::string Places::path(const void* field) const {
  const auto* mark = fields_.find(field);
  if (!mark) return {};
  auto path = join(path_of_record(mark->record), mark->option->within_record());
  return mark->item == kWhole ? path : fmt::format("{}[{}]", path, mark->item);
}

std::string Places::path_of_record(const void* record) const {
  const auto* mark = records_.find(record);
  if (!mark) return {};  // the top level
  auto path = join(path_of_record(mark->record), mark->option->within_record());
  if (mark->option->type != Type::Keyed) return fmt::format("{}[{}]", path, mark->item);
  return join(path, std::get<Records>(mark->option->slot).name(const_cast<void*>(record)));
}

}  // namespace cirque::config
