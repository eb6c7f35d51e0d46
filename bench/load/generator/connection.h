#ifndef MILLRACE_BENCH_LOAD_GENERATOR_CONNECTION_H_
#define MILLRACE_BENCH_LOAD_GENERATOR_CONNECTION_H_

#include <cstdint>

#include "common/stream.h"
#include "engine/net/buffer.h"
#include "generator/response_reader.h"

namespace millrace::load {

// Main connections carry the load; an idle client asks once and then stays silent; a slow client
// takes its answers at a pace.
enum class Role : uint8_t { kMain, kIdle, kSlow };

//   kClosed -> kConnecting -> kHandshaking (TLS) -> kReady <-> kBusy
// kWaiting is kClosed with a time to try again.
enum class ConnectionState : uint8_t {
  kClosed,
  kWaiting,
  kConnecting,
  kHandshaking,
  kReady,
  kBusy
};

// One client. With a connection per request it is the slot that opens one after the other.
struct Connection {
  Stream stream;
  ResponseReader reader;
  Buffer unsent;           // rest of the head that the socket did not take
  uint64_t body_left = 0;  // of the upload
  uint64_t body_sent = 0;
  uint64_t intended_ns = 0;
  uint64_t sent_ns = 0;
  uint64_t deadline_ns = 0;  // of the connect, the handshake or the request; kWaiting: next try
  uint64_t served = 0;       // right answers within the window
  SSL_SESSION* session = nullptr;
  uint32_t index = 0;
  uint32_t generation = 0;  // of the descriptor: an event of an older one is stale
  Role role = Role::kMain;
  ConnectionState state = ConnectionState::kClosed;
  bool wants_write = false;
  bool write_failed = false;
  bool has_request = false;  // connection per request: a request waits for this connection
  bool settled = false;      // was ready once, or failed
  bool first_due = false;    // an idle client whose first answer is awaited
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_GENERATOR_CONNECTION_H_
