#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "common/clock.h"
#include "generator/generator.h"

namespace millrace::load {
namespace {

// More at once than a listener's backlog would be dropped and cost a second each.
constexpr uint32_t kMaxOpening = 128;
constexpr uint64_t kRetryNs = 20 * kNsPerMs;
// A slow client must not have its whole answer waiting in its own kernel.
constexpr int kSlowReceiveBuffer = 8 * 1024;

}  // namespace

void Generator::openSome(uint64_t now) {
  while (opening_ < kMaxOpening && !to_open_.empty()) open(*connections_[to_open_.pop()], now);
}

void Generator::open(Connection& c, uint64_t now) {
  const int family = address_.ss_family;
  const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    fail(c, Failure::kConnect, std::strerror(errno), now);
    return;
  }
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (c.role == Role::kSlow)
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSlowReceiveBuffer, sizeof kSlowReceiveBuffer);
  c.stream.adopt(fd, nullptr);
  ++c.generation;
  c.wants_write = c.write_failed = false;
  c.deadline_ns = now + options_.timeout_ns;
  c.state = ConnectionState::kConnecting;
  ++opening_;
  bool under_way = ::connect(fd, reinterpret_cast<const sockaddr*>(&address_), address_size_) != 0;
  if (under_way && errno != EINPROGRESS) {
    fail(c, Failure::kConnect, std::strerror(errno), now);
    return;
  }
  // On loopback the handshake is complete when connect() returns, though it says EINPROGRESS:
  // the answer to the SYN is looked at when the call lets go of the socket.
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  if (under_way && ::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0)
    under_way = false;
  c.wants_write = under_way;
  epoll_event event{};
  event.events = EPOLLIN | (under_way ? EPOLLOUT : 0u);
  event.data.u64 = static_cast<uint64_t>(c.generation) << 32 | c.index;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    fail(c, Failure::kConnect, std::strerror(errno), now);
    return;
  }
  if (!under_way) onConnected(c, now);
}

bool Generator::setInterest(Connection& c, bool write) noexcept {
  if (c.wants_write == write && c.role != Role::kSlow) return true;
  c.wants_write = write;
  epoll_event event{};
  // What a slow client doesn't read yet must not wake us.
  event.events = (c.role == Role::kSlow && c.state == ConnectionState::kBusy ? 0u : EPOLLIN) |
                 (write ? EPOLLOUT : 0u);
  event.data.u64 = static_cast<uint64_t>(c.generation) << 32 | c.index;
  return epoll_ctl(epoll_, EPOLL_CTL_MOD, c.stream.fd(), &event) == 0;
}

void Generator::onConnected(Connection& c, uint64_t now) {
  if (c.wants_write) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(c.stream.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      fail(c, Failure::kConnect, std::strerror(error), now);
      return;
    }
  }
  if (c.role == Role::kMain) ++tally_.opened;
  if (tls_ == nullptr) {
    setInterest(c, false);
    onReady(c, now);
    return;
  }
  const int fd = c.stream.release();
  SSL* ssl = SSL_new(tls_);
  if (ssl == nullptr || SSL_set_fd(ssl, fd) != 1) {
    c.stream.adopt(fd, ssl);
    fail(c, Failure::kTls, "OpenSSL is out of memory", now);
    return;
  }
  SSL_set_app_data(ssl, &c);
  if (!options_.server_name.empty()) SSL_set_tlsext_host_name(ssl, options_.server_name.c_str());
  if (options_.resume_sessions && c.session != nullptr) {
    // A copy: OpenSSL gives up a session once it was used, and not every server sends a ticket on
    // a resumed connection again.
    SSL_SESSION* session = SSL_SESSION_dup(c.session);
    SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
  }
  SSL_set_connect_state(ssl);
  c.stream.adopt(fd, ssl);
  c.state = ConnectionState::kHandshaking;
  onHandshake(c, now);
}

