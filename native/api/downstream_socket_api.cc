// Back-pressure for WebSocket clients. uWebSockets.js 20.51.4 has no ws.pause(): it reads a client
// for as long as the client sends. But its sockets (uSockets on libuv) are each one uv_poll_t on
// the loop of this thread, which keeps its address from accept to close, through an upgrade too. So
// the poll is found while the socket still speaks HTTP, and is later told what to wait for.
//
// How it is found, in O(1): res.pause() stops the poll and res.resume() starts it, and libuv
// appends a started watcher to loop->watcher_queue. Right after a resume() the last watcher of that
// queue is the one. Whoever calls then pauses once more and asks whether the poll has stopped, so
// that a libuv or uWS that works otherwise costs the back-pressure, and not somebody else's socket.
//
// uSockets starts the poll anew for both directions when a write fails, and for reading when what
// it had buffered is written: the owner repeats its pause then.
//
// This leans on private parts of libuv's structures, whose layout is ABI for all of libuv 1, and on
// the pinned version of uWebSockets.js; test/integration/worker/downstream-socket.test.ts pins
// both.
#include "api/downstream_socket_api.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <node_api.h>
#include <poll.h>
#include <sys/socket.h>
#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace::api {
namespace {

// One per environment; used on its thread alone. A row is free when it is null.
struct Sockets {
  uv_loop_t* loop = nullptr;
  std::vector<uv_poll_t*> rows;
  std::vector<uint32_t> free;
};

uv_poll_t* lastStarted(uv_loop_t* loop) noexcept {
  // Two pointers, next and previous, whatever libuv calls them in this version.
  struct Queue {
    Queue* next;
    Queue* previous;
  };
  static_assert(sizeof(loop->watcher_queue) == sizeof(Queue));
  auto* const queue = reinterpret_cast<Queue*>(&loop->watcher_queue);
  Queue* const last = queue->previous;
  if (last == nullptr || last == queue) return nullptr;
  auto* const poll = reinterpret_cast<uv_poll_t*>(reinterpret_cast<char*>(last) -
                                                  offsetof(uv__io_t, watcher_queue) -
                                                  offsetof(uv_poll_t, io_watcher));
  // Streams have watchers, too, elsewhere in their structure: the file descriptor's own entry tells
  // where the watcher is, and a poll is what points back at its loop with the right type.
  const int fd = poll->io_watcher.fd;
  if (fd < 0 || static_cast<unsigned>(fd) >= loop->nwatchers) return nullptr;
  return loop->watchers[fd] == &poll->io_watcher ? poll : nullptr;
}

// Row of the first argument, or null.
uv_poll_t* argument(napi_env env, napi_callback_info info, Sockets** sockets,
                    uint32_t* row) noexcept {
  size_t count = 1;
  napi_value value = nullptr;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, &value, nullptr, &data) != napi_ok) return nullptr;
  *sockets = static_cast<Sockets*>(data);
  int32_t id = 0;
  if (napi_get_value_int32(env, value, &id) != napi_ok) return nullptr;
  if (id <= 0 || static_cast<size_t>(id) > (*sockets)->rows.size()) return nullptr;
  *row = static_cast<uint32_t>(id) - 1;
  return (*sockets)->rows[*row];
}

bool isClosing(uv_poll_t* poll) noexcept {
  return uv_is_closing(reinterpret_cast<uv_handle_t*>(poll)) != 0;
}

napi_value number(napi_env env, uint32_t value) noexcept {
  napi_value result = nullptr;
  napi_create_uint32(env, value, &result);
  return result;
}

// findSocket() => number: call right after res.resume(); 0 = not found
napi_value findSocket(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  auto* const sockets = static_cast<Sockets*>(data);
  if (sockets->loop == nullptr && napi_get_uv_event_loop(env, &sockets->loop) != napi_ok)
    return number(env, 0);
  uv_poll_t* const poll = lastStarted(sockets->loop);
  if (poll == nullptr || poll->type != UV_POLL || poll->loop != sockets->loop ||
      uv_is_active(reinterpret_cast<uv_handle_t*>(poll)) == 0 || isClosing(poll))
    return number(env, 0);
  uint32_t row = 0;
  if (sockets->free.empty()) {
    row = static_cast<uint32_t>(sockets->rows.size());
    sockets->rows.push_back(poll);
  } else {
    row = sockets->free.back();
    sockets->free.pop_back();
    sockets->rows[row] = poll;
  }
  return number(env, row + 1);
}

