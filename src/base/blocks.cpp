#include "base/blocks.h"

#include <new>

#include "base/check.h"

namespace cirque::base {
namespace {

// Blocks at multiples of 16 KiB would all begin in the same few sets of the L1 cache; the pad
// spreads their heads, which are the bytes that are touched.
constexpr std::size_t kColourBytes = 192;

}  // namespace

// new char[] leaves the scratch untouched: its pages are only paid for once bodies flow.
Blocks::Blocks() : scratch_(new char[kScratchBytes]) {}

Blocks::~Blocks() {
  CIRQUE_CHECK(leased_ == 0);
  trim();
}

void Blocks::trim() noexcept {
  while (free_) ::operator delete(std::exchange(free_, free_->next));
  idle_ = 0;
}

Block Blocks::lease(std::size_t bytes) {
  ++leased_;
  if (bytes > kBlockBytes) {
    return {*this, static_cast<char*>(::operator new(bytes)), bytes};
  }
  if (free_) {
    --idle_;
    auto* data = reinterpret_cast<char*>(std::exchange(free_, free_->next));
    return {*this, data, kBlockBytes};
  }
  return {*this, static_cast<char*>(::operator new(kBlockBytes + kColourBytes)), kBlockBytes};
}

void Blocks::give(char* data, std::size_t size) noexcept {
  --leased_;
  if (size != kBlockBytes || idle_ >= kIdleBlocksMax) {
    ::operator delete(data);
    return;
  }
  ++idle_;
  free_ = new (data) Free{free_};
}

}  // namespace cirque::base
