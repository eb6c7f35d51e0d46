#ifndef MILLRACE_API_BREAKER_API_H_
#define MILLRACE_API_BREAKER_API_H_

#include <napi.h>

namespace millrace::api {

// Breaker: a circuit breaker of its own, for conformance tests and micro benches. Those of the data
// plane belong to the engine and are not reached from here.
void exportBreaker(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_BREAKER_API_H_