// isSocketStopped(id) => boolean
napi_value isSocketStopped(napi_env env, napi_callback_info info) {
  Sockets* sockets = nullptr;
  uint32_t row = 0;
  uv_poll_t* const poll = argument(env, info, &sockets, &row);
  napi_value result = nullptr;
  napi_get_boolean(env, poll != nullptr && uv_is_active(reinterpret_cast<uv_handle_t*>(poll)) == 0,
                   &result);
  return result;
}

// holdSocket(id, hold): while held, writes are gathered to full segments (TCP_CORK); at its end the
// rest is sent
napi_value holdSocket(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2];
  bool hold = false;
  Sockets* sockets = nullptr;
  uint32_t row = 0;
  uv_poll_t* const poll = argument(env, info, &sockets, &row);
  if (poll == nullptr || isClosing(poll) ||
      napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok ||
      napi_get_value_bool(env, arguments[1], &hold) != napi_ok)
    return nullptr;
  int fd = -1;
  const int value = hold ? 1 : 0;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(poll), &fd) == 0)
    ::setsockopt(fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
  return nullptr;
}

// pauseSocket(id): waits for nothing but writability, if uSockets waits for that
napi_value pauseSocket(napi_env env, napi_callback_info info) {
  Sockets* sockets = nullptr;
  uint32_t row = 0;
  uv_poll_t* const poll = argument(env, info, &sockets, &row);
  if (poll == nullptr || isClosing(poll)) return nullptr;
  const unsigned events = poll->io_watcher.pevents;
  if ((events & POLLIN) == 0) return nullptr;
  if ((events & POLLOUT) != 0)
    uv_poll_start(poll, UV_WRITABLE, poll->poll_cb);
  else
    uv_poll_stop(poll);
  return nullptr;
}

// resumeSocket(id): waits for bytes to read again, and for writability if it did
napi_value resumeSocket(napi_env env, napi_callback_info info) {
  Sockets* sockets = nullptr;
  uint32_t row = 0;
  uv_poll_t* const poll = argument(env, info, &sockets, &row);
  // A closing poll is still memory until this turn of the loop ends, but must not be started.
  if (poll == nullptr || isClosing(poll)) return nullptr;
  const unsigned events = poll->io_watcher.pevents;
  if ((events & POLLIN) != 0) return nullptr;
  const int writable = (events & POLLOUT) != 0 ? UV_WRITABLE : 0;
  uv_poll_start(poll, UV_READABLE | writable, poll->poll_cb);
  return nullptr;
}

// forgetSocket(id): at the latest when uWS says that the socket is closed
napi_value forgetSocket(napi_env env, napi_callback_info info) {
  Sockets* sockets = nullptr;
  uint32_t row = 0;
  if (argument(env, info, &sockets, &row) == nullptr) return nullptr;
  sockets->rows[row] = nullptr;
  sockets->free.push_back(row);
  return nullptr;
}

// endSocket(id): ends a connection behind the last byte of an answer, and forgets it. Reading must
// be paused, so that nothing more of it is served; uSockets notices its end by the idle timer. What
// uSockets itself still holds could not be sent without reading again: such an answer is cut.
napi_value endSocket(napi_env env, napi_callback_info info) {
  Sockets* sockets = nullptr;
  uint32_t row = 0;
  uv_poll_t* const poll = argument(env, info, &sockets, &row);
  if (poll == nullptr) return nullptr;
  sockets->rows[row] = nullptr;
  sockets->free.push_back(row);
  int fd = -1;
  if (isClosing(poll) || uv_fileno(reinterpret_cast<uv_handle_t*>(poll), &fd) != 0) return nullptr;
  ::shutdown(fd, (poll->io_watcher.pevents & POLLOUT) != 0 ? SHUT_RDWR : SHUT_WR);
  return nullptr;
}

}  // namespace

void exportDownstreamSocket(Napi::Env env, Napi::Object exports) {
  auto* const sockets = new Sockets();
  env.AddCleanupHook([sockets] { delete sockets; });
  const auto add = [&](const char* name, napi_callback callback) {
    napi_value function = nullptr;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, sockets, &function) == napi_ok)
      napi_set_named_property(env, exports, name, function);
  };
  add("findSocket", findSocket);
  add("isSocketStopped", isSocketStopped);
  add("holdSocket", holdSocket);
  add("pauseSocket", pauseSocket);
  add("resumeSocket", resumeSocket);
  add("forgetSocket", forgetSocket);
  add("endSocket", endSocket);
}

}  // namespace millrace::api
