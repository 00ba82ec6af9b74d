#include "config/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdint>

#include "cirque/address.h"

namespace cirque::config {
namespace {

using Memory = std::unique_ptr<BIO, FreedBy<BIO_free>>;

Memory read_only(std::string_view bytes) {
  return Memory(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::optional<std::time_t> seconds_of(const ASN1_TIME* time) noexcept {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return timegm(&parts);
}

// libcrypto asks at the terminal where there is no such callback, even for a certificate. `asked`
// may be null.
int no_passphrase(char*, int, int, void* asked) noexcept {
  if (asked) *static_cast<bool*>(asked) = true;
  return -1;
}

// The next certificate, over whatever else there is. Null: there is none, or it is broken.
X509* read_next(BIO* memory) noexcept {
  ERR_clear_error();
  return PEM_read_bio_X509(memory, nullptr, no_passphrase, nullptr);
}

// After read_next() has given nothing.
bool was_at_end() noexcept {
  auto error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

}  // namespace

std::optional<CertificatePem> CertificatePem::parse(std::string_view pem) {
  auto memory = read_only(pem);
  CertificatePem first(read_next(memory.get()));
  if (!first.x509_) return std::nullopt;
  while (auto* another = read_next(memory.get())) X509_free(another);
  first.has_whole_chain_ = was_at_end();
  ERR_clear_error();
  auto begins = seconds_of(X509_get0_notBefore(first.x509_.get()));
  auto ends = seconds_of(X509_get0_notAfter(first.x509_.get()));
  if (!begins || !ends) return std::nullopt;
  first.begins_ = *begins;
  first.ends_ = *ends;
  return first;
}

bool CertificatePem::is_for(const std::string& host) const {
  bool in_brackets = host.starts_with('[') && host.ends_with(']');
  auto ip = in_brackets ? host.substr(1, host.size() - 2) : host;
  if (Address::parse_ip(ip, 0)) return X509_check_ip_asc(x509_.get(), ip.c_str(), 0) == 1;
  if (host.starts_with('.')) return false;  // libcrypto would take it for a pattern
  // A name that nobody has stands for all those that a wildcard means.
  auto name = host.starts_with("*.") ? "any-name-whatever" + host.substr(1) : host;
  return X509_check_host(x509_.get(), name.data(), name.size(), X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
                         nullptr) == 1;
}

bool CertificatePem::belongs_to(const PrivateKey& key) const noexcept {
  bool is_its_own = X509_check_private_key(x509_.get(), key.key_.get()) == 1;
  ERR_clear_error();
  return is_its_own;
}

PrivateKey PrivateKey::parse(std::string_view pem) {
  PrivateKey result;
  bool is_encrypted = false;
  auto memory = read_only(pem);
  result.key_.reset(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, &is_encrypted));
  ERR_clear_error();
  if (result.key_) {
    result.fault_ = Fault::None;
  } else if (is_encrypted) {
    result.fault_ = Fault::Encrypted;
  }
  return result;
}

}  // namespace cirque::config
