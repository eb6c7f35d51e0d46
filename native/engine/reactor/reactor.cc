#include "engine/reactor/reactor.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"

namespace millrace {

namespace {

void clearGauges(ListenerShard& shard) noexcept {
  shard.counters.reset(abi::listener_stat::kActive);
  shard.counters.reset(abi::listener_stat::kConnections);
}

}  // namespace

Reactor::Reactor(uint32_t worker, EventSink sink, const ReactorSeeds& seeds, Now now)
    : worker_(worker),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      sink_(sink),
      rng_(seeds.draws),
      masks_(seeds.masks),
      wheel_(now.ms()),
      hedge_wheel_(now.ms()),
      process_(Engine::instance().process(worker)),
      incidents_(Engine::instance().incidents(worker)),
      rings_(Engine::instance().requestRings(worker)),
      log_salt_(seeds.draws * 0x9e3779b97f4a7c15u),
      waker_(Engine::instance().waker(worker)),
      path_buffer_(256 * 1024),
      local_buffer_(192 * 1024) {
  MILLRACE_CHECK(epoll_fd_ >= 0 && waker_ >= 0);
  epoll_event woken{};
  woken.events = EPOLLIN;
  woken.data.u64 = kGuestBit;
  MILLRACE_CHECK(::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, waker_, &woken) == 0);
  MILLRACE_CHECK(sink_.data.size() >= 2 * kSpacePerRead &&
                 sink_.events.size() >= 4 * kEventsPerRead);
  // A worker that replaces one that died starts with no connections.
  process_.counters.reset(abi::process_stat::kDownstreamConnections);
  process_.counters.reset(abi::process_stat::kWebSockets);
  deferred_.reserve(1024);
  last_record_ = rings_.last_number.load(std::memory_order_acquire);
  refresh();
}

Reactor::~Reactor() {
  for (ListenerShard* const shard : listener_shards_) clearGauges(*shard);
  rings_.last_number.store(last_record_, std::memory_order_release);
  if (log_ring_ != nullptr)
    log_ring_->generation.store(LogRing::kNoPlan, std::memory_order_release);
  for (const auto& hedge : hedges_) {
    if (hedge->primary == nullptr) continue;
    closeConnection(*hedge->connection);
    hedge->pool->cluster_shard->counters.subtract(abi::cluster_stat::kActive, 1);
    givePlace(*hedge);
    if (hedge->counted_in_cluster)
      hedge->image->installed->clusters[hedge->cluster]->active.fetch_sub(
          1, std::memory_order_relaxed);
  }
  for (const auto& exchange : exchanges_) {
    if (exchange == nullptr || exchange->state == Exchange::State::kFree) continue;
    if (exchange->connection != nullptr) closeConnection(*exchange->connection);
    if (exchange->counted)
      exchange->pool->cluster_shard->counters.subtract(abi::cluster_stat::kActive, 1);
    if (exchange->counted_in_cluster)
      exchange->image->installed->clusters[exchange->cluster]->active.fetch_sub(
          1, std::memory_order_relaxed);
    if (exchange->retrying)
      exchange->image->installed->clusters[exchange->cluster]->retrying.fetch_sub(
          1, std::memory_order_relaxed);
    givePlace(*exchange);
    if (exchange->state == Exchange::State::kQueued) exchange->pool->dequeue(*exchange);
    if (exchange->state == Exchange::State::kHeld) {
      exchange->image->installed->clusters[exchange->cluster]->pending.give();
      exchange->image->hold_queues[exchange->cluster]->remove(*exchange);
      exchange->image->cluster_shards[exchange->cluster]->counters.subtract(
          abi::cluster_stat::kQueued, 1);
    }
  }
  for (const auto& [state, pool] : pools_) {
    while (pool->idle_head != nullptr) closeConnection(*pool->idle_head);
    pool->cluster->waiting_workers.fetch_and(~(uint64_t{1} << worker_), std::memory_order_relaxed);
  }
  while (lingering_ != nullptr) closeConnection(*lingering_);
  freeClosed();
  pools_.clear();
  hold_queues_.clear();
  ::close(epoll_fd_);
}

