#ifndef MILLRACE_API_ENGINE_API_H_
#define MILLRACE_API_ENGINE_API_H_

#include <napi.h>

namespace millrace::api {

// The process-wide functions: installImage, setTlsRoots, statistics, createMemoryFile.
void exportEngine(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_ENGINE_API_H_
