#ifndef MILLRACE_BENCH_SPIKE_PLAIN_LISTENER_H_
#define MILLRACE_BENCH_SPIKE_PLAIN_LISTENER_H_

#include <cstdint>
#include <string>

#include "engine/reactor/reactor.h"

namespace millrace::spike {

class Downstream;

// A listen socket in the reactor's epoll set.
class PlainListener : public Guest {
 public:
  // `key`: of the reactor.
  PlainListener(Downstream& downstream, uint32_t key) noexcept;
  ~PlainListener();
  PlainListener(const PlainListener&) = delete;
  PlainListener& operator=(const PlainListener&) = delete;

  // 0, or the errno of what was refused. `host`: an IP address.
  int listen(const std::string& host, uint16_t port) noexcept;
  void stopAccepting() noexcept;
  // Out of descriptors or memory: nothing is accepted for a moment, since epoll would report the
  // listener again and again. `resume` is for the timer behind it.
  void resume() noexcept;

  uint32_t key() const noexcept { return key_; }
  uint16_t port() const noexcept { return port_; }
  uint32_t connections = 0;  // open ones
  uint32_t max_connections = 0;

 private:
  void accept(Now now) noexcept;

  Downstream& downstream_;
  const uint32_t key_;
  int fd_ = -1;
  uint16_t port_ = 0;
  // Connections taken per turn: doubled while there are more, so that one at a time costs one call.
  uint32_t budget_ = 1;
};

}  // namespace millrace::spike

#endif  // MILLRACE_BENCH_SPIKE_PLAIN_LISTENER_H_
