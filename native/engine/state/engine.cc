#include "engine/state/engine.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

namespace millrace {
namespace {

std::string tlsKey(const Image& image, const abi::TlsRecord& tls) {
  std::string key = std::to_string(tls.flags);
  const auto add = [&](uint32_t offset, uint32_t length) {
    key += '\0';
    if (offset != abi::kNone) key += image.str(offset, length);
  };
  add(tls.server_name_offset, tls.server_name_length);
  add(tls.ca_offset, tls.ca_length);
  add(tls.cert_offset, tls.cert_length);
  add(tls.key_offset, tls.key_length);
  return key;
}

// What makes two endpoints of two images the same one: a change of any of it must not reuse
// connections.
std::string endpointKey(const Image& image, const abi::ClusterRecord& cluster,
                        const abi::EndpointRecord& endpoint) {
  std::string key(image.str(cluster.name_offset, cluster.name_length));
  key += '\0';
  key += image.str(endpoint.name_offset, endpoint.name_length);
  key += '\0';
  key += image.str(endpoint.address_offset, endpoint.address_length);
  key += '\0';
  key += std::to_string(endpoint.family) + ":" + std::to_string(endpoint.port) + ":";
  key += image.str(endpoint.server_name_offset, endpoint.server_name_length);
  key += '\0';
  if (cluster.tls != abi::kNone) key += tlsKey(image, image.tls()[cluster.tls]);
  return key;
}

template <typename State>
std::shared_ptr<State> findOrMake(std::unordered_map<std::string, std::weak_ptr<State>>& registry,
                                  const std::string& key, bool* known) {
  if (const auto found = registry.find(key); found != registry.end()) {
    if (std::shared_ptr<State> state = found->second.lock()) {
      *known = true;
      return state;
    }
  }
  auto state = std::make_shared<State>();
  registry[key] = state;
  return state;
}

template <typename Registry>
void dropExpired(Registry& registry) {
  std::erase_if(registry, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace

Engine& Engine::instance() noexcept {
  // Never destroyed: worker threads may still read it while the process exits.
  static Engine* const engine = new Engine();
  return *engine;
}

Engine::Engine() noexcept {
  for (std::atomic<int>& waker : wakers_) waker.store(-1, std::memory_order_relaxed);
}

void Engine::setTlsRoots(std::string pem) {
  const std::lock_guard lock(mutex_);
  tls_roots_ = std::move(pem);
}

bool Engine::resolveTls(const Image& image, InstalledImage* installed, std::string* error) {
  for (const abi::TlsRecord& tls : image.tls()) {
    const std::string key = tlsKey(image, tls);
    std::shared_ptr<const TlsContext> context;
    if (const auto found = tls_contexts_.find(key); found != tls_contexts_.end())
      context = found->second.lock();
    if (context == nullptr) {
      TlsContext::Options options;
      options.verify = (tls.flags & abi::tls_flag::kInsecureSkipVerify) == 0;
      options.ca_pem = tls.ca_offset == abi::kNone ? std::string_view(tls_roots_)
                                                   : image.str(tls.ca_offset, tls.ca_length);
      if (tls.cert_offset != abi::kNone) {
        options.cert_pem = image.str(tls.cert_offset, tls.cert_length);
        options.key_pem = image.str(tls.key_offset, tls.key_length);
      }
      context = TlsContext::make(options, error);
      if (context == nullptr) return false;
      tls_contexts_[key] = context;
    }
    installed->tls.push_back(std::move(context));
  }
  return true;
}

// Finds or makes the state of every cluster and endpoint.
namespace {

// What a cluster has spent carries over, unless it is counted in other windows.
std::shared_ptr<RetryBudget> retryBudgetOf(const abi::ClusterRecord& cluster, ClusterState& state) {
  if (cluster.budget_percent == abi::kNone) return nullptr;
  if (state.retry_budget == nullptr || state.retry_budget->windowMs() != cluster.budget_window_ms)
    state.retry_budget = std::make_shared<RetryBudget>(cluster.budget_window_ms);
  return state.retry_budget;
}

}  // namespace

void Engine::adoptState(const Image& image, InstalledImage* installed, uint64_t now_ms) {
  const std::lock_guard lock(mutex_);
  for (const abi::ListenerRecord& listener : image.listeners()) {
    bool known = false;
    const std::string name(image.str(listener.name_offset, listener.name_length));
    installed->listeners.push_back(findOrMake(listeners_, name, &known));
  }
  installed->endpoints.resize(image.endpoints().size());
  for (const abi::ClusterRecord& cluster : image.clusters()) {
    const std::string name(image.str(cluster.name_offset, cluster.name_length));
    // Slow start is for what joins a running cluster: when the process starts, or a cluster is
    // new, there is nobody warm to take the load meanwhile.
    bool running = false;
    installed->clusters.push_back(findOrMake(clusters_, name, &running));
    // Workers may be reading the name of one that is known.
    if (!running) installed->clusters.back()->name = name;
    installed->retry_budgets.push_back(retryBudgetOf(cluster, *installed->clusters.back()));
    const bool slow = running && image.balancers()[cluster.balancer].slow_start_ms != 0;
    for (uint32_t i = 0; i < cluster.endpoint_count; ++i) {
      const uint32_t index = cluster.endpoint_start + i;
      const std::string key = endpointKey(image, cluster, image.endpoints()[index]);
      bool known = false;
      installed->endpoints[index] = findOrMake(endpoints_, key, &known);
      if (known) {
        // A new image has it in its plans again; only those of the old one know nothing of it yet.
        EndpointState& state = *installed->endpoints[index];
        if (image.endpoints()[index].drain == 0 &&
            (state.load.health.fetch_and(~uint32_t{abi::health::kDrained},
                                         std::memory_order_relaxed) &
             abi::health::kDrained) != 0 &&
            slow)
          state.warm_since_ms = now_ms;
        continue;
      }
      EndpointState& fresh = *installed->endpoints[index];
      fresh.key = key;
      fresh.joined = running;
      if (slow) fresh.warm_since_ms = now_ms;
      // Before anyone can see it: not a request goes there until a check says so.
      if ((cluster.flags & abi::cluster_flag::kHealthChecked) != 0)
        fresh.load.health.store(abi::health::kUnchecked, std::memory_order_relaxed);
    }
  }
  for (std::shared_ptr<EndpointState>& endpoint : installed->endpoints) {
    if (endpoint == nullptr) endpoint = std::make_shared<EndpointState>();  // named by no cluster
  }
  for (const abi::ClusterRecord& cluster : image.clusters()) {
    std::vector<EndpointState*>& members = installed->members.emplace_back();
    for (const uint32_t index : image.members(image.subsets()[cluster.subset_start]))
      members.push_back(installed->endpoints[index].get());
  }
}

InstallResult Engine::install(std::span<const std::byte> bytes, uint64_t now_ns,
                              uint64_t rate_keys) {
  const uint64_t now_ms = now_ns / 1'000'000;
  ImageError refused{};
  auto installed = std::make_shared<InstalledImage>();
  installed->image = Image::load(bytes, &refused);
  if (installed->image == nullptr) {
    return {0, std::string("image refused: ") + refused.message + " (section " +
                   std::to_string(refused.section) + ", row " + std::to_string(refused.row) + ")"};
  }
  const Image& image = *installed->image;

  const std::lock_guard control(control_mutex_);
  InstallResult result;
  {
    const std::lock_guard lock(mutex_);
    if (!resolveTls(image, installed.get(), &result.error)) return result;
  }
  if (!rate_registry_.adopt(image, rate_keys, now_ns, &installed->rates, &result.error))
    return result;
  adoptState(image, installed.get(), now_ms);
  adoptBreakers(image, installed.get(), now_ms);
  installed->plans = std::make_unique<PlanBoard>(image.subsets().size());
  warming_ = false;
  for (uint32_t c = 0; c < image.clusters().size(); ++c) {
    installed->balancers.push_back(settingsOf(image, c));
    warming_ |= planCluster(*installed, c, now_ms);
  }

  installed->routes = std::make_unique<RouteStates>(image);
  installed->log = access_log_.adopt(image);
  const std::shared_ptr<const InstalledImage> published = installed;
  {
    const std::lock_guard lock(mutex_);
    route_registry_.adopt(image, *installed->routes);
    installed->version = version_.load(std::memory_order_relaxed) + 1;
    result.version = installed->version;
    current_ = std::move(installed);
    // Release: whoever sees the new number also finds `current_` by it (and takes the mutex
    // anyway).
    version_.store(result.version, std::memory_order_release);
    dropExpired(listeners_);
    dropExpired(clusters_);
    dropExpired(endpoints_);
    dropExpired(tls_contexts_);
    route_registry_.dropExpired();
  }
  // An idle worker keeps the old configuration until something happens: old sinks would stay open.
  for (uint32_t worker = 0; worker < abi::limits::kMaxWorkers; ++worker) wake(worker);
  // Only now: until it was published, workers went by the old configuration.
  for (uint32_t i = 0; i < image.endpoints().size(); ++i) {
    if (image.endpoints()[i].drain != 0)
      published->endpoints[i]->load.health.fetch_or(abi::health::kDrained,
                                                    std::memory_order_relaxed);
  }
  for (uint32_t c = 0; c < image.clusters().size(); ++c) {
    if (settleHealth(*published, c, now_ms)) warming_ |= planCluster(*published, c, now_ms);
  }
  return result;
}

uint32_t Engine::refreshPlans(uint64_t now_ms) {
  const std::lock_guard control(control_mutex_);
  if (!warming_) return 0;
  warming_ = false;
  const std::shared_ptr<const InstalledImage> installed = current();
  uint32_t shortest = 0;
  for (uint32_t c = 0; c < installed->balancers.size(); ++c) {
    const uint32_t window = installed->balancers[c].slow_start_ms;
    if (window == 0 || !planCluster(*installed, c, now_ms)) continue;
    warming_ = true;
    shortest = shortest == 0 ? window : std::min(shortest, window);
  }
  // Twenty steps over the window: finer ones cannot be told from noise.
  return warming_ ? std::max(shortest / 20, 50u) : 0;
}

IncidentRing& Engine::incidents(uint32_t worker) {
  // Only the worker itself asks for its own; the engine is never destroyed, and neither is a ring.
  IncidentRing* ring = incidents_[worker].load(std::memory_order_acquire);
  if (ring == nullptr) {
    ring = new IncidentRing();
    incidents_[worker].store(ring, std::memory_order_release);
  }
  return *ring;
}

RequestRings& Engine::requestRings(uint32_t worker) {
  // As with incidents.
  RequestRings* rings = request_rings_[worker].load(std::memory_order_acquire);
  if (rings == nullptr) {
    rings = new RequestRings();
    request_rings_[worker].store(rings, std::memory_order_release);
  }
  return *rings;
}

std::vector<KeptRecord> Engine::findRequests(const RequestQuery& query) const {
  std::array<const RequestRings*, abi::limits::kMaxWorkers> rings;
  for (size_t i = 0; i < rings.size(); ++i)
    rings[i] = request_rings_[i].load(std::memory_order_acquire);
  return millrace::findRequests(rings, query);
}

RecordRing& Engine::spans(uint32_t worker) {
  // A second of some thousand sampled requests; memory that is never written is never taken.
  constexpr size_t kBytes = 2 * 1024 * 1024;
  static_assert(kBytes >= 2 * RecordBuilder::kMaxBytes);
  // Only the worker itself asks for its own, and the ring is never destroyed, as above.
  RecordRing* ring = spans_[worker].load(std::memory_order_acquire);
  if (ring == nullptr) {
    ring = new RecordRing(kBytes);
    spans_[worker].store(ring, std::memory_order_release);
  }
  return *ring;
}

double Engine::spansWaiting() const noexcept {
  double most = 0;
  for (const std::atomic<RecordRing*>& ring : spans_) {
    const RecordRing* const made = ring.load(std::memory_order_acquire);
    if (made == nullptr) continue;
    most = std::max(most,
                    static_cast<double>(made->waiting()) / static_cast<double>(made->capacity()));
  }
  return most;
}

int Engine::waker(uint32_t worker) {
  const std::lock_guard lock(mutex_);
  int fd = wakers_[worker].load(std::memory_order_relaxed);
  if (fd >= 0) return fd;
  fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  wakers_[worker].store(fd, std::memory_order_release);
  return fd;
}

void Engine::wake(uint32_t worker) noexcept {
  const int fd = wakers_[worker].load(std::memory_order_acquire);
  const uint64_t one = 1;
  // A full counter means that the worker is being woken already.
  if (fd >= 0) static_cast<void>(!::write(fd, &one, sizeof one));
}

std::shared_ptr<const InstalledImage> Engine::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::shared_ptr<const InstalledImage> Engine::currentIs(uint64_t version) const {
  std::shared_ptr<const InstalledImage> installed = current();
  if (installed != nullptr && installed->version != version) installed.reset();
  return installed;
}

ClusterShard& Engine::bindCluster(ClusterState& cluster, uint32_t worker) {
  return cluster.shards.of(worker);
}

EndpointShard& Engine::bindEndpoint(EndpointState& endpoint, uint32_t worker) {
  return endpoint.shards.of(worker);
}

std::shared_ptr<ListenerState> Engine::listener(const std::string& name) {
  const std::lock_guard lock(mutex_);
  bool known = false;
  return findOrMake(listeners_, name, &known);
}

}  // namespace millrace
