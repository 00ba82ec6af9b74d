#include "upstream/sticky.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"

namespace cirque::upstream {
namespace {

constexpr std::size_t kIdentityBytes = 8;
constexpr std::size_t kValueBytes = 24;
static_assert(kValueBytes % 3 == 0 && kValueBytes / 3 * 4 == StickyValues::kLength,
              "no padding, so that there is only one way to write a value");

using Bytes = std::array<unsigned char, kValueBytes>;

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// What each character stands for, 64 for those that stand for nothing.
constexpr auto kSextets = [] {
  std::array<unsigned char, 256> sextets{};
  sextets.fill(64);
  for (unsigned char i = 0; i < 64; ++i) sextets[static_cast<unsigned char>(kAlphabet[i])] = i;
  return sextets;
}();

StickyValues::Value encode(const Bytes& bytes) noexcept {
  StickyValues::Value text{};
  auto* to = text.begin();
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    auto three = static_cast<std::uint32_t>(bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2]);
    for (unsigned shift : {18U, 12U, 6U, 0U}) *to++ = kAlphabet[three >> shift & 63];
  }
  return text;
}

std::optional<Bytes> decode(std::string_view text) noexcept {
  if (text.size() != StickyValues::kLength) return std::nullopt;
  Bytes bytes{};
  auto* to = bytes.begin();
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t three = 0;
    for (char c : text.substr(i, 4)) {
      auto sextet = kSextets[static_cast<unsigned char>(c)];
      if (sextet > 63) return std::nullopt;
      three = three << 6 | sextet;
    }
    for (unsigned shift : {16U, 8U, 0U}) *to++ = static_cast<unsigned char>(three >> shift);
  }
  return bytes;
}

struct FreeMac {
  void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }

  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

// HMAC with one key, which is set once: starting over with it is most of what another call saves.
// Wiped by OpenSSL when it is freed.
class StickyValues::Signer {
 public:
  explicit Signer(std::string_view key) {
    std::unique_ptr<EVP_MAC, FreeMac> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
    CIRQUE_CHECK(mac);
    context_.reset(EVP_MAC_CTX_new(mac.get()));
    CIRQUE_CHECK(context_);
    char digest[] = "SHA256";
    std::array parameters{OSSL_PARAM_construct_utf8_string("digest", digest, 0),
                          OSSL_PARAM_construct_end()};
    CIRQUE_CHECK(EVP_MAC_init(context_.get(), bytes_of(key), key.size(), parameters.data()));
  }

  void begin() noexcept { CIRQUE_CHECK(EVP_MAC_init(context_.get(), nullptr, 0, nullptr)); }

  void add(std::span<const unsigned char> bytes) noexcept {
    CIRQUE_CHECK(EVP_MAC_update(context_.get(), bytes.data(), bytes.size()));
  }

  Signature end() noexcept {
    std::array<unsigned char, 32> whole{};
    std::size_t size = 0;
    CIRQUE_CHECK(EVP_MAC_final(context_.get(), whole.data(), &size, whole.size()));
    CIRQUE_CHECK(size == whole.size());
    Signature cut{};
    std::ranges::copy_n(whole.begin(), cut.size(), cut.begin());
    return cut;
  }

 private:
  std::unique_ptr<EVP_MAC_CTX, FreeMac> context_;
};

StickyValues::StickyValues(std::string_view pool, std::span<const std::string> keys) : pool_(pool) {
  CIRQUE_CHECK(!keys.empty() && keys.size() <= kKeysMax);
  for (const auto& key : keys) {
    CIRQUE_CHECK(key.size() >= kKeyBytesMin);
    signers_.emplace_back(key);
  }
}

StickyValues::StickyValues(StickyValues&&) noexcept = default;

StickyValues::~StickyValues() = default;

// The name of this use comes first, so that a key that is also used elsewhere signs nothing twice;
// the identity, whose length is known, last, so that no pool's name can pass for a part of it.
StickyValues::Signature StickyValues::sign(Signer& signer,
                                           std::span<const unsigned char> identity) noexcept {
  constexpr std::string_view kUse("cirque sticky 1\0", 16);
  signer.begin();
  signer.add({bytes_of(kUse), kUse.size()});
  signer.add({bytes_of(pool_), pool_.size()});
  signer.add(identity);
  return signer.end();
}

StickyValues::Value StickyValues::make(std::uint64_t identity) noexcept {
  Bytes bytes{};
  for (std::size_t i = 0; i < kIdentityBytes; ++i) {
    bytes[i] = static_cast<unsigned char>(identity >> (56 - 8 * i));
  }
  auto signature = sign(signers_.front(), std::span(bytes).first<kIdentityBytes>());
  std::ranges::copy(signature, bytes.begin() + kIdentityBytes);
  return encode(bytes);
}

std::optional<StickyValues::Found> StickyValues::read(std::string_view value) noexcept {
  auto bytes = decode(value);
  if (!bytes) return std::nullopt;
  auto identity = std::span(*bytes).first<kIdentityBytes>();
  std::optional<std::size_t> signed_by;
  for (std::size_t number = 0; number < signers_.size(); ++number) {
    auto signature = sign(signers_[number], identity);
    bool is_same =
        CRYPTO_memcmp(signature.data(), bytes->data() + kIdentityBytes, signature.size()) == 0;
    if (is_same && !signed_by) signed_by = number;
  }
  if (!signed_by) return std::nullopt;
  Found found{.identity = 0, .is_current = *signed_by == 0};
  for (auto byte : identity) found.identity = found.identity << 8 | byte;
  return found;
}

std::string set_cookie(const StickyPolicy& policy, const StickyValues::Value& value, bool is_tls) {
  auto text = fmt::format("{}={}; Path={}", policy.name,
                          std::string_view(value.data(), value.size()), policy.path);
  if (policy.max_age_seconds > 0) text += fmt::format("; Max-Age={}", policy.max_age_seconds);
  bool is_secure = policy.secure == Secure::Auto ? is_tls : policy.secure == Secure::Always;
  if (is_secure) text += "; Secure";
  if (policy.is_http_only) text += "; HttpOnly";
  switch (policy.same_site) {
    case SameSite::Lax:
      return text + "; SameSite=Lax";
    case SameSite::Strict:
      return text + "; SameSite=Strict";
    case SameSite::None:
      return text + "; SameSite=None";
  }
  return text;
}

}  // namespace cirque::upstream
