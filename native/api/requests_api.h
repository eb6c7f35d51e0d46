#ifndef MILLRACE_API_REQUESTS_API_H_
#define MILLRACE_API_REQUESTS_API_H_

#include <napi.h>

#include "engine/record/request_record.h"

namespace millrace::api {

// What became of recent requests: findRequests.
void exportRequests(Napi::Env env, Napi::Object exports);

// A record as NativeRequestRecord; `now_ns`: monotonic.
Napi::Object requestOf(Napi::Env env, const RequestRecord& record, uint64_t now_ns);

}  // namespace millrace::api

#endif  // MILLRACE_API_REQUESTS_API_H_
