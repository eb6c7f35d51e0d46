#include "origin/origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/body_pattern.h"
#include "common/clock.h"
#include "engine/net/socket_io.h"

namespace millrace::load {
namespace {

constexpr uint64_t kListenerMark = ~uint64_t{0};
constexpr int kMaxEvents = 256;
constexpr int kBacklog = 65535;  // the kernel cuts it to net.core.somaxconn
constexpr size_t kBufferBytes = 128 * 1024;
constexpr uint64_t kDiscardFromBytes = 32 * 1024;
constexpr size_t kDiscardAtOnce = 1024 * 1024;
constexpr size_t kMaxKeptBytes = 1024 * 1024;  // of requests that came before their turn

}  // namespace

Origin::~Origin() {
  for (const auto& c : connections_)
    if (c->fd >= 0) ::close(c->fd);
  if (listener_ >= 0) ::close(listener_);
  if (epoll_ >= 0) ::close(epoll_);
}

uint16_t Origin::listen(const std::string& address, uint16_t port, std::string* problem) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // delays end when they should
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &at.sin_addr) != 1) {
    *problem = "the address is not a numeric IPv4 one";
    return 0;
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  // Accepted sockets inherit it.
  ::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  socklen_t size = sizeof at;
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListenerMark;
  if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
      ::listen(listener_, kBacklog) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0 || epoll_ < 0 ||
      epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) {
    *problem = "cannot listen: " + std::string(std::strerror(errno));
    return 0;
  }
  buffer_.resize(kBufferBytes);
  refreshDate();
  return ntohs(at.sin_port);
}

void Origin::serve() {
  epoll_event events[kMaxEvents];
  for (;;) {
    // The date is refreshed by whoever asks first in a new second: no timer of its own.
    timespec wait{};
    const timespec* timeout = nullptr;
    if (!timers_.empty()) {
      const uint64_t now = nowNs();
      const uint64_t due = timers_.top().due_ns;
      const uint64_t wait_ns = due > now ? due - now : 0;
      wait = {static_cast<time_t>(wait_ns / kNsPerSecond),
              static_cast<long>(wait_ns % kNsPerSecond)};
      timeout = &wait;
    }
    const int n = epoll_pwait2(epoll_, events, kMaxEvents, timeout, nullptr);
    refreshDate();
    for (int i = 0; i < n; ++i) {
      const uint64_t data = events[i].data.u64;
      if (data == kListenerMark) {
        accept();
        continue;
      }
      Connection& c = *connections_[static_cast<uint32_t>(data)];
      if (c.generation != static_cast<uint32_t>(data >> 32) || c.fd < 0) continue;
      if ((events[i].events & EPOLLOUT) != 0 && c.wants_write) writeMore(c);
      if (c.fd >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) readable(c);
    }
    runTimers();
  }
}

void Origin::accept() {
  // A few at a time, so that a burst of connects doesn't stall the others.
  for (int i = 0; i < 64; ++i) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (free_.empty()) {
      connections_.push_back(std::make_unique<Connection>());
      connections_.back()->index = static_cast<uint32_t>(connections_.size() - 1);
      free_.push_back(connections_.back()->index);
    }
    Connection& c = *connections_[free_.back()];
    free_.pop_back();
    c.fd = fd;
    ++c.generation;
    c.state = State::kHead;
    c.wants_write = c.closes = false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<uint64_t>(c.generation) << 32 | c.index;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) close(c);
  }
}

void Origin::close(Connection& c, bool reset) {
  if (c.fd < 0) return;
  if (reset) {
    const linger abort{1, 0};
    ::setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
  }
  ::close(c.fd);
  c.fd = -1;
  c.state = State::kFree;
  c.kept.clear();
  c.out.clear();
  c.left = 0;
  free_.push_back(c.index);
}

void Origin::setInterest(Connection& c, bool write) {
  if (c.wants_write == write) return;
  c.wants_write = write;
  epoll_event event{};
  // Nothing is read before the answer is written: a peer that pipelines without end must wait.
  event.events = write ? EPOLLOUT : EPOLLIN;
  event.data.u64 = static_cast<uint64_t>(c.generation) << 32 | c.index;
  epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
}

void Origin::readable(Connection& c) {
  for (int reads = 0; reads < 16; ++reads) {
    const uint64_t skippable = c.state == State::kBody ? c.body.skippable() : 0;
    const bool discard = skippable >= kDiscardFromBytes;
    const size_t room = discard ? static_cast<size_t>(std::min<uint64_t>(skippable, kDiscardAtOnce))
                                : buffer_.size();
    const ssize_t n =
        discard ? ::recv(c.fd, nullptr, room, MSG_TRUNC) : receiveBytes(c.fd, buffer_.data(), room);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      close(c);
      return;
    }
    if (discard) {
      c.body.skipped(static_cast<uint64_t>(n));
      if (c.body.state() == BodyReader::State::kDone) startAnswer(c);
    } else {
      consume(c, buffer_.data(), static_cast<size_t>(n));
    }
    if (c.fd < 0 || static_cast<size_t>(n) < room || c.wants_write) return;
    if (c.kept.size() > kMaxKeptBytes) close(c, true);
    if (c.fd < 0) return;
  }
}

