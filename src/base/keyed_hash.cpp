#include "base/keyed_hash.h"

#include <sys/random.h>

#include "base/check.h"

namespace cirque::base {

HashKey HashKey::random() {
  HashKey key;
  auto got = getrandom(&key, sizeof key, 0);
  CIRQUE_CHECK(got == sizeof key);
  return key;
}

}  // namespace cirque::base
