#ifndef MILLRACE_ENGINE_HTTP_LOAD_REPORT_H_
#define MILLRACE_ENGINE_HTTP_LOAD_REPORT_H_

#include <cstdint>

#include "engine/http/response_parser.h"

namespace millrace {

// What an upstream says of its own load in the header of an answer: requests in flight
// (x-prequal-rif) and the latency that a request has at that load (x-prequal-latency-us). The names
// are those of other implementations of Prequal (proxies that measure by probes use them, too).
struct LoadReport {
  bool present = false;  // both numbers were there, and are numbers
  uint32_t requests_in_flight = 0;
  uint64_t latency_us = 0;
};

// Reads the report and takes its fields out of the head: they are meant for the balancer, and tell
// a client about the inside. Numbers beyond 2^32 count as that.
LoadReport takeLoadReport(ResponseHead* head) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_LOAD_REPORT_H_
