#ifndef MILLRACE_API_WEBSOCKET_API_H_
#define MILLRACE_API_WEBSOCKET_API_H_

#include <napi.h>

namespace millrace::api {

// The WebSocket codec apart from any connection, for conformance tests and benches. The data plane
// does not use it.
void exportWebSocket(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_WEBSOCKET_API_H_
