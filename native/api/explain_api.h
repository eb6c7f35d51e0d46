#ifndef MILLRACE_API_EXPLAIN_API_H_
#define MILLRACE_API_EXPLAIN_API_H_

#include <napi.h>

namespace millrace::api {

// What would happen to a request: the current image and the live state of the engine, read only.
void exportExplain(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_EXPLAIN_API_H_
