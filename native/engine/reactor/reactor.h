#ifndef MILLRACE_ENGINE_REACTOR_REACTOR_H_
#define MILLRACE_ENGINE_REACTOR_REACTOR_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "abi.h"
#include "base/rng.h"
#include "engine/failover/error_runs.h"
#include "engine/failover/outcome.h"
#include "engine/failover/verdict.h"
#include "engine/http/request_head.h"
#include "engine/http/response_parser.h"
#include "engine/http/upstream_head.h"
#include "engine/net/timer_wheel.h"
#include "engine/rate/gate.h"
#include "engine/reactor/exchange.h"
#include "engine/reactor/time_limit.h"
#include "engine/reactor/worker_image.h"
#include "engine/record/record_ring.h"
#include "engine/record/request_record.h"
#include "engine/route/cidr.h"
#include "engine/state/engine.h"
#include "engine/upstream/connection.h"
#include "engine/upstream/pool.h"
#include "engine/websocket/mask_source.h"

struct epoll_event;

namespace millrace {

// Monotonic time of a call, in both units that the reactor uses.
struct Now {
  uint64_t ns;
  uint64_t ms() const noexcept { return ns / 1'000'000; }
};

// Microseconds, 0 when `to_ns` lies before: a call that came in between may have looked at the
// clock later.
inline uint64_t usBetween(uint64_t from_ns, uint64_t to_ns) noexcept {
  return to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
}

// Where events go: an array of records and a data buffer that the records point into, both owned by
// the caller, and a function that delivers the first `count` records. Delivery may call back into
// the reactor (abort, pause, resume, sendBody); it must not deliver again.
struct EventSink {
  std::span<abi::EventRecord> events;
  std::span<char> data;
  void (*deliver)(void* context, uint32_t count) = nullptr;
  // The clock of the Now arguments: long batches look again on the way.
  Now (*clock)(void* context) = nullptr;
  void* context = nullptr;
};

// A descriptor in the reactor's epoll set that is not an upstream's, such as a client's of a
// listener that lives in the same turn. `ready` is called once per turn in which epoll says
// something about it, after the events of upstreams. A guest must outlive that turn, also when it
// is removed in it.
struct Guest {
  void (*ready)(Guest& guest, uint32_t events, Now now) noexcept = nullptr;
};

// Random numbers that a reactor begins with.
struct ReactorSeeds {
  uint64_t draws;  // weights, sampling: nothing that must be secret
  SipKey masks;    // of WebSocket frames: secret
};

// The upstream half of one worker: matches and sends requests, owns the connections, reads the
// answers and reports them as events. One thread. Nothing here blocks, throws, or allocates per
// request once its buffers have grown to the traffic.
//
// Life of an exchange: submit -> (sendBody)* -> events, the last of them flagged -> free. `abort`
// ends it at any point without further events.
class Reactor {
 public:
  Reactor(uint32_t worker, EventSink sink, const ReactorSeeds& seeds, Now now);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  int epollFd() const noexcept { return epoll_fd_; }

  // A small number for a listener name, the same for the life of the worker.
  uint32_t listenerKey(std::string_view name);

  // Takes a request; abi::submit. `peer`: 4 or 16 address bytes, or empty. `flags`:
  // abi::submit_flag bits.
  uint32_t submit(int32_t handle, uint32_t listener_key, const FlatHead& head,
                  std::span<const uint8_t> peer, Now now, uint32_t flags = 0) noexcept;
  // A piece of the request body; abi::send.
  uint32_t sendBody(int32_t handle, std::string_view piece, bool last, Now now) noexcept;
  // The client is gone, or its answer cannot be finished.
  void abort(int32_t handle, Now now) noexcept;
  // Back-pressure from downstream: stop and go on reading the answer.
  void pause(int32_t handle) noexcept;
  void resume(int32_t handle, Now now) noexcept;
  // A message of an upgraded exchange from its client; abi::send. `payload` is masked in place.
  // `opcode`: abi::websocket_opcode but close.
  uint32_t sendMessage(int32_t handle, uint32_t opcode, std::span<char> payload, Now now) noexcept;
  // The client's side of a WebSocket is over, with this code: 1005 for none, 1006 for the end of
  // its connection without a close frame. A closed event follows.
  void sendClose(int32_t handle, uint32_t code, std::string_view reason, Now now) noexcept;
  // `listener_key`: of the listener that it came to.
  void countDownstreamConnection(uint32_t listener_key, bool opened) noexcept;

