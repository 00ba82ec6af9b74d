#include "upstream/pool.h"

namespace cirque::upstream {
namespace {

std::atomic<unsigned> next_id{0};

struct Copy {
  std::uint64_t edition = UINT64_MAX;
  std::shared_ptr<const Members> members;
};

// By pool id. A pool that is gone leaves its last copy behind until the thread ends.
thread_local std::vector<Copy> copies;

}  // namespace

Pool::Pool(std::string n) : name(std::move(n)), id_(next_id.fetch_add(1)) {}

void Pool::set_members(Members members) {
  std::lock_guard lock(mutex_);
  members_ = std::make_shared<const Members>(std::move(members));
  edition_.fetch_add(1, std::memory_order_release);
}

const Members& Pool::members() {
  if (copies.size() <= id_) copies.resize(id_ + 1);
  Copy& copy = copies[id_];
  auto edition = edition_.load(std::memory_order_acquire);
  if (copy.edition != edition) {
    std::lock_guard lock(mutex_);
    copy = {edition, members_};
  }
  return *copy.members;
}

Backend* Pool::choose(Tried& tried) {
  const Members& all = members();
  std::size_t count = all.size();
  if (count == 0) return nullptr;
  auto first = turn_.fetch_add(1, std::memory_order_relaxed) % count;
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t place = first + i < count ? first + i : first + i - count;
    Backend& backend = *all[place];
    if (tried.has(place) || !backend.healthy.load(std::memory_order_relaxed)) continue;
    tried.add(place);
    return &backend;
  }
  return nullptr;
}

}  // namespace cirque::upstream
