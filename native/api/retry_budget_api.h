#ifndef MILLRACE_API_RETRY_BUDGET_API_H_
#define MILLRACE_API_RETRY_BUDGET_API_H_

#include <napi.h>

namespace millrace::api {

// RetryBudget: a budget of its own, and the draws of a back-off, for conformance tests and micro
// benches. The budgets of the data plane belong to the engine and are not reached from here.
void exportRetryBudget(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_RETRY_BUDGET_API_H_
