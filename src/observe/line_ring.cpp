#include "observe/line_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace cirque::observe {
namespace {

// Null when the kernel gives no memory.
char* map_twice(std::size_t bytes) noexcept {
  int fd = memfd_create("cirque-log", MFD_CLOEXEC);
  if (fd < 0) return nullptr;
  bool sized = ftruncate(fd, static_cast<off_t>(bytes)) == 0;
  void* place = mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  bool mapped = sized && place != MAP_FAILED;
  auto* memory = static_cast<char*>(place);
  for (char* half : {memory, memory + bytes}) {
    mapped = mapped &&
             mmap(half, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
  }
  close(fd);  // the mappings keep the memory
  if (mapped) return memory;
  if (place != MAP_FAILED) munmap(place, 2 * bytes);
  return nullptr;
}

}  // namespace

LineRing::LineRing(std::size_t bytes) : size_(bytes), memory_(map_twice(bytes)) {
  if (!memory_) throw std::bad_alloc();
}

LineRing::~LineRing() {
  munmap(memory_, 2 * size_);
}

}  // namespace cirque::observe
