#ifndef MILLRACE_BENCH_LOAD_GENERATOR_GENERATOR_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_GENERATOR_H_

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "generator/arrivals.h"
#include "generator/connection.h"
#include "generator/options.h"
#include "generator/request_composer.h"
#include "generator/ring.h"
#include "generator/tally.h"

namespace millrace::load {

// The load generator: one thread, one epoll, HTTP/1.1 without pipelining.
//
// Closed loop: every connection sends its next request when it has the answer. It finds the
// capacity, and hides latency: a stall also stops the requests that would have seen it.
// Open loop: requests are due at times that were fixed beforehand. One that is due while every
// connection is busy waits in a queue, and its latency counts from when it was due.
//
//   kOpening -> kWarmup -> kMeasure -> kDrain -> kIdleCheck -> kDone
//
// Nothing starts before every connection is open, nothing new after kMeasure; kDrain waits for
// what is under way, every request at most its timeout, so a run is bounded.
class Generator {
 public:
  explicit Generator(const Options& options);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Blocks until the run is over. False and a sentence in `*problem` when it could not start.
  bool run(std::string* problem);

  const Tally& tally() const noexcept { return tally_; }
  const std::vector<std::unique_ptr<Connection>>& connections() const noexcept {
    return connections_;
  }

 private:
  enum class Phase : uint8_t { kOpening, kWarmup, kMeasure, kDrain, kIdleCheck, kDone };

  // generator.cc: the loop
  bool setUp(std::string* problem);
  void turn(uint64_t now);
  void handleEvent(uint64_t data, uint32_t events, uint64_t now);
  void tick(uint64_t now);
  void checkDeadline(Connection& c, uint64_t now);
  void advancePhase(uint64_t now);
  void startLoad(uint64_t now);
  void checkIdle(uint64_t now);
  void scheduleArrivals(uint64_t now, size_t limit);
  void dispatch(uint64_t intended, uint64_t now);
  void waitForEvents(uint64_t now);
  void readUsage(uint64_t* user_us, uint64_t* system_us) const noexcept;
  bool loading() const noexcept { return phase_ == Phase::kWarmup || phase_ == Phase::kMeasure; }

  // generator_connect.cc: opening, closing and failing connections
  void openSome(uint64_t now);
  void open(Connection& c, uint64_t now);
  void onConnected(Connection& c, uint64_t now);
  void onHandshake(Connection& c, uint64_t now);
  void onReady(Connection& c, uint64_t now);
  void makeFree(Connection& c, uint64_t now);
  void settle(Connection& c) noexcept;
  void closeGently(Connection& c) noexcept;
  void close(Connection& c, bool reset) noexcept;
  void fail(Connection& c, Failure failure, const char* detail, uint64_t now);
  void recover(Connection& c, uint64_t now, bool after_failed_connect);
  void count(Failure failure, const char* detail) noexcept;
  bool setInterest(Connection& c, bool write) noexcept;

  // generator_request.cc: requests and answers
  void send(Connection& c, uint64_t intended, uint64_t now);
  void flush(Connection& c, uint64_t now);
  void receive(Connection& c, size_t limit);
  void onEnd(Connection& c, Io io, uint64_t now);
  void finish(Connection& c, uint64_t now);
  void paceSlowClients(uint64_t now);

  const Options options_;
  Tally tally_;
  Phase phase_ = Phase::kOpening;
  std::vector<std::unique_ptr<Connection>> connections_;
  Ring<uint32_t> free_;       // open loop: main connections without a request
  Ring<uint64_t> overdue_;    // open loop: intended times of requests that wait for one
  Ring<uint32_t> to_open_;    // connections that wait for their turn to connect
  Ring<uint32_t> waiting_;    // connections that wait for a time to try again
  std::vector<int> closing_;  // descriptors whose peer is to close first
  RequestComposer composer_;
  RequestComposer slow_composer_;
  Arrivals arrivals_;
  Rng rng_;
  SSL_CTX* tls_ = nullptr;
  int epoll_ = -1;
  sockaddr_storage address_{};
  socklen_t address_size_ = 0;
  std::vector<char> buffer_;

  uint32_t opening_ = 0;    // connects and handshakes under way
  uint32_t unsettled_ = 0;  // connections that were neither ready nor failed so far
  uint32_t busy_ = 0;       // main connections with a request
  size_t check_next_ = 0;   // the next idle client to ask at the end
  uint32_t checking_ = 0;   // idle clients whose last answer is awaited
  bool measuring_ = false;
  uint64_t measure_from_ns_ = 0;  // intended times
  uint64_t measure_to_ns_ = 0;
  uint64_t measuring_since_ns_ = 0;
  uint64_t next_tick_ns_ = 0;
  size_t looked_at_ = 0;
  uint32_t slow_first_ = 0;  // index of the first slow client
  uint32_t slow_next_ = 0;
  uint64_t slow_due_ns_ = 0;
  uint64_t user_us_ = 0;
  uint64_t system_us_ = 0;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_GENERATOR_H_
