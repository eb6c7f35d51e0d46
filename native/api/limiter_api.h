#ifndef MILLRACE_API_LIMITER_API_H_
#define MILLRACE_API_LIMITER_API_H_

#include <napi.h>

namespace millrace::api {

// RateTable: a table of rate limits of its own, for conformance tests and micro benches. The
// table of the data plane belongs to the engine and is not reached from here.
void exportLimiter(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_LIMITER_API_H_
