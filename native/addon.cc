// Exports and per-environment data, nothing else.
#include <napi.h>

#include "abi.h"
#include "api/balancer_api.h"
#include "api/breaker_api.h"
#include "api/downstream_socket_api.h"
#include "api/engine_api.h"
#include "api/explain_api.h"
#include "api/failover_api.h"
#include "api/histogram_api.h"
#include "api/limiter_api.h"
#include "api/listener_calls_api.h"
#include "api/log_api.h"
#include "api/matcher_api.h"
#include "api/message_api.h"
#include "api/outlier_api.h"
#include "api/reactor_api.h"
#include "api/requests_api.h"
#include "api/retry_budget_api.h"
#include "api/simulation_api.h"
#include "api/span_api.h"
#include "api/websocket_api.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("abiHash", Napi::Number::New(env, millrace::abi::kHash));
  millrace::api::exportEngine(env, exports);
  millrace::api::exportFailover(env, exports);
  millrace::api::exportExplain(env, exports);
  millrace::api::exportLog(env, exports);
  millrace::api::exportBalancer(env, exports);
  millrace::api::exportBreaker(env, exports);
  millrace::api::exportLimiter(env, exports);
  millrace::api::exportRetryBudget(env, exports);
  millrace::api::exportMatcher(env, exports);
  millrace::api::exportMessages(env, exports);
  millrace::api::exportHistogram(env, exports);
  millrace::api::exportOutlier(env, exports);
  millrace::api::exportReactor(env, exports);
  millrace::api::exportRequests(env, exports);
  millrace::api::exportSimulation(env, exports);
  millrace::api::exportSpans(env, exports);
  millrace::api::exportDownstreamSocket(env, exports);
  millrace::api::exportListenerCalls(env, exports);
  millrace::api::exportWebSocket(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(millrace, init)
