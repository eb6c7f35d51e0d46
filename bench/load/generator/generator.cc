#include "generator/generator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "common/clock.h"

namespace millrace::load {
namespace {

constexpr uint64_t kTickNs = 20 * kNsPerMs;  // timeouts and retries are looked for that often
constexpr size_t kLooksPerTick = 256;
constexpr uint32_t kMostAtOnce = 128;  // idle clients that ask at the end
// Requests that are sent before answers are looked at again, when many are due.
constexpr size_t kArrivalsPerTurn = 32;
constexpr int kMaxEvents = 256;
constexpr size_t kBufferBytes = 128 * 1024;

bool parseAddress(const Options& options, sockaddr_storage* storage, socklen_t* size) noexcept {
  auto* v4 = reinterpret_cast<sockaddr_in*>(storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(storage);
  if (inet_pton(AF_INET, options.address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(options.port);
    *size = sizeof *v4;
    return true;
  }
  if (inet_pton(AF_INET6, options.address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(options.port);
    *size = sizeof *v6;
    return true;
  }
  return false;
}

// A line such as "@begin 123456789": what happens, and when, by the monotonic clock in nanoseconds.
void say(const char* phase, uint64_t now) noexcept {
  char line[64];
  const int size =
      std::snprintf(line, sizeof line, "@%s %llu\n", phase, static_cast<unsigned long long>(now));
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, static_cast<size_t>(size));
}

// A client that forgives certificates but nothing else: benches run against self-signed ones.
SSL_CTX* clientContext(bool resume) noexcept {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // What browsers offer, in their order; OpenSSL's own begins with AES-256. A server that follows
  // its clients then does the same work as one that has an opinion.
  SSL_CTX_set_ciphersuites(
      context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  if (!resume) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
  }
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
    auto* c = static_cast<Connection*>(SSL_get_app_data(ssl));
    if (c->session != nullptr) SSL_SESSION_free(c->session);
    c->session = session;
    return 1;  // the reference is ours now
  });
  return context;
}

}  // namespace

Generator::Generator(const Options& options)
    : options_(options),
      free_(options.connections + 1),
      overdue_(64 * 1024),
      composer_(options_, options_.head),
      slow_composer_(options_, options_.slow_head),
      arrivals_(options.open_loop ? options.rate : 1, options.poisson, options.seed ^ 0x5eed),
      rng_(options.seed),
      buffer_(kBufferBytes) {
  const Role roles[] = {Role::kMain, Role::kIdle, Role::kSlow};
  const uint32_t counts[] = {options.connections, options.idle_clients, options.slow_clients};
  for (int i = 0; i < 3; ++i) {
    if (roles[i] == Role::kSlow) slow_first_ = static_cast<uint32_t>(connections_.size());
    for (uint32_t n = 0; n < counts[i]; ++n) {
      auto c = std::make_unique<Connection>();
      c->index = static_cast<uint32_t>(connections_.size());
      c->role = roles[i];
      connections_.push_back(std::move(c));
    }
  }
  slow_next_ = slow_first_;
}

Generator::~Generator() {
  for (const auto& c : connections_) {
    c->stream.close(true);
    if (c->session != nullptr) SSL_SESSION_free(c->session);
  }
  for (const int fd : closing_) ::close(fd);
  if (epoll_ >= 0) ::close(epoll_);
  SSL_CTX_free(tls_);
}

bool Generator::setUp(std::string* problem) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (connections_.size() + 64 > files.rlim_max) {
      *problem = "more connections than this process may have open files (ulimit -Hn)";
      return false;
    }
  }
  // Sleeping up to the next request ends when it should, not up to 50 us later.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  if (!parseAddress(options_, &address_, &address_size_)) {
    *problem = "the address is not a numeric one";
    return false;
  }
  if (options_.tls && (tls_ = clientContext(options_.resume_sessions)) == nullptr) {
    *problem = "OpenSSL gave no context";
    return false;
  }
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) {
    *problem = std::string("epoll: ") + std::strerror(errno);
    return false;
  }
  return true;
}

