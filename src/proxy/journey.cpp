#include "proxy/journey.h"

namespace cirque::proxy {

void Journey::end_call() noexcept {
  upload.reset();
  request.body = Body();
  end_attempt();
}

void Journey::find_client() {
  auto told = http::client_behind(link.client, rules.trusted, request.headers);
  if (told) client_ = &arena.make<Address>(std::move(*told));
}

void Journey::end_attempt() noexcept {
  upload.reset();
  response.body = Body();
  if (!call) return;
  bool reusable = !tunnelling && call->turn.is_reusable();
  if (reusable) worker.roster.give_back(*call->local, std::move(call->connection));
  call.reset();
}

}  // namespace cirque::proxy
