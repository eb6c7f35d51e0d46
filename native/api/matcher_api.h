#ifndef MILLRACE_API_MATCHER_API_H_
#define MILLRACE_API_MATCHER_API_H_

#include <napi.h>

namespace millrace::api {

// createMatcher: the route matcher of an image of its own, for conformance tests and benches. The
// data plane does not use it.
void exportMatcher(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_MATCHER_API_H_
