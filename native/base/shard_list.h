#ifndef MILLRACE_BASE_SHARD_LIST_H_
#define MILLRACE_BASE_SHARD_LIST_H_

#include <atomic>
#include <cstdint>

#include "base/block_store.h"

namespace millrace {

// One object per worker, made when the worker first asks for it; they stay until the list goes,
// also when their worker is replaced. A linked list that only grows: any thread may walk it at any
// time, without a lock, and a list that nobody used is one pointer. At most one thread asks for the
// same worker's object at a time.
template <typename Shard>
class ShardList {
 public:
  ShardList() = default;
  ShardList(const ShardList&) = delete;
  ShardList& operator=(const ShardList&) = delete;
  ~ShardList() {
    for (Node* node = head_.load(std::memory_order_relaxed); node != nullptr;) {
      Node* const next = node->next;
      delete node;
      node = next;
    }
  }

  Shard& of(uint32_t worker) {
    for (Node* node = head_.load(std::memory_order_acquire); node != nullptr; node = node->next) {
      if (node->worker == worker) return node->shard;
    }
    Node* const made = new Node();
    made->worker = worker;
    made->next = head_.load(std::memory_order_relaxed);
    // Release: whoever finds the node finds it whole. Another worker may have pushed meanwhile;
    // then `next` holds its node and we try again.
    while (!head_.compare_exchange_weak(made->next, made, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    return made->shard;
  }

  template <typename Callback>
  void forEach(Callback&& callback) const {
    for (const Node* node = head_.load(std::memory_order_acquire); node != nullptr;
         node = node->next) {
      callback(node->shard);
    }
  }

 private:
  struct Node : InBlockStore<Node> {
    uint32_t worker = 0;
    Node* next = nullptr;
    Shard shard;
  };

  std::atomic<Node*> head_{nullptr};
};

}  // namespace millrace

#endif  // MILLRACE_BASE_SHARD_LIST_H_
