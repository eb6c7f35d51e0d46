// Connections that carry no request: nothing may come on them, and what comes all the same must
// never be taken for the answer to the next request (response queue poisoning).
//
// Before an idle connection is reused it is known that nothing had arrived on it, data or the end.
// One epoll_wait per loop turn tells it of all idle connections at once: the first reuse of a turn
// pays for it, and what busy connections have to say comes again at the turn's own read. That costs
// less than a recv(MSG_PEEK) per request as soon as a turn has two of them. What arrives between
// this look and the write of the request cannot be told from an answer by anyone.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "engine/reactor/reactor.h"

namespace millrace {
namespace {

// A turn of many requests takes longer than this: they look again.
constexpr uint64_t kIdleKnownNs = 1'000'000;

// What a plain socket has for us. kBlocked: nothing.
IoStatus look(int fd) noexcept {
  char byte;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return IoStatus::kOk;
  if (got == 0) return IoStatus::kEof;
  return errno == EAGAIN || errno == EINTR ? IoStatus::kBlocked : IoStatus::kError;
}

}  // namespace

// The most recently used idle connection on which nothing has come, or nullptr. The caller makes it
// busy.
Connection* Reactor::takeIdle(Pool& pool, Now now) noexcept {
  if (pool.idle_head == nullptr) return nullptr;
  if (idle_known_ns_ == 0 || now.ns - idle_known_ns_ > kIdleKnownNs) sweepIdle(now);
  while (Connection* const connection = pool.idle_head) {
    if (connection->deadline_ms <= now.ms()) {
      closeConnection(*connection);  // its timer is due in this very tick
      continue;
    }
    if (idle_doubt_ && !onIdle(*connection, now)) continue;
    return pool.takeIdle();
  }
  return nullptr;
}

// Closes every idle connection, of any pool, that has become readable.
void Reactor::sweepIdle(Now now) noexcept {
  epoll_event ready[kEpollBatch];
  idle_known_ns_ = now.ns;
  idle_doubt_ = true;
  // Ready sockets are reported in turn, so four batches show up to 1024 of them.
  for (int round = 0; round < 4; ++round) {
    const int count = ::epoll_wait(epoll_fd_, ready, kEpollBatch, 0);
    for (int i = 0; i < count; ++i) {
      if ((ready[i].data.u64 & kGuestBit) != 0) continue;
      auto* const connection = static_cast<Connection*>(ready[i].data.ptr);
      if (connection->state == Connection::State::kIdle) onIdle(*connection, now);
    }
    if (count < static_cast<int>(kEpollBatch)) {
      idle_doubt_ = false;
      return;
    }
  }
}

// Something may have come on an idle connection: bytes nobody asked for, or the end. Either way it
// serves nobody any more; false when it was closed. A TLS peer may send session tickets, which are
// read and make no payload.
bool Reactor::onIdle(Connection& connection, Now now) noexcept {
  char bytes[12];
  const IoResult result = connection.read(bytes, sizeof bytes);
  // Half a record would be whole by the time of the next answer, and read as its beginning.
  if (result.status == IoStatus::kBlocked && !connection.hasPendingInput()) return true;
  // A server that tells why it closes an idle connection does no wrong (RFC 9110 section 15.5.9).
  const bool farewell = std::string_view(bytes, result.bytes) == "HTTP/1.1 408";
  if (result.status == IoStatus::kOk && !farewell)
    noteError(connection.pool, ResponseError::kUnsolicited, 0, nullptr, now);
  closeConnection(connection);
  return false;
}

// On a new connection: an answer before the request. It may be a whole one, and the true one would
// follow for the next request. `events`: what epoll says of a plain connection.
bool Reactor::spokeFirst(Connection& connection, uint32_t events) noexcept {
  if (connection.ssl == nullptr)
    return (events & EPOLLIN) != 0 && look(connection.fd) == IoStatus::kOk;
  char byte;
  return connection.hasPendingInput() && connection.read(&byte, 1).status == IoStatus::kOk;
}

}  // namespace millrace
