#include "observe/access_format.h"

#include <algorithm>
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
    at_ = base::put(at_, text);
    return *this;
  }

  Pen& number(std::uint64_t n) noexcept {
    at_ = base::write_number(at_, n);
    return *this;
  }

  // With zeros in front.
  Pen& padded(std::uint64_t n, int digits) noexcept {
    for (int i = digits - 1; i >= 0; --i, n /= 10) at_[i] = static_cast<char>('0' + n % 10);
    at_ += digits;
    return *this;
  }

  // Microseconds as milliseconds with three decimals.
  Pen& milliseconds(std::int64_t us) noexcept {
    auto count = static_cast<std::uint64_t>(us > 0 ? us : 0);
    if (count < 10'000) {
      *at_++ = static_cast<char>('0' + static_cast<std::uint32_t>(count) / 1000);
    } else {
      number(count / 1000);
    }
    auto rest = static_cast<std::uint32_t>(count % 1000);
    auto hundreds = rest / 100, tens = rest / 10;
    at_[0] = '.';
    at_[1] = static_cast<char>('0' + hundreds);
    at_[2] = static_cast<char>('0' + tens - 10 * hundreds);
    at_[3] = static_cast<char>('0' + rest - 10 * tens);
    at_ += 4;
    return *this;
  }

  // Moves what `write` writes to the right end of a column, where it is narrower.
  template <class Write>
  Pen& right(std::ptrdiff_t width, Write write) noexcept {
    char* from = at_;
    write(*this);
    auto missing = width - (at_ - from);
    if (missing <= 0) return *this;
    std::memmove(from + missing, from, static_cast<std::size_t>(at_ - from));
    std::memset(from, ' ', static_cast<std::size_t>(missing));
    at_ += missing;
    return *this;
  }

  Pen& spaces_from(const char* start, std::ptrdiff_t width) noexcept {
    while (at_ - start < width) *at_++ = ' ';
    return *this;
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

std::string_view cut(std::string_view text, std::size_t most, std::string& room) {
  constexpr std::string_view kEllipsis = "...";
  if (text.size() <= most) return text;
  auto kept = most - kEllipsis.size();
  for (int i = 0; i < 3 && (text[kept] & 0xc0) == 0x80; ++i) --kept;  // no UTF-8 sequence in two
  room.assign(text.substr(0, kept)).append(kEllipsis);
  return room;
}

std::string_view protocol(Version version) noexcept {
  switch (version) {
    case Version::Http10:
      return "HTTP/1.0";
    case Version::Http11:
      return "HTTP/1.1";
    case Version::Http2:
      return "HTTP/2.0";
    case Version::Http3:
      return "HTTP/3.0";
  }
  return "";
}

bool is_well(const AccessEntry& e) noexcept {
  return e.reason.empty();
}

std::uint64_t status_of(const AccessEntry& e) noexcept {
  return e.status > 0 ? static_cast<std::uint64_t>(e.status) : 0;
}

std::uint64_t millisecond_of(const AccessEntry& e) noexcept {
  return static_cast<std::uint64_t>(e.unix_us) / 1000 % 1000;
}

template <class Visit>
void for_each_field(const AccessEntry& e, Visit visit) {
  if (!e.fields) return;
  for (const auto& field : *e.fields) visit(field);
}

// Our own share: where nobody has measured it, the duration without the waits for the backend.
std::int64_t overhead_us(const AccessEntry& e) noexcept {
  if (e.overhead_us >= 0) return e.overhead_us;
  auto waited = (e.connect_us > 0 ? e.connect_us : 0) + (e.upstream_us > 0 ? e.upstream_us : 0);
  return e.duration_us > waited ? e.duration_us - waited : 0;
}

}  // namespace

// Every text escaped at its worst, and room for what is fixed.
std::size_t AccessFormatter::size_max(const AccessEntry& e) noexcept {
  constexpr std::size_t kFixed = 640;
  std::size_t texts = e.request_id.size() + e.method.size() + e.host.size() + e.target.size() +
                      e.user_agent.size() + e.referer.size() + e.service.size() + e.backend.size() +
                      e.reason.size() + e.story.size() + e.route.size();
  for_each_field(e, [&](const Field& f) { texts += f.name.size() + f.value.size() + 2; });
  return 6 * texts + kFixed;
}

bool AccessFormatter::is_too_long(const AccessEntry& e) noexcept {
  auto longest = std::max({e.request_id.size(), e.method.size(), e.host.size(), e.user_agent.size(),
                           e.referer.size(), e.service.size(), e.backend.size(), e.reason.size(),
                           e.story.size(), e.route.size()});
  for_each_field(e, [&](const Field& f) { longest = std::max(longest, f.value.size()); });
  return longest > kTextMax || e.target.size() > kTargetMax;
}

CutEntry::CutEntry(const AccessEntry& entry) : entry_(entry) {
  auto* text = texts_.data();
  for (auto* view :
       {&entry_.request_id, &entry_.method, &entry_.host, &entry_.user_agent, &entry_.referer,
        &entry_.service, &entry_.backend, &entry_.reason, &entry_.story, &entry_.route}) {
    *view = cut(*view, AccessFormatter::kTextMax, *text++);
  }
  entry_.target = cut(entry_.target, AccessFormatter::kTargetMax, *text);
  if (!entry.fields) return;
  std::string room;
  for (const auto& field : *entry.fields) {
    fields_.add(field.name, cut(field.value, AccessFormatter::kTextMax, room));
  }
  entry_.fields = &fields_;
}

