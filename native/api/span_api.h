#ifndef MILLRACE_API_SPAN_API_H_
#define MILLRACE_API_SPAN_API_H_

#include <napi.h>

namespace millrace::api {

// Records of sampled requests, for the exporter of spans. Main thread.
void exportSpans(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_SPAN_API_H_
