#pragma once
// Certificates of a configuration, as far as files can be judged: whoever replaces one learns here
// that it will not do, and not from his clients. RFC 5280 (validity, names), RFC 7468 (PEM).
#include <ctime>

#include "config/gather.h"
#include "config/places.h"

namespace cirque::config {

// Of a file of certificates, or of a key. A chain of ten takes 20 KB.
inline constexpr std::size_t kPemBytesMax = std::size_t{256} << 10;

// `now` in seconds since 1970.
void check_certificates(const Model& model, const Places& places, const Gathering& gathering,
                        Report& report, std::time_t now = std::time(nullptr));

}  // namespace cirque::config