void AccessFormatter::remember(std::int64_t second) noexcept {
  if (second == second_) return;
  second_ = second;
  std::time_t time = second;
  std::tm utc;
  gmtime_r(&time, &utc);
  std::strftime(iso_, sizeof iso_, "%Y-%m-%dT%H:%M:%S", &utc);
  std::strftime(common_, sizeof common_, "%d/%b/%Y:%H:%M:%S +0000", &utc);
}

char* AccessFormatter::write(char* to, AccessFormat format, const AccessEntry& entry) noexcept {
  remember(entry.unix_us / 1'000'000);
  switch (format) {
    case AccessFormat::Json:
      return json(to, entry);
    case AccessFormat::Text:
      return text(to, entry);
    case AccessFormat::Combined:
      return combined(to, entry);
    case AccessFormat::Cells:
      return cells(to, entry);
  }
  return to;
}

char* AccessFormatter::json(char* to, const AccessEntry& e) noexcept {
  Pen pen(to);
  pen.raw("{\"ts\":\"").raw({iso_, 19}).raw(".").padded(millisecond_of(e), 3);
  pen.raw("Z\",\"request_id\":\"").json(e.request_id);
  pen.raw("\",\"client\":\"").ip(e.client);
  pen.raw("\",\"method\":\"").json(e.method);
  pen.raw("\",\"host\":\"").json(e.host);
  pen.raw("\",\"path\":\"").json(e.target);
  pen.raw("\",\"protocol\":\"").raw(protocol(e.version));
  pen.raw("\",\"status\":").number(status_of(e));
  if (!is_well(e)) pen.raw(",\"reason\":\"").json(e.reason).raw("\"");
  pen.raw(",\"bytes_in\":").number(e.bytes_in);
  pen.raw(",\"bytes_out\":").number(e.bytes_out);
  pen.raw(",\"service\":\"").json(e.service).raw("\"");
  if (!e.route.empty()) pen.raw(",\"route\":\"").json(e.route).raw("\"");
  for_each_field(
      e, [&](const Field& f) { pen.raw(",\"").json(f.name).raw("\":\"").json(f.value).raw("\""); });
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
  return pen.at();
}

// Columns first, then what has any length.
char* AccessFormatter::text(char* to, const AccessEntry& e) noexcept {
  constexpr std::ptrdiff_t kMethodWidth = 8, kDurationWidth = 10, kBytesWidth = 10;
  Pen pen(to);
  pen.raw({iso_, 19}).raw(".").padded(millisecond_of(e), 3);
  pen.raw("Z ").padded(status_of(e), 3).raw(" ");
  char* method = pen.at();
  pen.plain(e.method).spaces_from(method, kMethodWidth);
  pen.right(kDurationWidth, [&](Pen& p) { p.milliseconds(e.duration_us); }).raw(" ms");
  pen.right(kBytesWidth, [&](Pen& p) { p.number(e.bytes_out); }).raw(" B  ");
  pen.plain(e.host).plain(e.target).raw("  from ").ip(e.client);
  pen.raw("  service ").plain(e.service);
  if (!e.route.empty()) pen.raw("  route ").plain(e.route);
  for_each_field(e, [&](const Field& f) { pen.raw("  ").plain(f.name).raw(" ").plain(f.value); });
  if (!e.backend.empty()) {
    pen.raw("  to ").plain(e.backend).raw(e.reused ? " (reused)" : " (new)");
  }
  if (!is_well(e)) pen.raw("  because ").plain(e.reason);
  if (!e.story.empty()) pen.raw("  [").plain(e.story).raw("]");
  pen.raw("  id ").plain(e.request_id).raw("\n");
  return pen.at();
}

// As Apache and nginx write it, so that what reads their logs reads ours. A request line that could
// not be read is a dash.
char* AccessFormatter::combined(char* to, const AccessEntry& e) noexcept {
  auto or_dash = [](std::string_view text) { return text.empty() ? std::string_view("-") : text; };
  Pen pen(to);
  pen.ip(e.client).raw(" - - [").raw(common_).raw("] \"");
  if (e.method.empty()) {
    pen.raw("-");
  } else {
    pen.plain(e.method).raw(" ").plain(e.target).raw(" ").raw(protocol(e.version));
  }
  pen.raw("\" ").number(status_of(e)).raw(" ").number(e.bytes_out);
  pen.raw(" \"").plain(or_dash(e.referer)).raw("\" \"").plain(or_dash(e.user_agent));
  pen.raw("\"\n");
  return pen.at();
}

// The keys that routers of cells have always written; the app's fields say what it was routed by.
char* AccessFormatter::cells(char* to, const AccessEntry& e) noexcept {
  Pen pen(to);
  pen.raw("{\"timestamp\":\"").raw({iso_, 19});
  pen.raw("Z\",\"request_id\":\"").json(e.request_id);
  pen.raw("\",\"method\":\"").json(e.method);
  pen.raw("\",\"path\":\"").json(e.target.substr(0, e.target.find('?'))).raw("\"");
  for_each_field(
      e, [&](const Field& f) { pen.raw(",\"").json(f.name).raw("\":\"").json(f.value).raw("\""); });
  pen.raw(",\"upstream_url\":\"").raw(e.backend.empty() ? "" : "http://").json(e.backend);
  pen.raw("\",\"status_code\":").number(status_of(e));
  if (e.attempts > 1) pen.raw(",\"attempts\":").number(e.attempts);
  pen.raw(",\"duration_ms\":").milliseconds(e.duration_us);
  if (!is_well(e)) pen.raw(",\"reason\":\"").json(e.reason).raw("\"");
  pen.raw("}\n");
  return pen.at();
}

}  // namespace cirque::observe
