#ifndef MILLRACE_ENGINE_REACTOR_EXCHANGE_H_
#define MILLRACE_ENGINE_REACTOR_EXCHANGE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "abi.h"
#include "engine/failover/breaker.h"
#include "engine/net/buffer.h"
#include "engine/net/timer_wheel.h"
#include "engine/record/request_trail.h"
#include "engine/trace/request_trace.h"
#include "engine/websocket/leg.h"

namespace millrace {

struct ClusterState;
struct Connection;
struct Exchange;
struct Pool;
struct ListenerShard;
struct WorkerImage;

// When the second attempt of an exchange is due: in a wheel of its own, since it is a matter of
// milliseconds.
struct HedgeTimer : TimerNode {
  Exchange* exchange = nullptr;
};

// One request and its answer. Slots are reused for ever: buffers keep a little capacity, the timer
// node stays armed across uses (it fires early and is armed again), so that steady traffic
// allocates nothing.
struct Exchange : TimerNode {
  enum class State : uint8_t {
    kFree,
    kHeld,        // waits for an endpoint that is below its maxRequests
    kQueued,      // waits for a connection of its endpoint
    kBackoff,     // waits before its next attempt
    kConnecting,  // its own connection is being made
    kWaiting,     // request sent or being sent, no answer yet
    kUpgraded,    // WebSocket: messages go both ways
    kClosed,      // the WebSocket is over; the client's side is told at the next delivery
    kStreaming,   // the head of the answer has been handed over
    kFailed,      // a local answer is due at the next delivery
    kCut,         // the downstream connection is to be cut at the next delivery
  };
  static constexpr uint32_t kMaxTried = 2 * abi::limits::kMaxRetries;  // hedges among them

  int32_t handle = 0;
  State state = State::kFree;
  bool head_request = false;
  bool idempotent = false;
  bool chunked_request = false;
  bool request_complete = false;    // the client has sent everything
  bool repeatable = false;          // may be sent again although an upstream may have acted on it
  bool reached = false;             // the upstream of the present attempt may have acted on it
  bool sent = false;                // its head has gone to an upstream, with any attempt
  bool body_sent = false;           // a byte of the body went to an upstream
  bool keep_body = false;           // `body` holds all of the body that has come, for a replay
  bool retried = false;             // its present attempt is not the first
  bool retrying = false;            // counts in its cluster's limit of retries
  bool fault_abort = false;         // it is to be answered with an injected fault after its delay
  bool backed_off = false;          // has waited before its present attempt, as far as it must
  bool client_paused = false;       // the client waits for `resumeRequest`
  bool reused = false;              // the current connection had served before
  bool fresh_only = false;          // after a reused connection failed: make a new one
  bool replaced = false;            // a reused connection failed, and was replaced by a new one
  bool counted = false;             // counts as active in its cluster and endpoint
  bool counted_in_cluster = false;  // ... and in the number that bounds the load of its endpoint
  bool upgrade = false;             // a WebSocket handshake
  bool hashed = false;              // `hash` says which endpoint it belongs to
  uint8_t retries_left = 0;
  uint8_t retries = 0;   // attempts after the first, replaced connections among them
  uint8_t attempt = 1;   // what `x-millrace-attempt` says
  uint8_t attempts = 0;  // that were begun, replaced connections and hedges among them
  uint8_t tried_count = 0;
  std::array<uint32_t, kMaxTried> tried{};  // endpoints that failed, by their number in the cluster

  bool measures_head = false;  // its route hedges, and wants to know how long answers take
  HedgeTimer hedge_timer;
  uint64_t hedge_at_ms = 0;     // 0 = no second attempt is planned
  Exchange* hedge = nullptr;    // the second attempt, while there is one
  Exchange* primary = nullptr;  // of a second attempt: the exchange that it is made for

  // What the circuit breakers of its cluster and of its endpoint let it through with; 0 = there is
  // none, or it has been told of the outcome.
  BreakerTicket cluster_ticket = 0;
  BreakerTicket endpoint_ticket = 0;
  // Clusters that handed it on, and where it would belong in those that may come after.
  uint8_t fallbacks = 0;
  uint8_t fallbacks_hashed = 0;
  std::array<uint64_t, abi::limits::kMaxFallbacks> fallback_hashes{};

