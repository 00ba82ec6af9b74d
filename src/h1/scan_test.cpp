#include "h1/scan.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

using namespace cirque;

namespace {

using Mark = h1::Marks (*)(const char*) noexcept;

struct Variant {
  const char* name;
  Mark mark;
};

std::vector<Variant> variants() {
  std::vector<Variant> all{{"scalar", h1::mark_scalar}, {"chosen", h1::mark}};
#if defined(__x86_64__)
  all.push_back({"sse2", h1::mark_sse2});
  if (h1::has_avx2()) all.push_back({"avx2", h1::mark_avx2});
#endif
  return all;
}

// Written the slow way on purpose: the scalar variant is under test too.
h1::Marks expected(const char* block) {
  h1::Marks marks;
  std::uint64_t bit = 1;
  for (int i = 0; i < 64; ++i, bit *= 2) {
    int c = static_cast<unsigned char>(block[i]);
    if (c == 127 || (c <= 31 && c != 9)) marks.control += bit;
    if (c == 58) marks.colon += bit;
  }
  return marks;
}

// In memory of exactly that size at that alignment, so that the sanitizer sees a read beyond it.
void check_all(const char (&block)[64], std::size_t align) {
  std::unique_ptr<char[]> memory(new char[align + 64]);
  std::memcpy(memory.get() + align, block, 64);
  for (auto variant : variants()) {
    CAPTURE(variant.name);
    CAPTURE(align);
    REQUIRE(variant.mark(memory.get() + align) == expected(block));
  }
}

}  // namespace

TEST_SUITE_BEGIN("h1");

TEST_CASE("every byte is judged alike, wherever in a block it stands") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    for (std::size_t at = 0; at < 64; ++at) {
      char block[64];
      std::memset(block, 'a', sizeof block);
      block[at] = static_cast<char>(byte);
      check_all(block, 0);
    }
  }
}

TEST_CASE("random blocks at every alignment") {
  std::mt19937 random(20261121);
  constexpr char kInteresting[] = {'\r', '\n', '\t', ':',  ' ',    'a',   '\0',
                                   0x1f, 0x20, 0x7e, 0x7f, '\x80', '\xff'};
  for (int round = 0; round < 20'000; ++round) {
    char block[64];
    bool any = round % 2 != 0;
    for (char& c : block) {
      c = any ? static_cast<char>(random()) : kInteresting[random() % sizeof kInteresting];
    }
    check_all(block, static_cast<std::size_t>(round % 64));
  }
}

TEST_SUITE_END();