uint32_t Reactor::listenerKey(std::string_view name) {
  for (uint32_t i = 0; i < listener_names_.size(); ++i) {
    if (listener_names_[i] == name) return i;
  }
  listener_names_.emplace_back(name);
  listener_states_.push_back(Engine::instance().listener(listener_names_.back()));
  listener_shards_.push_back(&listener_states_.back()->shards.of(worker_));
  clearGauges(*listener_shards_.back());  // that a worker which died has left
  image_version_ = 0;                     // bind again, with the new name
  return static_cast<uint32_t>(listener_names_.size() - 1);
}

Exchange& Reactor::slotOf(int32_t handle) {
  const uint32_t slot =
      static_cast<uint32_t>(handle) & ((1u << abi::limits::kExchangeSlotBits) - 1);
  if (slot >= exchanges_.size())
    exchanges_.resize(std::max<size_t>(slot + 1, exchanges_.size() * 2));
  if (exchanges_[slot] == nullptr) exchanges_[slot] = std::make_unique<Exchange>();
  return *exchanges_[slot];
}

Exchange* Reactor::find(int32_t handle) noexcept {
  const uint32_t slot =
      static_cast<uint32_t>(handle) & ((1u << abi::limits::kExchangeSlotBits) - 1);
  if (slot >= exchanges_.size() || exchanges_[slot] == nullptr) return nullptr;
  Exchange& exchange = *exchanges_[slot];
  return exchange.handle == handle && exchange.state != Exchange::State::kFree ? &exchange
                                                                               : nullptr;
}

void Reactor::countDownstreamConnection(uint32_t listener_key, bool opened) noexcept {
  if (listener_key < listener_shards_.size()) {
    auto& counters = listener_shards_[listener_key]->counters;
    if (opened) {
      counters.add(abi::listener_stat::kConnections, 1);
      counters.add(abi::listener_stat::kConnectionsTotal, 1);
    } else {
      counters.subtract(abi::listener_stat::kConnections, 1);
    }
  }
  if (opened) {
    process_.counters.add(abi::process_stat::kDownstreamConnections, 1);
    process_.counters.add(abi::process_stat::kDownstreamConnectionsTotal, 1);
  } else {
    process_.counters.subtract(abi::process_stat::kDownstreamConnections, 1);
  }
}

// ---- images

void Reactor::refresh() {
  if (Engine::instance().version() == image_version_) return;
  const std::shared_ptr<const InstalledImage> installed = Engine::instance().current();
  if (installed != nullptr) bindImage(installed);
}

void Reactor::bindImage(const std::shared_ptr<const InstalledImage>& installed) {
  auto bound = std::make_unique<WorkerImage>();
  const Image& image = *installed->image;
  bound->installed = installed;
  bound->image = &image;
  for (const auto& [state, pool] : pools_) pool->current = false;
  bound->pools.resize(image.endpoints().size());
  bound->subsets.resize(image.subsets().size());
  bound->route_shards.resize(image.routes().size());
  for (const std::shared_ptr<RateState>& state : installed->rates.states)
    bound->rate_shards.push_back(&state->shards.of(worker_));
  for (uint32_t c = 0; c < image.clusters().size(); ++c) {
    ClusterShard& shard = Engine::instance().bindCluster(*installed->clusters[c], worker_);
    bound->cluster_shards.push_back(&shard);
    RetryBudget* const budget = installed->retry_budgets[c].get();
    bound->budget_requests.push_back(budget == nullptr ? nullptr : &budget->requestsOf(worker_));
    std::unique_ptr<HoldQueue>& queue = hold_queues_[installed->clusters[c].get()];
    if (queue == nullptr) queue = std::make_unique<HoldQueue>(worker_, installed->clusters[c]);
    bound->hold_queues.push_back(queue.get());
    Breaker* const breaker = installed->cluster_breakers[c].get();
    bound->breakers.push_back({breaker, breaker ? &breaker->windowOf(worker_) : nullptr});
    const abi::ClusterRecord& cluster = image.clusters()[c];
    for (uint32_t i = 0; i < cluster.endpoint_count; ++i) {
      const uint32_t endpoint = cluster.endpoint_start + i;
      std::unique_ptr<Pool>& pool = pools_[installed->endpoints[endpoint].get()];
      if (pool == nullptr) pool = std::make_unique<Pool>(worker_, installed->endpoints[endpoint]);
      pool->configure(*installed, c, endpoint, shard);
      bound->pools[endpoint] = pool.get();
    }
  }
  for (const abi::ListenerRecord& listener : image.listeners())
    bound->rules.push_back(rulesOf(image, listener));
  bindLog(*installed);
  bound->asks_for_peer =
      log_ != nullptr ||
      std::any_of(image.rateKeys().begin(), image.rateKeys().end(),
                  [](const auto& key) { return key.kind == abi::rate_key_kind::kClientIp; }) ||
      std::any_of(image.hashSources().begin(), image.hashSources().end(), [](const auto& source) {
        return source.kind == abi::hash_source_kind::kClientIp;
      });
  if (!image.tracings().empty()) {
    bound->tracing = image.tracings().data();
    // A route may sample what the configuration does not: too late to ask then.
    bound->asks_for_peer |= image.tracings().size() > 1;
    spans_ = &Engine::instance().spans(worker_);
  }
  for (const std::string& name : listener_names_) {
    uint32_t found = abi::kNone;
    for (uint32_t i = 0; i < image.listeners().size(); ++i) {
      const abi::ListenerRecord& listener = image.listeners()[i];
      if (image.str(listener.name_offset, listener.name_length) == name) found = i;
    }
    bound->listeners.push_back(found);
  }

  WorkerImage* const previous = image_;
  image_ = bound.get();
  images_.push_back(std::move(bound));
  image_version_ = installed->version;
  // Endpoints that are gone: idle connections close now, busy ones when their exchange has ended.
  for (const auto& [state, pool] : pools_) {
    if (pool->current) continue;
    while (pool->idle_head != nullptr) closeConnection(*pool->idle_head);
  }
  if (previous != nullptr) releaseImage(previous);
}

