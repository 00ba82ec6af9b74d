// Where coroutine frames live: one free list a size class and thread, newest first, so that the
// next frame is the one still warm in the cache. Sanitizer builds use the heap, so that they can
// see a frame used after its end.
#include <array>
#include <cstddef>
#include <new>

#include "cirque/task.h"

namespace cirque::detail {
namespace {

constexpr std::size_t kGrainBytes = 64;
constexpr std::size_t kClasses = 64;       // frames up to 4 KiB
constexpr unsigned kIdleFramesMax = 1024;  // a class; what is above goes back to the heap

struct FreeFrame {
  FreeFrame* next;
};

struct FrameLists {
  std::array<FreeFrame*, kClasses> free{};
  std::array<unsigned, kClasses> count{};

  ~FrameLists() {
    for (auto*& list : free) {
      while (list) {
        auto* next = list->next;
        ::operator delete(list);
        list = next;
      }
    }
    count.fill(kIdleFramesMax);  // a frame that dies later than its thread's lists goes to the heap
  }
};

constinit thread_local FrameLists lists;

[[maybe_unused]] std::size_t class_of(std::size_t bytes) {
  return (bytes + kGrainBytes - 1) / kGrainBytes;
}

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || \
    __has_feature(thread_sanitizer)

void* take_frame(std::size_t bytes) {
  return ::operator new(bytes);
}

void give_frame(void* frame, std::size_t) noexcept {
  ::operator delete(frame);
}

#else

void* take_frame(std::size_t bytes) {
  std::size_t k = class_of(bytes);
  if (k < kClasses && lists.free[k]) {
    FreeFrame* frame = lists.free[k];
    lists.free[k] = frame->next;
    --lists.count[k];
    return frame;
  }
  return ::operator new(k * kGrainBytes);
}

void give_frame(void* frame, std::size_t bytes) noexcept {
  std::size_t k = class_of(bytes);
  if (k < kClasses && lists.count[k] < kIdleFramesMax) {
    auto* node = new (frame) FreeFrame{lists.free[k]};
    lists.free[k] = node;
    ++lists.count[k];
  } else {
    ::operator delete(frame);
  }
}

#endif

}  // namespace cirque::detail
