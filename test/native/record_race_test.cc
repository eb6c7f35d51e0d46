// Built with ThreadSanitizer: one thread writes, others read.
#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "engine/record/recent_ring.h"
#include "harness.h"

using namespace millrace;

CASE("what readers copy beside a writer is whole") {
  constexpr uint64_t kRequests = 60'000;
  const auto ring = std::make_unique<RecentRing<8>>();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    RecordBuilder builder;
    for (uint64_t id = 1; id <= kRequests; ++id) {
      RequestRecord& record = builder.begin();
      record.id = record.ended_ns = record.duration_us = id;
      // Of several lengths, so that a record never covers the one before exactly.
      const std::string target(id % 97, static_cast<char>('a' + id % 26));
      builder.addText(abi::record_text::kTarget, target);
      builder.addText(abi::record_text::kDetail, std::to_string(id));
      ring->push(builder.end());
    }
    done.store(true, std::memory_order_release);
  });
  const auto read = [&] {
    uint64_t taken = 0;
    bool whole = true;
    KeptRecord kept;
    for (bool last = false; !last;) {
      last = done.load(std::memory_order_acquire);
      const uint64_t end = ring->written();
      for (uint64_t at = end; at > 0 && end - at < 8; --at) {
        if (!ring->read(at - 1, &kept)) continue;
        const RequestRecord& record = kept.record();
        whole &= record.id == at && record.ended_ns == at && record.duration_us == at &&
                 record.text(abi::record_text::kDetail) == std::to_string(at) &&
                 record.text(abi::record_text::kTarget) ==
                     std::string(at % 97, static_cast<char>('a' + at % 26));
        ++taken;
      }
    }
    EXPECT(whole);
    EXPECT(taken >= 8);
  };
  std::thread other(read);
  read();
  writer.join();
  other.join();
}