// Frees an image that is no longer current once nothing in flight refers to it, and pools without
// use.
void Reactor::releaseImage(WorkerImage* image) noexcept {
  if (image == image_ || image->exchanges != 0) return;
  std::erase_if(images_, [image](const auto& owned) { return owned.get() == image; });
  if (images_.size() != 1) return;
  std::erase_if(pools_, [](const auto& entry) {
    const Pool& pool = *entry.second;
    return !pool.current && pool.open_count == 0 && pool.active_count == 0 &&
           pool.waiting_count == 0;
  });
  const auto& named = images_.front()->installed->clusters;
  std::erase_if(hold_queues_, [&named](const auto& entry) {
    return entry.second->count() == 0 &&
           std::none_of(named.begin(), named.end(),
                        [&entry](const auto& cluster) { return cluster.get() == entry.first; });
  });
}

// ---- events

void Reactor::flush() noexcept {
  if (event_count_ == 0) {
    data_used_ = 0;
    return;
  }
  const uint32_t count = event_count_;
  sink_.deliver(sink_.context, count);
  event_count_ = 0;
  data_used_ = 0;
}

void Reactor::ensureSpace(size_t bytes) noexcept {
  if (sink_.data.size() - data_used_ < bytes || sink_.events.size() - event_count_ < kEventsPerRead)
    flush();
  MILLRACE_CHECK(bytes <= sink_.data.size() - data_used_);
}

char* Reactor::place(size_t bytes) noexcept {
  MILLRACE_CHECK(bytes <= sink_.data.size() - data_used_);
  char* at = sink_.data.data() + data_used_;
  data_used_ += bytes;
  return at;
}

abi::EventRecord& Reactor::emit(const Exchange& exchange, uint32_t kind, uint32_t flags) noexcept {
  MILLRACE_CHECK(event_count_ < sink_.events.size());
  abi::EventRecord& event = sink_.events[event_count_++];
  event = {};
  event.exchange = exchange.handle;
  event.kind = static_cast<int32_t>(kind);
  event.flags = static_cast<int32_t>(flags);
  return event;
}

void Reactor::deliverDeferred(Now now) noexcept {
  // Delivery may defer more (a sendBody that fails): those come in the same sweep, by index.
  for (size_t i = 0; i < deferred_.size(); ++i) {
    Exchange* exchange = find(deferred_[i]);
    if (exchange == nullptr) continue;
    if (exchange->state == Exchange::State::kFailed) {
      emitLocal(*exchange, now);
    } else if (exchange->state == Exchange::State::kCut) {
      ensureSpace(0);
      if (exchange->state != Exchange::State::kCut) continue;  // delivery may have aborted it
      emit(*exchange, abi::event_kind::kAbort, abi::event_flag::kLast);
      finish(*exchange, exchange->status, exchange->flag, now);
    } else if (exchange->state == Exchange::State::kClosed) {
      emitClosed(*exchange, now);
    } else {
      ensureSpace(0);
      resumeClient(*exchange, now);
    }
  }
  deferred_.clear();
}

