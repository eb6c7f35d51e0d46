#include "api/control_watch.h"

#include <unistd.h>

#include "api/status.h"

namespace millrace::api {

std::shared_ptr<ControlWatch> ControlWatch::open(napi_env env, napi_value callback, int eventfd) {
  uv_loop_t* loop = nullptr;
  if (!ok(env, napi_get_uv_event_loop(env, &loop), "no event loop")) return nullptr;
  const auto watch = std::make_shared<ControlWatch>();
  watch->env_ = env;
  napi_value name = nullptr;
  const bool fine =
      ok(env, napi_create_reference(env, callback, 1, &watch->callback_), "callback") &&
      ok(env, napi_create_string_utf8(env, "millrace:control", NAPI_AUTO_LENGTH, &name), "name") &&
      ok(env, napi_async_init(env, nullptr, name, &watch->async_), "async context");
  watch->fd_ = fine ? eventfd : -1;
  if (watch->fd_ < 0 || uv_poll_init(loop, &watch->poll_, watch->fd_) != 0) {
    if (watch->callback_ != nullptr) napi_delete_reference(env, watch->callback_);
    if (watch->async_ != nullptr) napi_async_destroy(env, watch->async_);
    ok(env, napi_generic_failure, "the control plane cannot be woken");
    return nullptr;
  }
  watch->poll_.data = watch.get();
  uv_poll_start(&watch->poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    static_cast<ControlWatch*>(handle->data)->onWake();
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(&watch->poll_));
  watch->self_ = watch;
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle, void* data) { static_cast<ControlWatch*>(data)->close(); },
      watch.get(), &watch->hook_);
  return watch;
}

void ControlWatch::onWake() noexcept {
  uint64_t times = 0;
  // Read before the call: what happens meanwhile wakes again.
  static_cast<void>(!::read(fd_, &times, sizeof times));
  if (closing_) return;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  if (napi_get_reference_value(env_, callback_, &callback) == napi_ok &&
      napi_get_global(env_, &receiver) == napi_ok &&
      napi_make_callback(env_, async_, receiver, callback, 0, nullptr, nullptr) ==
          napi_pending_exception) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env_, &error) == napi_ok)
      napi_fatal_exception(env_, error);
  }
  napi_close_handle_scope(env_, scope);
}

void ControlWatch::close() noexcept {
  if (closing_) return;
  closing_ = true;
  uv_poll_stop(&poll_);
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_),
           [](uv_handle_t* closed) { static_cast<ControlWatch*>(closed->data)->onClosed(); });
}

void ControlWatch::onClosed() noexcept {
  napi_delete_reference(env_, callback_);
  napi_async_destroy(env_, async_);
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
  const std::shared_ptr<ControlWatch> last = std::move(self_);
}

}  // namespace millrace::api
