#ifndef MILLRACE_ENGINE_SIMULATE_SERVERS_H_
#define MILLRACE_ENGINE_SIMULATE_SERVERS_H_

#include <cstdint>
#include <vector>

#include "engine/simulate/clock.h"
#include "engine/simulate/draws.h"
#include "engine/simulate/event_heap.h"
#include "engine/simulate/proxy.h"
#include "engine/simulate/scenario.h"
#include "engine/simulate/slot_pool.h"

namespace millrace::simulate {

// One attempt, on its way to an endpoint, there, or on its way back. Who sent it may have given it
// up meanwhile: an endpoint does not notice that, and works for nobody.
struct Job {
  uint64_t arrived_ns = 0;  // at the endpoint
  uint32_t request = 0;     // slot of its request ...
  uint32_t serial = 0;      // ... which is still waiting for it if it has the same serial
  uint32_t number = 0;      // of the request in the run
  uint32_t endpoint = 0;
  uint32_t next = 0;  // in the queue
  uint8_t attempt = 0;
  Answer answer = Answer::kGood;
};
static_assert(sizeof(Job) == 32);

// An endpoint: `concurrency` places and a queue, first come first served.
struct alignas(kCacheLine) Server {
  uint32_t busy = 0;
  uint32_t concurrency = 1;
  uint32_t queued = 0;
  uint32_t queue_limit = 0;
  uint32_t queue_head = abi::kNone;
  uint32_t queue_tail = abi::kNone;
  uint32_t group = 0;
  uint32_t draw = 0;  // of its service times, in Servers
  double factor = 1;  // of them
  double fails = 0;
  bool down = false;
  uint32_t most = 0;  // requests that it had at once

  // What it did.
  uint64_t came = 0;
  uint64_t failed = 0;
  uint64_t busy_ns = 0;
  uint64_t waited_ns = 0;     // in the queue, of those that were begun
  uint64_t inside_ns = 0;     // in the queue and at work, of those that are done
  double recent_work_us = 0;  // smoothed time at work, for its reports
};

// All endpoints, as they are: what proxies think of them is another matter.
class Servers {
 public:
  explicit Servers(const Scenario& scenario);

  // When the next job is done, or the next change begins or ends.
  uint64_t nextDone() const noexcept { return done_.nextAt(); }
  uint64_t nextChange() const noexcept { return changes_.nextAt(); }

  // A job comes. True when there is an answer at once (no place, or nobody there).
  bool take(uint32_t job, Moment now);
  // The next job is done; its number.
  uint32_t finish(Moment now);
  // The next change begins or ends; `lost` gets the jobs that are lost by it.
  void change(Moment now, std::vector<uint32_t>* lost);

  // The run is over.
  void stop(Moment now) noexcept;

  SlotPool<Job>& jobs() noexcept { return jobs_; }
  const std::vector<Server>& all() const noexcept { return servers_; }
  Report report(uint32_t endpoint) const noexcept;

 private:
  void begin(Server& server, uint32_t job, Moment now, bool in_place_of_next);
  void settle(uint32_t endpoint);
  void shutDown(std::vector<uint32_t>* lost, Moment now);

  // A change with those whom it concerns.
  struct Affair {
    Change change;
    uint32_t draw = 0;
    bool on = false;
    std::vector<uint32_t> endpoints;  // rising
  };

  const Scenario& scenario_;
  const Stream sizes_;
  const Stream luck_;
  SlotPool<Job> jobs_;
  std::vector<Server> servers_;
  std::vector<ServiceDraw> draws_;  // of the groups, then of the changes that have one
  std::vector<Affair> affairs_;
  EventHeap done_;     // jobs
  EventHeap changes_;  // affair * 2 + (1 = its end)
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_SERVERS_H_
