#ifndef MILLRACE_ENGINE_BALANCER_SETTINGS_H_
#define MILLRACE_ENGINE_BALANCER_SETTINGS_H_

#include <cstdint>
#include <string_view>

#include "abi.h"

namespace millrace {

// How a cluster chooses among its endpoints: a BALANCER record as plain numbers. Any values are
// safe; what makes no sense (no decay, a table size that is not prime) is put right where it is
// used.
struct BalancerSettings {
  uint32_t policy = abi::policy::kRoundRobin;
  double bias = 1;                      // leastRequest: exponent of the requests in flight
  uint32_t decay_ms = 10000;            // an observation that old weighs 1/e
  uint32_t default_latency_us = 30000;  // of an endpoint that is busy and was never measured
  uint32_t penalty_ms = 5000;           // a failure is recorded with this latency, at least
  uint32_t table_size = 0;              // maglev: slots; ringHash: least points; 0 = the default
  uint32_t hash_balance_percent = 0;    // bounded load; 0 = unbounded
  uint32_t overprovisioning_percent = 140;
  uint32_t panic_percent = 50;  // 0 = never
  std::string_view local_zone;  // empty = no zone preference
  uint32_t zone_min_endpoints = 6;
  uint32_t slow_start_ms = 0;  // 0 = none
  double slow_start_aggression = 1;
  uint32_t slow_start_min_percent = 10;
};

// `local_zone` is the record's zone, resolved by the caller: the settings live as long as it does.
inline BalancerSettings balancerSettings(const abi::BalancerRecord& record,
                                         std::string_view local_zone) noexcept {
  BalancerSettings settings;
  settings.policy = record.policy;
  settings.bias = record.bias_millis / 1000.0;
  settings.decay_ms = record.decay_ms;
  settings.default_latency_us = record.default_latency_us;
  settings.penalty_ms = record.penalty_ms;
  settings.table_size = record.table_size;
  settings.hash_balance_percent = record.hash_balance_percent;
  settings.overprovisioning_percent = record.overprovisioning_percent;
  settings.panic_percent = record.panic_percent;
  settings.local_zone = local_zone;
  settings.zone_min_endpoints = record.zone_min_endpoints;
  settings.slow_start_ms = record.slow_start_ms;
  settings.slow_start_aggression = record.slow_start_aggression_millis / 1000.0;
  settings.slow_start_min_percent = record.slow_start_min_percent;
  return settings;
}

// Policies that choose by the hash of the request.
inline bool hashes(uint32_t policy) noexcept {
  return policy == abi::policy::kRingHash || policy == abi::policy::kMaglev ||
         policy == abi::policy::kRendezvous;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_BALANCER_SETTINGS_H_
