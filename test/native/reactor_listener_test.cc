#include <string>
#include <vector>

#include "harness.h"
#include "reactor_rig.h"

// What is counted by listener. The state of "web" is the process's: every case looks at what it
// added.
namespace millrace::test {
namespace {

namespace stat = abi::listener_stat;

class Counted {
 public:
  explicit Counted(uint32_t listener = 0) : listener_(listener), before_(read()) {}

  // Since this was made.
  double operator[](uint32_t index) const { return read()[index] - before_[index]; }
  double now(uint32_t index) const { return read()[index]; }
  double durations() const {
    HistogramCounts counts;
    WindowSpan span;
    Engine& engine = Engine::instance();
    EXPECT(engine.readListenerHistogram(engine.version(), listener_,
                                        abi::listener_histogram::kDuration, &span, &counts));
    return static_cast<double>(counts.count);
  }

 private:
  std::vector<double> read() const {
    std::vector<double> out(stat::kCount);
    Engine& engine = Engine::instance();
    EXPECT(engine.readListener(engine.version(), listener_, out));
    return out;
  }
  uint32_t listener_;
  std::vector<double> before_;
};

CASE("a listener counts every request that came in there, whatever became of it") {
  Origin origin;
  RigSpec spec{{origin.port()}};
  spec.routes = {{abi::path_kind::kPrefix, "/a", 0, {}}};
  Rig rig(spec, {&origin});
  const Counted counted;
  const double durations = counted.durations();

  const int32_t answered = rig.request("POST", "/a", {{"content-length", "5"}});
  EXPECT_EQ(counted[stat::kRequests], 1);
  EXPECT_EQ(counted[stat::kActive], 1);
  rig.sendBody(answered, "hello", true);
  EXPECT(rig.until([&] { return origin.count() == 1 && !origin.peer(0).in.empty(); }));
  origin.send(0, okAnswer("four"));
  EXPECT(rig.untilDone(answered));
  EXPECT_EQ(counted[stat::kActive], 0);
  EXPECT_EQ(counted[stat::kResponses2xx], 1);
  EXPECT_EQ(counted[stat::kFlagnone], 1);
  EXPECT_EQ(counted[stat::kBytesReceived], 5);
  EXPECT(counted[stat::kBytesSent] > 4);

  const int32_t lost = rig.get("/b");  // no route
  EXPECT(rig.untilDone(lost));
  EXPECT_EQ(counted[stat::kFlagNR], 1);
  const int32_t refused = rig.request("G T", "/a");
  EXPECT(rig.untilDone(refused));
  EXPECT_EQ(counted[stat::kFlagDPE], 1);
  EXPECT_EQ(counted[stat::kResponses4xx], 2);
  const int32_t left = rig.get("/a");
  rig.settle();
  EXPECT_EQ(counted[stat::kActive], 1);
  rig.abort(left);
  EXPECT_EQ(counted[stat::kFlagDC], 1);
  EXPECT_EQ(counted[stat::kResponsesNone], 1);
  EXPECT_EQ(counted[stat::kRequests], 4);
  EXPECT_EQ(counted[stat::kActive], 0);
  EXPECT_EQ(counted.durations() - durations, 4);
}

CASE("a request that is hedged or tried again is one request of its listener") {
  Origin bad;
  Origin good;
  Rig rig({{bad.port(), good.port()}}, {&bad, &good});
  const Counted counted;
  const int32_t handle = rig.get();
  EXPECT(rig.until([&] {
    return (bad.count() == 1 && !bad.peer(0).in.empty()) ||
           (good.count() == 1 && !good.peer(0).in.empty());
  }));
  Origin& first = bad.count() == 1 ? bad : good;
  Origin& second = bad.count() == 1 ? good : bad;
  first.close(0);
  EXPECT(rig.until([&] { return second.count() == 1 && !second.peer(0).in.empty(); }));
  second.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.stat(abi::cluster_stat::kRetries), 1);
  EXPECT_EQ(counted[stat::kRequests], 1);
  EXPECT_EQ(counted[stat::kResponses2xx], 1);
}

CASE("the numbers of a listener survive a reload that puts it elsewhere") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  EXPECT(rig.untilDone([&] {
    const int32_t handle = rig.request("G T");
    return handle;
  }()));
  const double before = Counted().now(stat::kRequests);
  const int32_t open = rig.get();  // in flight over the reload
  rig.settle();
  RigSpec moved{{origin.port()}};
  moved.tune = [](ImageBuilder& b) {
    abi::ListenerRecord other = b.listeners[0];
    const ImageBuilder::Text name = b.text("other");
    other.name_offset = name.offset;
    other.name_length = name.length;
    b.listeners.insert(b.listeners.begin(), other);
  };
  rig.install(moved);
  const Counted web(1);
  const Counted other(0);
  EXPECT_EQ(web.now(stat::kRequests), before + 1);
  EXPECT_EQ(web.now(stat::kActive), 1);
  EXPECT_EQ(other.now(stat::kRequests), 0);
  origin.send(0, okAnswer("x"));
  EXPECT(rig.untilDone(open));
  EXPECT(rig.untilDone(rig.request("G T")));
  EXPECT_EQ(web[stat::kRequests], 1);
  EXPECT_EQ(web[stat::kResponses2xx], 1);
  EXPECT_EQ(web.now(stat::kActive), 0);
  EXPECT_EQ(other.now(stat::kRequests), 0);
}

