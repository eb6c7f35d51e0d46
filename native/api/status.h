#ifndef MILLRACE_API_STATUS_H_
#define MILLRACE_API_STATUS_H_

#include <node_api.h>

namespace millrace::api {

// Every Node-API call may fail while its worker terminates. Glue returns early then; there is
// nobody to tell. Programming errors show up as a pending exception with this text.
inline bool ok(napi_env env, napi_status status, const char* what) noexcept {
  if (status == napi_ok) return true;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending)
    napi_throw_type_error(env, "ERR_MILLRACE_NATIVE", what);
  return false;
}

}  // namespace millrace::api

#endif  // MILLRACE_API_STATUS_H_
