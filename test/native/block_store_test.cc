#include "base/block_store.h"

#include <atomic>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "harness.h"

namespace millrace::test {
namespace {

CASE("blocks begin with a cache line, do not overlap, and are used again by size") {
  BlockStore store;
  std::vector<std::pair<char*, std::size_t>> blocks;
  for (std::size_t i = 0; i < 30'000; ++i) {  // past the first chunks
    const std::size_t bytes = 1 + i * 37 % BlockStore::kMostBytes;
    auto* const block = static_cast<char*>(store.take(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block) % kCacheLine, 0u);
    std::memset(block, static_cast<int>(i & 255), bytes);
    blocks.emplace_back(block, bytes);
  }
  std::size_t spoilt = 0;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const auto [block, bytes] = blocks[i];
    for (std::size_t at = 0; at < bytes; ++at)
      spoilt += static_cast<unsigned char>(block[at]) != (i & 255) ? 1 : 0;
  }
  EXPECT_EQ(spoilt, 0u);
  const auto [block, bytes] = blocks[0];  // of one line
  EXPECT_EQ(bytes, 1u);
  store.give(block, bytes);
  EXPECT(store.take(2 * kCacheLine) != block);
  EXPECT(store.take(kCacheLine) == block);
  EXPECT(store.take(kCacheLine) != block);
  store.give(nullptr, 64);
  EXPECT(store.take(64) != nullptr);
}

CASE("blocks may be taken and given back by any thread") {
  std::vector<std::thread> threads;
  std::atomic<uint32_t> spoilt{0};
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([t, &spoilt] {
      for (uint32_t round = 0; round < 200; ++round) {
        std::vector<uint32_t*> mine;
        for (uint32_t i = 0; i < 50; ++i) {
          mine.push_back(static_cast<uint32_t*>(blockStore().take(192)));
          *mine.back() = t << 16 | i;
        }
        for (uint32_t i = 0; i < 50; ++i) {
          if (*mine[i] != (t << 16 | i)) spoilt.fetch_add(1);
          blockStore().give(mine[i], 192);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(spoilt.load(), 0u);
}

}  // namespace
}  // namespace millrace::test
