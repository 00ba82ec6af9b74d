#include "proxy/overload.h"

#include <algorithm>
#include <array>

namespace cirque::proxy {
namespace {

struct Step {
  Rung rung;
  double share;
  std::string_view text;
};

constexpr std::array kSteps = {
    Step{Rung::ShortIdle, 0.70, "idle connections are kept for less time"},
    Step{Rung::CloseIdle, 0.80, "idle connections are closed"},
    Step{Rung::NoRetries, 0.85, "requests are not repeated"},
    Step{Rung::Refuse, 0.90, "new requests are refused"},
    Step{Rung::NoAccept, 0.95, "new connections are not accepted"},
};

// So far below its step a rung is left, so that it is not entered and left in turns.
constexpr double kHysteresis = 0.03;

// Everybody waiting for memory a tenth of the time is a machine that thrashes.
constexpr double kStalledMost = 10;

Rung rung_of(double share) noexcept {
  Rung rung = Rung::None;
  for (const auto& step : kSteps) {
    if (share >= step.share) rung = step.rung;
  }
  return rung;
}

}  // namespace

std::string_view text_of(Rung rung) noexcept {
  for (const auto& step : kSteps) {
    if (step.rung == rung) return step.text;
  }
  return "all is well";
}

bool Ladder::look(double share, double stalled) noexcept {
  Rung up = rung_of(share);
  Rung down = std::min(rung_, rung_of(share + kHysteresis));
  // Giving memory back helps against that, refusing requests may not: others may be the cause.
  Rung least = stalled >= kStalledMost ? Rung::CloseIdle : Rung::None;
  Rung before = rung_;
  rung_ = std::max({up, down, least});
  return rung_ != before;
}

Duration idle_patience(double share, Duration configured) noexcept {
  constexpr double kFrom = 0.70;
  constexpr double kTo = 0.95;
  constexpr Duration kLeast = 2s;
  if (share <= kFrom || configured <= kLeast) return configured;
  double way = std::min(1.0, (share - kFrom) / (kTo - kFrom));
  auto cut = static_cast<double>((configured - kLeast).count()) * way;
  return configured - Duration(static_cast<Duration::rep>(cut));
}

bool Lateness::look(Time now, Duration lag, Duration most) noexcept {
  bool before = late_;
  if (most == Duration{} || lag <= most) {
    since_ = {};
    late_ = late_ && most > Duration{} && lag > most / 2;
    return late_ != before;
  }
  if (since_ == Time{}) since_ = now;
  late_ = late_ || now - since_ >= kPersistent;
  return late_ != before;
}

}  // namespace cirque::proxy
