#include "engine/upstream/pool.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "engine/reactor/exchange.h"

namespace millrace {

Pool::Pool(uint32_t worker, std::shared_ptr<EndpointState> endpoint)
    : state(std::move(endpoint)),
      shard(Engine::instance().bindEndpoint(*state, worker)),
      worker_(worker) {}

Pool::~Pool() {
  // What a dying worker had in flight must not weigh on the others for ever.
  announceWaiting(false);
  state->load.active.fetch_sub(active_count, std::memory_order_relaxed);
  state->connections.fetch_sub(open_count, std::memory_order_relaxed);
  if (cluster != nullptr) cluster->connections.give(open_count);
}

void Pool::configure(const InstalledImage& installed, uint32_t cluster, uint32_t endpoint,
                     ClusterShard& cluster_stats) {
  const Image& image = *installed.image;
  const abi::ClusterRecord& c = image.clusters()[cluster];
  const abi::EndpointRecord& e = image.endpoints()[endpoint];
  const std::string_view bytes = image.str(e.address_offset, e.address_length);
  name = image.str(e.name_offset, e.name_length);
  address = {};
  if (e.family == abi::family::kIpv4) {
    auto* in = reinterpret_cast<sockaddr_in*>(&address);
    in->sin_family = AF_INET;
    in->sin_port = htons(static_cast<uint16_t>(e.port));
    std::memcpy(&in->sin_addr, bytes.data(), 4);
    address_length = sizeof *in;
  } else if (e.family == abi::family::kIpv6) {
    auto* in = reinterpret_cast<sockaddr_in6*>(&address);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(static_cast<uint16_t>(e.port));
    std::memcpy(&in->sin6_addr, bytes.data(), 16);
    address_length = sizeof *in;
  } else {
    auto* un = reinterpret_cast<sockaddr_un*>(&address);
    un->sun_family = AF_UNIX;
    const size_t length = std::min(bytes.size(), sizeof un->sun_path - 1);
    std::memcpy(un->sun_path, bytes.data(), length);
    address_length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length + 1);
  }
  tls = c.tls == abi::kNone ? nullptr : installed.tls[c.tls];
  if (tls != nullptr) {
    const abi::TlsRecord& t = image.tls()[c.tls];
    server_name = t.server_name_offset != abi::kNone
                      ? image.str(t.server_name_offset, t.server_name_length)
                      : image.str(e.server_name_offset, e.server_name_length);
  }
  connect_timeout_ms = c.connect_timeout_ms;
  tls_timeout_ms = c.tls_timeout_ms;
  idle_ms = c.pool_idle_ms;
  max_connections = c.max_connections;
  max_pending = c.max_pending;
  max_requests = c.max_requests_per_connection;
  cluster_cap = c.limit_connections;
  cluster_pending_cap = c.limit_pending;
  request_cap = e.max_requests;
  breaker = installed.endpoint_breakers[endpoint];
  breaker_window = breaker == nullptr ? nullptr : &breaker->windowOf(worker_);
  this->cluster = installed.clusters[cluster];
  cluster_shard = &cluster_stats;
  current = true;
}

Connection* Pool::takeIdle() noexcept {
  Connection* connection = idle_head;
  if (connection != nullptr) removeIdle(*connection);
  return connection;
}

void Pool::putIdle(Connection& connection, uint64_t now_ms) noexcept {
  connection.state = Connection::State::kIdle;
  connection.deadline_ms = now_ms + std::min(idle_ms, connection.idle_limit_ms);
  connection.previous = nullptr;
  connection.next = idle_head;
  if (idle_head != nullptr)
    idle_head->previous = &connection;
  else
    idle_tail = &connection;
  idle_head = &connection;
  ++idle_count;
  cluster_shard->counters.add(abi::cluster_stat::kConnectionsIdle, 1);
  cluster_shard->counters.subtract(abi::cluster_stat::kConnectionsActive, 1);
}

void Pool::removeIdle(Connection& connection) noexcept {
  if (connection.previous != nullptr)
    connection.previous->next = connection.next;
  else
    idle_head = connection.next;
  if (connection.next != nullptr)
    connection.next->previous = connection.previous;
  else
    idle_tail = connection.previous;
  connection.previous = connection.next = nullptr;
  --idle_count;
  cluster_shard->counters.subtract(abi::cluster_stat::kConnectionsIdle, 1);
  cluster_shard->counters.add(abi::cluster_stat::kConnectionsActive, 1);
}

