#include "observe/access_format.h"

#include <cstring>
#include <ctime>

#include "base/json.h"
#include "base/text.h"

namespace cirque::observe {
namespace {

// Appends to a buffer that is known to be large enough.
class Pen {
 public:
  explicit Pen(char* at) noexcept : at_(at) {}
  Pen& raw(std::string_view text) noexcept {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
    return *this;
  }
  Pen& number(std::int64_t n) noexcept {
    if (n < 0) {
      *at_++ = '-';
      n = -n;
    }
    at_ = base::write_number(at_, static_cast<std::uint64_t>(n));
    return *this;
  }
  Pen& padded(std::int64_t n, int digits) noexcept {
    for (int i = digits - 1; i >= 0; --i, n /= 10) at_[i] = static_cast<char>('0' + n % 10);
    at_ += digits;
    return *this;
  }
  // Microseconds as milliseconds with three decimals.
  Pen& milliseconds(std::int64_t us) noexcept {
    if (us < 0) us = 0;
    return number(us / 1000).raw(".").padded(us % 1000, 3);
  }
  Pen& json(std::string_view text) noexcept {
    at_ = base::write_json(at_, text);
    return *this;
  }
  Pen& plain(std::string_view text) noexcept {
    at_ = base::write_plain(at_, text);
    return *this;
  }
  Pen& ip(const Address& address) noexcept {
    at_ += address.write_ip(at_);
    return *this;
  }
  char* at() const noexcept { return at_; }

