#pragma once
// What a backend's answer to a health check says. Bytes in, a verdict out: it knows no sockets and
// no time. Split it where you like, the verdict is the same.
#include <memory>
#include <string>
#include <string_view>

#include "cirque/result.h"
#include "upstream/health_policy.h"

namespace cirque::upstream {

// Lives as long as one check; the policy outlives it. Where the policy asks for no text the status
// alone counts, and what comes after it is not read. Errors: health_check_status,
// health_check_body, health_check_malformed, and health_check_failed for an answer that ends before
// it has begun.
class HealthAnswer {
 public:
  static constexpr std::size_t kHeadBytesMax = std::size_t{16} * 1024;
  static constexpr std::size_t kBodyBytesMax = std::size_t{64} * 1024;  // that are searched
  static constexpr unsigned kInformationalMax = 8;                      // heads of 1xx

  explicit HealthAnswer(const HealthPolicy& policy) noexcept;
  HealthAnswer(const HealthAnswer&) = delete;
  HealthAnswer& operator=(const HealthAnswer&) = delete;
  ~HealthAnswer();

  // The next bytes, at least one. True: it passes, and no more is needed. Not called again after
  // that, nor after an error.
  Result<bool> take(std::string_view bytes);

  // The other side has ended before the verdict.
  Result<Unit> end() const noexcept;

 private:
  enum class Step : unsigned char { More, Next, Passes };  // Next: that head is done with
  struct Reading;

  Result<Step> judge_head();
  Result<std::size_t> read_head();
  Result<Unit> begin_body();
  Result<bool> take_body(std::string_view bytes);
  bool finds_text(std::string_view data);

  const HealthPolicy& policy_;
  std::string head_;
  std::unique_ptr<Reading> reading_;  // of a head to its end, and a body; made when that is needed
  unsigned informational_ = 0;
  bool is_in_body_ = false;
  std::string window_;  // the latest of the body, as much as could be the beginning of the text
  std::size_t searched_ = 0;
};

}  // namespace cirque::upstream
