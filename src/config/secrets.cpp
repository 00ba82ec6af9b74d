#include "config/secrets.h"

#include <fmt/format.h>

#include <cstring>

#include "config/critic.h"

namespace cirque::config {
namespace {

constexpr std::string_view kScheme = "file:";

class Reading : Critic {
 public:
  Reading(const Places& places, const Gathering& gathering, Report& report)
      : Critic(places, report), gathering_(gathering) {}

  // Nothing: it is reported, or to be.
  std::optional<std::string> read(const std::string& reference) {
    const auto* spot = places_.at(&reference);
    if (!spot) return std::nullopt;
    auto named = secret_path(reference);
    if (named.empty()) {
      add(Code::BadSecret, reference, "a secret is not written into a configuration").expected =
          "file: and the path of a file that has it";
      report_.hide(*spot);
      return std::nullopt;
    }
    auto path = path_at(report_, *spot, std::string(named));
    const auto* found = gathering_.secret(path);
    if (!found) return std::nullopt;
    if (!*found) {
      return refuse(reference,
                    fmt::format("'{}' cannot be read: {}", path, strerrordesc_np(found->error())),
                    "a path that starts at the folder of this file, or with a slash");
    }
    const SecretFile& file = **found;
    if (file.is_open) {
      add(Code::OpenSecret, reference, fmt::format("everybody may read '{}'", path)).expected =
          "a file that its owner alone may read: chmod 600";
    }
    return judge(reference, path, file.bytes);
  }

 private:
  std::optional<std::string> judge(const std::string& reference, std::string_view path,
                                   std::string_view bytes) {
    auto size = bytes.find_last_not_of(" \t\r\n") + 1;  // npos + 1 is 0
    if (size >= kSecretBytesMin && size <= kSecretBytesMax) {
      return std::string(bytes.substr(0, size));
    }
    return refuse(
        reference,
        fmt::format("'{}' is too {} for a secret", path, size < kSecretBytesMin ? "short" : "long"),
        fmt::format("{} to {} bytes by chance: openssl rand -hex 32", kSecretBytesMin,
                    kSecretBytesMax));
  }

  std::nullopt_t refuse(const std::string& reference, std::string message, std::string expected) {
    add(Code::BadSecret, reference, std::move(message)).expected = std::move(expected);
    return std::nullopt;
  }

  const Gathering& gathering_;
};

}  // namespace

std::string_view secret_path(std::string_view reference) noexcept {
  return reference.starts_with(kScheme) ? reference.substr(kScheme.size()) : std::string_view();
}

Secrets Secrets::of(const Model& model, const Places& places, const Gathering& gathering,
                    Report& report) {
  Secrets secrets;
  Reading reading(places, gathering, report);
  for (const auto& pool : model.pools) {
    for (const auto& reference : pool.sticky.keys) {
      if (auto bytes = reading.read(reference))
        secrets.bytes_.emplace(&reference, std::move(*bytes));
    }
  }
  return secrets;
}

const std::string* Secrets::find(const std::string& reference) const {
  auto found = bytes_.find(&reference);
  return found == bytes_.end() ? nullptr : &found->second;
}

}  // namespace cirque::config
