#ifndef MILLRACE_API_REACTOR_HOST_H_
#define MILLRACE_API_REACTOR_HOST_H_

#include <node_api.h>
#include <uv.h>

#include <memory>
#include <span>

#include "engine/reactor/reactor.h"

namespace millrace::api {

// A listener inside the reactor (see bench/spike): takes the events of its own exchanges before JS
// sees them, and runs the turns, so that the thread sleeps in the reactor's epoll set and not in
// libuv's.
struct Tenant {
  virtual ~Tenant() = default;
  // Takes what is its own out of the first `count` records; how many are left, at the front.
  virtual uint32_t take(std::span<abi::EventRecord> events, const char* data,
                        uint32_t count) noexcept = 0;
  // Called in the check phase; returns when libuv has something to do.
  virtual void turns() noexcept = 0;
};

// Runs a Reactor on the event loop of one worker.
//
// The reactor's epoll descriptor is watched by a uv_poll; the work happens in the check phase, once
// per turn, after the listener has read all its sockets, so that one up-call carries everything of
// the turn. An idle handle keeps the loop from sleeping while something is due without a ready
// socket. All handles are unreferenced: they never keep a worker alive.
//
// Ownership: the host belongs to its environment. `close()` is the normal end, the environment's
// cleanup hook the last resort; both are idempotent. It deletes itself once libuv has let go of the
// four handles.
class ReactorHost {
 public:
  // Throws into JS and returns nullptr when it cannot start.
  static ReactorHost* open(napi_env env, uint32_t worker, std::span<abi::EventRecord> events,
                           std::span<char> data, napi_value buffers, napi_value callback);
  void close() noexcept;

  Reactor& reactor() noexcept { return *reactor_; }
  bool closing() const noexcept { return closing_; }
  static Now now() noexcept;
  // After any call into the reactor: makes sure that the loop comes back for what is due.
  void settle() noexcept;
  // For the rest of the host's life. libuv does not sleep from here on.
  void moveIn(std::unique_ptr<Tenant> tenant) noexcept;
  Tenant* tenant() noexcept { return tenant_.get(); }
  uv_loop_t* loop() noexcept { return poll_.loop; }
  // Whether libuv may sleep: it looks for that itself, also to say when it is next due.
  void keepAwake(bool awake) noexcept;

 private:
  ReactorHost() = default;
  ~ReactorHost() = default;
  static void deliver(void* context, uint32_t count);
  void onCheck() noexcept;
  void scheduleTimer(Now now) noexcept;
  void onHandleClosed() noexcept;

  napi_env env_ = nullptr;
  napi_ref callback_ = nullptr;
  napi_ref buffers_ = nullptr;  // keeps the memory of events and data alive
  napi_async_context async_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::span<abi::EventRecord> events_;
  std::span<char> data_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Tenant> tenant_;
  uv_poll_t poll_;
  uv_check_t check_;
  uv_idle_t idle_;
  uv_timer_t timer_;
  int open_handles_ = 0;
  bool ready_ = false;
  bool idling_ = false;
  bool closing_ = false;
  bool in_cleanup_ = false;
  uint64_t timer_at_ms_ = TimerWheel::kNever;
};

}  // namespace millrace::api

#endif  // MILLRACE_API_REACTOR_HOST_H_
