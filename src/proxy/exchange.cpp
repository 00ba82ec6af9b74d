// What an App can ask of its exchange.
#include "cirque/exchange.h"

#include "proxy/answer.h"
#include "proxy/journey.h"

namespace cirque {

void Exchange::note(std::string_view why) {
  if (story_.empty()) {
    story_ = arena.copy(why);
    return;
  }
  constexpr std::string_view kBetween = "; ";
  auto size = story_.size() + kBetween.size() + why.size();
  auto* to = static_cast<char*>(arena.take(size, 1));
  char* at = to + story_.copy(to, story_.size());
  at += kBetween.copy(at, kBetween.size());
  why.copy(at, why.size());
  story_ = {to, size};
}

// Every exchange is the outer half of a journey.
Duration Exchange::head_latency() const noexcept {
  const auto& journey = static_cast<const proxy::Journey&>(*this);
  return journey.answered != Time{} ? journey.answered - journey.connected : Duration::zero();
}

void Exchange::leave_out(Duration time) noexcept {
  static_cast<proxy::Journey&>(*this).in_vain += time;
}

Address Exchange::local_address() const noexcept {
  return static_cast<const proxy::Journey&>(*this).client->local_address();
}

bool Exchange::is_connected() const noexcept {
  return static_cast<const proxy::Journey&>(*this).client->is_connected();
}

unsigned Exchange::core() const noexcept {
  return static_cast<const proxy::Journey&>(*this).worker.index;
}

Task<> Exchange::sleep(Duration time) {
  co_await static_cast<proxy::Journey*>(this)->worker.loop.sleep(time);
  co_return done;
}

Response& Exchange::answer(int status, std::string_view text, std::string_view content_type) {
  response.status = status;
  response.reason = {};
  response.headers.clear();
  if (!text.empty()) response.headers.add(Name::ContentType, content_type);
  response.body = proxy::text_body(arena, arena.copy(text));
  return response;
}

}  // namespace cirque
