#ifndef MILLRACE_ENGINE_UPSTREAM_CONNECTION_H_
#define MILLRACE_ENGINE_UPSTREAM_CONNECTION_H_

#include <openssl/ssl.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/http/response_parser.h"
#include "engine/net/buffer.h"
#include "engine/net/timer_wheel.h"

namespace millrace {

struct Exchange;
struct Pool;

// Outcome of a socket operation. kBlocked: nothing now, the reactor will say when.
enum class IoStatus : uint8_t { kOk, kBlocked, kEof, kError };
struct IoResult {
  IoStatus status;
  size_t bytes;
};

// One upstream connection of one worker. States: connecting (TCP), handshaking (TLS), idle (in its
// pool's list), busy (serving one exchange), lingering (read out after our WebSocket close frame),
// closed (waiting to be freed at the end of the loop
// turn, because the batch of ready events may still name it). Interest in readability is constant;
// interest in writability is only asked for while something could not be written.
struct Connection : TimerNode {
  static constexpr uint32_t kFirstRead = 64 * 1024;
  static constexpr uint32_t kMostRead = 256 * 1024;
  enum class State : uint8_t { kConnecting, kHandshaking, kIdle, kBusy, kLingering, kClosed };

  explicit Connection(Pool& owner) noexcept : pool(owner) { is_connection = true; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Starts a non-blocking connect and registers with `epoll_fd`. False with errno set on failure.
  bool open(int epoll_fd) noexcept;
  // Result of the TCP connect once the socket is writable: 0 or an errno value.
  int connectError() const noexcept;
  // Drives the TLS handshake: kOk when it is complete.
  IoStatus handshake(int epoll_fd) noexcept;
  void close() noexcept;

  IoResult read(char* into, size_t n) noexcept;
  // Writes what the socket takes and queues the rest; false when the connection is broken.
  bool write(const iovec* pieces, int count, int epoll_fd) noexcept;
  // Writes queued bytes; false when the connection is broken.
  bool drain(int epoll_fd) noexcept;
  // Keeps the head of a request back, so that the first piece of its body goes in one write with
  // it: the next `write`, or else a `drain`, sends it. Nothing may be queued.
  void hold(std::string_view head) noexcept {
    out.append(head);
    head_held = true;
  }
  bool blocked() const noexcept { return !out.empty() && !head_held; }
  // After a failed write: drops what is queued and whatever comes. What the upstream sent before it
  // stopped reading, an early answer, can still be read; the end of that is the end of the
  // connection.
  void stopWriting(int epoll_fd) noexcept;
  // Decrypted bytes, or the end of the TLS stream, that epoll knows nothing of.
  bool hasPendingInput() const noexcept {
    return ssl != nullptr &&
           (SSL_has_pending(ssl) == 1 || (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0);
  }

  void pauseReading(int epoll_fd) noexcept;
  void resumeReading(int epoll_fd) noexcept;

  Pool& pool;
  Exchange* exchange = nullptr;
  int fd = -1;
  State state = State::kConnecting;
  bool want_write = false;
  bool read_paused = false;
  bool write_broken = false;    // see stopWriting
  bool head_held = false;       // see hold
  bool queued_again = false;    // in the reactor's list of connections to read again
  bool head_done = false;       // response head seen; `decoder` is in charge
  bool response_bytes = false;  // a byte of the current response has arrived
  bool persistent = false;      // the current response allows reuse
  SSL* ssl = nullptr;
  uint32_t served = 0;         // requests sent on this connection
  uint32_t interim = 0;        // interim responses to the current request,
  uint32_t interim_bytes = 0;  // and their size
  // How long it may be idle by the word of the upstream (Keep-Alive: timeout), in milliseconds.
  uint32_t idle_limit_ms = 0xffff'ffff;
  uint64_t deadline_ms = TimerWheel::kNever;
  uint64_t opened_ns = 0;      // when connecting began
  uint64_t first_byte_ns = 0;  // of the present answer; 0 = none yet
  // Most that one read of a streamed body takes: grows with a connection that always has more,
  // whose client takes it all.
  uint32_t read_bytes = kFirstRead;
  size_t scanned = 0;
  Buffer in;   // an incomplete response head
  Buffer out;  // bytes that the socket did not take
  BodyDecoder decoder;
  Connection* previous = nullptr;  // list of idle or of lingering ones
  Connection* next = nullptr;      // the same, or the reactor's list of closed ones

 private:
  void setInterest(int epoll_fd, bool write) noexcept;
  IoResult writeOnce(const iovec* pieces, int count) noexcept;
  bool writeWithHead(const iovec* pieces, int count, int epoll_fd) noexcept;
  void queueRest(const iovec* pieces, int count, size_t sent) noexcept;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_UPSTREAM_CONNECTION_H_
