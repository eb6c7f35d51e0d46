#ifndef MILLRACE_API_SCENARIO_READER_H_
#define MILLRACE_API_SCENARIO_READER_H_

#include <napi.h>

#include <string>

#include "engine/simulate/scenario.h"

namespace millrace::api {

// Reads the plain object of src/binding/simulation.ts. `problem` says what it is that is of another
// type than it should be, or not possible; empty = the scenario may be run.
simulate::Scenario readScenario(const Napi::Object& from, std::string* problem);

}  // namespace millrace::api

#endif  // MILLRACE_API_SCENARIO_READER_H_
