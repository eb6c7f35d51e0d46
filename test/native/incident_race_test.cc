// Built with ThreadSanitizer: one thread writes, another reads.
#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include "engine/state/incident_ring.h"
#include "harness.h"

using namespace millrace;

CASE("what a reader takes beside a writer is whole, in order, and nothing twice") {
  constexpr uint64_t kIncidents = 200'000;
  const auto ring = std::make_unique<IncidentRing>();
  std::atomic<bool> written{false};
  uint64_t kept = 0;
  std::thread writer([&] {
    for (uint64_t i = 1; i <= kIncidents; ++i) {
      const std::string text = std::to_string(i);
      IncidentNote note;
      note.at_ns = i;
      note.status = static_cast<uint32_t>(i & 0xffff);
      note.texts[abi::incident_text::kTarget] = text;
      note.texts[abi::incident_text::kListener] = text;
      kept += ring->push(note);
    }
    written.store(true, std::memory_order_release);
  });
  uint64_t last = 0;
  uint64_t taken = 0;
  bool whole = true;
  const auto read = [&] {
    return ring->take(100, [&](const Incident& i) {
      const std::string text = std::to_string(i.at_ns);
      whole &= i.at_ns > last && i.status == (i.at_ns & 0xffff) &&
               i.text(abi::incident_text::kTarget) == text &&
               i.text(abi::incident_text::kListener) == text;
      last = i.at_ns;
      ++taken;
    });
  };
  for (;;) {
    const bool done = written.load(std::memory_order_acquire);
    if (read() == 0 && done) break;
  }
  writer.join();
  EXPECT(whole);
  EXPECT_EQ(taken, kept);
  EXPECT(kept >= std::min<uint64_t>(kIncidents, IncidentRing::kCapacity));
}
