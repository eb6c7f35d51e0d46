#ifndef MILLRACE_ENGINE_WEBSOCKET_MASK_SOURCE_H_
#define MILLRACE_ENGINE_WEBSOCKET_MASK_SOURCE_H_

#include <cstdint>

#include "base/siphash.h"

namespace millrace {

// Masks that nobody can tell from those seen before (RFC 6455 sections 5.3 and 10.3): SipHash-2-4
// of a counter, under a key that has to be secret and random. Rng would not do: a few of its
// numbers give away its state, an upstream sees one with each frame, and who knows the next mask
// and chooses the payload chooses the bytes on the wire of somebody else's connection. About 10 ns
// per mask. One owner thread.
class MaskSource {
 public:
  explicit MaskSource(const SipKey& key) noexcept : key_(key) {}

  uint32_t next() noexcept {
    if (has_kept_) {
      has_kept_ = false;
      return kept_;
    }
    SipHash24 hash(key_);
    hash.add(static_cast<uint32_t>(counter_));
    hash.add(static_cast<uint32_t>(counter_ >> 32));
    ++counter_;
    const uint64_t word = hash.finish();
    kept_ = static_cast<uint32_t>(word >> 32);
    has_kept_ = true;
    return static_cast<uint32_t>(word);
  }

 private:
  SipKey key_;
  uint64_t counter_ = 0;
  uint32_t kept_ = 0;  // the other half of the last hash
  bool has_kept_ = false;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_MASK_SOURCE_H_
