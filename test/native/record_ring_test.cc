#include <memory>
#include <string>

#include "engine/record/failed.h"
#include "engine/record/recent_ring.h"
#include "engine/record/request_phases.h"
#include "engine/record/request_query.h"
#include "harness.h"
#include "interleave.h"

// Records, the rings that they are kept in, and who is found there.
namespace millrace::test {
namespace {

namespace t = abi::record_text;

struct Made {
  RecordBuilder builder;

  const RequestRecord& make(uint64_t id, const std::string& target = "/", uint32_t attempts = 0,
                            const std::string& endpoint = "127.0.0.1:80") {
    RequestRecord& record = builder.begin();
    record.id = id;
    record.ended_ns = id;
    record.status = 200;
    AttemptRecord* first = nullptr;
    for (uint32_t i = 0; i < attempts; ++i) {
      AttemptRecord one;
      one.status = static_cast<uint16_t>(500 + i);
      AttemptRecord& added = builder.addAttempt(one);
      if (i == 0) first = &added;
    }
    builder.addText(t::kMethod, "GET");
    builder.addText(t::kTarget, target);
    builder.addName(t::kRoute, "route");
    builder.addName(t::kCluster, "cluster");
    builder.addName(t::kEndpoint, endpoint);
    builder.addText(t::kDetail, "detail");
    for (uint32_t i = 0; i < attempts; ++i) {
      if (i % 2 == 0)
        first[i].cluster_length = AttemptRecord::kSameNames;
      else
        builder.addNames(first[i], "c" + std::to_string(i), endpoint);
    }
    return builder.end();
  }
};

std::string of(const KeptRecord& kept, uint32_t which) {
  return std::string(kept.record().text(which));
}

CASE("texts of every length come back as they were") {
  Made made;
  for (std::size_t n = 0; n < 200; ++n) {
    std::string target;
    for (std::size_t i = 0; i < n; ++i) target += static_cast<char>('a' + i % 26);
    const RequestRecord& record = made.make(1, target, 3);
    EXPECT_EQ(record.text(t::kTarget), target);
    EXPECT_EQ(record.text(t::kEndpoint), "127.0.0.1:80");
    EXPECT_EQ(record.text(t::kDetail), "detail");
    EXPECT_EQ(record.namesOf(0)[0], "cluster");
    EXPECT_EQ(record.namesOf(1)[0], "c1");
    EXPECT_EQ(record.namesOf(1)[1], "127.0.0.1:80");
    EXPECT_EQ(record.namesOf(2)[1], "127.0.0.1:80");
    EXPECT_EQ(record.size % 8, 0u);
  }
}

CASE("a ring keeps the last records, and only these") {
  Made made;
  const auto ring = std::make_unique<RecentRing<4>>();
  KeptRecord kept;
  EXPECT(!ring->read(0, &kept));
  for (uint64_t id = 1; id <= 10; ++id) {
    ring->push(made.make(id, "/" + std::to_string(id)));
    EXPECT_EQ(ring->written(), id);
    for (uint64_t at = 0; at < id + 2; ++at) {
      const bool there = at < id && at + 4 >= id;
      EXPECT_EQ(ring->read(at, &kept), there);
      if (there) EXPECT_EQ(of(kept, t::kTarget), "/" + std::to_string(at + 1));
    }
  }
}

CASE("a record that is too long for its slot loses the ends of its longest texts") {
  Made made;
  const auto rings = std::make_unique<RequestRings>();
  const std::string target(16'000, 'x');
  const std::string endpoint = "unix:" + std::string(200, 'e');
  rings->push(made.make(7, target, RequestTrail::kMaxAttempts, endpoint), true);
  const RequestRings* const all[] = {rings.get()};
  const std::vector<KeptRecord> found = findRequests(all, {});
  EXPECT_EQ(found.size(), 1u);
  const RequestRecord& record = found[0].record();
  EXPECT(record.size <= KeptRecord::kBytes && record.size > KeptRecord::kBytes - 64);
  EXPECT((record.bits & abi::record_bit::kCut) != 0);
  EXPECT_EQ(of(found[0], t::kMethod), "GET");
  EXPECT_EQ(of(found[0], t::kRoute), "route");
  EXPECT_EQ(of(found[0], t::kCluster), "cluster");
  EXPECT_EQ(of(found[0], t::kDetail), "detail");
  const std::string cut = of(found[0], t::kTarget);
  EXPECT(cut.size() > 80 && target.starts_with(cut));
  EXPECT(endpoint.starts_with(of(found[0], t::kEndpoint)));
  EXPECT_EQ(record.attempt_count, RequestTrail::kMaxAttempts);
  EXPECT_EQ(record.namesOf(0)[0], "cluster");
  EXPECT_EQ(record.namesOf(3)[0], "c3");
  EXPECT(endpoint.starts_with(record.namesOf(5)[1]) && record.namesOf(5)[1].size() > 40);
  EXPECT_EQ(record.attemptRecords()[5].status, 505);
}

CASE("requests are found newest first over all workers, failed ones once") {
  Made made;
  const auto a = std::make_unique<RequestRings>();
  const auto b = std::make_unique<RequestRings>();
  const RequestRings* const all[] = {a.get(), nullptr, b.get()};
  for (uint64_t id = 1; id <= 600; ++id)
    (id % 2 == 0 ? a : b)->push(made.make(id), id <= 20 || id % 100 == 0);
  std::vector<KeptRecord> found = findRequests(all, {});
  EXPECT_EQ(found.size(), 2 * 128u + 20 + 3);  // 100 to 300 are failed ones only
  for (std::size_t i = 1; i < found.size(); ++i)
    EXPECT(found[i - 1].record().id > found[i].record().id);
  EXPECT_EQ(found.back().record().id, 1u);

  RequestQuery query;
  query.failed = true;
  EXPECT_EQ(findRequests(all, query).size(), 26u);
  query.limit = 3;
  found = findRequests(all, query);
  EXPECT_EQ(found.size(), 3u);
  EXPECT_EQ(found[2].record().id, 400u);
}

CASE("a query asks for what it names") {
  Made made;
  RequestRecord record = made.make(0x0003'0000'0000'00af, "/", 2);
  const auto matches = [&](const auto& tune) {
    RequestQuery query;
    tune(query);
    return query.matches(made.make(0x0003'0000'0000'00af, "/", 2));
  };
  EXPECT(matches([](RequestQuery&) {}));
  EXPECT(matches([](RequestQuery& q) { q.route = "route"; }));
  EXPECT(!matches([](RequestQuery& q) { q.route = "rout"; }));
  EXPECT(matches([](RequestQuery& q) { q.cluster = "cluster"; }));
  EXPECT(matches([](RequestQuery& q) { q.cluster = "c1"; }));  // of an attempt
  EXPECT(!matches([](RequestQuery& q) { q.cluster = "c2"; }));
  EXPECT(matches([](RequestQuery& q) { q.status_from = q.status_to = 200; }));
  EXPECT(!matches([](RequestQuery& q) { q.status_from = 201; }));
  EXPECT(!matches([](RequestQuery& q) { q.status_to = 199; }));
  EXPECT(matches([](RequestQuery& q) { q.flag = abi::response_flag::kNone; }));
  EXPECT(!matches([](RequestQuery& q) { q.flag = abi::response_flag::kUf; }));
  EXPECT(matches([](RequestQuery& q) { q.id = "00030000000000af"; }));
  EXPECT(!matches([](RequestQuery& q) { q.id = "30000000000af"; }));
  record.trace_high = 0xab;
  record.trace_low = 1;
  EXPECT_EQ(traceIdText(record), "00000000000000ab0000000000000001");
  record.trace_high = record.trace_low = 0;
  EXPECT_EQ(traceIdText(record), "");
}

CASE("failures are those that somebody wants to look into") {
  namespace f = abi::response_flag;
  EXPECT(!isFailure(200, f::kNone) && !isFailure(404, f::kNr) && !isFailure(429, f::kRl));
  EXPECT(!isFailure(400, f::kDpe) && !isFailure(413, f::kBl) && !isFailure(302, f::kDi));
  EXPECT(!isFailure(200, f::kDc));  // left in the middle of its answer
  EXPECT(isFailure(0, f::kDc) && isFailure(500, f::kNone) && isFailure(503, f::kDi));
  EXPECT(isFailure(200, f::kCb) && isFailure(200, f::kUc) && isFailure(408, f::kDrt));
}

CASE("phases are those of the attempt that answered, else of the last") {
  RecordBuilder builder;
  RequestRecord& record = builder.begin();
  record.duration_us = 900;
  EXPECT_EQ(phasesOf(record).queue_us, kNoMoment);
  EXPECT_EQ(phasesOf(record).connect_us, kNoMoment);
  EXPECT_EQ(phasesOf(record).total_us, 900u);
  AttemptRecord failed;
  failed.chosen_us = failed.connecting_us = 5;
  AttemptRecord good = failed;
  good.connected_us = 25;
  good.sent_us = 30;
  good.first_byte_us = 100;
  builder.addAttempt(failed);
  EXPECT_EQ(phasesOf(record).queue_us, 0u);
  EXPECT_EQ(phasesOf(record).connect_us, kNoMoment);
  AttemptRecord& answered = builder.addAttempt(good);
  builder.addAttempt(failed);
  EXPECT_EQ(phasesOf(record).connect_us, kNoMoment);
  answered.bits = abi::attempt_bit::kAnswered;
  EXPECT_EQ(phasesOf(record).connect_us, 20u);
  EXPECT_EQ(phasesOf(record).first_byte_us, 70u);
  answered.bits |= abi::attempt_bit::kReused;
  EXPECT_EQ(phasesOf(record).connect_us, 0u);
}

// Every order of a writer that comes round twice and a reader, with up to two preemptions.
CASE("whatever a reader meets, it takes whole records or none") {
  using Ring = RecentRing<1, InterleavedAtomic>;
  std::unique_ptr<Ring> ring;
  Made made;
  bool took = false;
  const uint64_t orders = Interleaver::explore(
      2,
      {[&] {
         for (uint64_t id = 1; id <= 3; ++id) ring->push(made.make(id));
       },
       [&] {
         KeptRecord kept;
         const uint64_t end = ring->written();
         if (end == 0 || !ring->read(end - 1, &kept)) return;
         took = true;
         EXPECT_EQ(kept.record().id, end);
         EXPECT_EQ(kept.record().ended_ns, end);
         EXPECT_EQ(of(kept, t::kDetail), "detail");
       }},
      [&] { ring = std::make_unique<Ring>(); }, [] {}, [] {});
  EXPECT(took);
  EXPECT(orders > 500);
}

}  // namespace
}  // namespace millrace::test
