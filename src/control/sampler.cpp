#include "control/sampler.h"

#include <algorithm>

#include "base/text.h"
#include "route/parameters.h"

namespace cirque::control {
namespace {

bool is_asked(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const auto& one) { return base::equal_fold(one, name); });
}

// Those of "a=1&b=2" whose names are asked for.
std::string only_asked_parameters(std::string_view query, const std::vector<std::string>& names) {
  std::string kept;
  route::any_parameter(query, [&](std::string_view name, std::string_view value) {
    bool is_asked = std::ranges::any_of(
        names, [&](const auto& wanted) { return route::decodes_to(name, wanted); });
    if (!is_asked) return false;
    if (!kept.empty()) kept += '&';
    kept.append(name).append("=").append(value);
    return false;
  });
  return kept;
}

// The same of all cookies, "a=1; b=2".
std::string only_asked_cookies(const Headers& headers, const std::vector<std::string>& names) {
  std::string kept;
  for (const Field& field : headers) {
    if (field.id != Name::Cookie) continue;
    route::any_cookie(field.value, [&](std::string_view name, std::string_view value) {
      if (std::ranges::find(names, name) == names.end()) return false;
      if (!kept.empty()) kept += "; ";
      kept.append(name).append("=").append(value);
      return false;
    });
  }
  return kept;
}

bool has_long_chain(const Headers& headers) {
  std::size_t bytes = 0;
  for (const Field& field : headers) {
    if (field.id == Name::XForwardedFor) bytes += field.value.size();
  }
  return bytes > Sampler::kTextMax;
}

void describe_target(const Request& request, const config::Interests& asks, config::Asked& asked) {
  asked.method = request.method_text;
  asked.url.clear();
  asked.headers.clear();
  bool is_path = request.target.starts_with('/');
  if (is_path && !request.authority.empty()) {
    asked.url.append("http://").append(request.authority);
  } else if (!request.authority.empty()) {  // OPTIONS *
    asked.headers.push_back({"Host", std::string(request.authority)});
  }
  asked.url.append(request.path());
  auto query = asks.parameters.empty() ? std::string()
                                       : only_asked_parameters(request.query(), asks.parameters);
  if (!query.empty()) asked.url.append("?").append(query);
}

void leave_out(Sample& sample, std::string_view name) {
  auto lowered = base::lowered(name);
  auto& names = sample.left_out;
  if (std::ranges::find(names, lowered) == names.end()) names.push_back(std::move(lowered));
}

void describe_fields(const Request& request, Sample& sample) {
  const auto& asks = *sample.kept;
  auto& headers = sample.asked.headers;
  std::size_t bytes = 0;
  for (const Field& field : request.headers) {
    if (field.id == Name::Host || config::is_secret_field(field.name)) continue;
    bool is_chain = field.id == Name::XForwardedFor;  // bounded: see has_long_chain()
    if (!is_chain && !is_asked(asks.fields, field.name)) continue;
    bytes += sizeof(config::TableEntry) + field.name.size() + field.value.size();
    bool fits = field.value.size() <= Sampler::kTextMax && bytes <= Sampler::kFieldsMax;
    if (fits) {
      headers.push_back({std::string(field.name), std::string(field.value)});
    } else {
      leave_out(sample, field.name);
    }
  }
  if (!request.upgrade.empty() && is_asked(asks.fields, "upgrade")) {
    headers.push_back({"Connection", "upgrade"});
    headers.push_back({"Upgrade", std::string(request.upgrade)});
  }
  if (asks.cookies.empty()) return;
  auto cookies = only_asked_cookies(request.headers, asks.cookies);
  if (cookies.size() > Sampler::kTextMax) {
    sample.left_out.emplace_back("cookie");
  } else if (!cookies.empty()) {
    headers.push_back({"Cookie", std::move(cookies)});
  }
}

}  // namespace

void Sampler::offer(const Exchange& exchange, const config::Blueprint& blueprint,
                    const config::LanePlan& lane) {
  const auto& request = exchange.request;
  if (request.authority.size() + request.target.size() > kTextMax) return;
  if (has_long_chain(request.headers)) return;
  // Whoever reads them does so rarely, and a request does not wait.
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  if (ring_.size() < kKept) ring_.emplace_back();
  auto& sample = ring_[next_place_];
  next_place_ = (next_place_ + 1) % kKept;
  sample.listener = lane.name;
  sample.kept = blueprint.interests;
  sample.left_out.clear();
  sample.asked.from = exchange.link.client.ip_text();
  describe_target(request, *sample.kept, sample.asked);
  describe_fields(request, sample);
  auto facts = route::Facts::of(request, exchange.client_address());
  config::judge_secrets(*lane.router, lane.secrets, facts, sample.secrets);
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