 private:
  char* at_;
};

// The most that a line can come to: every text escaped at its worst, and room for what is fixed.
std::size_t line_max(const AccessEntry& e) noexcept {
  std::size_t texts = e.request_id.size() + e.method.size() + e.host.size() + e.target.size() +
                      e.user_agent.size() + e.referer.size() + e.service.size() +
                      e.backend.size() + e.reason.size() + e.story.size();
  return 6 * texts + 640;
}

std::string_view protocol(Version version) noexcept {
  switch (version) {
    case Version::Http10: return "HTTP/1.0";
    case Version::Http11: return "HTTP/1.1";
    case Version::Http2: return "HTTP/2.0";
    case Version::Http3: return "HTTP/3.0";
  }
  return "";
}

// Our own share: what is left of the duration without the waits for the backend.
std::int64_t overhead_us(const AccessEntry& e) noexcept {
  auto waited = (e.connect_us > 0 ? e.connect_us : 0) + (e.upstream_us > 0 ? e.upstream_us : 0);
  return e.duration_us > waited ? e.duration_us - waited : 0;
}

}  // namespace

void AccessFormatter::remember(std::int64_t second) {
  if (second == second_) return;
  second_ = second;
  std::time_t time = second;
  std::tm utc;
  gmtime_r(&time, &utc);
  std::strftime(iso_, sizeof iso_, "%Y-%m-%dT%H:%M:%S", &utc);
  std::strftime(common_, sizeof common_, "%d/%b/%Y:%H:%M:%S +0000", &utc);
}

void AccessFormatter::append(std::string& to, AccessFormat format, const AccessEntry& entry) {
  remember(entry.unix_us / 1'000'000);
  switch (format) {
    case AccessFormat::Json: return json(to, entry);
    case AccessFormat::Text: return text(to, entry);
    case AccessFormat::Combined: return combined(to, entry);
  }
}

void AccessFormatter::json(std::string& to, const AccessEntry& e) {
  auto size = to.size();
  to.resize_and_overwrite(size + line_max(e), [&](char* buffer, std::size_t) {
    Pen pen(buffer + size);
    pen.raw("{\"ts\":\"").raw({iso_, 19}).raw(".").padded(e.unix_us / 1000 % 1000, 3);
    pen.raw("Z\",\"request_id\":\"").json(e.request_id);
    pen.raw("\",\"client\":\"").ip(e.client);
    pen.raw("\",\"method\":\"").json(e.method);
    pen.raw("\",\"host\":\"").json(e.host);
    pen.raw("\",\"path\":\"").json(e.target);
    pen.raw("\",\"protocol\":\"").raw(protocol(e.version));
    pen.raw("\",\"status\":").number(e.status);
    if (!e.reason.empty()) pen.raw(",\"reason\":\"").json(e.reason).raw("\"");
    pen.raw(",\"bytes_in\":").number(static_cast<std::int64_t>(e.bytes_in));
    pen.raw(",\"bytes_out\":").number(static_cast<std::int64_t>(e.bytes_out));
    pen.raw(",\"service\":\"").json(e.service).raw("\"");
    if (!e.backend.empty()) {
      pen.raw(",\"backend\":\"").json(e.backend);
      pen.raw(e.reused ? "\",\"reused\":true" : "\",\"reused\":false");
    }
    pen.raw(",\"attempts\":").number(e.attempts);
    pen.raw(",\"duration_ms\":").milliseconds(e.duration_us);
    if (e.connect_us >= 0) pen.raw(",\"connect_ms\":").milliseconds(e.connect_us);
    if (e.upstream_us >= 0) pen.raw(",\"upstream_ms\":").milliseconds(e.upstream_us);
    pen.raw(",\"overhead_ms\":").milliseconds(overhead_us(e));
    if (!e.user_agent.empty()) pen.raw(",\"user_agent\":\"").json(e.user_agent).raw("\"");
    if (!e.referer.empty()) pen.raw(",\"referer\":\"").json(e.referer).raw("\"");
    if (!e.story.empty()) pen.raw(",\"story\":\"").json(e.story).raw("\"");
    pen.raw("}\n");
    return static_cast<std::size_t>(pen.at() - buffer);
  });
}

void AccessFormatter::text(std::string& to, const AccessEntry& e) {
  auto size = to.size();
  to.resize_and_overwrite(size + line_max(e), [&](char* buffer, std::size_t) {
    Pen pen(buffer + size);
    pen.raw({iso_ + 11, 8}).raw(".").padded(e.unix_us / 1000 % 1000, 3);
    pen.raw("  ").number(e.status).raw("  ").plain(e.method).raw(" ").plain(e.host);
    pen.plain(e.target).raw("  ").milliseconds(e.duration_us).raw(" ms  ");
    pen.number(static_cast<std::int64_t>(e.bytes_out)).raw(" B  from ").ip(e.client);
    pen.raw("  service ").plain(e.service);
    if (!e.backend.empty()) {
      pen.raw("  to ").plain(e.backend).raw(e.reused ? " (reused)" : " (new)");
    }
    if (!e.reason.empty()) pen.raw("  because ").plain(e.reason);
    if (!e.story.empty()) pen.raw("  [").plain(e.story).raw("]");
    pen.raw("  id ").plain(e.request_id).raw("\n");
    return static_cast<std::size_t>(pen.at() - buffer);
  });
}

void AccessFormatter::combined(std::string& to, const AccessEntry& e) {
  auto size = to.size();
  auto or_dash = [](std::string_view text) { return text.empty() ? std::string_view("-") : text; };
  to.resize_and_overwrite(size + line_max(e), [&](char* buffer, std::size_t) {
    Pen pen(buffer + size);
    pen.ip(e.client).raw(" - - [").raw(common_).raw("] \"").plain(or_dash(e.method)).raw(" ");
    pen.plain(e.target).raw(" ").raw(protocol(e.version)).raw("\" ").number(e.status).raw(" ");
    pen.number(static_cast<std::int64_t>(e.bytes_out)).raw(" \"").plain(or_dash(e.referer));
    pen.raw("\" \"").plain(or_dash(e.user_agent)).raw("\"\n");
    return static_cast<std::size_t>(pen.at() - buffer);
  });
}

}  // namespace cirque::observe
