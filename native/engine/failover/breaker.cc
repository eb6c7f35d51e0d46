#include "engine/failover/breaker.h"

namespace millrace {

BreakerSettings breakerSettings(const abi::BreakerRecord& record) noexcept {
  BreakerSettings settings;
  settings.threshold_millis = record.threshold_millis;
  settings.window_ms = record.window_ms;
  settings.min_requests = record.min_requests;
  settings.interval_ms = record.interval_ms;
  settings.max_interval_ms = record.max_interval_ms;
  settings.jitter_percent = record.jitter_percent;
  settings.probes = record.probes;
  settings.successes = record.successes;
  return settings;
}

template class BasicBreaker<std::atomic>;

}  // namespace millrace
