#ifndef MILLRACE_API_OUTLIER_API_H_
#define MILLRACE_API_OUTLIER_API_H_

#include <napi.h>

namespace millrace::api {

void exportOutlier(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_OUTLIER_API_H_
