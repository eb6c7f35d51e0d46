#ifndef MILLRACE_API_REQUESTS_API_H_
#define MILLRACE_API_REQUESTS_API_H_

#include <napi.h>

namespace millrace::api {

// What became of recent requests: findRequests.
void exportRequests(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_REQUESTS_API_H_