  // Reads whatever is ready and delivers the events. Once per loop turn. With `wait_ms` it waits
  // for that long for something to be ready, -1 for ever.
  void poll(Now now, int wait_ms = 0) noexcept;
  // Adds and changes what a guest waits for: EPOLL_CTL_* of epoll_ctl, and its events.
  bool watchGuest(int fd, int operation, uint32_t events, Guest& guest) noexcept;
  // Fires timers. Milliseconds until the next call is due: `untilTimer`.
  void fireTimers(Now now) noexcept;
  uint64_t untilTimer(Now now) const noexcept {
    return std::min(wheel_.untilNext(now.ms()), hedge_wheel_.untilNext(now.ms()));
  }
  // The loop goes to sleep: what was kept for the end of the turn is sent, and what is known of
  // idle connections is no longer true when it wakes.
  void endTurn(Now now) noexcept {
    if (!held_.empty()) sendHeldHeads(now);
    idle_known_ns_ = 0;
  }
  // Work is due although no socket is ready: call `poll` without waiting.
  bool hasDeferred() const noexcept { return !deferred_.empty() || !again_.empty() || hold_due_; }
  // Takes over a newly installed image, if there is one.
  void refresh();

 private:
  static constexpr size_t kReadBytes = Connection::kFirstRead;
  // Most that one readable connection may add to the data buffer: what it read, a head, and
  // left-overs.
  static constexpr size_t kSpacePerRead = 4 * kReadBytes;
  static_assert(kSpacePerRead >= Connection::kMostRead);
  // What has been read goes to the client before more is read, while it is in the cache.
  static constexpr size_t kFlushBytes = 256 * 1024;
  static constexpr uint32_t kEventsPerRead = 8;
  static constexpr uint32_t kEpollBatch = 256;
  static constexpr int kEventsPerClock = 8;  // 20 ns each, so 3 ns an event
  // In the data of an epoll event: this is no upstream connection, but a guest, or without an
  // address the waker.
  static constexpr uint64_t kGuestBit = 1;

  // reactor.cc: slots, events, images, the loop
  Exchange& slotOf(int32_t handle);
  Exchange* find(int32_t handle) noexcept;
  void bindImage(const std::shared_ptr<const InstalledImage>& installed);
  void releaseImage(WorkerImage* image) noexcept;
  void flush() noexcept;
  void ensureSpace(size_t bytes) noexcept;
  abi::EventRecord& emit(const Exchange& exchange, uint32_t kind, uint32_t flags) noexcept;
  char* place(size_t bytes) noexcept;  // reserves bytes of the data buffer
  void deliverDeferred(Now now) noexcept;
  void serveGuests(const epoll_event* ready, int count, bool all, Now now) noexcept;
  void closeConnection(Connection& connection) noexcept;
  void freeClosed() noexcept;

  // reactor_timers.cc
  void onTimer(Exchange& exchange, Now now) noexcept;
  void onTimer(Connection& connection, Now now) noexcept;
  void expire(Exchange& exchange, TimeLimit limit, Now now) noexcept;
  Due requestDueOf(const Exchange& exchange) const noexcept;
  Due dueOf(const Exchange& exchange) const noexcept;
  bool isEndpointsFault(const Exchange& exchange, TimeLimit limit, Now now) const noexcept;
  void armExchange(Exchange& exchange) noexcept;
  void armIdle(Connection& connection, Now now) noexcept;
  void retryWaiting(Now now) noexcept;

