#include "h1/scan.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace cirque;

namespace {

using Find = const char* (*)(const char*, const char*) noexcept;

struct Variant {
  const char* name;
  Find find;
};

std::vector<Variant> variants() {
  std::vector<Variant> all{{"scalar", h1::find_control_scalar}, {"chosen", h1::find_control}};
#if defined(__x86_64__)
  all.push_back({"sse2", h1::find_control_sse2});
  if (h1::has_avx2()) all.push_back({"avx2", h1::find_control_avx2});
#endif
  return all;
}

// Written the slow way on purpose: the scalar variant is under test too.
std::size_t expected(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    int c = static_cast<unsigned char>(text[i]);
    if (c == 127 || (c <= 31 && c != 9)) return i;
  }
  return text.size();
}

// In memory of exactly that size at that alignment, so that the sanitizer sees a read beyond it.
class Exact {
 public:
  Exact(std::string_view text, std::size_t align)
      : memory_(new char[align + text.size()]), at_(memory_.get() + align), size_(text.size()) {
    std::memcpy(at_, text.data(), size_);
  }

  std::size_t find(Find find) const {
    return static_cast<std::size_t>(find(at_, at_ + size_) - at_);
  }

 private:
  std::unique_ptr<char[]> memory_;
  char* at_;
  std::size_t size_;
};

void check_all(std::string_view text, std::size_t align) {
  Exact exact(text, align);
  for (auto variant : variants()) {
    CAPTURE(variant.name);
    CAPTURE(text.size());
    CAPTURE(align);
    REQUIRE(exact.find(variant.find) == expected(text));
  }
}

}  // namespace

TEST_SUITE_BEGIN("h1");

TEST_CASE("every byte is judged alike, wherever in a stretch it stands") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    for (std::size_t at : {0U, 1U, 15U, 16U, 17U, 31U, 32U, 33U, 63U, 64U, 69U}) {
      std::string text(70, 'a');
      text[at] = static_cast<char>(byte);
      check_all(text, 0);
    }
  }
}

TEST_CASE("the first control character is found at every length, place and alignment") {
  for (std::size_t size = 0; size <= 100; ++size) {
    std::string text(size, '\xff');
    check_all(text, size % 32);
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '\r';
      if (at + 1 < size) text[size - 1] = '\n';
      check_all(text, at % 32);
      text[at] = text[size - 1] = '\t';
    }
  }
}

TEST_CASE("random text gives all variants the same answer") {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> byte(0, 255);
  std::uniform_int_distribution<int> rare(0, 60);
  for (int round = 0; round < 20'000; ++round) {
    std::string text(static_cast<std::size_t>(byte(random)), 'x');
    for (char& c : text)
      c = static_cast<char>(rare(random) == 0 ? byte(random) : 0x20 + byte(random) % 95);
    check_all(text, static_cast<std::size_t>(round) % 32);
  }
}

TEST_SUITE_END();
