#ifndef MILLRACE_ENGINE_EXPLAIN_EXPLAIN_H_
#define MILLRACE_ENGINE_EXPLAIN_EXPLAIN_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/siphash.h"
#include "engine/http/request_head.h"
#include "engine/state/engine.h"

namespace millrace {

struct ExplainRequest {
  FlatHead head;                  // as submit() takes it
  uint32_t listener = 0;          // LISTENER row
  std::span<const uint8_t> peer;  // 4 or 16 address bytes, or empty
};

// The moment that the explanation is of, and what else a request would find.
struct ExplainContext {
  uint64_t now_ns = 0;  // the clock of the workers' reactors
  uint64_t seed = 0;    // of the made-up parts: request id, cookie
  SipKey rate_key;      // Engine::rateKey
};

// Endpoints shown of one cluster: those that are most likely to be picked.
inline constexpr std::size_t kMostCandidates = 200;

// Every decision that the proxy would take for a request that came now, as JSON with indexes of
// the image in place of names: src/binding/explain.ts has its shape. What decides is the code that
// decides about requests: the parser, the matcher, the limits, the plans, the writer of the head.
// Nothing is counted, taken, connected or changed, and no worker is waited for or stopped: state is
// read from atomics and from what was published. Any thread; a few microseconds, and up to a few
// milliseconds for a cluster of thousands of endpoints.
std::string explainRequest(const InstalledImage& installed, const ExplainRequest& request,
                           const ExplainContext& context);

}  // namespace millrace

#endif  // MILLRACE_ENGINE_EXPLAIN_EXPLAIN_H_