  // reactor_refusal.cc: requests that are refused for what they are, and reports for the log
  void refuseRequest(Exchange& exchange, RequestError error, const RequestHead& request,
                     const abi::ListenerRecord& listener, const IpAddress& peer, Now now) noexcept;
  void noteError(const Pool& pool, ResponseError error, uint32_t status, const Exchange* exchange,
                 Now now) noexcept;
  void noteFailure(const Exchange& exchange, uint32_t status, uint32_t flag, std::string_view text,
                   Now now) noexcept;
  void noteRequest(const Exchange& exchange, IncidentNote* note) const noexcept;
  // reactor_methods.cc
  void refuseMethod(Exchange& exchange, const RequestHead& request,
                    const abi::ListenerRecord& listener, bool allow_trace, std::string_view path,
                    const IpAddress& peer, Now now) noexcept;
  void answerAsLastHop(Exchange& exchange, const RequestHead& request,
                       const abi::ListenerRecord& listener, const RequestRules& rules,
                       std::string_view path) noexcept;
  void report(const IncidentNote& note) noexcept;

  // reactor_request.cc: from a request to its cluster
  void begin(Exchange& exchange, int32_t handle, uint32_t listener_key, Now now) noexcept;
  void route(Exchange& exchange, const RequestHead& request, const abi::ListenerRecord& listener,
             const Downstream& downstream, std::string_view path, Now now) noexcept;
  void forward(Exchange& exchange, const RequestHead& request, const abi::ListenerRecord& listener,
               const Downstream& downstream, std::string_view path, Now now) noexcept;
  void answerLocally(Exchange& exchange, const RequestHead& request,
                     const abi::ListenerRecord& listener, std::string_view path) noexcept;

  // reactor_attempt.cc: from a request to an upstream connection
  void dispatch(Exchange& exchange, Now now) noexcept;
  void start(Exchange& exchange, Now now) noexcept;
  void attach(Exchange& exchange, Connection& connection, Now now) noexcept;
  void connect(Exchange& exchange, Now now) noexcept;
  void sendRequest(Exchange& exchange, Connection& connection, Now now) noexcept;
  PoolRoom serveNext(Pool& pool, Now now) noexcept;
  void serveWaiting(Pool& pool, Now now) noexcept;

  // reactor_body.cc: the body of a request
  void sendHeldHeads(Now now) noexcept;
  uint32_t goOnWithBody(Exchange& exchange, std::string_view piece, bool last, Now now) noexcept;
  void headRefused(Exchange& exchange, Connection& connection, Now now) noexcept;
  bool writeBody(Exchange& exchange, Connection& connection, std::string_view piece,
                 bool last) noexcept;
  void resumeClient(Exchange& exchange, Now now) noexcept;

  // reactor_finish.cc, reactor_balance.cc
  void releaseEndpoint(Exchange& exchange, Now now) noexcept;
  void noteTried(Exchange& exchange) noexcept;

  // reactor_idle.cc: connections without a request
  Connection* takeIdle(Pool& pool, Now now) noexcept;
  void sweepIdle(Now now) noexcept;
  bool onIdle(Connection& connection, Now now) noexcept;
  bool spokeFirst(Connection& connection, uint32_t events) noexcept;

  // reactor_limits.cc: rate limits; false when the request was refused
  bool admitToListener(Exchange& exchange, const RequestHead& request,
                       const abi::ListenerRecord& listener, const Downstream& downstream,
                       std::string_view path, Now now) noexcept;
  bool admitToRoute(Exchange& exchange, const RequestHead& request,
                    const abi::ListenerRecord& listener, const Downstream& downstream,
                    std::string_view path, Now now) noexcept;
  bool admit(Exchange& exchange, const RequestHead& request, const abi::ListenerRecord& listener,
             const Downstream& downstream, std::string_view path, std::string_view route,
             std::span<const uint32_t> rows, Now now) noexcept;
  void refuse(Exchange& exchange, const GateResult& result) noexcept;

