#include "upstream/health_answer.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "h1/chunks.h"
#include "h1/parser.h"
#include "http/framing.h"

namespace cirque::upstream {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::size_t kStatusAt = std::string_view("HTTP/1.1 ").size();
constexpr std::size_t kStatusEnd = kStatusAt + 3;

constexpr h1::HeadLimits kLimits{.head_bytes = HealthAnswer::kHeadBytesMax,
                                 .field_bytes = HealthAnswer::kHeadBytesMax};

std::unexpected<Error> verdict(std::string_view reason) {
  return fail({.fault = Fault::Malformed, .side = Side::Upstream, .reason = reason});
}

// RFC 9112 4. Of an answer whose status alone counts nothing else is judged.
std::optional<unsigned> status_of(std::string_view head) {
  bool is_http = head.starts_with(kVersion) && head[kStatusAt - 1] == ' ';
  auto digits = head.substr(kStatusAt, kStatusEnd - kStatusAt);
  auto number = is_http && digits.front() != '0' ? base::parse_number(digits, 999) : std::nullopt;
  if (!number) return std::nullopt;
  return static_cast<unsigned>(*number);
}

}  // namespace

struct HealthAnswer::Reading {
  // The next head begins.
  void start_over() {
    response.headers.clear();
    parser.reset();
  }

  Arena arena;
  Response response{arena};
  h1::ResponseParser parser{kLimits};
  h1::ChunkReader chunks{Side::Upstream, arena};
  http::Framing framing;
  std::uint64_t left = 0;  // of a body whose length is known
};

HealthAnswer::HealthAnswer(const HealthPolicy& policy) noexcept : policy_(policy) {}

HealthAnswer::~HealthAnswer() = default;

Result<bool> HealthAnswer::take(std::string_view bytes) {
  while (!is_in_body_) {
    auto part = bytes.substr(0, kHeadBytesMax - head_.size());
    head_.append(part);
    bytes.remove_prefix(part.size());
    auto step = TRY(judge_head());
    if (step != Step::Next) return step == Step::Passes;
  }
  auto came_with_head = std::exchange(head_, {});
  if (TRY(take_body(came_with_head))) return true;
  return take_body(bytes);
}

Result<HealthAnswer::Step> HealthAnswer::judge_head() {
  if (head_.size() < kStatusEnd) return Step::More;
  auto status = status_of(head_);
  if (!status) return verdict("health_check_malformed");
  bool is_final = *status >= 200;
  if (is_final) {
    bool is_expected = *status < policy_.statuses.size() && policy_.statuses.test(*status);
    if (!is_expected) return verdict("health_check_status");
    if (policy_.body.empty()) return Step::Passes;
  } else if (*status == 101) {
    return verdict("health_check_malformed");  // nobody has asked for another protocol
  }
  auto size = TRY(read_head());
  if (size == 0) return Step::More;
  if (is_final) TRY(begin_body());
  if (!is_final && ++informational_ > kInformationalMax) return verdict("health_check_malformed");
  head_.erase(0, size);
  reading_->start_over();
  return Step::Next;
}

// The bytes that it has; 0: its end has not come.
Result<std::size_t> HealthAnswer::read_head() {
  if (!reading_) {
    reading_ = std::make_unique<Reading>();
    head_.reserve(kHeadBytesMax);  // the parser wants it to stay where it is
  }
  auto size = reading_->parser.parse(head_, reading_->response);
  bool is_full = head_.size() == kHeadBytesMax;
  if (!size || (*size == 0 && is_full)) return verdict("health_check_malformed");
  return *size;
}

Result<Unit> HealthAnswer::begin_body() {
  auto framing = http::judge_response(reading_->response, method_of(policy_.method));
  if (!framing) return verdict("health_check_malformed");
  if (framing->kind == http::Framing::Kind::None) return verdict("health_check_body");
  reading_->framing = *framing;
  reading_->left = framing->bytes;
  is_in_body_ = true;
  return done;
}

Result<bool> HealthAnswer::take_body(std::string_view bytes) {
  using Kind = http::Framing::Kind;
  auto& [arena, response, parser, chunks, framing, left] = *reading_;
  while (!bytes.empty()) {
    auto data = bytes;
    bool is_over = false;
    if (framing.kind == Kind::Length) {
      data = bytes.substr(0, left);
      left -= data.size();
      is_over = left == 0;
      bytes.remove_prefix(data.size());
    } else if (framing.kind == Kind::Chunked) {
      auto taken = chunks.take(bytes);
      if (!taken) return verdict("health_check_malformed");
      data = taken->data;
      is_over = taken->done;
      bytes.remove_prefix(taken->used);
    } else {
      bytes = {};
    }
    if (finds_text(data)) return true;
    if (is_over || searched_ == kBodyBytesMax) return verdict("health_check_body");
  }
  return false;
}

bool HealthAnswer::finds_text(std::string_view data) {
  data = data.substr(0, kBodyBytesMax - searched_);
  searched_ += data.size();
  window_.append(data);
  if (window_.contains(policy_.body)) return true;
  auto kept = std::min(window_.size(), policy_.body.size() - 1);
  window_.erase(0, window_.size() - kept);
  return false;
}

Result<Unit> HealthAnswer::end() const noexcept {
  return verdict(is_in_body_ ? "health_check_body" : "health_check_failed");
}

}  // namespace cirque::upstream
