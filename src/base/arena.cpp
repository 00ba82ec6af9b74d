#include "cirque/arena.h"

#include <algorithm>
#include <cstring>

namespace cirque {

std::string_view Arena::copy(std::string_view text) {
  if (text.empty()) return {};
  auto* to = static_cast<char*>(take(text.size(), 1));
  std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

void* Arena::take_chunk(std::size_t bytes, std::size_t align) {
  std::size_t size = std::max(kChunkBytes, sizeof(Chunk) + align + bytes);
  auto* chunk = static_cast<Chunk*>(::operator new(size));
  chunk->next = chunks_;
  chunks_ = chunk;
  at_ = reinterpret_cast<std::byte*>(chunk + 1);
  end_ = reinterpret_cast<std::byte*>(chunk) + size;
  return take(bytes, align);
}

void Arena::reset() noexcept {
  for (; endings_; endings_ = endings_->next) endings_->run(endings_->object);
  while (chunks_) ::operator delete(std::exchange(chunks_, chunks_->next));
  at_ = first_;
  end_ = first_ + kFirstBytes;
}

}  // namespace cirque
