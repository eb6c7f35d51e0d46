#ifndef MILLRACE_API_DOWNSTREAM_SOCKET_API_H_
#define MILLRACE_API_DOWNSTREAM_SOCKET_API_H_

#include <napi.h>

namespace millrace::api {

// Adds the functions that stop and go on reading one downstream socket.
void exportDownstreamSocket(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_DOWNSTREAM_SOCKET_API_H_