  // reactor_deadline.cc: what callers say of their patience
  void takeDeadline(Exchange& exchange, const RequestHead& request,
                    const Downstream& downstream) noexcept;
  bool beforeDeadline(Exchange& exchange, Now now) noexcept;
  uint64_t attemptEnds(const Exchange& exchange, Now now) const noexcept;
  void stampDeadline(Exchange& exchange, Now now) noexcept;

  // reactor_balance.cc: which endpoint, and waiting for one
  SubsetBinding& bindingOf(WorkerImage& image, uint32_t subset) noexcept;
  uint32_t pickEndpoint(Exchange& exchange, SubsetBinding& binding, Now now) noexcept;
  bool choose(Exchange& exchange, Now now) noexcept;
  void hold(Exchange& exchange, HoldQueue& queue, Now now) noexcept;
  void release(Exchange& exchange, Now now) noexcept;
  void recordWait(Exchange& exchange, Now now) noexcept;
  void offerPlace(const Exchange& exchange) noexcept;
  void serveHeld(Now now) noexcept;
  void recordConnect(const Connection& connection, Now now) noexcept;
  void fetchRoute(const Exchange& exchange) const noexcept;
  void fetchRouteNumbers(const Exchange& exchange) const noexcept;
  void fetchRoutePages(const Exchange& exchange, uint64_t length, Now now) const noexcept;
  void recordRoute(const Exchange& exchange, uint32_t status, uint32_t flag, Now now) noexcept;

  // reactor_breaker.cc: circuit breakers
  bool passBreaker(Exchange& exchange, Now now) noexcept;
  void tellBreaker(Exchange& exchange, Verdict verdict, Now now) noexcept;
  void tellBreakerOfHead(Exchange& exchange, Now now) noexcept;
  bool breakerPermits(const Exchange& exchange) const noexcept;
  void noteClusterBreaker(WorkerImage& image, uint32_t cluster, const BreakerEvent& event,
                          Now now) noexcept;
  bool passEndpointBreaker(Exchange& exchange, Pool& pool, bool restricted, Now now) noexcept;
  void tellEndpointBreaker(Exchange& exchange, bool good, Now now) noexcept;
  void dropEndpointTicket(Exchange& exchange) noexcept;

  static constexpr std::string_view kBreakerOpenText =
      "the circuit breaker of the upstream is open\n";
  static constexpr std::string_view kNobodyHealthyText = "no healthy upstream endpoint\n";

  // reactor_fallback.cc: the cluster that takes a request, and who stands in for it
  bool enterCluster(Exchange& exchange, Now now) noexcept;
  bool fallBack(Exchange& exchange, uint32_t flag, Now now) noexcept;
  bool handOn(Exchange& exchange, uint32_t flag) noexcept;
  void hashForFallbacks(Exchange& exchange, const RequestHead& request,
                        const abi::ListenerRecord& listener, const Downstream& downstream,
                        std::string_view path) noexcept;
  void respond(Exchange& exchange, const abi::RespondRecord& respond, uint32_t flag) noexcept;

  // reactor_fault.cc: faults injected on purpose
  bool injectFault(Exchange& exchange, const abi::RouteRecord& route, Now now) noexcept;
  void delayByFault(Exchange& exchange, Now now) noexcept;
  void abortByFault(Exchange& exchange, Now now) noexcept;

  // reactor_caps.cc: the caps of whole clusters
  static constexpr std::string_view kPendingText =
      "too many requests of the upstream cluster wait (maxPendingRequests)\n";
  bool takePlace(Exchange& exchange, uint32_t limit) noexcept;
  void givePlace(Exchange& exchange) noexcept;
  PoolRoom reserveConnection(Pool& pool, Now now) noexcept;
  bool closeIdleOf(const ClusterState& cluster) noexcept;
  Pool* longestWait(const ClusterState& cluster) const noexcept;
  bool givesUpConnection(const Pool& pool, Now now) noexcept;
  void wakeHeir() noexcept;
  void serveCluster(ClusterState& cluster, Now now) noexcept;
  void serveClusters(Now now) noexcept;

