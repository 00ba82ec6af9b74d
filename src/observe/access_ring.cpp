#include "observe/access_ring.h"

#include <algorithm>
#include <array>
#include <new>

namespace cirque::observe {
namespace {

// The texts of an entry, always in this order.
std::array<std::string_view*, 10> texts_of(AccessEntry& e) noexcept {
  return {&e.request_id, &e.method,  &e.host,    &e.target, &e.user_agent,
          &e.referer,    &e.service, &e.backend, &e.reason, &e.story};
}

}  // namespace

bool AccessRing::push(const AccessEntry& entry) noexcept {
  AccessEntry copy = entry;
  auto texts = texts_of(copy);
  std::size_t bytes = sizeof(Record);
  for (auto* text : texts) {
    *text = text->substr(0, text == &copy.target ? kTargetMax : kTextMax);
    bytes += text->size();
  }
  bytes = (bytes + kAlign - 1) & ~(kAlign - 1);

  std::size_t to_end = size_ - (head_ & mask_);
  std::size_t skip = to_end < bytes + sizeof(Record) ? to_end : 0;
  if (head_ + skip + bytes - tail_seen_ > size_) {
    tail_seen_ = tail_.load(std::memory_order_acquire);
    if (head_ + skip + bytes - tail_seen_ > size_) {
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
  }
  if (skip) {
    std::uint32_t marker[2] = {static_cast<std::uint32_t>(skip), 1};
    std::memcpy(memory_.get() + (head_ & mask_), marker, std::min(sizeof marker, skip));
    head_ += skip;
  }
  auto* record = new (at(head_)) Record{static_cast<std::uint32_t>(bytes), 0, std::move(copy), {}};
  auto* to = reinterpret_cast<char*>(record + 1);
  texts = texts_of(record->entry);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    record->lengths[i] = static_cast<std::uint16_t>(texts[i]->size());
    to += texts[i]->copy(to, texts[i]->size());
  }
  head_ += bytes;
  published_.store(head_, std::memory_order_release);
  return true;
}

std::optional<AccessEntry> AccessRing::front() noexcept {
  auto tail = tail_.load(std::memory_order_relaxed);
  auto head = published_.load(std::memory_order_acquire);
  if (tail == head) return std::nullopt;
  if (at(tail)->skip) {
    tail += at(tail)->bytes;
    tail_.store(tail, std::memory_order_release);
  }
  Record* record = at(tail);
  AccessEntry entry = std::move(record->entry);
  record->entry.~AccessEntry();
  const auto* from = reinterpret_cast<const char*>(record + 1);
  auto texts = texts_of(entry);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    *texts[i] = {from, record->lengths[i]};
    from += record->lengths[i];
  }
  front_bytes_ = record->bytes;
  return entry;
}

void AccessRing::pop() noexcept {
  tail_.store(tail_.load(std::memory_order_relaxed) + front_bytes_, std::memory_order_release);
}

}  // namespace cirque::observe
