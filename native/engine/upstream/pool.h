#ifndef MILLRACE_ENGINE_UPSTREAM_POOL_H_
#define MILLRACE_ENGINE_UPSTREAM_POOL_H_

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>

#include "abi.h"
#include "engine/state/engine.h"
#include "engine/upstream/connection.h"

namespace millrace {

// Whether there is room for one connection more, else what has none.
enum class PoolRoom : uint8_t { kFree, kEndpointFull, kClusterFull };

// The connections of one worker to one endpoint, and the requests that wait for one. Last in, first
// out: the most recently used connection is the least likely to be closed by the upstream, and the
// surplus ages out. Lives as long as an image names the endpoint or a connection is open.
struct Pool {
  Pool(uint32_t worker, std::shared_ptr<EndpointState> endpoint);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool();

  // Takes address and limits from an image; the identity (EndpointState::key) is the same for all
  // of them.
  void configure(const InstalledImage& installed, uint32_t cluster, uint32_t endpoint,
                 ClusterShard& shard);

  // The most recently used idle connection, or nullptr. The caller makes it busy.
  Connection* takeIdle() noexcept;
  // Kept for `idle_ms`, or less when the upstream says so.
  void putIdle(Connection& connection, uint64_t now_ms) noexcept;
  void removeIdle(Connection& connection) noexcept;

  // Counts a request against the endpoint's maxRequests, which all workers share; false when as
  // many are in flight.
  bool reserveRequest() noexcept;
  void releaseRequest() noexcept;

  // Counts a new connection against the caps that all workers share, of the endpoint and of the
  // cluster.
  PoolRoom reserveConnection() noexcept;
  void releaseConnection() noexcept;

  // A place among those that wait in the cluster has been taken; it is given back at the end.
  void enqueue(Exchange& exchange) noexcept;
  void dequeue(Exchange& exchange) noexcept;
  // Tells the other workers whether this one waits for them to give a connection up.
  void announceWaiting(bool waiting) noexcept;
  // True when this worker should close a connection rather than keep it idle.
  bool othersWait() const noexcept;
  // True when other pools of the cluster wait, of this worker or another.
  bool clusterWaits() const noexcept;
  // True when it should close an idle one: others wait, and there is no place left for theirs.
  bool mustYield() const noexcept;

  const std::shared_ptr<EndpointState> state;
  EndpointShard& shard;
  std::shared_ptr<ClusterState> cluster;  // keeps `cluster_shard` alive
  ClusterShard* cluster_shard = nullptr;
  sockaddr_storage address{};
  socklen_t address_length = 0;
  std::shared_ptr<const TlsContext> tls;
  std::string name;  // of the endpoint, as configured
  std::string server_name;
  uint32_t connect_timeout_ms = 0;
  uint32_t tls_timeout_ms = 0;  // 0 = within the one above
  uint32_t idle_ms = 0;
  uint32_t max_connections = 0;
  uint32_t max_pending = 0;
  uint32_t max_requests = 0;         // of one connection
  uint32_t cluster_cap = 0;          // connections of the whole cluster, 0 = none
  uint32_t cluster_pending_cap = 0;  // requests that wait in the whole cluster, 0 = none
  uint32_t request_cap = 0;          // in flight at once, 0 = none
  std::shared_ptr<Breaker> breaker;  // of the endpoint, or null
  Breaker::Window* breaker_window = nullptr;
  bool current = false;  // named by the current image

  Connection* idle_head = nullptr;
  Connection* idle_tail = nullptr;  // idle for the longest time
  uint32_t idle_count = 0;
  uint32_t open_count = 0;    // connections of this worker, in any state
  uint32_t active_count = 0;  // exchanges of this worker that count in state->active
  Exchange* waiting_head = nullptr;
  Exchange* waiting_tail = nullptr;
  uint32_t waiting_count = 0;
  bool passed_over = false;  // scratch of Reactor::serveCluster

 private:
  const uint32_t worker_;
  bool announced_ = false;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_UPSTREAM_POOL_H_