  // reactor_observe.cc: what an attempt says of its endpoint
  void observeAnswer(Exchange& exchange, ResponseHead* head, Now now) noexcept;
  void observeStream(Exchange& exchange, Now now) noexcept;
  void observeEnd(Exchange& exchange, Now now) noexcept;
  void observeFailure(Exchange& exchange, Failure failure, Now now) noexcept;
  void observeAbandoned(const Exchange& exchange, Now now) noexcept;
  void noteFault(const Exchange& exchange, Fault fault, Now now) noexcept;

  // reactor_retry.cc: another attempt
  bool retry(Exchange& exchange, uint32_t retry_on, uint32_t flag, std::string_view text,
             Now now) noexcept;
  bool retryAnswer(Connection& connection, const ResponseHead& head, bool clean, Now now) noexcept;
  bool replaceStale(Exchange& exchange, Now now) noexcept;
  void attemptTimedOut(Exchange& exchange, Now now) noexcept;
  bool mayRetry(Exchange& exchange, uint64_t delay_ms, Now now) noexcept;
  bool takeRetry(Exchange& exchange, Now now) noexcept;
  void leaveRetries(Exchange& exchange) noexcept;
  void leaveAttempt(Exchange& exchange, Now now) noexcept;
  uint32_t backoffOf(const Exchange& exchange, uint32_t retry) noexcept;
  void startBackoff(Exchange& exchange, uint64_t delay_ms, Now now) noexcept;
  void endBackoff(Exchange& exchange, Now now) noexcept;
  bool waitForTried(Exchange& exchange, Now now) noexcept;
  uint32_t pickAmongTried(Exchange& exchange, SubsetBinding& binding, Now now) noexcept;
  void endRetries(Exchange& exchange, uint32_t status) noexcept;

  // reactor_replay.cc: what it sends
  void planReplay(Exchange& exchange, const RequestHead& request) noexcept;
  void numberAttempt(Exchange& exchange) noexcept;
  void keepBody(Exchange& exchange, std::string_view piece) noexcept;
  void settleBody(Exchange& exchange) noexcept;

  // reactor_hedge.cc: a second attempt beside a slow one
  HedgeBinding& hedgeOf(WorkerImage& image, uint32_t route);
  void planHedge(Exchange& exchange, Now now) noexcept;
  void recordHead(const Exchange& exchange, Now now) noexcept;
  void onHedgeTimer(Exchange& exchange, Now now) noexcept;
  void startHedge(Exchange& exchange, Now now) noexcept;
  bool adoptHedge(Exchange& exchange, bool won, Now now) noexcept;
  bool settleHedge(Connection& connection, ResponseHead& head, Now now) noexcept;
  void dropHedge(Exchange& hedge, Now now) noexcept;
  Exchange& takeHedge(Exchange& primary) noexcept;
  void freeHedge(Exchange& hedge) noexcept;

  // reactor_response.cc: from an upstream to the client
  void onEvent(Connection& connection, uint32_t events, Now now) noexcept;
  void onConnected(Connection& connection, uint32_t events, Now now) noexcept;
  void onHandshake(Connection& connection, IoStatus status, Now now) noexcept;
  void onReadable(Connection& connection, Now now) noexcept;
  void onWritable(Connection& connection, Now now) noexcept;
  void consume(Connection& connection, char* bytes, size_t n, bool in_data_buffer,
               Now now) noexcept;
  void startResponse(Connection& connection, ResponseHead& head, char* body, size_t n,
                     Now now) noexcept;
  void continueResponse(Connection& connection, char* body, size_t n, Now now) noexcept;
  void finishResponse(Exchange& exchange, Connection& connection, bool clean, Now now) noexcept;
  void keepConnection(Exchange& exchange, Connection& connection, bool clean, Now now) noexcept;

