#include "config/content_hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/check.h"

namespace cirque::config {
namespace {

class Sha256 {
 public:
  Sha256() { CIRQUE_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1); }

  void add(std::string_view bytes) {
    CIRQUE_CHECK(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }

  // The same bytes on every machine: the lowest first.
  void add(std::uint64_t number) {
    char bytes[sizeof number];
    for (char& byte : bytes) {
      byte = static_cast<char>(number & 0xff);
      number >>= 8;
    }
    add(std::string_view(bytes, sizeof bytes));
  }

  std::string hex() {
    std::array<unsigned char, 32> digest{};
    CIRQUE_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    return fmt::format("{:02x}", fmt::join(digest, ""));
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };

  std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

}  // namespace

std::string content_hash(std::span<const Source> sources) {
  Sha256 hash;
  for (const auto& source : sources) {
    for (std::string_view part : {std::string_view(source.path), std::string_view(source.text)}) {
      hash.add(std::uint64_t{part.size()});
      hash.add(part);
    }
  }
  return hash.hex();
}

}  // namespace cirque::config