void Origin::consume(Connection& c, const char* bytes, size_t n) {
  while (n != 0 && c.fd >= 0) {
    if (c.state == State::kBody) {
      const size_t fed = c.body.feed(bytes, n);
      bytes += fed;
      n -= fed;
      if (c.body.state() == BodyReader::State::kBad) {
        close(c, true);
        return;
      }
      if (c.body.state() == BodyReader::State::kDone) startAnswer(c);
      continue;
    }
    if (c.state == State::kHanging) return;
    if (c.state != State::kHead) break;  // the next request, before this one is answered
    std::string_view text(bytes, n);
    if (!c.kept.empty()) {
      c.kept.append(bytes, n);
      text = c.kept.view();
    }
    size_t size = 0;
    const RequestReader::Found found = reader_.find(text, &size);
    if (found == RequestReader::Found::kBad) {
      constexpr std::string_view kBad =
          "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      sendBytes(c.fd, kBad.data(), kBad.size());
      close(c);
      return;
    }
    if (found == RequestReader::Found::kMore) {
      if (c.kept.empty()) c.kept.append(bytes, n);
      return;
    }
    const size_t from_kept = c.kept.empty() ? 0 : c.kept.size() - n;
    c.kept.clear();
    bytes += size - from_kept;
    n -= size - from_kept;
    answerNow(c);
  }
  if (c.fd >= 0 && n != 0) c.kept.append(bytes, n);
}

// A head is complete: reads its body if it has one, else answers.
void Origin::answerNow(Connection& c) {
  const RequestHead& head = reader_.head();
  if (reader_.version() != answer_version_) {
    answer_version_ = reader_.version();
    answer_ = Answer::of(head.target);
    if (answer_.delay_ns == 0) answer_.delay_ns = delay_ns_;
  }
  c.head_method = head.head_method;
  c.had_body = head.chunked || head.length != 0;
  c.closes = head.closes || answer_.close;
  if (!c.had_body) {
    if (answer_.plain() && !c.head_method) {
      const std::string& text = c.closes ? plain_close_ : plain_;
      const ssize_t sent = sendBytes(c.fd, text.data(), text.size());
      if (sent == static_cast<ssize_t>(text.size())) {
        if (c.closes) close(c);
        return;
      }
      if (sent < 0 && errno != EAGAIN) {
        close(c, true);
        return;
      }
      c.answer = answer_;
      c.out.append(std::string_view(text).substr(sent < 0 ? 0 : static_cast<size_t>(sent)));
      c.left = 0;
      c.state = State::kWriting;
      setInterest(c, true);
      return;
    }
    c.answer = answer_;
    startAnswer(c);
    return;
  }
  c.answer = answer_;
  if (head.expects_continue) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    sendBytes(c.fd, kContinue.data(), kContinue.size());
  }
  c.body.begin(head.chunked ? BodyReader::State::kChunked : BodyReader::State::kLength, head.length,
               false);
  c.state = State::kBody;
}

void Origin::later(Connection& c, uint64_t delay_ns) {
  timers_.push({nowNs() + delay_ns, c.index, c.generation});
}

void Origin::runTimers() {
  if (timers_.empty()) return;
  const uint64_t now = nowNs();
  while (!timers_.empty() && timers_.top().due_ns <= now) {
    const Timer timer = timers_.top();
    timers_.pop();
    Connection& c = *connections_[timer.index];
    if (c.fd < 0 || c.generation != timer.generation) continue;
    if (c.state == State::kWaiting) {
      c.answer.delay_ns = 0;
      startAnswer(c);
    } else if (c.state == State::kWriting && !c.wants_write) {
      writeMore(c);
    }
  }
}

void Origin::refreshDate() {
  const uint64_t now = nowNs();
  if (now < date_due_ns_) return;
  date_due_ns_ = now + kNsPerSecond / 2;
  const time_t seconds = ::time(nullptr);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (date_ == text) return;
  date_ = text;
  Connection c;
  for (const bool closes : {false, true}) {
    std::string& whole = closes ? plain_close_ : plain_;
    c.closes = closes;
    whole.clear();
    buildHead(c, &whole);
    whole.append(bodyPattern().at(0), c.answer.size);
  }
}

}  // namespace millrace::load
