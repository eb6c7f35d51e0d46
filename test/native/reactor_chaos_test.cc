#include <sys/socket.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "harness.h"
#include "reactor_rig.h"
#include "record_rig.h"

// Everything at once: requests with and without bodies, clients that leave, and four upstreams that
// answer, answer in parts, refuse, break off, talk nonsense or say nothing, with every way of
// trying again switched on. Whatever happens, a request ends exactly once (the rig checks that
// nothing follows), an answer is whole or visibly broken, nothing is sent twice that must not be,
// and in the end nothing is left behind.
namespace millrace::test {
namespace {

constexpr std::size_t kOrigins = 4;
constexpr int kTurns = 1500;

struct Sent {
  std::string method;
  uint64_t left = 0;  // of the body
  bool aborted = false;
};

uint64_t newestRecord() {
  uint64_t newest = 0;
  for (const KeptRecord& kept : Engine::instance().findRequests({}))
    newest = std::max(newest, kept.record().id);
  return newest;
}

class Chaos {
 public:
  explicit Chaos(uint64_t seed, const std::function<void(ImageBuilder&)>& tune)
      : rng_(seed), rig_(specOf(tune), {&origins_[0], &origins_[1], &origins_[2], &origins_[3]}) {}

  void run() {
    for (int turn = 0; turn < kTurns; ++turn) {
      const uint32_t what = rng_.below(100);
      if (what < 30)
        begin();
      else if (what < 75)
        act(rng_.below(kOrigins), false);
      else if (what < 83)
        sendMore();
      else if (what < 86)
        leave();
      else if (what < 96)
        rig_.advance(rng_.below(60));
      else if (what < 97)
        rig_.advance(rng_.below(3000));
      // As the control plane does when it is woken, or a little later.
      if (rng_.below(3) == 0) Engine::instance().failoverTick(rig_.now().ms());
      rig_.settle();
      if (turn % 32 == 0) collectRecords();  // before they are forgotten
    }
    collectRecords();
    finish();
    check();
  }

 private:
  RigSpec specOf(const std::function<void(ImageBuilder&)>& tune) {
    RigSpec spec;
    for (Origin& origin : origins_) spec.ports.push_back(origin.port());
    spec.tune = tune;
    return spec;
  }

