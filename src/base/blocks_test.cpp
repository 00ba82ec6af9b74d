#include "base/blocks.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

using cirque::base::Block;
using cirque::base::Blocks;

TEST_SUITE_BEGIN("base");

TEST_CASE("a block that goes back is the next to be leased") {
  Blocks blocks;
  auto block = blocks.lease();
  CHECK(block.size() == Blocks::kBlockBytes);
  CHECK(blocks.leased() == 1);
  auto* data = block.data();
  std::memset(data, 1, block.size());
  block.release();
  block.release();  // once more is nothing
  CHECK_FALSE(block);
  CHECK(blocks.leased() == 0);
  CHECK(blocks.lease().data() == data);
}

TEST_CASE("a block moves with its memory") {
  Blocks blocks;
  auto first = blocks.lease();
  auto* data = first.data();
  Block second = std::move(first);
  CHECK_FALSE(first);
  CHECK(second.data() == data);
  Block third;
  third = std::move(second);
  CHECK(third.data() == data);
  CHECK(blocks.leased() == 1);
  third = Block();
  CHECK(blocks.leased() == 0);
}

TEST_CASE("a larger block is as large as was asked for and is not kept") {
  Blocks blocks;
  {
    auto large = blocks.lease(Blocks::kBlockBytes + 1);
    CHECK(large.size() == Blocks::kBlockBytes + 1);
    std::memset(large.data(), 1, large.size());
  }
  CHECK(blocks.lease(1).size() == Blocks::kBlockBytes);
}

TEST_CASE("more blocks than are kept can be leased, and all are different") {
  Blocks blocks;
  std::vector<Block> leased;
  for (std::size_t i = 0; i < 2 * Blocks::kIdleBlocksMax; ++i) {
    leased.push_back(blocks.lease());
    std::memset(leased.back().data(), static_cast<int>(i % 256), Blocks::kBlockBytes);
  }
  CHECK(blocks.leased() == leased.size());
  for (std::size_t i = 0; i < leased.size(); ++i) {
    auto byte = static_cast<char>(i % 256);
    REQUIRE(leased[i].data()[0] == byte);
    REQUIRE(leased[i].data()[Blocks::kBlockBytes - 1] == byte);
  }
  leased.clear();
  CHECK(blocks.leased() == 0);
}

TEST_CASE("the scratch is large") {
  Blocks blocks;
  CHECK(blocks.scratch().size() == Blocks::kScratchBytes);
  std::memset(blocks.scratch().data(), 1, blocks.scratch().size());
  CHECK(blocks.scratch().back() == 1);
}

TEST_SUITE_END();
