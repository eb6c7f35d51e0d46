#ifndef MILLRACE_ENGINE_STATE_ENGINE_H_
#define MILLRACE_ENGINE_STATE_ENGINE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "abi.h"
#include "base/cache_line.h"
#include "base/siphash.h"
#include "engine/failover/sweep.h"
#include "engine/failover/transitions.h"
#include "engine/image/image.h"
#include "engine/log/access_log.h"
#include "engine/record/record_ring.h"
#include "engine/record/request_query.h"
#include "engine/state/incident_ring.h"
#include "engine/state/listener_state.h"
#include "engine/state/plan_board.h"
#include "engine/state/planner.h"
#include "engine/state/rate_state.h"
#include "engine/state/route_state.h"
#include "engine/state/series.h"
#include "engine/state/stats.h"
#include "engine/state/upstream_state.h"
#include "engine/upstream/tls_context.h"

namespace millrace {

// An image together with the state that its clusters and endpoints refer to. Immutable, but for the
// plans that are published on its board.
struct InstalledImage {
  uint64_t version = 0;
  std::unique_ptr<const Image> image;
  std::vector<std::shared_ptr<ListenerState>> listeners;  // parallel to image->listeners()
  std::vector<std::shared_ptr<ClusterState>> clusters;    // parallel to image->clusters()
  std::vector<std::shared_ptr<EndpointState>> endpoints;  // parallel to image->endpoints()
  std::vector<std::shared_ptr<const TlsContext>> tls;     // parallel to image->tls()
  std::vector<BalancerSettings> balancers;                // parallel to image->clusters()
  std::vector<std::shared_ptr<RetryBudget>>
      retry_budgets;                                 // the same; null = retries are not budgeted
  std::vector<std::vector<EndpointState*>> members;  // of each cluster, those with a weight
  std::vector<std::shared_ptr<Breaker>> cluster_breakers;  // parallel to image->clusters(); or null
  std::vector<std::shared_ptr<Breaker>> endpoint_breakers;  // parallel to image->endpoints()
  std::unique_ptr<PlanBoard> plans;                         // by image->subsets()
  RateLimits rates;
  std::unique_ptr<RouteStates> routes;  // made on first use: grows, hence no const
  std::shared_ptr<const LogPlan> log;   // sinks of the access log, or null
};

struct InstallResult {
  uint64_t version = 0;  // 0 = refused
  std::string error;
};

struct HealthChange {
  uint32_t endpoint = 0;
  uint32_t set = 0;  // abi::health bits
  uint32_t clear = 0;
};

// The one object that all threads of the process share. The mutex guards installation, binding and
// registries, all of which happen when the configuration changes; a request only ever reads
// `version()`, one relaxed load per loop turn.
class Engine {
 public:
  static Engine& instance() noexcept;

  // Validates an image and publishes it; the workers pick it up at their next loop turn. Any
  // thread.
  // `now_ms` is the clock of the workers' reactors: slow start counts on it.
  // `rate_keys`: size of the table of rate limits.
  InstallResult install(std::span<const std::byte> bytes, uint64_t now_ns, uint64_t rate_keys);
  // Roots for upstream TLS where a cluster names none. PEM. Before the first install.
  void setTlsRoots(std::string pem);

  // Failover (engine_failover.cc)
  //
  // Sets and clears abi::health bits of endpoints of the current image, and plans their clusters
  // anew, each of them once: a plan of thousands of endpoints takes milliseconds. Endpoints that
  // become available start slowly. False, and nothing done, when `version` is not the current image
  // or an index is out of range. Any thread.
  bool setHealth(uint64_t version, std::span<const HealthChange> changes, uint64_t now_ms);
  bool setHealth(uint64_t version, uint32_t endpoint, uint32_t set, uint32_t clear,
                 uint64_t now_ms) {
    const HealthChange change{endpoint, set, clear};
    return setHealth(version, {&change, 1}, now_ms);
  }
  // Reports a change of health for the log, and wakes the control plane. Whoever has changed the
  // health of an endpoint sets `plan_dirty` of its cluster first. Any thread.
  void noteTransition(Transition transition);
  // A breaker has changed its state (engine_breaker.cc): for the log, and of an endpoint for its
  // health and the plans of its cluster. Nothing, if it is not the current one any more. Whoever
  // caused it, on any thread; takes a mutex for a moment.
  void noteBreaker(const Breaker& breaker, const ClusterState& cluster, const BreakerEvent& event,
                   uint64_t now_ms);
  void noteBreaker(const Breaker& breaker, ClusterState& cluster, EndpointState& endpoint,
                   const BreakerEvent& event, uint64_t now_ms);
  // What was reported since the last call, oldest first; `*dropped` grows by what was forgotten.
  std::vector<Transition> takeTransitions(uint64_t* dropped) { return journal_.take(dropped); }
  // A run of failures of an endpoint has reached its threshold (abi::transition_reason), as a
  // worker found out on the image it uses: the endpoint is ejected, where the present configuration
  // wants that, and no worker picks it from here on. `random`: for the jitter. Any thread.
  void reportRun(const InstalledImage& seen, uint32_t cluster, uint32_t endpoint, uint32_t reason,
                 uint64_t now_ms, uint64_t random);
  // Does what is due: compares endpoints, ends ejections, plans clusters whose health changed.
  // Milliseconds until the next call is due; 0 = not until the control plane is woken. Any thread
  // but the workers.
  uint32_t failoverTick(uint64_t now_ms);
  // An eventfd that is readable when failoverTick is to be called. Lives as long as the process; -1
  // when it cannot be made.
  int controlWaker();
  void wakeControl() noexcept;

