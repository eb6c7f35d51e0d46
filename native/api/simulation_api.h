#ifndef MILLRACE_API_SIMULATION_API_H_
#define MILLRACE_API_SIMULATION_API_H_

#include <napi.h>

namespace millrace::api {

// Simulation: a run of the simulator (engine/simulate) on a thread of its caller. The data plane
// does not use it.
void exportSimulation(Napi::Env env, Napi::Object exports);

}  // namespace millrace::api

#endif  // MILLRACE_API_SIMULATION_API_H_
