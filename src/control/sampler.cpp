#include "control/sampler.h"

#include <algorithm>

#include "base/text.h"

namespace cirque::control {
namespace {

bool is_asked(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Those of "a=1&b=2" (or "; " between them) whose names are asked for.
std::string only_asked(std::string_view list, char separator,
                       const std::vector<std::string>& names) {
  std::string kept;
  while (!list.empty()) {
    auto end = list.find(separator);
    auto pair = base::trim(list.substr(0, end));
    list.remove_prefix(end == list.npos ? list.size() : end + 1);
    if (!is_asked(names, pair.substr(0, pair.find('=')))) continue;
    if (!kept.empty()) kept += separator;
    kept += pair;
  }
  return kept;
}

void describe(const Exchange& exchange, const config::Interests& asks, config::Asked& asked) {
  const auto& request = exchange.request;
  asked.method = request.method_text;
  asked.url.assign("http://").append(request.authority).append(request.path());
  auto query =
      asks.parameters.empty() ? std::string() : only_asked(request.query(), '&', asks.parameters);
  if (!query.empty()) asked.url.append("?").append(query);
  bool has_ip = exchange.client_address().family() != Address::Family::Unix;
  asked.from = has_ip ? exchange.client_address().ip_text() : std::string();
  asked.headers.clear();
  for (const auto& name : asks.fields) {
    auto value = request.headers.get(name);
    if (!value.empty() && value.size() <= Sampler::kTextMax) {
      asked.headers.push_back({name, std::string(value)});
    }
  }
  if (asks.cookies.empty()) return;
  auto cookies = only_asked(request.headers.get(Name::Cookie), ';', asks.cookies);
  if (!cookies.empty()) asked.headers.push_back({"Cookie", std::move(cookies)});
}

}  // namespace

void Sampler::offer(const Exchange& exchange, std::string_view listener,
                    const config::Interests& asks) {
  const auto& request = exchange.request;
  if (request.authority.size() + request.target.size() > kTextMax) return;
  // Whoever reads them does so rarely, and a request does not wait.
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  if (ring_.size() < kKept) ring_.emplace_back();
  auto& sample = ring_[next_place_];
  next_place_ = (next_place_ + 1) % kKept;
  sample.listener = listener;
  describe(exchange, asks, sample.asked);
}

std::vector<Sample> Sampler::all() const {
  std::lock_guard lock(mutex_);
  if (ring_.size() < kKept) return ring_;
  std::vector<Sample> samples(ring_.begin() + static_cast<std::ptrdiff_t>(next_place_),
                              ring_.end());
  samples.insert(samples.end(), ring_.begin(),
                 ring_.begin() + static_cast<std::ptrdiff_t>(next_place_));
  return samples;
}

}  // namespace cirque::control
