#include "engine/state/incident_ring.h"

#include <string>
#include <vector>

#include "harness.h"

namespace millrace::test {
namespace {

IncidentNote noteOf(uint64_t at, std::string_view target = "/") {
  IncidentNote note;
  note.at_ns = at;
  note.kind = abi::incident_kind::kDownstream;
  note.reason = abi::downstream_error::kHost;
  note.status = 400;
  note.sentence = "why";
  note.peer = parseIp("192.0.2.1");
  note.texts[abi::incident_text::kMethod] = "GET";
  note.texts[abi::incident_text::kTarget] = target;
  return note;
}

std::vector<uint64_t> taken(IncidentRing& ring, uint32_t most) {
  std::vector<uint64_t> times;
  const uint32_t count = ring.take(most, [&](const Incident& i) { times.push_back(i.at_ns); });
  EXPECT_EQ(count, times.size());
  return times;
}

CASE("an incident comes out as it went in, its texts cut to their room") {
  const auto ring = std::make_unique<IncidentRing>();
  const std::string room(Incident::kRoom[abi::incident_text::kTarget], 'a');
  EXPECT(ring->push(noteOf(7, room)));
  EXPECT(ring->push(noteOf(8, room + "b")));
  std::vector<std::string> targets;
  std::vector<bool> cut;
  ring->take(9, [&](const Incident& i) {
    EXPECT_EQ(i.status, 400);
    EXPECT_EQ(i.reason, abi::downstream_error::kHost);
    EXPECT_EQ(std::string(i.sentence), "why");
    EXPECT(i.peer == parseIp("192.0.2.1"));
    EXPECT_EQ(i.text(abi::incident_text::kListener), "");
    EXPECT_EQ(i.text(abi::incident_text::kMethod), "GET");
    targets.emplace_back(i.text(abi::incident_text::kTarget));
    cut.push_back(i.cut[abi::incident_text::kTarget]);
  });
  EXPECT_EQ(targets[0], room);
  EXPECT_EQ(targets[1], room);
  EXPECT(!cut[0] && cut[1]);
}

CASE("a full ring refuses until it is read, and wraps around") {
  const auto ring = std::make_unique<IncidentRing>();
  uint64_t next = 0;
  uint64_t expected = 0;
  for (int round = 0; round < 5; ++round) {
    while (ring->push(noteOf(next))) ++next;
    EXPECT_EQ(next - expected, IncidentRing::kCapacity);
    for (const uint64_t at : taken(*ring, 100)) EXPECT_EQ(at, expected++);
    for (int i = 0; i < 50; ++i) EXPECT(ring->push(noteOf(next++)));
    for (const uint64_t at : taken(*ring, 1000)) EXPECT_EQ(at, expected++);
    EXPECT_EQ(next, expected);
    EXPECT_EQ(taken(*ring, 1000).size(), 0u);
  }
}

}  // namespace
}  // namespace millrace::test
