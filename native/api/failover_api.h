#ifndef MILLRACE_API_FAILOVER_API_H_
#define MILLRACE_API_FAILOVER_API_H_

#include <napi.h>

namespace millrace::api {

void exportFailover(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_FAILOVER_API_H_
