#ifndef MILLRACE_API_BALANCER_API_H_
#define MILLRACE_API_BALANCER_API_H_

#include <napi.h>

namespace millrace::api {

// createBalancer: a balancer over endpoints of its own, for conformance tests, benches and
// simulations. The data plane does not use it.
void exportBalancer(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_BALANCER_API_H_
