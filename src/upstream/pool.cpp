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

Pool::~Pool() {
  for (const auto& backend : *members_) backend->leave_pool();
}

void Pool::set_members(Members members) {
  auto changed = std::make_shared<const Members>(std::move(members));
  for (const auto& backend : *changed) backend->join_pool();  // first: who stays has never left
  {
    std::lock_guard lock(mutex_);
    members_.swap(changed);
    edition_.fetch_add(1, std::memory_order_release);
  }
  for (const auto& backend : *changed) backend->leave_pool();
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
  auto is_candidate = [&](std::size_t place) {
    return !tried.has(place) && all[place]->healthy.load(std::memory_order_relaxed);
  };
  std::size_t candidates = 0;
  for (std::size_t place = 0; place < all.size(); ++place) candidates += is_candidate(place);
  if (candidates == 0) return nullptr;
  // Counted among the candidates: the turns of one that is down are shared by all the others, and
  // do not all fall to its neighbour.
  // A second attempt takes no turn of its own, or every first one would fall to the same member.
  auto taken = tried.any() ? turn_.load(std::memory_order_relaxed)
                           : turn_.fetch_add(1, std::memory_order_relaxed);
  auto turn = taken % candidates;
  for (std::size_t place = 0;; ++place) {
    if (!is_candidate(place)) {
      if (place + 1 == all.size()) return nullptr;  // its health has changed since it was counted
      continue;
    }
    if (turn-- > 0 && place + 1 < all.size()) continue;
    tried.add(place);
    return all[place].get();
  }
}

}  // namespace cirque::upstream
