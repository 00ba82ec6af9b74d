#include "route/path_table.h"

namespace cirque::route {
namespace {

// Host numbers and shapes seed the hashes, so that one index serves all.
std::uint64_t exact_hash(std::uint32_t host, std::string_view path) noexcept {
  return text_hash(path, std::uint64_t{host} << 32);
}

std::uint64_t shape_hash(std::uint32_t host, Shape shape, const Segments& segments) noexcept {
  std::uint64_t hash = combine(std::uint64_t{host} << 32 | 1, shape.code());
  for (std::uint32_t rest = shape.literals; rest != 0;) {
    auto at = static_cast<unsigned>(std::countl_zero(rest));
    rest &= ~Shape::bit(at);
    hash = combine(hash, segments.hash(at));
  }
  return hash;
}

std::uint64_t hash_of(const Group& group, std::string_view text) noexcept {
  if (group.kind == PathClass::Exact) return exact_hash(group.host, text);
  return shape_hash(group.host, group.shape, Segments(text));
}

bool has_words(Shape shape, std::string_view text, const Segments& segments) noexcept {
  for (unsigned i = 0; i < shape.segments; ++i) {
    text.remove_prefix(1);
    auto word = text.substr(0, text.find('/'));
    text.remove_prefix(word.size());
    bool is_right = shape.is_literal(i) ? word == segments[i] : !segments[i].empty();
    if (!is_right) return false;
  }
  return true;
}

}  // namespace

PathTable::PathTable(std::vector<Group> groups, const Texts& texts) : groups_(std::move(groups)) {
  std::vector<FlatIndex::Entry> entries;
  entries.reserve(groups_.size());
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    entries.push_back({hash_of(groups_[i], texts[groups_[i].text]), i});
  }
  index_ = FlatIndex(entries);
}

const Group* PathTable::find_exact(std::uint32_t host, std::string_view path,
                                   const Texts& texts) const noexcept {
  std::uint32_t found = index_.find(exact_hash(host, path), [&](std::uint32_t number) {
    const Group& group = groups_[number];
    return group.kind == PathClass::Exact && group.host == host && texts[group.text] == path;
  });
  return found == kNone ? nullptr : &groups_[found];
}

const Group* PathTable::find(std::uint32_t host, Shape shape, const Segments& segments,
                             const Texts& texts) const noexcept {
  std::uint32_t found = index_.find(shape_hash(host, shape, segments), [&](std::uint32_t number) {
    const Group& group = groups_[number];
    return group.kind == PathClass::Shaped && group.host == host && group.shape == shape &&
           has_words(shape, texts[group.text], segments);
  });
  return found == kNone ? nullptr : &groups_[found];
}

}  // namespace cirque::route