bool Pool::reserveRequest() noexcept {
  std::atomic<uint32_t>& active = state->load.active;
  if (request_cap == 0) {
    active.fetch_add(1, std::memory_order_relaxed);
  } else {
    // Sequentially consistent, and so is the release: see WaitLine.
    uint32_t now = active.load(std::memory_order_seq_cst);
    do {
      if (now >= request_cap) return false;
    } while (!active.compare_exchange_weak(now, now + 1, std::memory_order_seq_cst));
  }
  ++active_count;
  return true;
}

void Pool::releaseRequest() noexcept {
  state->load.active.fetch_sub(1, std::memory_order_seq_cst);
  --active_count;
}

PoolRoom Pool::reserveConnection() noexcept {
  // Race: two workers may both see one place left; the compare-exchange lets one of them have it.
  uint32_t now = state->connections.load(std::memory_order_relaxed);
  do {
    if (max_connections != 0 && now >= max_connections) return PoolRoom::kEndpointFull;
  } while (!state->connections.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
  if (!cluster->connections.take(cluster_cap)) {
    // Race: meanwhile another worker may have been refused by the endpoint's cap; it looks again.
    state->connections.fetch_sub(1, std::memory_order_relaxed);
    return PoolRoom::kClusterFull;
  }
  ++open_count;
  cluster_shard->counters.add(abi::cluster_stat::kConnectionsActive, 1);
  return PoolRoom::kFree;
}

void Pool::releaseConnection() noexcept {
  state->connections.fetch_sub(1, std::memory_order_relaxed);
  cluster->connections.give();
  --open_count;
  cluster_shard->counters.subtract(abi::cluster_stat::kConnectionsActive, 1);
}

void Pool::enqueue(Exchange& exchange) noexcept {
  exchange.waiting_previous = waiting_tail;
  exchange.waiting_next = nullptr;
  if (waiting_tail != nullptr)
    waiting_tail->waiting_next = &exchange;
  else
    waiting_head = &exchange;
  waiting_tail = &exchange;
  ++waiting_count;
  cluster_shard->counters.add(abi::cluster_stat::kPending, 1);
}

void Pool::dequeue(Exchange& exchange) noexcept {
  if (exchange.waiting_previous != nullptr)
    exchange.waiting_previous->waiting_next = exchange.waiting_next;
  else
    waiting_head = exchange.waiting_next;
  if (exchange.waiting_next != nullptr)
    exchange.waiting_next->waiting_previous = exchange.waiting_previous;
  else
    waiting_tail = exchange.waiting_previous;
  exchange.waiting_previous = exchange.waiting_next = nullptr;
  --waiting_count;
  cluster->pending.give();
  cluster_shard->counters.subtract(abi::cluster_stat::kPending, 1);
  if (waiting_count == 0) announceWaiting(false);
}

void Pool::announceWaiting(bool waiting) noexcept {
  if (announced_ == waiting) return;
  announced_ = waiting;
  if (waiting) {
    state->waiting_workers.fetch_add(1, std::memory_order_relaxed);
    cluster->waiting_pools.fetch_add(1, std::memory_order_relaxed);
  } else {
    state->waiting_workers.fetch_sub(1, std::memory_order_relaxed);
    cluster->waiting_pools.fetch_sub(1, std::memory_order_relaxed);
  }
}

bool Pool::mustYield() const noexcept {
  if (max_connections != 0 && othersWait() &&
      state->connections.load(std::memory_order_relaxed) >= max_connections) {
    return true;
  }
  return cluster_cap != 0 && clusterWaits() && cluster->connections.now() >= cluster_cap;
}

bool Pool::clusterWaits() const noexcept {
  const uint32_t mine = announced_ ? 1 : 0;
  return cluster->waiting_pools.load(std::memory_order_relaxed) > mine;
}

bool Pool::othersWait() const noexcept {
  const uint32_t mine = announced_ ? 1 : 0;
  return state->waiting_workers.load(std::memory_order_relaxed) > mine;
}

}  // namespace millrace