// ---- the loop

bool Reactor::watchGuest(int fd, int operation, uint32_t events, Guest& guest) noexcept {
  static_assert(alignof(Guest) > kGuestBit && alignof(Connection) > kGuestBit);
  epoll_event event{};
  event.events = events;
  event.data.u64 = reinterpret_cast<uintptr_t>(&guest) | kGuestBit;
  return ::epoll_ctl(epoll_fd_, operation, fd, &event) == 0;
}

// `all`: epoll had no more to tell, of anybody. That was asked at the beginning of the turn, so the
// idle connections that the guests' requests may take need not be asked once more.
void Reactor::serveGuests(const epoll_event* ready, int count, bool all, Now now) noexcept {
  idle_known_ns_ = now.ns;
  idle_doubt_ = !all;
  for (int i = 0; i < count; ++i) {
    if (i % kEventsPerClock == kEventsPerClock - 1) now = sink_.clock(sink_.context);
    auto& guest = *reinterpret_cast<Guest*>(ready[i].data.u64 & ~kGuestBit);
    guest.ready(guest, ready[i].events, now);
  }
}

void Reactor::poll(Now now, int wait_ms) noexcept {
  if (Engine::instance().version() != image_version_) refresh();
  endTurn(now);
  epoll_event ready[kEpollBatch];
  // A bounded number of rounds: downstream sockets must get their turn.
  for (int round = 0; round < 4; ++round) {
    const int count = ::epoll_wait(epoll_fd_, ready, kEpollBatch, wait_ms);
    if (wait_ms != 0) {
      wait_ms = 0;
      now = sink_.clock(sink_.context);
    }
    int guests = 0;
    for (int i = 0; i < count; ++i) {
      // What comes late in a long batch has waited for the rest of it: that belongs to its time.
      if (i % kEventsPerClock == kEventsPerClock - 1) now = sink_.clock(sink_.context);
      if ((ready[i].data.u64 & kGuestBit) != 0) {
        if (ready[i].data.u64 != kGuestBit) {
          ready[guests++] = ready[i];
          continue;
        }
        uint64_t wakes;
        static_cast<void>(!::read(waker_, &wakes, sizeof wakes));
        hold_due_ = true;
        serveClusters(now);
        continue;
      }
      Connection& connection = *static_cast<Connection*>(ready[i].data.ptr);
      if (connection.state != Connection::State::kClosed) onEvent(connection, ready[i].events, now);
    }
    if (guests != 0) serveGuests(ready, guests, count < static_cast<int>(kEpollBatch), now);
    if (count < static_cast<int>(kEpollBatch)) break;
  }
  again_now_.swap(again_);
  for (Connection* connection : again_now_) {
    if (connection == nullptr) continue;  // closed meanwhile
    connection->queued_again = false;
    if (connection->state == Connection::State::kBusy && !connection->read_paused)
      onReadable(*connection, now);
  }
  again_now_.clear();
  if (hold_due_) serveHeld(now);
  deliverDeferred(now);
  flush();
  freeClosed();
  endTurn(now);
}

void Reactor::closeConnection(Connection& connection) noexcept {
  if (connection.state == Connection::State::kClosed) return;
  if (connection.state == Connection::State::kIdle) connection.pool.removeIdle(connection);
  if (connection.state == Connection::State::kLingering) {
    if (connection.previous != nullptr)
      connection.previous->next = connection.next;
    else
      lingering_ = connection.next;
    if (connection.next != nullptr) connection.next->previous = connection.previous;
  }
  wheel_.cancel(connection);
  if (connection.queued_again) {
    std::erase(again_, &connection);
    std::replace(again_now_.begin(), again_now_.end(), &connection,
                 static_cast<Connection*>(nullptr));
  }
  connection.close();
  connection.exchange = nullptr;
  connection.pool.releaseConnection();
  if (heir_ != abi::kNone) wakeHeir();
  if (connection.pool.waiting_count != 0)
    wheel_.arm(retry_, 0);  // a place is free: at the next tick
  connection.next = closed_;
  closed_ = &connection;
}

void Reactor::freeClosed() noexcept {
  while (closed_ != nullptr) {
    Connection* connection = closed_;
    closed_ = connection->next;
    delete connection;
  }
}

}  // namespace millrace
