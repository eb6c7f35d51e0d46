#ifndef MILLRACE_ENGINE_ROUTE_DFA_H_
#define MILLRACE_ENGINE_ROUTE_DFA_H_

#include <cstdint>
#include <string_view>

#include "engine/image/image.h"

namespace millrace {

// Whether the automaton accepts the whole text. One table step per byte, whatever the expression:
// it was compiled and bounded when the configuration was loaded.
inline bool dfaMatches(const Image& image, uint32_t dfa, std::string_view text) noexcept {
  const abi::DfaRecord& record = image.dfas()[dfa];
  const char* pool = image.bytes().data();
  const char* classes = pool + record.class_offset;
  const uint16_t* transitions = image.u16s().data() + record.transition_start;
  uint32_t state = record.start_state;
  for (const char c : text) {
    if (state == 0) return false;  // the dead state: no way back
    const uint8_t byte_class = static_cast<uint8_t>(classes[static_cast<uint8_t>(c)]);
    state = transitions[state * record.class_count + byte_class];
  }
  return pool[record.accept_offset + state] != 0;
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_DFA_H_
