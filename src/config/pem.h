#pragma once
// What is in PEM files (RFC 7468), by libcrypto. Values own what they stand for; none of this
// throws or logs, and no key is ever shown.
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cirque::config {

template <auto kFree>
struct FreedBy {
  void operator()(auto* what) const noexcept { kFree(what); }
};

class PrivateKey;

// The first of a file: the server's own.
class CertificatePem {
 public:
  // Nothing: there is none, or what looks like one cannot be understood.
  static std::optional<CertificatePem> parse(std::string_view pem);

  // Can all that follow it be understood, too?
  bool has_whole_chain() const noexcept { return has_whole_chain_; }

  // In seconds since 1970.
  std::time_t begins() const noexcept { return begins_; }

  std::time_t ends() const noexcept { return ends_; }

  // Is it for this name ("example.com", "*.example.com") or IP address? By its subjectAltName alone
  // (RFC 9110 4.3.4, RFC 9525).
  bool is_for(const std::string& host) const;
  bool belongs_to(const PrivateKey& key) const noexcept;

 private:
  explicit CertificatePem(X509* x509) noexcept : x509_(x509) {}

  std::unique_ptr<X509, FreedBy<X509_free>> x509_;
  std::time_t begins_ = 0;
  std::time_t ends_ = 0;
  bool has_whole_chain_ = false;
};

class PrivateKey {
 public:
  enum class Fault : std::uint8_t { None, Encrypted, NotAKey };

  // Never asks anybody for a passphrase.
  static PrivateKey parse(std::string_view pem);

  Fault fault() const noexcept { return fault_; }

 private:
  friend class CertificatePem;

  Fault fault_ = Fault::NotAKey;
  std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>> key_;
};

}  // namespace cirque::config
