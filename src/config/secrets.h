#pragma once
// Secrets of a configuration: it names files of this machine, `file:PATH`, and never says what is
// in them. Their bytes are in no Source, so that no bundle and no history of configurations has
// them, and no finding shows them.
#include <map>
#include <string>
#include <string_view>

#include "config/gather.h"
#include "config/places.h"

namespace cirque::config {

inline constexpr std::size_t kSecretBytesMin = 16;
inline constexpr std::size_t kSecretBytesMax = std::size_t{4} << 10;

// What stands after "file:"; empty: that is no reference.
std::string_view secret_path(std::string_view reference) noexcept;

// By the values of a model that name them; as valid as these are.
class Secrets {
 public:
  // What is at fault with any of them is reported: it has been told why, and where.
  static Secrets of(const Model& model, const Places& places, const Gathering& gathering,
                    Report& report);

  // Without the white space at its end, as editors leave it. Null: reported.
  const std::string* find(const std::string& reference) const;

 private:
  std::map<const std::string*, std::string> bytes_;
};

}  // namespace cirque::config
