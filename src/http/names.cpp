// The words of HTTP: methods, field names, reason phrases.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"
#include "cirque/http.h"

namespace cirque {
namespace {

constexpr std::array<std::string_view, kMethods> kMethodTexts = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "OTHER"};

constexpr std::array<std::string_view, static_cast<std::size_t>(Name::Count)> kNames = {
    "",
    "Accept",
    "Accept-Encoding",
    "Age",
    "Allow",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "ETag",
    "Expect",
    "Forwarded",
    "Host",
    "HTTP2-Settings",
    "If-Modified-Since",
    "If-None-Match",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Origin",
    "Pragma",
    "Proxy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Proxy-Status",
    "Range",
    "RateLimit",
    "RateLimit-Policy",
    "Referer",
    "Retry-After",
    "Server",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Vary",
    "Via",
    "X-Circuit-State",
    "X-Cirque-Explain",
    "X-Failover-Reason",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "X-Request-Id",
    "X-Route-Reason",
    "X-Routed-To",
};

// A table without collisions, found at compile time: the key is made of length and three letters,
// and the multiplier is searched for until every name has a slot of its own.
constexpr unsigned kSlotBits = 9;

constexpr std::uint32_t key_of(std::string_view name) noexcept {
  auto letter = [at = name.data()](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(at[i]) | 0x20U);
  };
  return static_cast<std::uint32_t>(name.size()) | letter(0) << 8 | letter(name.size() / 2) << 16 |
         letter(name.size() - 1) << 24;
}

constexpr unsigned slot_of(std::uint32_t key, std::uint32_t multiplier) noexcept {
  return (key * multiplier) >> (32 - kSlotBits);
}

struct Table {
  std::uint32_t multiplier = 0;
  std::array<Name, 1U << kSlotBits> slots{};
};

consteval Table make_table() {
  for (std::uint32_t multiplier = 0x9e3779b1U;; multiplier += 0x3c6ef372U) {
    Table table{multiplier, {}};
    bool fits = true;
    for (std::size_t i = 1; i < kNames.size() && fits; ++i) {
      auto& slot = table.slots[slot_of(key_of(kNames[i]), multiplier)];
      fits = slot == Name::Other;
      slot = static_cast<Name>(i);
    }
    if (fits) return table;
  }
}

constexpr Table kTable = make_table();

// As memcmp does, but in place: names are short, and the call would cost more than the comparison.
// Two loads that overlap cover every length from 8 to 16, and those of 4 to 8.
template <class Word>
bool same_ends(const char* a, const char* b, std::size_t size) noexcept {
  Word words[4];
  std::memcpy(&words[0], a, sizeof(Word));
  std::memcpy(&words[1], b, sizeof(Word));
  std::memcpy(&words[2], a + size - sizeof(Word), sizeof(Word));
  std::memcpy(&words[3], b + size - sizeof(Word), sizeof(Word));
  return ((words[0] ^ words[1]) | (words[2] ^ words[3])) == 0;
}

bool same(std::string_view a, std::string_view b) noexcept {
  if (a.size() > 16) return false;  // the slow way will tell
  if (a.size() >= 8) return same_ends<std::uint64_t>(a.data(), b.data(), a.size());
  return a.size() >= 4 && same_ends<std::uint32_t>(a.data(), b.data(), a.size());
}

// Out of the way, so that the short way needs no registers saved.
[[gnu::noinline]] Name name_if_equal(std::string_view name, Name candidate) noexcept {
  return base::equal_fold(name, text_of(candidate)) ? candidate : Name::Other;
}

struct Phrase {
  int status;
  std::string_view text;
};

constexpr std::array kPhrases = {
    Phrase{100, "Continue"},
    Phrase{101, "Switching Protocols"},
    Phrase{102, "Processing"},
    Phrase{103, "Early Hints"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{203, "Non-Authoritative Information"},
    Phrase{204, "No Content"},
    Phrase{205, "Reset Content"},
    Phrase{206, "Partial Content"},
    Phrase{207, "Multi-Status"},
    Phrase{300, "Multiple Choices"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{402, "Payment Required"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{407, "Proxy Authentication Required"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{421, "Misdirected Request"},
    Phrase{422, "Unprocessable Content"},
    Phrase{425, "Too Early"},
    Phrase{426, "Upgrade Required"},
    Phrase{428, "Precondition Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{451, "Unavailable For Legal Reasons"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
    Phrase{504, "Gateway Timeout"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{507, "Insufficient Storage"},
    Phrase{511, "Network Authentication Required"},
};

}  // namespace

Method method_of(std::string_view text) noexcept {
  for (std::size_t i = 0; i + 1 < kMethods; ++i) {
    if (text == kMethodTexts[i]) return static_cast<Method>(i);
  }
  return Method::Other;
}

std::string_view text_of(Method method) noexcept {
  return kMethodTexts[static_cast<std::size_t>(method)];
}

bool is_safe(Method method) noexcept {
  return method == Method::Get || method == Method::Head || method == Method::Options ||
         method == Method::Trace;
}

bool is_idempotent(Method method) noexcept {
  return is_safe(method) || method == Method::Put || method == Method::Delete;
}

Name name_of(std::string_view name) noexcept {
  if (name.empty()) return Name::Other;
  Name candidate = kTable.slots[slot_of(key_of(name), kTable.multiplier)];
  if (candidate == Name::Other) return Name::Other;
  auto known = kNames[static_cast<std::size_t>(candidate)];
  if (name.size() != known.size()) return Name::Other;
  // Nearly always: most software writes the usual spelling.
  if (same(name, known)) return candidate;
  return name_if_equal(name, candidate);
}

std::string_view text_of(Name name) noexcept {
  return kNames[static_cast<std::size_t>(name)];
}

std::string_view reason_phrase(int status) noexcept {
  auto* found = std::ranges::lower_bound(kPhrases, status, {}, &Phrase::status);
  return found != kPhrases.end() && found->status == status ? found->text : "Unknown";
}

}  // namespace cirque