bool Generator::run(std::string* problem) {
  if (!setUp(problem)) return false;
  for (const auto& c : connections_) {
    // With a connection per request the first one is opened by the first request.
    if (c->role == Role::kMain && options_.connection_per_request) {
      c->settled = true;
      continue;
    }
    ++unsettled_;
    to_open_.push(c->index);
  }
  while (phase_ != Phase::kDone) turn(nowNs());
  return true;
}

void Generator::turn(uint64_t now) {
  openSome(now);
  advancePhase(now);
  if (phase_ == Phase::kDone) return;
  if (options_.open_loop && loading()) scheduleArrivals(now, kArrivalsPerTurn);
  if (options_.slow_clients != 0) paceSlowClients(now);
  if (now >= next_tick_ns_) {
    next_tick_ns_ = now + kTickNs;
    tick(now);
  }
  waitForEvents(now);
}

void Generator::waitForEvents(uint64_t now) {
  epoll_event events[kMaxEvents];
  uint64_t wake_ns = next_tick_ns_;
  if (options_.slow_clients != 0 && slow_due_ns_ != 0) wake_ns = std::min(wake_ns, slow_due_ns_);
  const bool scheduling = options_.open_loop && loading();
  if (scheduling) wake_ns = std::min(wake_ns, arrivals_.next());
  if (loading())
    wake_ns = std::min(wake_ns, phase_ == Phase::kWarmup ? measure_from_ns_ : measure_to_ns_);
  int n;
  if (scheduling && !options_.sleep_between) {
    n = epoll_wait(epoll_, events, kMaxEvents, 0);
    // Spinning would starve an upstream on the same core; this hands it the core at once.
    if (n == 0) sched_yield();
  } else {
    const uint64_t wait_ns = wake_ns > now ? wake_ns - now : 0;
    const timespec wait{static_cast<time_t>(wait_ns / kNsPerSecond),
                        static_cast<long>(wait_ns % kNsPerSecond)};
    n = epoll_pwait2(epoll_, events, kMaxEvents, &wait, nullptr);
  }
  if (n <= 0) return;
  const uint64_t woken = nowNs();
  for (int i = 0; i < n; ++i) handleEvent(events[i].data.u64, events[i].events, woken);
}

void Generator::handleEvent(uint64_t data, uint32_t events, uint64_t now) {
  Connection& c = *connections_[static_cast<uint32_t>(data)];
  if (c.generation != static_cast<uint32_t>(data >> 32) || !c.stream.isOpen()) return;
  switch (c.state) {
    case ConnectionState::kConnecting:
      onConnected(c, now);
      return;
    case ConnectionState::kHandshaking:
      onHandshake(c, now);
      return;
    case ConnectionState::kBusy:
      if ((events & EPOLLOUT) != 0 && c.wants_write) flush(c, now);
      if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0 && c.role != Role::kSlow)
        receive(c, SIZE_MAX);
      return;
    case ConnectionState::kReady:
      receive(c, SIZE_MAX);
      return;
    case ConnectionState::kClosed:
    case ConnectionState::kWaiting:
      return;
  }
}

void Generator::startLoad(uint64_t now) {
  measure_from_ns_ = now + options_.warmup_ns;
  measure_to_ns_ = measure_from_ns_ + options_.duration_ns;
  phase_ = Phase::kWarmup;
  if (options_.open_loop) arrivals_.start(now);
  for (const auto& c : connections_)
    if (c->role == Role::kMain) makeFree(*c, nowNs());
}

void Generator::advancePhase(uint64_t now) {
  if (phase_ == Phase::kOpening && tally_.errorTotal() != 0) phase_ = Phase::kDone;
  if (phase_ == Phase::kOpening && unsettled_ == 0) startLoad(now);
  if (phase_ == Phase::kWarmup && now >= measure_from_ns_) {
    phase_ = Phase::kMeasure;
    measuring_ = true;
    measuring_since_ns_ = now;
    readUsage(&user_us_, &system_us_);
    if (options_.phases) say("begin", now);
  }
  if (phase_ == Phase::kMeasure && now >= measure_to_ns_) {
    if (options_.open_loop) scheduleArrivals(now, SIZE_MAX);
    phase_ = Phase::kDrain;
    measuring_ = false;
    tally_.seconds =
        static_cast<double>(now - measuring_since_ns_) / static_cast<double>(kNsPerSecond);
    readUsage(&tally_.user_us, &tally_.system_us);
    tally_.user_us -= user_us_;
    tally_.system_us -= system_us_;
    if (options_.phases) say("end", now);
  }
  if (phase_ == Phase::kDrain && busy_ == 0 && overdue_.empty()) {
    phase_ = Phase::kIdleCheck;
  }
  if (phase_ == Phase::kIdleCheck) checkIdle(now);
  if (phase_ == Phase::kIdleCheck && checking_ == 0 && check_next_ == connections_.size())
    phase_ = Phase::kDone;
}

