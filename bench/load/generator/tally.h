#ifndef MILLRACE_BENCH_LOAD_GENERATOR_TALLY_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_TALLY_H_

#include <array>
#include <cstdint>
#include <string>

#include "common/latency_histogram.h"

namespace millrace::load {

// How a request, or a connection, failed.
enum class Failure : uint8_t { kConnect, kTls, kReset, kEof, kTimeout, kProtocol, kStatus, kBody };
inline constexpr size_t kFailures = 8;
inline constexpr const char* kFailureNames[kFailures] = {"connect", "tls",      "reset",  "eof",
                                                         "timeout", "protocol", "status", "body"};

// What a run counted. Errors and connections are those of the whole run, everything else of the
// measured window.
struct Tally {
  uint64_t requests = 0;  // right answers that were complete within the window
  double seconds = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  LatencyHistogram latency;  // from the intended start; requests meant to start in the window
  LatencyHistogram service;  // the same requests, from when they were really sent
  std::array<uint64_t, kFailures> errors{};
  std::string first_error;
  std::array<uint64_t, 600> statuses{};

  uint64_t opened = 0;
  uint64_t closed_idle = 0;  // keep-alive connections that the peer closed between two requests
  uint64_t full_handshakes = 0;
  uint64_t resumed_handshakes = 0;
  std::string tls_version;  // of the first handshake
  std::string tls_cipher;

  uint64_t scheduled = 0;  // open loop: requests meant to start in the window
  uint64_t queued = 0;     // of them: waited for a connection to be free
  uint64_t late = 0;       // of them: seen by the scheduler more than kLateNs after their time
  uint64_t late_max_ns = 0;

  uint64_t slow_bytes = 0;
  uint64_t slow_answers = 0;
  uint64_t idle_open = 0;
  uint64_t idle_answered = 0;

  uint64_t user_us = 0;
  uint64_t system_us = 0;

  static constexpr uint64_t kLateNs = 100'000;

  uint64_t errorTotal() const noexcept {
    uint64_t total = 0;
    for (const uint64_t count : errors) total += count;
    return total;
  }
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_TALLY_H_
