#ifndef MILLRACE_API_LOG_API_H_
#define MILLRACE_API_LOG_API_H_

#include <napi.h>

namespace millrace::api {

// The access log as the control plane sees it.
void exportLog(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_LOG_API_H_
