// Connections of clients, their timers, and the turns of the loop.
#include "downstream.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"

namespace millrace::spike {
namespace {

// As the listener of uWebSockets has it: between two requests, and for the head of one.
constexpr uint64_t kIdleMs = 10'000;
constexpr uint64_t kHeadMs = 10'000;
// A client that takes nothing of its answer.
constexpr uint64_t kStalledMs = 60'000;
constexpr uint64_t kRestMs = 100;
constexpr int kMaxWaitMs = 60'000;

}  // namespace

Downstream::Downstream(api::ReactorHost& host) noexcept
    : host_(host),
      wheel_(api::ReactorHost::now().ms()),
      scratch_(std::make_unique<char[]>(kReadBytes)),
      output_(std::make_unique<char[]>(kCopied + 512)) {
  libuv_.ready = [](Guest& guest, uint32_t, Now) noexcept {
    static_cast<Libuv&>(guest).due = true;
  };
  pending_.reserve(1024);
}

Downstream::~Downstream() {
  for (const auto& client : clients_) {
    if (client->open()) ::close(client->fd);
  }
}

// ---- listeners

int Downstream::listen(uint32_t key, const std::string& host, uint16_t port,
                       uint32_t max_connections, uint32_t* id, uint16_t* bound) {
  auto listener = std::make_unique<PlainListener>(*this, key);
  listener->max_connections = max_connections;
  if (const int error = listener->listen(host, port); error != 0) return error;
  if (listeners_.empty()) {
    const int fd = uv_backend_fd(host_.loop());
    MILLRACE_CHECK(reactor().watchGuest(fd, EPOLL_CTL_ADD, EPOLLIN, libuv_));
  }
  *id = static_cast<uint32_t>(listeners_.size());
  *bound = listener->port();
  listeners_.push_back(std::move(listener));
  return 0;
}

void Downstream::stopAccepting(uint32_t id, bool draining) noexcept {
  draining_ |= draining;
  listeners_[id]->stopAccepting();
}

void Downstream::close(uint32_t id) noexcept {
  listeners_[id]->stopAccepting();
  const Now now = api::ReactorHost::now();
  for (const auto& client : clients_) {
    if (client->open() && client->listener == listeners_[id].get()) lose(*client, now);
  }
}

uint32_t Downstream::connections(uint32_t id) const noexcept { return listeners_[id]->connections; }

void Downstream::rest(PlainListener&, Now now) noexcept { wheel_.arm(rest_, now.ms() + kRestMs); }

// ---- connections

void Downstream::welcome(PlainListener& listener, int fd, std::span<const uint8_t> peer,
                         Now now) noexcept {
  if (free_.empty()) {
    if (kFirstSlot + clients_.size() >= (1u << kSlotBits)) {  // each may have a request
      ::close(fd);
      return;
    }
    auto added = std::make_unique<Client>();
    added->slot = static_cast<uint32_t>(clients_.size());
    free_.push_back(added->slot);
    clients_.push_back(std::move(added));
  }
  Client& client = *clients_[free_.back()];
  client.ready = nullptr;
  if (!reactor().watchGuest(fd, EPOLL_CTL_ADD, EPOLLIN, client)) {
    ::close(fd);
    return;
  }
  free_.pop_back();
  client.ready = [](Guest& guest, uint32_t events, Now at) noexcept {
    auto& self = static_cast<Client&>(guest);
    if (self.open()) self.owner->onReady(self, events, at);
  };
  client.owner = this;
  client.fd = fd;
  client.listener = &listener;
  client.reads = Client::Reads::kHead;
  client.waits_in = true;
  client.waits_out = client.held_back = client.upstream_held = client.closes = client.ending =
      false;
  client.discarded = 0;
  client.scanned = 0;
  client.since_ms = now.ms();
  client.peer_length = static_cast<uint8_t>(peer.size());
  std::copy(peer.begin(), peer.end(), client.peer.begin());
  ++open_clients_;
  ++listener.connections;
  reactor().countDownstreamConnection(listener.key(), true);
  wheel_.arm(client, now.ms() + kIdleMs);
}

// What it waits for; a paused one is not in the set, since a socket that hung up would be reported
// without end.
void Downstream::watch(Client& client, bool in, bool out) noexcept {
  if (client.waits_in == in && client.waits_out == out) return;
  const bool was = client.waits_in || client.waits_out;
  client.waits_in = in;
  client.waits_out = out;
  const uint32_t events = (in ? EPOLLIN : 0u) | (out ? EPOLLOUT : 0u);
  const int operation = events == 0 ? EPOLL_CTL_DEL : was ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  reactor().watchGuest(client.fd, operation, events, client);
}

void Downstream::closeClient(Client& client) noexcept {
  ::close(client.fd);  // also leaves the epoll set
  client.fd = -1;
  wheel_.cancel(client);
  client.in.clear();
  client.out.clear();
  if (client.handle != 0) leave(client);
  --open_clients_;
  --client.listener->connections;
  reactor().countDownstreamConnection(client.listener->key(), false);
  free_.push_back(client.slot);
}

void Downstream::enter(Client& client) noexcept {
  constexpr uint32_t kMaxGeneration = (1u << (31 - kSlotBits)) - 1;
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const uint32_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  slot.client = &client;
  slot.generation = slot.generation == kMaxGeneration ? 1 : slot.generation + 1;
  client.handle = static_cast<int32_t>(slot.generation << kSlotBits | (kFirstSlot + index));
  ++active_;
}

void Downstream::leave(Client& client) noexcept {
  const uint32_t index =
      (static_cast<uint32_t>(client.handle) & ((1u << kSlotBits) - 1)) - kFirstSlot;
  client.handle = 0;
  slots_[index].client = nullptr;
  free_slots_.push_back(index);
  --active_;
}

// The client is gone, or has to go.
void Downstream::lose(Client& client, Now now) noexcept {
  const int32_t handle = client.handle;
  closeClient(client);
  if (handle != 0) reactor().abort(handle, now);
}

// ---- timers

// When it is to go unless something happens. What a request may take is for the engine to say.
uint64_t Downstream::dueOf(const Client& client) const noexcept {
  if (client.reads == Client::Reads::kRefuse) return client.since_ms + kRefusedMs;
  if (!client.out.empty()) return client.since_ms + kStalledMs;
  if (client.handle != 0) return TimerWheel::kNever;
  return client.since_ms + (client.in.empty() ? kIdleMs : kHeadMs);
}

void Downstream::onTimer(Client& client, Now now) noexcept {
  const uint64_t due = dueOf(client);
  if (due <= now.ms())
    lose(client, now);
  else
    wheel_.arm(client, std::min(due, now.ms() + kIdleMs));
}

// ---- turns

void Downstream::servePending(Now now) noexcept {
  // By index: what is served here may come again.
  for (size_t i = 0; i < pending_.size(); ++i) {
    Client& client = *clients_[pending_[i]];
    client.pending = false;
    if (!client.open() || client.handle != 0 || client.in.empty()) continue;
    client.scanned = 0;
    const size_t used = consume(client, client.in.data(), client.in.size(), now);
    if (!client.open()) continue;
    if (client.reads == Client::Reads::kRefuse)
      client.in.clear();
    else
      client.in.consume(used);
    if (client.handle == 0 && client.reads == Client::Reads::kHead)
      client.scanned = client.in.size();
  }
  pending_.clear();
}

void Downstream::turns() noexcept {
  uv_loop_t* const loop = host_.loop();
  host_.keepAwake(false);
  // The loop's own time is from before its callbacks, and so is what is due by it. It does not
  // change below: whatever runs JavaScript ends the turns.
  uv_update_time(loop);
  const int timeout = uv_backend_timeout(loop);
  Now now = api::ReactorHost::now();
  const uint64_t until = timeout < 0 ? UINT64_MAX : now.ms() + static_cast<uint64_t>(timeout);
  libuv_.due = false;
  do {
    int wait = 0;
    if (!reactor().hasDeferred() && pending_.empty() && until > now.ms()) {
      const uint64_t next = std::min({until - now.ms(), reactor().untilTimer(now),
                                      wheel_.untilNext(now.ms()), uint64_t{kMaxWaitMs}});
      wait = static_cast<int>(next);
    }
    reactor().poll(now, wait);
    if (host_.closing()) return;
    now = api::ReactorHost::now();
    if (!pending_.empty()) servePending(now);
    if (reactor().untilTimer(now) == 0) reactor().fireTimers(now);
    wheel_.advance(now.ms(), [&](TimerNode& node) {
      if (&node == &rest_) {
        for (const auto& listener : listeners_) listener->resume();
      } else {
        onTimer(static_cast<Client&>(node), now);
      }
    });
  } while (!libuv_.due && until > now.ms());
  host_.keepAwake(true);
}

uint32_t Downstream::take(std::span<abi::EventRecord> events, const char* data,
                          uint32_t count) noexcept {
  constexpr uint32_t kMask = (1u << kSlotBits) - 1;
  const Now now = api::ReactorHost::now();
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const abi::EventRecord& event = events[i];
    const uint32_t slot = static_cast<uint32_t>(event.exchange) & kMask;
    if (slot < kFirstSlot) {
      events[kept++] = event;
      continue;
    }
    Client* const client = slots_[slot - kFirstSlot].client;
    // The client may have gone after the engine wrote the event.
    if (client != nullptr && client->handle == event.exchange) answer(*client, event, data, now);
  }
  // JavaScript is about to run: libuv must look what has become due.
  if (kept != 0) libuv_.due = true;
  return kept;
}

}  // namespace millrace::spike
