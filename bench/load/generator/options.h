#ifndef MILLRACE_BENCH_LOAD_GENERATOR_OPTIONS_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::load {

// What a run does. JavaScript checked every value (bench/load/options.mjs, where the meaning of
// each is written down); times are nanoseconds, sizes bytes.
struct Options {
  std::string address;  // IPv4 or IPv6, numeric
  uint16_t port = 0;
  bool tls = false;
  std::string server_name;  // SNI; empty for a numeric host

  bool open_loop = false;
  double rate = 0;  // requests per second, open loop
  bool poisson = false;
  bool sleep_between = false;  // scheduler of the open loop: sleep instead of spin
  uint32_t connections = 1;
  uint64_t duration_ns = 0;
  uint64_t warmup_ns = 0;
  uint64_t timeout_ns = 0;  // of a connect, of a handshake, and of a request
  uint64_t seed = 1;
  bool connection_per_request = false;
  bool resume_sessions = false;

  std::string head;  // request line and fields up to the empty line, with {key}, {target}, {fields}
  std::string slow_head;                  // the same for slow clients
  std::vector<std::string> list_targets;  // requests taken in turn
  std::vector<std::string> list_fields;   // for each of them: further field lines, or empty
  uint32_t keys = 0;                      // {key} is a random number below
  bool head_method = false;               // answers have no body
  uint64_t body_bytes = 0;                // upload
  int expect_status = 0;                  // 0: any 2xx
  int64_t expect_body = -1;               // -1: any size
  bool check_pattern = false;             // every answer's body must be the origin's pattern

  bool phases = false;  // says on stderr when the measured window begins and ends
  uint32_t idle_clients = 0;
  uint32_t slow_clients = 0;
  uint64_t slow_rate = 0;  // bytes per second and slow client
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_OPTIONS_H_
