#ifndef MILLRACE_API_LISTENER_CALLS_API_H_
#define MILLRACE_API_LISTENER_CALLS_API_H_

#include <napi.h>

#include <cstdint>
#include <span>

namespace millrace::api {

// The system calls of uWebSockets.js, made by us: accept4, recv, send and fcntl of its module lead
// to functions of this file. What that gives:
//
// - The client's address. uWS says it by a getpeername() and a new ArrayBuffer per request; accept4
//   has told it already, and the connection whose bytes are being handled is the one that recv was
//   called for last.
// - The C library brackets these calls with two atomic operations each, in case that another thread
//   cancels this one, in every process that has threads. Ours are the bare system calls.
// - Two calls less per connection, that make non-blocking what is.
//
// Everything works without it, at the cost of these: where the module's import table is not what
// is expected, nothing is changed.

// takeOverListenerCalls(): before a thread opens its first listener; true when it was done. The
// imports are those of the whole process and changed once, what connections were accepted from is
// remembered by each thread for its own.
// clientOfLastRead(): see below, as a Uint8Array; for tests.
void exportListenerCalls(Napi::Env env, Napi::Object exports);

// The address, of 4 or 16 bytes, of the client whose bytes this thread received last, since
// `forgetLastRead`. Empty when it is not known: ask uWS then. For handlers of requests, which run
// while the bytes are handled that the request came with. Valid until the thread accepts again.
std::span<const uint8_t> clientOfLastRead() noexcept;

// Nobody's bytes are being handled: once per loop turn.
void forgetLastRead() noexcept;

}  // namespace millrace::api

#endif  // MILLRACE_API_LISTENER_CALLS_API_H_