  // Plans the clusters anew in which an endpoint is in slow start. Milliseconds until the next call
  // is due; 0 = nothing is warming. Any thread.
  uint32_t refreshPlans(uint64_t now_ms);

  // Every few seconds: see RateRegistry::settle. Any thread but the workers.
  void settleRates(uint64_t now_ns) {
    const std::lock_guard control(control_mutex_);
    rate_registry_.settle(now_ns);
  }
  // Keys the hashes of rate limits: random, of the process.
  void setRateKey(const SipKey& key) noexcept { rate_key_ = key; }
  const SipKey& rateKey() const noexcept { return rate_key_; }

  // An eventfd that is readable when something is due for a worker beside its sockets. Lives as
  // long as the process; -1 when it cannot be made.
  int waker(uint32_t worker);
  void wake(uint32_t worker) noexcept;

  uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  std::shared_ptr<const InstalledImage> current() const;

  // A worker's own shards, made on first use; they stay when the worker is replaced, gauges zeroed.
  ClusterShard& bindCluster(ClusterState& cluster, uint32_t worker);
  EndpointShard& bindEndpoint(EndpointState& endpoint, uint32_t worker);
  // At a worker's first use of a route of this image; `installed` keeps the shard alive.
  RouteShard& bindRoute(const InstalledImage& installed, uint32_t route, uint32_t worker) {
    return route_registry_.bind(*installed.image, *installed.routes, route, worker);
  }
  // The state of the listener of that name. Whoever counts in a shard of it keeps it.
  std::shared_ptr<ListenerState> listener(const std::string& name);
  ProcessShard& process(uint32_t worker) noexcept { return process_[worker]; }

  // A worker's incidents for the log, made on first use; they stay when the worker is replaced.
  IncidentRing& incidents(uint32_t worker);
  // Gives what the workers reported since the last call to `each`, at most `most` of each worker.
  // Any thread but the workers; one at a time.
  template <typename Each>
  void takeIncidents(uint32_t most, Each&& each) {
    const std::lock_guard control(control_mutex_);
    for (const std::atomic<IncidentRing*>& ring : incidents_) {
      // Acquire: pairs with the release in incidents().
      if (IncidentRing* const made = ring.load(std::memory_order_acquire)) made->take(most, each);
    }
  }

  // What a worker keeps of its requests, made on first use; it stays when the worker is replaced.
  RequestRings& requestRings(uint32_t worker);
  // Of all workers, those that have ended among them. Any thread.
  std::vector<KeptRecord> findRequests(const RequestQuery& query) const;
  // Records of sampled requests of a worker, for the exporter; made on first use, and they stay.
  RecordRing& spans(uint32_t worker);
  // Gives the oldest to `each`, at most `most` bytes of each worker and one record more. Any thread
  // but the workers; one at a time. Returns how many bytes.
  template <typename Each>
  size_t takeSpans(size_t most, Each&& each) {
    const std::lock_guard control(control_mutex_);
    size_t taken = 0;
    for (const std::atomic<RecordRing*>& ring : spans_) {
      // Acquire: pairs with the release in spans().
      if (RecordRing* const made = ring.load(std::memory_order_acquire))
        taken += made->take(most, each);
    }
    return taken;
  }
  // Largest share of a ring that waits to be taken, from 0 to 1. Any thread.
  double spansWaiting() const noexcept;

  // The access log: its writer, and the rings of the workers.
  AccessLog& accessLog() noexcept { return access_log_; }
  LogRing& logRing(uint32_t worker) { return access_log_.ring(worker); }

