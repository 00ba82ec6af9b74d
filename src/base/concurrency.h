#pragma once
// So many at once and no more, whichever worker asks; and whoever may wait is served in the order
// of arrival, on whichever worker it waits.
#include <cstdint>
#include <optional>
#include <utility>

#include "base/list.h"
#include "base/permit_ledger.h"

namespace cirque::base {

// Shared by all workers: atomics, no lock, no allocation after it is made. At no moment are more
// permits out than the limit was when the last one was given.
//
// A permit that is handed back goes to the line that has waited longest (see WaitingLine); nobody
// who comes later gets it first. Lines learn of it by their wake function and serve on their own
// thread, so that within the time of such a message two permits may go to one line though another
// one's second is older: the order is that of arrival to within a turn of the loop.
class ConcurrencyLimit {
  using Ledger = PermitLedger<std::atomic>;

 public:
  // One of those that are allowed at once: destroyed, it is handed back. Any thread; the limit
  // outlives it.
  class Permit {
   public:
    Permit(Permit&& other) noexcept : ledger_(std::exchange(other.ledger_, nullptr)) {}

    Permit& operator=(Permit&& other) noexcept {
      std::swap(ledger_, other.ledger_);
      return *this;
    }

    ~Permit() {
      if (ledger_) ledger_->release();
    }

   private:
    friend class ConcurrencyLimit;
    friend class WaitingLine;

    explicit Permit(Ledger& ledger) noexcept : ledger_(&ledger) {}

    Ledger* ledger_;  // null: moved away
  };

  static constexpr std::uint32_t kNoLimit = UINT32_MAX;

  struct Room {
    std::uint32_t limit = kNoLimit;
    std::uint32_t waiting_max = 0;  // on all lines together
    std::uint32_t lines = 0;        // of which there is one a worker; see add_lines()
  };

  explicit ConcurrencyLimit(const Room& room) : ledger_(room.limit, room.waiting_max, room.lines) {}

  ConcurrencyLimit(const ConcurrencyLimit&) = delete;
  ConcurrencyLimit& operator=(const ConcurrencyLimit&) = delete;

  ~ConcurrencyLimit() { CIRQUE_CHECK(in_use() == 0 && waiting() == 0); }

  // None: it is full, or others wait already. Where there are lines, one permit may also be on its
  // way to somebody who has just left.
  std::optional<Permit> try_acquire() noexcept {
    if (!ledger_.take_unless_waited_for()) return std::nullopt;
    return Permit(ledger_);
  }

  // Where the room had none: before anybody can wait, and on one thread. So many lines take memory,
  // which a limit without a queue need not have.
  void add_lines(std::uint32_t lines) { ledger_.add_lines(lines); }

  // Holds at once: a higher one lets in who waits, a lower one is reached as permits come back.
  void set_limit(std::uint32_t limit) noexcept { ledger_.set_limit(limit); }

  void set_waiting_max(std::uint32_t most) noexcept { ledger_.set_waiting_max(most); }

  std::uint32_t limit() const noexcept { return ledger_.limit(); }

  std::uint32_t in_use() const noexcept { return ledger_.in_use(); }

  std::uint32_t waiting() const noexcept { return ledger_.waiting(); }

 private:
  friend class WaitingLine;

  Ledger ledger_;
};

// Those who wait on one worker, first come first served. On that worker's thread, but for `wake`.
class WaitingLine {
 public:
  using Permit = ConcurrencyLimit::Permit;

  // Somebody in line. Destroying it gives up its place, and the permit that was on its way to it
  // goes to the next.
  class Waiter : public ListHook {
   public:
    Waiter() noexcept = default;

    bool is_waiting() const noexcept { return line_ != nullptr; }

    // Its time is over. What has come for the line is handed on first, since who has a permit is
    // not too late. True: it waited in vain, and has left.
    bool give_up() noexcept;

   protected:
    ~Waiter() {
      if (line_) line_->leave(*this);
    }

   private:
    friend class WaitingLine;

    // Once, from serve(); it is no longer in line then. Destroys nobody who waits, itself neither.
    virtual void on_turn(Permit permit) noexcept = 0;

    WaitingLine* line_ = nullptr;  // null: not in line
    std::uint64_t ticket_ = 0;
  };

  using Wake = ConcurrencyLimit::Ledger::Wake;  // .call(.context)

  // `number` is below the limit's lines, and no other line has it. `wake` is called on any thread,
  // sees to it that serve() is called soon on this one, and may come late, when nobody waits any
  // more: its context lives as long as the limit.
  WaitingLine(ConcurrencyLimit& limit, std::uint32_t number, Wake wake) noexcept;
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;
  // Nobody is in line any more.
  ~WaitingLine();

  enum class Entry : std::uint8_t { Admitted, Waits, Full };

  struct Entered {
    Entry how;
    std::optional<Permit> permit;  // if admitted
  };

  // Gets in at once if there is room and nobody waits, else in line if that is not too long. The
  // waiter stays where it is until its turn, until it gives up, or its end.
  Entered enter(Waiter& waiter) noexcept;

  // Hands on the permits that have come for this line.
  void serve() noexcept;

 private:
  void leave(Waiter& waiter) noexcept;
  void step_out(Waiter& waiter) noexcept;

  ConcurrencyLimit::Ledger& ledger_;
  const std::uint32_t number_;
  List<Waiter> waiters_;
};

}  // namespace cirque::base
