// The chunked coding: however the bytes are split, the data, the end and the verdict are the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "h1/chunks.h"

using namespace cirque;

namespace {

struct Outcome {
  std::string data;
  std::size_t used = 0;
  bool done = false;
  bool failed = false;
  std::size_t trailers = 0;

  bool operator==(const Outcome&) const = default;
};

Outcome read_all(std::string_view bytes, std::size_t step) {
  Arena arena;
  h1::ChunkReader reader(Side::Client, arena);
  Outcome outcome;
  while (outcome.used < bytes.size() && !outcome.done) {
    auto taken = reader.take(bytes.substr(outcome.used, step));
    if (!taken) {
      outcome.failed = true;
      outcome.used = 0;  // where exactly it was noticed may differ
      outcome.data.clear();
      return outcome;
    }
    if (taken->used == 0) std::abort();
    outcome.used += taken->used;
    outcome.data += taken->data;
    outcome.done = taken->done;
  }
  outcome.trailers = reader.trailers().size();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 20'000) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto whole = read_all(bytes, size);
  if (!(whole == read_all(bytes, 1))) std::abort();
  if (!(whole == read_all(bytes, 7))) std::abort();
  return 0;
}