  // reactor_failure.cc: upstream connections that break, or say what they must not
  void connectFailed(Connection& connection, uint32_t flag, std::string_view text,
                     Now now) noexcept;
  void connectNotBegun(Connection& connection, int error, Now now) noexcept;
  void goOnWithout(Exchange& exchange, uint32_t flag, std::string_view text, Now now) noexcept;
  void connectTimedOut(Connection& connection, Now now) noexcept;
  void onClosed(Connection& connection, bool orderly, Now now) noexcept;
  void lose(Connection& connection, bool begun, std::string_view text, Now now) noexcept;
  void protocolError(Connection& connection, ResponseError error, Now now) noexcept;

  // reactor_websocket.cc: from a handshake to messages, and their end
  bool admitUpgrade(Exchange& exchange, const RequestHead& request,
                    const abi::ListenerRecord& listener, const Downstream& downstream,
                    Now now) noexcept;
  void startWebSocket(Connection& connection, ResponseHead& head, char* rest, size_t n,
                      Now now) noexcept;
  void readFrames(Connection& connection, char* bytes, size_t n, Now now) noexcept;
  bool writeFrame(Connection& connection, uint32_t opcode, std::span<char> payload) noexcept;
  void sendCloseFrame(Connection& connection, uint32_t code, std::string_view reason,
                      Now now) noexcept;
  void endWebSocket(Exchange& exchange, uint32_t code, std::string_view reason, uint32_t flag,
                    Now now) noexcept;
  void emitClosed(Exchange& exchange, Now now) noexcept;
  void onLingering(Connection& connection) noexcept;

  // reactor_finish.cc: the one place where an exchange ends
  // `text` must outlive the exchange.
  void fail(Exchange& exchange, uint32_t status, uint32_t flag, std::string_view text,
            Now now) noexcept;
  void cut(Exchange& exchange, uint32_t flag, std::string_view text, Now now) noexcept;
  void emitLocal(Exchange& exchange, Now now) noexcept;
  void finish(Exchange& exchange, uint32_t status, uint32_t flag, Now now) noexcept;

  // reactor_record.cc: what is remembered of a request, and the record that is made of it
  void noteArrival(Exchange& exchange, uint32_t listener, const RequestHead& request,
                   const IpAddress& peer) noexcept;
  void noteStray(Exchange& exchange, uint32_t listener_key, const FlatHead& head,
                 std::span<const uint8_t> peer) noexcept;
  void noteUpstreamHead(Exchange& exchange, const RequestHead& request,
                        const UpstreamHead& head) noexcept;
  void noteText(Exchange& exchange, uint32_t which, std::string_view text) noexcept;
  AttemptTrail& attemptOf(Exchange& exchange) noexcept;
  uint32_t momentOf(const Exchange& exchange, Now now) const noexcept;
  void beginAttempt(Exchange& exchange, Now now) noexcept;
  void failAttempt(Exchange& exchange, uint32_t flag) noexcept;
  void endAttempt(Exchange& exchange, Now now) noexcept;
  void noteBackoff(Exchange& exchange, Now now) noexcept;
  void noteFirstByte(Connection& connection, bool answer, Now now) noexcept;
  bool keepsRecent(Now now) noexcept;
  void recordRequest(const Exchange& exchange, uint32_t status, uint32_t flag, Now now) noexcept;

  // reactor_trace.cc: traces
  RequestTrace traceOf(const abi::TracingRecord& row, const RequestHead& request,
                       bool trusted) noexcept;
  void beginTrace(Exchange& exchange, const RequestTrace& trace,
                  const RequestHead& request) noexcept;
  void traceByRoute(Exchange& exchange, const abi::RouteRecord& route, const RequestHead& request,
                    bool trusted) noexcept;
  const TraceFields* traceFieldsOf(const Exchange& exchange, const RequestHead& request,
                                   bool trusted) noexcept;
  void startSpan(const Exchange& exchange, AttemptTrail& attempt) noexcept;
  void stampSpan(Exchange& exchange) noexcept;
  static void recordTrace(const Exchange& exchange, RequestRecord& record) noexcept;
  void pushSpans(const RequestRecord& record) noexcept;

