#include "upstream/pool.h"

#include <algorithm>

namespace cirque::upstream {
namespace {

// Small numbers for pools, used again when one is gone.
class Ids {
 public:
  unsigned take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return next_++;
    unsigned id = free_.back();
    free_.pop_back();
    return id;
  }

  void give_back(unsigned id) {
    std::lock_guard lock(mutex_);
    free_.push_back(id);
  }

 private:
  std::mutex mutex_;
  unsigned next_ = 0;
  std::vector<unsigned> free_;
};

Ids ids;

// Never the same for two lists, whatever pools they are of.
std::atomic<std::uint64_t> editions{1};

struct Copy {
  std::uint64_t edition = 0;
  std::shared_ptr<const Members> members;
};

// By pool id. A pool that is gone leaves its last copy behind until another has its number.
thread_local std::vector<Copy> copies;

}  // namespace

Pool::Pool(std::string n) : name(std::move(n)), id_(ids.take()), edition_(editions.fetch_add(1)) {}

Pool::~Pool() {
  for (const auto& backend : *members_) backend->leave_pool();
  ids.give_back(id_);
}

void Pool::set_members(Members members) {
  auto changed = std::make_shared<const Members>(std::move(members));
  for (const auto& backend : *changed) backend->join_pool();  // first: who stays has never left
  {
    std::lock_guard lock(mutex_);
    members_.swap(changed);
    edition_.store(editions.fetch_add(1), std::memory_order_release);
  }
  for (const auto& backend : *changed) backend->leave_pool();
}

bool Pool::has_healthy() {
  return std::ranges::any_of(members(),
                             [](auto& m) { return m->healthy.load(std::memory_order_relaxed); });
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
