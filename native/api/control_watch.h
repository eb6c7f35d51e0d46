#ifndef MILLRACE_API_CONTROL_WATCH_H_
#define MILLRACE_API_CONTROL_WATCH_H_

#include <node_api.h>
#include <uv.h>

#include <memory>

namespace millrace::api {

// Calls a function of the control plane when a worker has woken it: Engine::wakeControl; or the
// writer of the access log: AccessLog::noticeFd.
//
// An eventfd of the engine is watched by a uv_poll that keeps no event loop alive. Ownership: the
// watch belongs to its environment and holds itself until libuv has let go of the handle; JS holds
// a weak pointer. `close()` is the normal end, the environment's cleanup hook the last resort; both
// are idempotent.
class ControlWatch {
 public:
  // Throws into JS and returns nullptr when it cannot start.
  // `eventfd` stays open as long as the process.
  static std::shared_ptr<ControlWatch> open(napi_env env, napi_value callback, int eventfd);
  void close() noexcept;

 private:
  void onWake() noexcept;
  void onClosed() noexcept;

  napi_env env_ = nullptr;
  napi_ref callback_ = nullptr;
  napi_async_context async_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  uv_poll_t poll_;
  int fd_ = -1;
  bool closing_ = false;
  std::shared_ptr<ControlWatch> self_;
};

}  // namespace millrace::api

#endif  // MILLRACE_API_CONTROL_WATCH_H_
