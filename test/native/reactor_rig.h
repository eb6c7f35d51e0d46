#ifndef MILLRACE_TEST_NATIVE_REACTOR_RIG_H_
#define MILLRACE_TEST_NATIVE_REACTOR_RIG_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/reactor/reactor.h"
#include "image_builder.h"
#include "origin.h"

namespace millrace::test {

using Fields = std::vector<std::pair<std::string, std::string>>;

// What the client of one exchange has seen so far.
struct Answer {
  uint32_t status = 0;
  std::string head;
  std::string body;
  uint32_t flags = 0;   // of all its events
  uint64_t length = 0;  // announced with the head
  int events = 0;
  std::string protocol;                                    // of an upgrade
  std::vector<std::pair<uint32_t, std::string>> messages;  // whole ones, by opcode
  std::string partial;                                     // of the next one
  uint32_t close_code = 0;
  std::string close_reason;
  int resumed = 0;        // "go on with the request"
  bool done = false;      // an event was flagged last
  bool aborted = false;   // the last one was an abort
  bool released = false;  // its slot may be used again
};

// A configuration with one listener, one cluster and the routes given ("/" by default), all to that
// cluster. `tune` may change anything before it is installed.
struct RigSpec {
  std::vector<uint16_t> ports;
  std::vector<RouteSpec> routes = {{abi::path_kind::kPrefix, "/", 0, {}}};
  std::function<void(ImageBuilder&)> tune = [](ImageBuilder&) {};
};

// A reactor as a worker runs it, with a clock that only the test moves.
class Rig {
 public:
  explicit Rig(const RigSpec& spec, std::vector<Origin*> origins = {});

  // Publishes another configuration under the same names; the reactor takes it over by itself.
  void install(const RigSpec& spec);

  // A request without a body if it announces none; returns its handle.
  int32_t get(const std::string& target = "/");
  int32_t request(const std::string& method, const std::string& target = "/",
                  const Fields& fields = {});
  // A WebSocket handshake with a good key; returns its handle.
  int32_t upgrade(const std::string& target = "/", const Fields& more = {},
                  bool can_upgrade = true);
  uint32_t sendMessage(int32_t handle, uint32_t opcode, std::string payload) {
    return reactor().sendMessage(handle, opcode, payload, now());
  }
  uint32_t sendBody(int32_t handle, std::string_view piece, bool last) {
    return reactor().sendBody(handle, piece, last, now());
  }
  void abort(int32_t handle);
  Answer& answer(int32_t handle) { return answers_[handle]; }

  // Turns the loop until the condition holds; false when nothing moves any more.
  bool until(const std::function<bool()>& holds);
  bool untilDone(int32_t handle) {
    return until([&] { return answer(handle).done; });
  }
  // Turns the loop until it comes to rest.
  void settle();
  // Lets time pass, and the timers that are due then.
  void advance(uint64_t ms);
  // Lets time pass before the loop gets to its timers.
  void passTime(uint64_t ms) { now_ns_ += ms * 1'000'000; }

  Now now() const { return {now_ns_}; }
  Reactor& reactor() { return *reactor_; }
  void stop() { reactor_.reset(); }

  double stat(uint32_t index) const;  // of the cluster
  double endpointStat(uint32_t endpoint, uint32_t index) const;
  double flagged(uint32_t flag) const;  // exchanges that ended with a response flag, of this rig
  // Exchanges, connections and queue, as "active 0 pending 0 busy 0 idle 1".
  std::string gauges() const;

  // Called from within delivery.
  std::function<void(const abi::EventRecord&)> on_event = [](const abi::EventRecord&) {};
  uint32_t deliveries = 0;
  bool delivering = false;

  // A second worker of the same configuration.
  Rig(Rig& first, uint32_t worker);

 private:
  void start(uint32_t worker);
  void step();
  bool wait(int timeout_ms);
  static void deliver(void* context, uint32_t count);

  std::vector<Origin*> origins_;
  std::string cluster_name_;
  uint64_t now_ns_ = 1'000'000'000'000;
  std::vector<abi::EventRecord> events_;
  std::vector<char> data_;
  std::unique_ptr<Reactor> reactor_;
  uint32_t listener_ = 0;
  bool can_upgrade_ = false;
  void release(int32_t handle);

  std::vector<int32_t> generations_;  // by slot
  std::vector<int32_t> free_slots_;
  std::map<int32_t, Answer> answers_;
  std::vector<double> flags_before_;
};

// The head of an answer with this many bytes of body, and the body.
std::string okAnswer(const std::string& body, const std::string& lines = {});

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_REACTOR_RIG_H_
