#pragma once
// The cookie that keeps a client with one member: which one it is, signed, so that nobody can pick
// a backend for himself or have us look for one that never was.
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cirque::upstream {

enum class SameSite : std::uint8_t { Lax, Strict, None };
enum class Secure : std::uint8_t { Auto, Always, Never };  // Auto: if the client came by TLS

// What is told to the client with the cookie (RFC 6265 4.1). A name and a path without what would
// end them: the configuration sees to it.
struct StickyPolicy {
  std::string name = "cirque_sticky";
  std::string path = "/";
  std::uint32_t max_age_seconds = 0;  // zero: until the browser is closed
  Secure secure = Secure::Auto;       // over TLS only; SameSite=None wants it
  bool is_http_only = true;
  SameSite same_site = SameSite::Lax;

  bool operator==(const StickyPolicy&) const = default;
};

struct StickyTerms {
  StickyPolicy policy;
  std::vector<std::string> keys;  // see StickyValues

  bool operator==(const StickyTerms&) const = default;
};

// Makes and reads the values of one pool's cookies. One worker. Allocates when it is made.
//
// A value is 32 characters of base64url: the member's identity, 8 bytes, and HMAC-SHA256 of the
// pool's name and the identity, cut to 16. A value of one pool means nothing to another. It is not
// encrypted: who guesses a backend's name can tell whether it is the one.
//
// The first key signs; all are good for reading, so that a key is changed without anybody's moving:
// put a new one in front, and drop the old one when its cookies have run out. Keys and signatures
// are not logged, and our copies of keys are wiped from memory.
//
// Measured: 0.2 us to make one, and as much for each key to read one.
class StickyValues {
 public:
  static constexpr std::size_t kKeyBytesMin = 16;  // as strong as the signature
  static constexpr std::size_t kKeysMax = 8;       // each is tried with every request that has one
  static constexpr std::size_t kLength = 32;

  using Value = std::array<char, kLength>;

  // Between 1 and kKeysMax keys of at least kKeyBytesMin random bytes each: the configuration has
  // looked.
  StickyValues(std::string_view pool, std::span<const std::string> keys);
  StickyValues(StickyValues&&) noexcept;
  ~StickyValues();

  Value make(std::uint64_t identity) noexcept;

  struct Found {
    std::uint64_t identity;  // see MemberSet::find(): the member may be gone
    bool is_current;         // by the first key; else a new cookie should be set
  };

  // None: it is not one of ours. How long that takes says nothing of how near it came.
  std::optional<Found> read(std::string_view value) noexcept;

 private:
  class Signer;
  using Signature = std::array<unsigned char, 16>;

  Signature sign(Signer& signer, std::span<const unsigned char> identity) noexcept;

  std::string pool_;
  std::vector<Signer> signers_;
};

// The value of a Set-Cookie field.
std::string set_cookie(const StickyPolicy& policy, const StickyValues::Value& value, bool is_tls);

}  // namespace cirque::upstream
