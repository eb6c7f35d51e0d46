#ifndef MILLRACE_ENGINE_STATE_LISTENER_STATE_H_
#define MILLRACE_ENGINE_STATE_LISTENER_STATE_H_

#include "engine/state/series.h"

namespace millrace {

// Runtime state of a listener, by its name: outlives the image it came with, as long as some image
// or some worker knows a listener of that name.
struct ListenerState : Series<ListenerShard> {};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_STATE_LISTENER_STATE_H_