  WorkerImage* image = nullptr;
  ListenerShard* listener_shard = nullptr;  // of this worker; null: the listener is not known
  uint32_t route = abi::kNone;
  uint32_t cluster = abi::kNone;
  uint32_t subset = abi::kNone;
  uint32_t endpoint = abi::kNone;
  Pool* pool = nullptr;
  Connection* connection = nullptr;
  Exchange* waiting_previous = nullptr;
  Exchange* waiting_next = nullptr;
  ClusterState* place = nullptr;  // in whose requests it counts, where these are bounded
  uint64_t hash = 0;
  uint64_t ticket = 0;  // its place in the line of its cluster, while held
  uint64_t backoff_until_ms = 0;
  uint32_t fault_delay_ms = 0;  // injected, 0 = none

  uint64_t started_ns = 0;
  uint64_t started_ms = 0;
  uint64_t complete_ms = 0;  // when the request was received in full
  uint64_t activity_ms = 0;  // last byte in either direction
  // How long the client was held back while it sent its request, and since when it is, while
  // `client_paused`: time that the upstream took, not the client.
  uint64_t paused_ms = 0;
  uint64_t paused_since_ms = 0;
  uint64_t deadline_ms = TimerWheel::kNever;  // that its caller sent along
  uint64_t attempt_ns = 0;                    // when its present endpoint was chosen
  uint64_t wait_ns = 0;  // when it began to wait for an endpoint, or a connection of it
  uint64_t sent_ns = 0;  // when its head was written to the present upstream
  uint64_t body_received = 0;
  uint64_t bytes_down = 0;
  uint64_t body_sent_down = 0;  // without head and framing

  uint32_t status = 0;  // of the answer that goes downstream
  uint32_t flag = abi::response_flag::kNone;
  uint32_t last_flag = abi::response_flag::kNone;  // of the attempt that failed last
  bool close_downstream = false;                   // the client's connection ends with this answer
  bool listener_closes = false;                    // see RequestHead
  std::string_view local_body;  // static text, or bytes of the image; of the attempt that failed
                                // last, while there is another

  // What its record is made of at its end; see reactor_record.cc.
  uint64_t record_id = 0;
  RequestTrail trail;
  // Its present attempt, of a hedge in the trail of its primary.
  AttemptTrail* attempt_trail = &trail.nowhere();
  Buffer notes;             // texts of the request, as it came
  std::string_view detail;  // why it failed; static text, or bytes of the image

  Buffer head;  // request head as sent upstream, kept for a replay; or the head of a route's own
                // answer
  size_t deadline_at = 0;  // where in `head` the milliseconds that are left stand; 0 = nowhere
  RequestTrace trace;
  size_t span_at = 0;    // where in `head` the id of the attempt's span stands; 0 = nowhere
  size_t head_size = 0;  // of `head` without the number of the attempt
  Buffer body;  // request body that the present upstream has not been given yet; see `keep_body`
  std::unique_ptr<WebSocketLeg> leg;  // while upgraded
  Buffer response_lines;              // header lines of ours for the answer, "name: value\r\n" each

  void pauseClient(bool pause, uint64_t now_ms) noexcept {
    if (pause == client_paused) return;
    client_paused = pause;
    if (pause)
      paused_since_ms = now_ms;
    else
      paused_ms += now_ms - paused_since_ms;
  }
};

// Microseconds, for histograms: of a WebSocket only the handshake, since the rest is conversation.
inline uint64_t durationOf(const Exchange& exchange, uint64_t now_ns) noexcept {
  if (exchange.leg != nullptr) return exchange.leg->handshake_us;
  return now_ns > exchange.started_ns ? (now_ns - exchange.started_ns) / 1000 : 0;
}

// How the answer's event says what comes of the client's connection.
inline uint32_t closeFlags(const Exchange& exchange) noexcept {
  if (!exchange.close_downstream) return 0;
  return abi::event_flag::kClose | (exchange.listener_closes ? abi::event_flag::kSayClose : 0);
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_REACTOR_EXCHANGE_H_
