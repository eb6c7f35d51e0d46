#ifndef MILLRACE_ENGINE_SIMULATE_SIMULATION_H_
#define MILLRACE_ENGINE_SIMULATE_SIMULATION_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/simulate/clock.h"
#include "engine/simulate/event_heap.h"
#include "engine/simulate/fifo.h"
#include "engine/simulate/limit_audit.h"
#include "engine/simulate/proxy.h"
#include "engine/simulate/request_stream.h"
#include "engine/simulate/scenario.h"
#include "engine/simulate/servers.h"
#include "engine/simulate/slot_pool.h"
#include "engine/simulate/tally.h"

namespace millrace::simulate {

// A discrete event simulation of requests, proxies and endpoints on virtual time:
//
//   RequestStream --> Proxy: rate limit, breaker, balancer --network--> Servers: places and queues
//                       ^                                                        |
//                       +--- retry <--- answer, or none in time <---network------+
//
// What proxies decide, the shipped classes of the engine decide (see Proxy). Everything that comes
// by chance follows from the seed, so a run can be repeated bit by bit. One thread. After the
// warm-up nothing is allocated; memory is bounded by bounds::kMaxInFlight requests.
//
// Events that take a fixed time stand in queues (network, time limits), and only those that do not
// in heaps (work, back-off): some 0.3 us a request.
class Simulation {
 public:
  // checkScenario has accepted it.
  explicit Simulation(Scenario scenario);

  // Handles so many events, fewer at the end; true when the run is over.
  bool step(uint64_t events);
  // Share of the requests that have come, 0 to 1.
  double progress() const noexcept { return stream_.progress(); }
  // Why the run could not go on; empty = it could.
  const std::string& error() const noexcept { return error_; }
  // When it is over.
  Result result();

 private:
  struct Request {
    uint64_t arrived_ns = 0;
    uint64_t attempt_ns = 0;  // its present attempt was sent; or it waits until then
    uint64_t hash = 0;
    uint32_t serial = 0;  // of its present attempt, and of the slot's next request
    uint32_t number = 0;
    uint32_t next = 0;  // the pool's
    uint32_t endpoint = 0;
    BreakerTicket cluster_ticket = 0;
    BreakerTicket endpoint_ticket = 0;
    Link age;       // among all requests, by their arrival
    Link attempts;  // among those that wait for an answer, by the time of their attempt
    uint16_t proxy = 0;
    uint8_t retries = 0;
    uint8_t tried_count = 0;
    bool asking = false;  // an endpoint
    bool backing_off = false;
    bool backed_off = false;  // before its present attempt
    Answer last = Answer::kGood;
  };
  using Tried = std::array<uint32_t, abi::limits::kMaxRetries + 1>;

  void arrive(Moment now);
  void attempt(uint32_t slot, Moment now);
  void send(uint32_t slot, Moment now);
  void deliver(uint32_t job, Moment now);
  void reply(uint32_t job, Moment now);
  void receive(uint32_t job, Moment now);
  void endAttempt(uint32_t slot, Answer answer, const Report& report, Moment now);
  bool retry(uint32_t slot, Answer answer, Moment now);
  void giveUp(uint32_t slot, Answer answer, Moment now);
  void backOff(uint32_t slot, uint64_t until_ns);
  void wakeUp(uint32_t slot, Moment now);
  void expire(uint32_t slot, Moment now);
  void expireAttempt(uint32_t slot, Moment now);
  void finish(uint32_t slot, Outcome outcome, Moment now);
  void change(Moment now);
  void control(Moment now);
  void stop(Moment now);
  void refuse(Outcome outcome, Moment now) noexcept { tally_.record(outcome, now.ns, now.ns); }
  void noteOldest() noexcept;
  void noteAttempts() noexcept;

  const Scenario scenario_;
  const EndpointList list_;
  const uint64_t network_ns_;
  const uint64_t timeout_ns_;  // 0 = none, as is the next
  const uint64_t per_try_ns_;
  const bool hashes_;
  RequestStream stream_;
  const Stream key_draws_;
  const Stream client_draws_;
  const Zipf keys_;
  const Zipf clients_;
  Servers servers_;
  LimitAudit audit_;
  std::vector<std::unique_ptr<Proxy>> proxies_;
  SlotPool<Request> requests_;
  std::vector<Tried> tried_;  // by request; only where there are retries
  SlotLine<Request, &Request::age> ages_;
  SlotLine<Request, &Request::attempts> attempts_;
  uint64_t oldest_due_ns_ = kNever;
  uint64_t attempt_due_ns_ = kNever;
  Fifo outward_;   // jobs
  Fifo homeward_;  // jobs
  EventHeap backoffs_;
  uint64_t control_due_ns_ = kNever;
  uint32_t in_flight_ = 0;
  uint64_t retries_ = 0;
  std::vector<uint32_t> lost_;
  Tally tally_;
  uint64_t now_ns_ = kStartNs;
  bool over_ = false;
  std::string error_;
};

}  // namespace millrace::simulate

#endif  // MILLRACE_ENGINE_SIMULATE_SIMULATION_H_
