#ifndef MILLRACE_ENGINE_WEBSOCKET_LEG_H_
#define MILLRACE_ENGINE_WEBSOCKET_LEG_H_

#include <cstdint>

#include "engine/websocket/frame_reader.h"

namespace millrace {

// What an exchange has beyond a request once its upstream speaks WebSocket. Made with the 101,
// freed with the exchange.
struct WebSocketLeg {
  FrameReader reader;
  uint64_t max_message = 0;   // bytes, both ways
  uint64_t handshake_us = 0;  // what the latency histograms are told: the rest is conversation
  uint16_t close_code = 0;    // for the client, once it is over
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_WEBSOCKET_LEG_H_
