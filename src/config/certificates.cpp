#include "config/certificates.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "config/critic.h"
#include "config/pem.h"

namespace cirque::config {
namespace {

std::string day_of(std::time_t time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(time));
}

class CertificateCheck : Critic {
 public:
  CertificateCheck(const Places& places, const Gathering& gathering, Report& report,
                   std::time_t now)
      : Critic(places, report), gathering_(gathering), now_(now) {}

  void check(const Certificate& one) {
    if (one.domain.empty()) say_what_they_are_for(one);
    auto certificate = read_certificate(one);
    auto key = read_key(one);
    if (!certificate) return;
    check_time(one, *certificate);
    for (const auto& host : one.hosts) check_host(host, one, *certificate);
    if (!key || certificate->belongs_to(*key)) return;
    add(Code::KeyMismatch, one.key,
        fmt::format("the key in '{}' is not that of the first certificate in '{}'", one.key,
                    one.certificate));
  }

 private:
  // Once.
  void say_what_they_are_for(const Certificate& one) {
    if (is_told_ || !places_.at(&one.certificate)) return;
    is_told_ = true;
    add(Code::NoEffect, one.certificate,
        "certificates are looked over, but TLS towards clients is not served yet");
  }

  std::optional<CertificatePem> read_certificate(const Certificate& one) {
    const auto* file = read(one, one.certificate, "certificate", Code::BadCertificate);
    if (!file) return std::nullopt;
    auto parsed = CertificatePem::parse(file->bytes);
    if (!parsed) {
      add(Code::BadCertificate, one.certificate,
          fmt::format("there is no certificate in '{}'", one.certificate))
          .expected = "-----BEGIN CERTIFICATE----- and what belongs to it (PEM)";
    } else if (!parsed->has_whole_chain()) {
      add(Code::BadCertificate, one.certificate,
          fmt::format("what follows the first certificate in '{}' is broken", one.certificate))
          .expected = "the certificates that vouch for it, each whole (PEM)";
    }
    return parsed;
  }

  std::optional<PrivateKey> read_key(const Certificate& one) {
    const auto* file = read(one, one.key, "key", Code::BadKey);
    if (!file) return std::nullopt;
    auto key = PrivateKey::parse(file->bytes);
    if (file->is_open && key.fault() != PrivateKey::Fault::NotAKey) {
      add(Code::OpenSecret, one.key, fmt::format("everybody may read '{}'", one.key)).expected =
          "a file that its owner alone may read: chmod 600";
    }
    if (key.fault() == PrivateKey::Fault::None) return key;
    bool is_encrypted = key.fault() == PrivateKey::Fault::Encrypted;
    add(Code::BadKey, one.key,
        is_encrypted ? fmt::format("the key in '{}' is encrypted", one.key)
                     : fmt::format("there is no private key in '{}'", one.key))
        .expected = is_encrypted ? "a key without a passphrase: openssl pkey -in FILE -out NEW"
                                 : "-----BEGIN PRIVATE KEY----- and what belongs to it (PEM)";
    return std::nullopt;
  }

  // Null: it is reported, or to be.
  const SecretFile* read(const Certificate& one, const std::string& path, std::string_view what,
                         Code code) {
    const auto* spot = places_.at(&path);
    if (!spot) return nullptr;
    if (path.contains("-----BEGIN")) report_.hide(*spot);  // what should be in the file
    const auto* found = gathering_.secret(path_at(report_, *spot, path));
    if (!found) return nullptr;
    if (!*found) {
      add(code, path, why_unreadable(one, path, what, found->error())).expected =
          "a path that starts at the folder of this file, or with a slash";
      return nullptr;
    }
    if ((*found)->bytes.size() <= kPemBytesMax) return &**found;
    add(code, path, fmt::format("'{}' is too large for a {}", path, what)).expected =
        fmt::format("at most {} KiB", kPemBytesMax >> 10);
    return nullptr;
  }

  // A file of domains has words of its own for it. What is no file may be no path either, but what
  // should be in the file: the key itself, by a variable.
  static std::string why_unreadable(const Certificate& one, const std::string& path,
                                    std::string_view what, int error) {
    bool is_secret = &path == &one.key || path.contains("-----BEGIN");
    auto shown = is_secret ? std::string() : fmt::format(" '{}'", path);
    if (!one.domain.empty() && error == ENOENT) {
      return fmt::format("Domain {} has tls_enabled=true but {} file does not exist{}", one.domain,
                         what, is_secret ? "" : ": " + path);
    }
    return fmt::format("the file of the {}{} cannot be read: {}", what, shown,
                       strerrordesc_np(error));
  }

  void check_time(const Certificate& one, const CertificatePem& certificate) {
    auto complain = [&](std::string_view what, std::time_t when) {
      add(Code::ExpiredCertificate, one.certificate,
          fmt::format("the certificate in '{}' {} {}", one.certificate, what, day_of(when)));
    };
    if (now_ > certificate.ends()) {
      complain("expired on", certificate.ends());
    } else if (now_ < certificate.begins()) {
      complain("is not valid before", certificate.begins());
    }
  }

  void check_host(const std::string& host, const Certificate& one,
                  const CertificatePem& certificate) {
    if (!places_.at(&host) || certificate.is_for(host)) return;
    add(Code::CertificateName, host,
        fmt::format("the certificate in '{}' is not for {}", one.certificate, host));
  }

  const Gathering& gathering_;
  std::time_t now_;
  bool is_told_ = false;
};

}  // namespace

void check_certificates(const Model& model, const Places& places, const Gathering& gathering,
                        Report& report, std::time_t now) {
  CertificateCheck check(places, gathering, report, now);
  for (const auto& one : model.certificates) check.check(one);
}

}  // namespace cirque::config