// All at once they would be a burst such as no run had so far.
void Generator::checkIdle(uint64_t now) {
  while (checking_ < kMostAtOnce && check_next_ < connections_.size()) {
    Connection& c = *connections_[check_next_++];
    if (c.role != Role::kIdle || c.state != ConnectionState::kReady) continue;
    ++tally_.idle_open;
    ++checking_;
    send(c, now, nowNs());
  }
}

void Generator::scheduleArrivals(uint64_t now, size_t limit) {
  for (uint64_t due; limit-- != 0 && (due = arrivals_.next()) <= now && due < measure_to_ns_;) {
    arrivals_.advance();
    if (due >= measure_from_ns_) {
      ++tally_.scheduled;
      if (now - due > Tally::kLateNs) ++tally_.late;
      tally_.late_max_ns = std::max(tally_.late_max_ns, now - due);
      if (free_.empty()) ++tally_.queued;
    }
    dispatch(due, now);
    now = nowNs();  // each is sent at its own time, not at that of the first
  }
}

void Generator::dispatch(uint64_t intended, uint64_t now) {
  while (!free_.empty()) {
    Connection& c = *connections_[free_.pop()];
    // Entries of connections that were closed meanwhile are stale.
    if (options_.connection_per_request) {
      c.intended_ns = intended;
      c.has_request = true;
      ++busy_;
      open(c, now);
      return;
    }
    if (c.state != ConnectionState::kReady) continue;
    send(c, intended, now);
    return;
  }
  overdue_.push(intended);
}

void Generator::tick(uint64_t now) {
  for (size_t waiting = waiting_.size(); waiting != 0; --waiting) {
    Connection& c = *connections_[waiting_.pop()];
    if (now < c.deadline_ns) {
      waiting_.push(c.index);
      continue;
    }
    c.state = ConnectionState::kClosed;
    c.deadline_ns = 0;
    recover(c, now, false);
  }
  // A few connections per tick: ten thousand at once would hold up the ones that are due.
  const size_t looks = std::min(connections_.size(), kLooksPerTick);
  for (size_t i = 0; i < looks; ++i) {
    if (++looked_at_ >= connections_.size()) looked_at_ = 0;
    checkDeadline(*connections_[looked_at_], now);
  }
  while (!overdue_.empty() && now > overdue_.front() + options_.timeout_ns) {
    overdue_.pop();
    count(Failure::kTimeout, "waiting for a free connection");
  }
  // The peer had time to close; what it did not, we do.
  for (const int fd : closing_) ::close(fd);
  closing_.clear();
}

void Generator::checkDeadline(Connection& c, uint64_t now) {
  if (c.deadline_ns == 0 || now < c.deadline_ns) return;
  switch (c.state) {
    case ConnectionState::kConnecting:
      fail(c, Failure::kTimeout, "connecting", now);
      return;
    case ConnectionState::kHandshaking:
      fail(c, Failure::kTimeout, "in the TLS handshake", now);
      return;
    case ConnectionState::kBusy:
      fail(c, Failure::kTimeout, "waiting for an answer", now);
      return;
    case ConnectionState::kWaiting:
    case ConnectionState::kClosed:
    case ConnectionState::kReady:
      return;
  }
}

void Generator::readUsage(uint64_t* user_us, uint64_t* system_us) const noexcept {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto us = [](const timeval& t) {
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000 + static_cast<uint64_t>(t.tv_usec);
  };
  *user_us = us(usage.ru_utime);
  *system_us = us(usage.ru_stime);
}

}  // namespace millrace::load
