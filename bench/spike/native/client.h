#ifndef MILLRACE_BENCH_SPIKE_CLIENT_H_
#define MILLRACE_BENCH_SPIKE_CLIENT_H_

#include <array>
#include <cstdint>
#include <span>

#include "engine/http/response_parser.h"
#include "engine/net/buffer.h"
#include "engine/net/timer_wheel.h"
#include "engine/reactor/reactor.h"

namespace millrace::spike {

class Downstream;
class PlainListener;

// One downstream connection. Slots are reused for ever, and stay where they are: an event that
// epoll reported before its connection was closed finds nothing to do. While it is idle it has no
// buffer.
struct Client : TimerNode, Guest {
  // What the next bytes of it are.
  enum class Reads : uint8_t {
    kHead,    // a request head; held back while the request before it is under way
    kBody,    // of the request under way
    kRefuse,  // nothing any more: dropped for a while, so that the client sees its answer
  };

  int fd = -1;
  uint32_t slot = 0;
  int32_t handle = 0;  // of the exchange under way, 0 = none
  Downstream* owner = nullptr;
  PlainListener* listener = nullptr;
  Reads reads = Reads::kHead;
  bool waits_in = false;  // what epoll is asked for
  bool waits_out = false;
  bool held_back = false;      // the upstream takes no more of the request
  bool chunked_in = false;     // the request's body
  bool chunked_out = false;    // the answer's
  bool upstream_held = false;  // we take no more of the answer
  bool closes = false;         // the connection ends with this answer
  bool ending = false;         // it ends when `out` is written
  bool begun = false;          // part of the answer is out
  bool pending = false;        // in the list of those with a request in `in`
  uint8_t peer_length = 0;
  std::array<uint8_t, 16> peer{};
  uint64_t body_left = 0;  // of a request with a length
  uint64_t discarded = 0;
  uint64_t since_ms = 0;  // last progress, or the begin of what is timed
  size_t scanned = 0;     // of `in`
  BodyDecoder decoder;
  Buffer in;   // what cannot be used yet
  Buffer out;  // what the socket did not take

  bool open() const noexcept { return fd >= 0; }
  std::span<const uint8_t> peerBytes() const noexcept { return {peer.data(), peer_length}; }
};

}  // namespace millrace::spike

#endif  // MILLRACE_BENCH_SPIKE_CLIENT_H_
