#pragma once
// Memory that lives exactly as long as one exchange: taken by moving a pointer, given back all at
// once.
#include <cstddef>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cirque {

// Lives on one core. Memory is valid until reset(), which also runs the destructors of what make()
// built, newest first. The first kFirstBytes come with the arena itself; more is taken from the
// heap in kChunkBytes pieces and freed by reset().
class Arena {
 public:
  static constexpr std::size_t kFirstBytes = 6 * 1024;
  static constexpr std::size_t kChunkBytes = 16 * 1024;

  Arena() noexcept : at_(first_), end_(first_ + kFirstBytes) {}

  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  ~Arena() { reset(); }

  void* take(std::size_t bytes, std::size_t align = alignof(std::max_align_t)) {
    auto address = reinterpret_cast<std::uintptr_t>(at_);
    auto aligned = (address + align - 1) & ~(align - 1);
    auto* start = at_ + (aligned - address);
    if (start > end_ || bytes > static_cast<std::size_t>(end_ - start))
      return take_chunk(bytes, align);
    at_ = start + bytes;
    return start;
  }

  template <class T>
  T* take_array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(take(count * sizeof(T), alignof(T)));
  }

  // The copy is valid until reset().
  std::string_view copy(std::string_view text);

  template <class T, class... Args>
  T& make(Args&&... args) {
    if constexpr (std::is_trivially_destructible_v<T>) {
      return *new (take(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
    } else {
      auto* ending = static_cast<Ending*>(take(sizeof(Ending), alignof(Ending)));
      T* object = new (take(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
      *ending = {[](void* p) { static_cast<T*>(p)->~T(); }, object, endings_};
      endings_ = ending;
      return *object;
    }
  }

  void reset() noexcept;

 private:
  struct Chunk {
    Chunk* next;
  };

  struct Ending {
    void (*run)(void*);
    void* object;
    Ending* next;
  };

  void* take_chunk(std::size_t bytes, std::size_t align);

  std::byte* at_;
  std::byte* end_;
  Chunk* chunks_ = nullptr;
  Ending* endings_ = nullptr;
  alignas(std::max_align_t) std::byte first_[kFirstBytes];
};

}  // namespace cirque