void Generator::onHandshake(Connection& c, uint64_t now) {
  switch (c.stream.handshake()) {
    case Io::kOk:
      ++(SSL_session_reused(c.stream.ssl()) == 1 ? tally_.resumed_handshakes
                                                 : tally_.full_handshakes);
      if (tally_.tls_version.empty()) {
        tally_.tls_version = SSL_get_version(c.stream.ssl());
        tally_.tls_cipher = SSL_get_cipher_name(c.stream.ssl());
      }
      setInterest(c, false);
      onReady(c, nowNs());
      return;
    case Io::kBlocked:
      setInterest(c, c.stream.handshakeWantsWrite());
      return;
    case Io::kEnd:
      fail(c, Failure::kTls, "the peer closed in the TLS handshake", now);
      return;
    case Io::kReset:
      fail(c, Failure::kTls, "the peer reset in the TLS handshake", now);
      return;
    case Io::kTls:
      fail(c, Failure::kTls, "the TLS handshake failed", now);
      return;
  }
}

void Generator::settle(Connection& c) noexcept {
  if (c.settled) return;
  if (c.first_due) --opening_;
  c.first_due = false;
  c.settled = true;
  --unsettled_;
}

void Generator::onReady(Connection& c, uint64_t now) {
  c.state = ConnectionState::kReady;
  c.deadline_ns = 0;
  if (c.role == Role::kIdle) {
    c.first_due = true;  // goes on counting as opening, or thousands of them would ask at once
    send(c, now, now);   // is settled by the answer
    return;
  }
  --opening_;
  settle(c);
  if (c.role == Role::kSlow) {
    send(c, now, now);
  } else if (options_.connection_per_request) {
    send(c, c.intended_ns, now);
  } else {
    makeFree(c, now);
  }
}

void Generator::makeFree(Connection& c, uint64_t now) {
  if (phase_ == Phase::kOpening) return;
  if (options_.open_loop) {
    if (overdue_.empty() && !loading()) return;
    free_.push(c.index);
    if (!overdue_.empty()) dispatch(overdue_.pop(), now);
    return;
  }
  if (!loading()) return;
  if (options_.connection_per_request) {
    c.intended_ns = now;
    c.has_request = true;
    ++busy_;
    open(c, now);
  } else if (c.state == ConnectionState::kReady) {
    send(c, now, now);
  }
}

void Generator::close(Connection& c, bool reset) noexcept {
  if (c.state == ConnectionState::kConnecting || c.state == ConnectionState::kHandshaking)
    --opening_;
  c.stream.close(reset);
  c.state = ConnectionState::kClosed;
  c.deadline_ns = 0;
  c.unsent.clear();
  c.body_left = 0;
}

void Generator::closeGently(Connection& c) noexcept {
  // The side that closes first keeps the port in TIME_WAIT. The answer said that the peer closes,
  // so it gets until the next tick to do that.
  const int fd = c.stream.release();
  ssize_t n;
  do n = ::recv(fd, nullptr, 64 * 1024, MSG_TRUNC);
  while (n > 0);  // a close_notify
  if (n == 0) {
    ::close(fd);
  } else {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
    closing_.push_back(fd);
  }
  close(c, false);
}

void Generator::count(Failure failure, const char* detail) noexcept {
  ++tally_.errors[static_cast<size_t>(failure)];
  if (!tally_.first_error.empty()) return;
  tally_.first_error = kFailureNames[static_cast<size_t>(failure)];
  tally_.first_error += ": ";
  tally_.first_error += detail;
}

void Generator::fail(Connection& c, Failure failure, const char* detail, uint64_t now) {
  const bool busy = c.state == ConnectionState::kBusy || c.has_request;
  const bool failed_connect = failure == Failure::kConnect;
  count(failure, detail);
  close(c, true);
  if (busy && c.role == Role::kMain) --busy_;
  if (busy && c.role == Role::kIdle && phase_ == Phase::kIdleCheck) --checking_;
  c.has_request = false;
  settle(c);
  recover(c, now, failed_connect);
}

void Generator::recover(Connection& c, uint64_t now, bool after_failed_connect) {
  // Lost idle clients stay lost, and count; others come back for as long as there is load.
  if (c.role == Role::kIdle || phase_ == Phase::kOpening || phase_ > Phase::kDrain) return;
  if (!loading() && overdue_.empty()) return;
  if (after_failed_connect) {
    c.state = ConnectionState::kWaiting;
    c.deadline_ns = now + kRetryNs;
    waiting_.push(c.index);
  } else if (c.role == Role::kMain && options_.connection_per_request) {
    makeFree(c, now);
  } else {
    to_open_.push(c.index);
  }
}

}  // namespace millrace::load
