// Everything that the proxy's own addon exports, and the spike's listener: it takes the place of
// millrace.node below a copy of dist/, see ../overlay.mjs.
#include <napi.h>

// The proxy's own list of exports, without its registration.
#undef NODE_API_MODULE
#define NODE_API_MODULE(name, function)
#include "../../../native/addon.cc"
#include "spike_api.h"

static napi_value registerSpike(napi_env env, napi_value exports) {
  return Napi::RegisterModule(env, exports, [](Napi::Env e, Napi::Object o) {
    Napi::Object all = init(e, o);
    millrace::spike::exportSpike(e, all);
    return all;
  });
}
NAPI_MODULE(millrace_spike, registerSpike)
