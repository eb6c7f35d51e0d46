#ifndef MILLRACE_BENCH_LOAD_GENERATOR_REPORT_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_REPORT_H_

#include <string>

#include "generator/generator.h"

namespace millrace::load {

// What a finished run counted, as one JSON object (its fields: bench/load/index.mjs).
std::string reportJson(const Options& options, const Generator& generator);

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_REPORT_H_
