#ifndef MILLRACE_BENCH_SPIKE_SPIKE_API_H_
#define MILLRACE_BENCH_SPIKE_SPIKE_API_H_

#include <napi.h>

namespace millrace::spike {

// spikeListen, spikeStopAccepting, spikeClose, spikeConnections, spikeActive, of the worker that
// has called reactorOpen.
void exportSpike(Napi::Env env, Napi::Object exports);

}  // namespace millrace::spike

#endif  // MILLRACE_BENCH_SPIKE_SPIKE_API_H_