  // reactor_log.cc: the access log
  void bindLog(const InstalledImage& installed);
  void noteForLog(Exchange& exchange, const RequestHead& request) noexcept;
  uint32_t sinksOf(const Exchange& exchange, const RequestRecord& record) noexcept;
  void log(const RequestRecord& record) noexcept;

  const uint32_t worker_;
  const int epoll_fd_;
  EventSink sink_;
  uint32_t event_count_ = 0;
  size_t data_used_ = 0;
  Rng rng_;
  MaskSource masks_;
  TimerWheel wheel_;
  FineTimerWheel hedge_wheel_;
  std::vector<std::unique_ptr<Exchange>> hedges_;  // second attempts, in use or not
  std::vector<Exchange*> free_hedges_;
  TimerNode retry_;  // ticks while requests wait for a connection that another worker may give up
  ProcessShard& process_;
  IncidentRing& incidents_;
  RecordBuilder records_;
  RequestRings& rings_;
  // Good requests that may still be kept as recent ones, and since when they are counted.
  uint64_t recent_since_ns_ = 0;
  uint32_t recent_left_ = 0;
  RecordRing* spans_ = nullptr;  // null until something is traced
  FreshIds fresh_;               // for the next request; `span` 0 = to be drawn
  TraceFields trace_fields_;     // scratch of submit, as the next two
  std::array<char, kTraceparentBytes> traceparent_;
  std::array<char, kMaxTraceStateBytes> trace_state_;
  const LogPlan* log_ = nullptr;  // of the present image; null = there is no access log
  LogRing* log_ring_ = nullptr;
  uint64_t log_salt_;         // which requests are sampled is not for clients to know
  uint64_t last_record_ = 0;  // running number of the records of this worker
  uint64_t image_version_ = 0;
  WorkerImage* image_ = nullptr;
  std::vector<std::unique_ptr<WorkerImage>> images_;
  std::vector<std::string> listener_names_;                      // by listener key
  std::vector<std::shared_ptr<ListenerState>> listener_states_;  // the same, for the shards
  std::vector<ListenerShard*> listener_shards_;                  // the same
  std::unordered_map<EndpointState*, std::unique_ptr<Pool>> pools_;
  std::unordered_map<ClusterState*, std::unique_ptr<HoldQueue>> hold_queues_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<int32_t> deferred_;       // handles with a local answer, a cut or a resume due
  std::vector<int32_t> held_;           // handles of requests whose heads wait for their bodies
  std::vector<Connection*> again_;      // connections to read again without waiting for epoll
  std::vector<Connection*> again_now_;  // the batch of `again_` being worked on
  Connection* closed_ = nullptr;
  Connection* lingering_ = nullptr;
  const int waker_;        // an eventfd of the engine: another worker freed a place
  bool hold_due_ = false;  // held requests may find a place now
  // Which worker gets the place of the connection that is being closed, and of which cluster no
  // place is taken until when, since others are to have it.
  uint32_t heir_ = abi::kNone;
  const ClusterState* yielding_ = nullptr;
  uint64_t yield_until_ns_ = 0;
  // Since when no idle connection is known to have anything to read; 0 = not known. With
  // `idle_doubt_` there were too many ready sockets to tell, and each connection is asked.
  uint64_t idle_known_ns_ = 0;
  bool idle_doubt_ = false;
  RequestHead request_;                   // scratch of submit
  const RequestHead* routing_ = nullptr;  // the same, while submit looks where it is to go
  GateResult shown_;       // scratch of submit: the limit that the answer will tell of
  ResponseHead response_;  // scratch of the read path
  Buffer unsent_lines_;    // scratch of submit
  std::vector<char> path_buffer_;
  std::vector<char> local_buffer_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_REACTOR_REACTOR_H_
