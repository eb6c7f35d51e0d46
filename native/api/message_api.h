#ifndef MILLRACE_API_MESSAGE_API_H_
#define MILLRACE_API_MESSAGE_API_H_

#include <napi.h>

namespace millrace::api {

// parseResponse and parseRequest: the parsers of messages apart from any connection, for
// conformance tests. The data plane does not use these functions.
void exportMessages(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_MESSAGE_API_H_