  // Merged over the workers; false when `version` is not the current image or the index is out of
  // range.
  bool readCluster(uint64_t version, uint32_t index, std::span<double> out) const;
  bool readEndpoint(uint64_t version, uint32_t index, uint64_t now_ms, std::span<double> out) const;
  bool readListener(uint64_t version, uint32_t index, std::span<double> out) const;
  bool readRateLimit(uint64_t version, uint32_t index, std::span<double> out) const;
  // In the order of abi::rate_table_stat; zeros without limits.
  void readRateTable(uint64_t now_ns, std::span<double> out) const;
  // A route that was never used has zeros.
  bool readRoute(uint64_t version, uint32_t index, std::span<double> out) const;
  void readProcess(std::span<double> out) const noexcept;

  // Histograms: `phase` is of abi::cluster_histogram, endpoint_histogram and so on.
  bool readClusterHistogram(uint64_t version, uint32_t index, uint32_t phase, WindowSpan* span,
                            HistogramCounts* out);
  bool readEndpointHistogram(uint64_t version, uint32_t index, uint32_t phase, WindowSpan* span,
                             HistogramCounts* out);
  bool readRouteHistogram(uint64_t version, uint32_t index, uint32_t phase, WindowSpan* span,
                          HistogramCounts* out);
  bool readListenerHistogram(uint64_t version, uint32_t index, uint32_t phase, WindowSpan* span,
                             HistogramCounts* out);
  // The digests of one phase over abi::kDigestWindowsMs, kDigestWords in all.
  bool readListenerDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                          std::span<double> out);
  bool readClusterDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                         std::span<double> out);
  bool readEndpointDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                          std::span<double> out);
  bool readRouteDigest(uint64_t version, uint32_t index, uint32_t phase, uint64_t now_ms,
                       std::span<double> out);
  // Routes of the image that have taken a request, in no order.
  std::vector<uint32_t> usedRoutes(uint64_t version) const;
  // The control thread, every abi::kHistogramTickMs; monotonic time. Windows live on it.
  void collectHistograms(uint64_t now_ms);

 private:
  Engine() noexcept;
  template <typename State>
  using Registry = std::unordered_map<std::string, std::weak_ptr<State>>;

  // The current image if it is that one, else null.
  std::shared_ptr<const InstalledImage> currentIs(uint64_t version) const;
  // Takes the delays of hedged routes from their histograms.
  void refreshHedges(const InstalledImage& installed, uint64_t now_ms);
  std::shared_ptr<Breaker> breakerFor(const std::shared_ptr<Breaker>& present,
                                      const abi::BreakerRecord& row, uint64_t now_ms);
  void adoptBreakers(const Image& image, InstalledImage* installed, uint64_t now_ms);
  // Breakers of endpoints whose interval is over become half-open; when the next one is due,
  // UINT64_MAX = none is open.
  uint64_t tickBreakers(const InstalledImage& installed, uint64_t now_ms);
  void adoptState(const Image& image, InstalledImage* installed, uint64_t now_ms);
  bool resolveTls(const Image& image, InstalledImage* installed, std::string* error);
  // engine_outlier.cc
  bool settleHealth(const InstalledImage& installed, uint32_t cluster, uint64_t now_ms);
  uint64_t tickOutliersOf(const InstalledImage& installed, uint32_t cluster, uint64_t now_ms);
  static void warmUp(const InstalledImage& installed, uint32_t cluster, EndpointState& endpoint,
                     uint32_t before, uint64_t now_ms) noexcept;

  // Held while plans are built, which may take milliseconds; `mutex_` is taken inside it, for
  // moments only, since workers wait for that one.
  std::mutex control_mutex_;
  bool warming_ = false;
  OutlierSweep sweep_;  // control_mutex_
  mutable std::mutex mutex_;
  std::shared_ptr<const InstalledImage> current_;
  std::atomic<uint64_t> version_{0};
  std::string tls_roots_;
  Registry<ListenerState> listeners_;
  Registry<ClusterState> clusters_;
  Registry<EndpointState> endpoints_;
  RouteRegistry route_registry_;
  RateRegistry rate_registry_;  // control_mutex_
  SipKey rate_key_{};
  SeriesCollector collector_;
  std::unordered_map<std::string, std::weak_ptr<const TlsContext>> tls_contexts_;
  std::array<ProcessShard, abi::limits::kMaxWorkers> process_{};
  std::array<std::atomic<int>, abi::limits::kMaxWorkers> wakers_;
  std::atomic<int> control_waker_{-1};
  TransitionJournal journal_;
  std::mutex breaker_mutex_;  // for moments; nothing else is locked inside but the journal
  uint32_t breaker_generation_ = 0;
  std::array<std::atomic<IncidentRing*>, abi::limits::kMaxWorkers> incidents_{};
  std::array<std::atomic<RequestRings*>, abi::limits::kMaxWorkers> request_rings_{};
  std::array<std::atomic<RecordRing*>, abi::limits::kMaxWorkers> spans_{};
  AccessLog access_log_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_ENGINE_H_
