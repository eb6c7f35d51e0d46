#ifndef MILLRACE_API_HISTOGRAM_API_H_
#define MILLRACE_API_HISTOGRAM_API_H_

#include <napi.h>

#include <span>

#include "engine/histogram/counts.h"

namespace millrace::api {

// The class Histogram: a series of its own for tests and measurements, on no data path.
void exportHistogram(Napi::Env env, Napi::Object exports);

// The form in which a histogram crosses to JavaScript: abi::histogram_field, then (bucket, count)
// pairs. `out` holds all of it.
void writeHistogram(const HistogramCounts& counts, double span_ms, std::span<double> out) noexcept;

}  // namespace millrace::api

#endif  // MILLRACE_API_HISTOGRAM_API_H_
