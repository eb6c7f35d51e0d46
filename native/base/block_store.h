#ifndef MILLRACE_BASE_BLOCK_STORE_H_
#define MILLRACE_BASE_BLOCK_STORE_H_

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

#include "base/cache_line.h"

namespace millrace {

// Small blocks of memory that live long, are touched at random, and of which there are a few per
// configured thing: statistics of routes and endpoints. Process-wide, behind one mutex that is
// taken when a block is made or given back, never when it is used.
//
// Why not the allocator's: ten thousand routes have their numbers in 60,000 blocks, and with pages
// of 4 KiB nearly each of the seven that a request touches misses the TLB. Here they lie on huge
// pages where the kernel has some, side by side. The first chunk is a small one on plain pages, so
// that a small configuration takes no 2 MiB.
//
// A block is a multiple of a cache line, and begins with one. What was given back is used again for
// blocks of the same size; nothing goes back to the kernel.
class BlockStore {
 public:
  static constexpr std::size_t kMostBytes = 512;

  BlockStore() = default;
  BlockStore(const BlockStore&) = delete;
  BlockStore& operator=(const BlockStore&) = delete;
  // With everything that was taken from it.
  ~BlockStore() {
    for (std::size_t i = 0; i < chunks_.size(); ++i)
      ::operator delete (chunks_[i], std::align_val_t{i == 0 ? kCacheLine : kHugePage});
  }

  // Throws (here: ends the process) when there is no memory, as operator new does.
  void* take(std::size_t bytes) {
    const std::size_t lines = linesOf(bytes);
    const std::lock_guard lock(mutex_);
    if (Free* const known = free_[lines]; known != nullptr) {
      free_[lines] = known->next;
      return known;
    }
    const std::size_t size = lines * kCacheLine;
    if (size > left_) addChunk();
    void* const block = at_;
    at_ += size;
    left_ -= size;
    return block;
  }
  void give(void* block, std::size_t bytes) noexcept {
    if (block == nullptr) return;
    const std::lock_guard lock(mutex_);
    Free*& first = free_[linesOf(bytes)];
    first = new (block) Free{first};
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  static constexpr std::size_t kFirstChunk = std::size_t{256} << 10;

  static constexpr std::size_t linesOf(std::size_t bytes) noexcept {
    return (bytes + kCacheLine - 1) / kCacheLine;
  }

  // What is left of the one before is lost: less than kMostBytes.
  void addChunk() {
    const bool first = chunks_.empty();
    left_ = first ? kFirstChunk : kHugePage;
    at_ = static_cast<char*>(
        ::operator new (left_, std::align_val_t{first ? kCacheLine : kHugePage}));
    chunks_.push_back(at_);
    if (!first) ::madvise(at_, kHugePage, MADV_HUGEPAGE);  // advice: may fail
  }

  std::mutex mutex_;
  char* at_ = nullptr;
  std::size_t left_ = 0;
  std::vector<char*> chunks_;
  std::array<Free*, kMostBytes / kCacheLine + 1> free_{};
};

// Of the process; never destroyed, since the last statistics may go after static objects did.
inline BlockStore& blockStore() {
  static BlockStore* const store = new BlockStore();
  return *store;
}

// Base of what lies there when it is made with new, unless it is larger. (Tests with a sanitizer
// leave all of it to the allocator, which finds what is used after its end.)
template <typename Derived>
struct InBlockStore {
#if !defined(__SANITIZE_ADDRESS__)
  static void* operator new(std::size_t bytes) {
    static_assert(alignof(Derived) <= kCacheLine);
    if constexpr (sizeof(Derived) <= BlockStore::kMostBytes) return blockStore().take(bytes);
    return ::operator new (bytes, std::align_val_t{kCacheLine});
  }
  static void operator delete(void* block, std::size_t bytes) noexcept {
    if constexpr (sizeof(Derived) <= BlockStore::kMostBytes) return blockStore().give(block, bytes);
    ::operator delete (block, std::align_val_t{kCacheLine});
  }
#endif
};

}  // namespace millrace

#endif  // MILLRACE_BASE_BLOCK_STORE_H_
