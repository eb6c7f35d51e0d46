#ifndef MILLRACE_API_REACTOR_API_H_
#define MILLRACE_API_REACTOR_API_H_

#include <napi.h>

namespace millrace::api {

// The functions of one worker: reactorOpen, reactorClose, listenerKey, submit, sendBody, abort,
// pause, resume, countConnection. The environment's instance data holds the host.
void exportReactor(Napi::Env env, Napi::Object exports);

class ReactorHost;
// Of this environment; null before reactorOpen and after reactorClose.
ReactorHost* reactorHost(Napi::Env env);

}  // namespace millrace::api

#endif  // MILLRACE_API_REACTOR_API_H_