CASE("what comes to a listener that left the configuration counts there when it is back") {
  Origin origin;
  const RigSpec with{{origin.port()}};
  Rig rig(with, {&origin});
  const double before = Counted().now(stat::kRequests);
  RigSpec without = with;
  without.tune = [](ImageBuilder& b) { b.listeners.clear(); };
  rig.install(without);
  const int32_t handle = rig.get();
  EXPECT(rig.untilDone(handle));
  EXPECT_EQ(rig.answer(handle).status, 503u);
  std::vector<double> out(stat::kCount);
  EXPECT(!Engine::instance().readListener(Engine::instance().version(), 0, out));
  rig.install(with);
  EXPECT_EQ(Counted().now(stat::kRequests), before + 1);
  EXPECT_EQ(Counted().now(stat::kActive), 0);
}

CASE("connections are counted by listener, and go with their worker") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const Counted counted;
  const uint32_t key = rig.reactor().listenerKey("web");
  rig.reactor().countDownstreamConnection(key, true);
  rig.reactor().countDownstreamConnection(key, true);
  rig.reactor().countDownstreamConnection(key, false);
  rig.reactor().countDownstreamConnection(key + 7, true);  // none of them
  EXPECT_EQ(counted[stat::kConnections], 1);
  EXPECT_EQ(counted[stat::kConnectionsTotal], 2);
  static_cast<void>(rig.get());
  EXPECT_EQ(counted[stat::kActive], 1);
  rig.stop();
  EXPECT_EQ(counted.now(stat::kConnections), 0);
  EXPECT_EQ(counted.now(stat::kActive), 0);
  EXPECT_EQ(counted[stat::kConnectionsTotal], 2);
}

CASE("workers add up, and another version than the current one has no numbers") {
  Origin origin;
  Rig rig({{origin.port()}}, {&origin});
  const Counted counted;
  Rig second(rig, 1);
  EXPECT(rig.untilDone(rig.request("G T")));
  EXPECT(second.untilDone(second.request("G T")));
  EXPECT_EQ(counted[stat::kRequests], 2);
  std::vector<double> out(stat::kCount);
  Engine& engine = Engine::instance();
  EXPECT(!engine.readListener(engine.version() - 1, 0, out));
  EXPECT(!engine.readListener(engine.version(), 1, out));
  EXPECT(!engine.readListener(engine.version(), 0, {out.data(), 3}));
}

}  // namespace
}  // namespace millrace::test
