// The field lines of a message: Headers as declared in cirque/http.h.
#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "cirque/http.h"

namespace cirque {
namespace {

constexpr std::uint32_t kFirstCapacity = 24;  // what nearly every message fits in

constexpr std::uint64_t bit(Name name) noexcept {
  return 1ULL << static_cast<unsigned>(name);
}

bool is_nameable(Name name) noexcept {
  return name > Name::Other && name < Name::Count;
}

bool is_safe_value(std::string_view value) noexcept {
  return std::ranges::none_of(value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

const Field* Headers::find(Name name) const noexcept {
  if (!(present_ & bit(name))) return nullptr;
  for (auto* field = fields_; field != fields_ + size_; ++field) {
    if (field->id == name) return field;
  }
  return nullptr;
}

const Field* Headers::find(std::string_view name) const noexcept {
  Name id = name_of(name);
  if (id != Name::Other) return find(id);
  for (const Field& field : *this) {
    if (field.id == Name::Other && base::equal_fold(field.name, name)) return &field;
  }
  return nullptr;
}

std::string_view Headers::get(Name name) const noexcept {
  auto* field = find(name);
  return field ? field->value : std::string_view();
}

std::string_view Headers::get(std::string_view name) const noexcept {
  auto* field = find(name);
  return field ? field->value : std::string_view();
}

std::size_t Headers::count(Name name) const noexcept {
  if (!(present_ & bit(name))) return 0;
  std::size_t lines = 0;
  for (const Field& field : *this) lines += field.id == name;
  return lines;
}

std::size_t Headers::size() const noexcept {
  std::size_t lines = 0;
  for ([[maybe_unused]] const Field& field : *this) ++lines;
  return lines;
}

void Headers::grow() {
  auto capacity = capacity_ ? 2 * capacity_ : kFirstCapacity;
  auto* roomier = arena_->take_array<Field>(capacity);
  if (size_) std::memcpy(static_cast<void*>(roomier), fields_, size_ * sizeof(Field));
  fields_ = roomier;
  capacity_ = capacity;
}

bool Headers::add(std::string_view name, std::string_view value) {
  if (!base::is_token(name) || !is_safe_value(value)) return false;
  add_view({arena_->copy(name), arena_->copy(value), name_of(name)});
  return true;
}

bool Headers::add(Name name, std::string_view value) {
  if (!is_nameable(name) || !is_safe_value(value)) return false;
  add_view({text_of(name), arena_->copy(value), name});
  return true;
}

bool Headers::set(std::string_view name, std::string_view value) {
  Name id = name_of(name);
  if (id != Name::Other) return set(id, value);
  if (!base::is_token(name) || !is_safe_value(value)) return false;
  drop(name);
  add_view({arena_->copy(name), arena_->copy(value), id});
  return true;
}

bool Headers::set(Name name, std::string_view value) {
  if (!is_nameable(name) || !is_safe_value(value)) return false;
  drop(name);
  add_view({text_of(name), arena_->copy(value), name});
  return true;
}

void Headers::drop(Name name) noexcept {
  if (!(present_ & bit(name))) return;
  for (auto* field = fields_; field != fields_ + size_; ++field) {
    if (field->id == name) field->id = Name::Count;
  }
  present_ &= ~bit(name);
}

void Headers::drop(std::string_view name) noexcept {
  Name id = name_of(name);
  if (id != Name::Other) return drop(id);
  for (auto* field = fields_; field != fields_ + size_; ++field) {
    if (field->id == Name::Other && base::equal_fold(field->name, name)) field->id = Name::Count;
  }
}

void Headers::drop_line(const Field& line) noexcept {
  const_cast<Field&>(line).id = Name::Count;
}

void Headers::clear() noexcept {
  size_ = 0;
  bytes_ = 0;
  present_ = 0;
}

}  // namespace cirque