  void begin() {
    static constexpr const char* kMethods[] = {"GET", "GET", "HEAD", "POST", "PUT", "DELETE"};
    Sent sent{kMethods[rng_.below(6)]};
    const bool body = sent.method == "PUT" || sent.method == "POST";
    if (body) sent.left = 1 + rng_.below(rng_.below(4) == 0 ? 200'000 : 100);
    const std::string target = "/" + std::to_string(++requests_);
    const Fields fields = body ? Fields{{"content-length", std::to_string(sent.left)}} : Fields{};
    const int32_t handle = rig_.request(sent.method, target, fields);
    targets_[handle] = target;
    sent_[handle] = sent;
    methods_[target] = sent.method;
  }

  // A request that is under way, or 0.
  int32_t any(bool with_body) {
    std::vector<int32_t> open;
    for (const auto& [handle, sent] : sent_) {
      if (sent.aborted || rig_.answer(handle).done || (with_body && sent.left == 0)) continue;
      open.push_back(handle);
    }
    return open.empty() ? 0 : open[rng_.below(static_cast<uint32_t>(open.size()))];
  }

  void sendMore() {
    if (const int32_t handle = any(true); handle != 0) send(handle, 1 + rng_.below(60'000));
  }

  void send(int32_t handle, uint64_t most) {
    Sent& sent = sent_[handle];
    const uint64_t size = std::min(sent.left, most);
    sent.left -= size;
    if (rig_.sendBody(handle, std::string(size, 'b'), sent.left == 0) == abi::send::kTooLarge)
      sent.left = 0;
  }

  void leave() {
    const int32_t handle = any(false);
    if (handle == 0) return;
    sent_[handle].aborted = true;
    rig_.abort(handle);
  }

  static void say(Origin::Peer& peer, const std::string& bytes) {
    // The proxy may have closed it meanwhile.
    if (peer.fd >= 0) static_cast<void>(!::send(peer.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }

  // One upstream does something to one of its connections. `good`: it answers, and nothing else.
  void act(std::size_t at, bool good) {
    Origin& origin = origins_[at];
    for (std::size_t i = 0; i < origin.count(); ++i) {
      Origin::Peer& peer = origin.peer(i);
      if (peer.fd < 0 || (peer.in.empty() && unfinished_.count({at, i}) == 0)) continue;
      if (!good && rng_.below(3) != 0) continue;
      if (const auto rest = unfinished_.find({at, i}); rest != unfinished_.end()) {
        if (!good && rng_.below(4) == 0)
          origin.reset(i);
        else
          say(peer, rest->second);
        unfinished_.erase(rest);
        continue;
      }
      const std::string target = take(peer);
      if (target.empty()) {  // a part of a request
        if (!good && rng_.below(20) == 0) origin.reset(i);
        continue;
      }
      answer(at, i, target, good);
    }
  }

  // Takes a whole request from what came; its target, or nothing.
  std::string take(Origin::Peer& peer) {
    const std::size_t end = peer.in.find("\r\n\r\n");
    if (end == std::string::npos) return {};
    uint64_t length = 0;
    if (const std::size_t field = peer.in.find("content-length: "); field < end)
      length = std::stoull(peer.in.substr(field + 16));
    if (peer.in.size() < end + 4 + length) return {};
    const std::size_t from = peer.in.find(' ') + 1;
    const std::string target = peer.in.substr(from, peer.in.find(' ', from) - from);
    EXPECT_EQ(peer.in.substr(0, from - 1), methods_[target]);
    EXPECT_EQ(peer.in.substr(end + 4, length), std::string(length, 'b'));
    peer.in.erase(0, end + 4 + length);
    ++seen_[target];
    return target;
  }

  void answer(std::size_t at, std::size_t i, const std::string& target, bool good) {
    Origin::Peer& peer = origins_[at].peer(i);
    const bool head = methods_[target] == "HEAD";
    const std::string ok = okAnswer(head ? "" : target);
    switch (good ? 0 : rng_.below(12)) {
      case 0:
      case 1:
      case 2:
      case 3:
        say(peer, ok);
        break;
      case 4: {
        const std::size_t cut = 1 + rng_.below(static_cast<uint32_t>(ok.size()) - 1);
        say(peer, ok.substr(0, cut));
        unfinished_[{at, i}] = ok.substr(cut);
        break;
      }
      case 5:
        say(peer, "HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
        break;
      case 6:
        say(peer, "HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\n");  // and the rest never comes
        break;
      case 7:
        say(peer, "HTTP/1.1 429 No\r\nretry-after: 1\r\nconnection: close\r\n\r\n");
        origins_[at].close(i);
        break;
      case 8:
        origins_[at].reset(i);
        break;
      case 9:
        origins_[at].close(i);
        break;
      case 10:
        say(peer, "nonsense\r\n\r\n");
        break;
      default:
        break;  // never
    }
  }

  // Upstreams are well again and clients send the rest: everything that can end does.
  void finish() {
    for (int turn = 0; turn < 200; ++turn) {
      for (auto& [handle, sent] : sent_) {
        if (!sent.aborted && !rig_.answer(handle).done && sent.left != 0) send(handle, 300'000);
      }
      rig_.settle();
      for (std::size_t at = 0; at < kOrigins; ++at) act(at, true);
      rig_.settle();
      rig_.advance(500);
      rig_.settle();
      collectRecords();
    }
    rig_.advance(100'000);
    rig_.settle();
  }

  void check() {
    std::size_t good = 0;
    for (auto& [handle, sent] : sent_) {
      const Answer& answer = rig_.answer(handle);
      const std::string& target = targets_[handle];
      if (sent.aborted) continue;
      EXPECT(answer.done, sent.method + " " + target + " has an end");
      if (answer.status == 200 && !answer.aborted) {
        ++good;
        EXPECT_EQ(answer.body, sent.method == "HEAD" ? "" : target);
      } else {
        EXPECT(answer.status >= 400 || answer.aborted,
               sent.method + " " + target + " ended with " + std::to_string(answer.status));
      }
      if (sent.method == "POST") EXPECT(seen_[target] <= 1, "POST " + target + " once");
      EXPECT(seen_[target] <= 16, target + " is not asked for ever");
    }
    EXPECT(good > requests_ / 20);  // or nothing was tested
    checkRecords();
    EXPECT_EQ(rig_.gauges(), "active 0 pending 0 busy 0 idle 0");
    EXPECT_EQ(rig_.stat(abi::cluster_stat::kQueued), 0.0);
    for (uint32_t i = 0; i < kOrigins; ++i) {
      EXPECT_EQ(rig_.endpointStat(i, abi::endpoint_stat::kActive), 0.0);
      EXPECT_EQ(rig_.endpointStat(i, abi::endpoint_stat::kConnections), 0.0);
    }
  }

  // Each request has left one record, which agrees with itself and with what the client saw.
  void collectRecords() {
    for (const KeptRecord& kept : Engine::instance().findRequests({})) {
      const RequestRecord& record = kept.record();
      if (record.id <= before_ || !recorded_.insert(record.id).second) continue;
      const std::string target(record.text(abi::record_text::kTarget));
      EXPECT_EQ(contradictionIn(record), "", target);
      EXPECT(records_.emplace(target, kept).second, target + " is recorded twice");
    }
  }

  void checkRecords() {
    collectRecords();
    EXPECT_EQ(records_.size(), requests_);
    for (const auto& [handle, sent] : sent_) {
      const auto found = records_.find(targets_[handle]);
      if (found == records_.end()) continue;
      const RequestRecord& record = found->second.record();
      const Answer& answer = rig_.answer(handle);
      const std::string what = sent.method + " " + targets_[handle];
      const bool aborted = (record.bits & abi::record_bit::kAborted) != 0;
      EXPECT_EQ(record.text(abi::record_text::kMethod), sent.method);
      EXPECT_EQ(record.status, answer.status, what);
      if (!sent.aborted) {
        EXPECT_EQ(aborted, answer.aborted, what);
        EXPECT_EQ(record.response_bytes, answer.body.size(), what);
      }
      if (sent.method == "POST") EXPECT(seen_[targets_[handle]] <= record.attempts, what);
    }
  }

  Rng rng_;
  const uint64_t before_ = newestRecord();
  std::set<uint64_t> recorded_;
  std::map<std::string, KeptRecord> records_;
  Origin origins_[kOrigins];
  Rig rig_;
  std::size_t requests_ = 0;
  std::map<int32_t, Sent> sent_;
  std::map<int32_t, std::string> targets_;
  std::map<std::string, std::string> methods_;
  std::map<std::string, int> seen_;  // whole requests that an upstream got
  std::map<std::pair<std::size_t, std::size_t>, std::string> unfinished_;
};

// Every way of trying again.
void retryAll(ImageBuilder& b) {
  namespace on = abi::retry_on;
  abi::RouteRecord& route = b.routes[0];
  route.timeout_ms = 8000;
  route.max_duration_ms = 30'000;
  route.retry_on = on::kConnectFailure | on::kReset | on::kTimeout | on::k5xx | on::kRetriable4xx |
                   on::kRateLimited;
  route.retry_attempts = 4;
  route.per_try_timeout_ms = 700;
  b.retries[route.retry] = {0, 0, 25, 250, 2000, 65'536, 0};
}

void hedgeAll(ImageBuilder& b) {
  b.hedges.push_back({0, 15, 0, 1, 100});
  b.routes[0].hedge = 0;
}

void capAll(ImageBuilder& b) {
  for (abi::EndpointRecord& endpoint : b.endpoints) endpoint.max_requests = 3;
  b.clusters[0].max_connections = 3;
  b.clusters[0].max_pending = 4;
}

// Whatever takes endpoints, or the cluster, out of service, and bounds of the cluster.
void breakAll(ImageBuilder& b) {
  abi::OutlierRecord outlier{};
  outlier.consecutive5xx = outlier.consecutive_gateway_errors = 4;
  outlier.consecutive_local_errors = 3;
  outlier.interval_ms = 1000;
  outlier.base_ejection_ms = 300;
  outlier.max_ejection_ms = 2000;
  outlier.jitter_ms = 50;
  outlier.max_ejection_percent = 75;
  outlier.success_method = abi::outlier_method::kMad;
  outlier.success_factor_millis = 3500;
  outlier.success_min_endpoints = 3;
  outlier.success_min_requests = 5;
  b.outliers.push_back(outlier);
  b.breakers.push_back({abi::breaker_scope::kCluster | abi::breaker_scope::kEndpoint, 700, 5000, 8,
                        400, 3000, 10, 2, 2});
  abi::ClusterRecord& cluster = b.clusters[0];
  cluster.outlier = static_cast<uint32_t>(b.outliers.size()) - 1;
  cluster.breaker = static_cast<uint32_t>(b.breakers.size()) - 1;
  cluster.budget_percent = 50;
  cluster.budget_min_per_second = 5;
  cluster.budget_window_ms = 10'000;
  cluster.limit_requests = 40;
  cluster.limit_connections = 10;
  cluster.limit_pending = 20;
  cluster.limit_retries = 10;
  b.routes[0].request_timeout_ms = 10'000;
}

void rounds(const std::function<void(ImageBuilder&)>& tune) {
  for (uint64_t round = 0; round < 6 && failures() == 0; ++round) Chaos(seed() + round, tune).run();
}

CASE("upstreams that do anything, without retries") {
  rounds([](ImageBuilder& b) { b.routes[0].retry_attempts = b.routes[0].retry_on = 0; });
}
CASE("upstreams that do anything, with every retry") { rounds(retryAll); }
CASE("upstreams that do anything, with hedging") { rounds(hedgeAll); }
CASE("upstreams that do anything, with everything, and caps in the way") {
  rounds([](ImageBuilder& b) {
    retryAll(b);
    hedgeAll(b);
    capAll(b);
  });
}

CASE("upstreams that do anything, with breakers, ejections and limits of the cluster, too") {
  rounds([](ImageBuilder& b) {
    retryAll(b);
    hedgeAll(b);
    breakAll(b);
  });
  rounds([](ImageBuilder& b) {
    retryAll(b);
    hedgeAll(b);
    capAll(b);
    breakAll(b);
  });
}

}  // namespace
}  // namespace millrace::test
