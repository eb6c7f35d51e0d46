#include "api/reactor_host.h"

#include <sys/random.h>
#include <time.h>

#include "api/listener_calls_api.h"
#include "api/status.h"
#include "base/check.h"

namespace millrace::api {

Now ReactorHost::now() noexcept {
  timespec t;
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return {static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec)};
}

ReactorHost* ReactorHost::open(napi_env env, uint32_t worker, std::span<abi::EventRecord> events,
                               std::span<char> data, napi_value buffers, napi_value callback) {
  uv_loop_t* loop = nullptr;
  if (!ok(env, napi_get_uv_event_loop(env, &loop), "no event loop")) return nullptr;
  ReactorSeeds seeds{};
  MILLRACE_CHECK(::getrandom(&seeds, sizeof seeds, 0) == sizeof seeds);

  auto* host = new ReactorHost();
  host->env_ = env;
  host->events_ = events;
  host->data_ = data;
  napi_value name = nullptr;
  bool fine =
      ok(env, napi_create_reference(env, callback, 1, &host->callback_), "callback") &&
      ok(env, napi_create_reference(env, buffers, 1, &host->buffers_), "buffers") &&
      ok(env, napi_create_string_utf8(env, "millrace:reactor", NAPI_AUTO_LENGTH, &name), "name") &&
      ok(env, napi_async_init(env, nullptr, name, &host->async_), "async context");
  if (!fine) {
    delete host;
    return nullptr;
  }
  host->reactor_ = std::make_unique<Reactor>(
      worker, EventSink{events, data, deliver, [](void*) { return now(); }, host}, seeds, now());

  uv_poll_init(loop, &host->poll_, host->reactor_->epollFd());
  uv_check_init(loop, &host->check_);
  uv_idle_init(loop, &host->idle_);
  uv_timer_init(loop, &host->timer_);
  host->open_handles_ = 4;
  host->poll_.data = host->check_.data = host->idle_.data = host->timer_.data = host;
  uv_poll_start(&host->poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    static_cast<ReactorHost*>(handle->data)->ready_ = true;
  });
  uv_check_start(&host->check_,
                 [](uv_check_t* handle) { static_cast<ReactorHost*>(handle->data)->onCheck(); });
  uv_unref(reinterpret_cast<uv_handle_t*>(&host->poll_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&host->check_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&host->idle_));
  uv_unref(reinterpret_cast<uv_handle_t*>(&host->timer_));
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle, void* data) {
        auto* self = static_cast<ReactorHost*>(data);
        self->in_cleanup_ = true;
        self->close();
      },
      host, &host->hook_);
  return host;
}

void ReactorHost::deliver(void* context, uint32_t count) {
  auto* self = static_cast<ReactorHost*>(context);
  if (self->tenant_ != nullptr) {
    count = self->tenant_->take(self->events_, self->data_.data(), count);
    if (count == 0) return;
  }
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(self->env_, &scope) != napi_ok) return;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_value argument = nullptr;
  if (napi_get_reference_value(self->env_, self->callback_, &callback) == napi_ok &&
      napi_get_global(self->env_, &receiver) == napi_ok &&
      napi_create_uint32(self->env_, count, &argument) == napi_ok) {
    const napi_status status =
        napi_make_callback(self->env_, self->async_, receiver, callback, 1, &argument, nullptr);
    if (status == napi_pending_exception) {
      // A fault of ours in the worker: let it die and be replaced, instead of going on half-way.
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(self->env_, &error) == napi_ok)
        napi_fatal_exception(self->env_, error);
    }
  }
  napi_close_handle_scope(self->env_, scope);
}

void ReactorHost::onCheck() noexcept {
  forgetLastRead();
  if (closing_) return;
  if (tenant_ != nullptr) return tenant_->turns();
  const Now time = now();
  if (ready_ || reactor_->hasDeferred()) {
    ready_ = false;
    reactor_->poll(time);
    if (closing_) return;  // delivery may have closed the worker
  } else {
    reactor_->refresh();
    reactor_->endTurn(time);
  }
  settle();
  scheduleTimer(time);
}

void ReactorHost::moveIn(std::unique_ptr<Tenant> tenant) noexcept {
  tenant_ = std::move(tenant);
  // The two sets cannot watch each other.
  uv_poll_stop(&poll_);
  uv_timer_stop(&timer_);
  keepAwake(true);
}

void ReactorHost::keepAwake(bool awake) noexcept {
  if (awake)
    uv_idle_start(&idle_, [](uv_idle_t*) {});
  else
    uv_idle_stop(&idle_);
}

void ReactorHost::settle() noexcept {
  if (tenant_ != nullptr) return;
  const bool due = reactor_->hasDeferred();
  if (due == idling_) return;
  idling_ = due;
  if (due)
    uv_idle_start(&idle_, [](uv_idle_t*) {});
  else
    uv_idle_stop(&idle_);
}

void ReactorHost::scheduleTimer(Now time) noexcept {
  const uint64_t until = reactor_->untilTimer(time);
  if (until == TimerWheel::kNever) return;
  const uint64_t at = time.ms() + until;
  if (at >= timer_at_ms_) return;
  timer_at_ms_ = at;
  // libuv counts from its own idea of now, which may be a little old.
  uv_update_time(timer_.loop);
  uv_timer_start(
      &timer_,
      [](uv_timer_t* handle) {
        auto* self = static_cast<ReactorHost*>(handle->data);
        if (self->closing_) return;
        self->timer_at_ms_ = TimerWheel::kNever;
        const Now fired = now();
        self->reactor_->fireTimers(fired);
        if (self->closing_) return;
        self->settle();
        self->scheduleTimer(fired);
      },
      until, 0);
}

void ReactorHost::close() noexcept {
  if (closing_) return;
  closing_ = true;
  // The watcher must let go of the descriptor before the reactor closes it.
  uv_poll_stop(&poll_);
  for (uv_handle_t* handle :
       {reinterpret_cast<uv_handle_t*>(&poll_), reinterpret_cast<uv_handle_t*>(&check_),
        reinterpret_cast<uv_handle_t*>(&idle_), reinterpret_cast<uv_handle_t*>(&timer_)}) {
    uv_close(handle, [](uv_handle_t* closed) {
      static_cast<ReactorHost*>(closed->data)->onHandleClosed();
    });
  }
}

void ReactorHost::onHandleClosed() noexcept {
  if (--open_handles_ != 0) return;
  tenant_.reset();  // before what it lives in
  reactor_.reset();
  napi_delete_reference(env_, callback_);
  napi_delete_reference(env_, buffers_);
  napi_async_destroy(env_, async_);
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(hook_);
  delete this;
}

}  // namespace millrace::api
