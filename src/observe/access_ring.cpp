#include "observe/access_ring.h"

#include <algorithm>
#include <new>
#include <string>

#include "base/text.h"

namespace cirque::observe {
namespace {

// What stands at the end of a text that was cut.
constexpr std::string_view kEllipsis = "...";

std::string_view cut(std::string_view text, std::size_t most, std::string& room) {
  if (text.size() <= most) return text;
  auto kept = most - kEllipsis.size();
  for (int i = 0; i < 3 && (text[kept] & 0xc0) == 0x80; ++i) --kept;  // no UTF-8 sequence in two
  room.assign(text.substr(0, kept)).append(kEllipsis);
  return room;
}

}  // namespace

bool AccessRing::is_too_long(const AccessEntry& e) noexcept {
  auto longest = std::max({e.request_id.size(), e.method.size(), e.host.size(), e.user_agent.size(),
                           e.referer.size(), e.service.size(), e.backend.size(), e.reason.size(),
                           e.story.size()});
  return longest > kTextMax || e.target.size() > kTargetMax;
}

bool AccessRing::push_cut(AccessEntry entry) {
  std::string rooms[kTexts];
  auto* room = rooms;
  for (auto* text : {&entry.request_id, &entry.method, &entry.host, &entry.user_agent,
                     &entry.referer, &entry.service, &entry.backend, &entry.reason, &entry.story}) {
    *text = cut(*text, kTextMax, *room++);
  }
  entry.target = cut(entry.target, kTargetMax, *room);
  return push(entry);
}

bool AccessRing::push(const AccessEntry& entry) noexcept {
  if (is_too_long(entry)) return push_cut(entry);
  const std::string_view* texts[kTexts] = {
      &entry.request_id, &entry.method,  &entry.host,    &entry.target, &entry.user_agent,
      &entry.referer,    &entry.service, &entry.backend, &entry.reason, &entry.story};
  std::size_t bytes = sizeof(Record);
  for (const auto* text : texts) bytes += text->size();
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
  if (skip) {  // every record leaves room for the next one's fixed part, so that this one fits
    auto* marker = new (at(head_)) Record{};
    marker->bytes = static_cast<std::uint32_t>(skip);
    marker->skip = 1;
    head_ += skip;
  }
  auto* record = new (at(head_)) Record{
      .bytes = static_cast<std::uint32_t>(bytes),
      .skip = 0,
      .reused = entry.reused,
      .version = entry.version,
      .attempts = static_cast<std::uint8_t>(std::min(entry.attempts, 255U)),
      .status = static_cast<std::uint16_t>(entry.status),
      .lengths = {},
      .unix_us = entry.unix_us,
      .bytes_in = entry.bytes_in,
      .bytes_out = entry.bytes_out,
      .duration_us = entry.duration_us,
      .connect_us = entry.connect_us,
      .upstream_us = entry.upstream_us,
      .overhead_us = entry.overhead_us,
      .client = entry.client,
  };
  auto* to = reinterpret_cast<char*>(record + 1);
  for (unsigned i = 0; i < kTexts; ++i) {
    record->lengths[i] = static_cast<std::uint16_t>(texts[i]->size());
    to = base::put(to, *texts[i]);
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
  AccessEntry entry;
  entry.unix_us = record->unix_us;
  entry.client = std::move(record->client);
  entry.status = record->status;
  entry.version = record->version;
  entry.reused = record->reused;
  entry.attempts = record->attempts;
  entry.bytes_in = record->bytes_in;
  entry.bytes_out = record->bytes_out;
  entry.duration_us = record->duration_us;
  entry.connect_us = record->connect_us;
  entry.upstream_us = record->upstream_us;
  entry.overhead_us = record->overhead_us;
  std::string_view* texts[kTexts] = {
      &entry.request_id, &entry.method,  &entry.host,    &entry.target, &entry.user_agent,
      &entry.referer,    &entry.service, &entry.backend, &entry.reason, &entry.story};
  const auto* from = reinterpret_cast<const char*>(record + 1);
  for (unsigned i = 0; i < kTexts; ++i) {
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
