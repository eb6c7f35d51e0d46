#ifndef MILLRACE_BENCH_SPIKE_DOWNSTREAM_H_
#define MILLRACE_BENCH_SPIKE_DOWNSTREAM_H_

#include <uv.h>

#include <memory>
#include <string>
#include <vector>

#include "api/reactor_host.h"
#include "client.h"
#include "engine/net/timer_wheel.h"
#include "head_splitter.h"
#include "plain_listener.h"

namespace millrace::spike {

// The plain-HTTP side of one worker, in the reactor's own epoll set: accepts, reads requests,
// submits them, and writes the records of their answers, without JavaScript.
//
// A turn: epoll_wait; upstream events (answers become records); clients' events (requests are
// submitted and written upstream at once); then the records are written, an answer that is whole in
// one send. libuv gets its turn whenever its own epoll set, which is a guest of ours, has
// something.
//
// One thread. Owned by the host, which ends it before the reactor.
class Downstream final : public api::Tenant {
 public:
  explicit Downstream(api::ReactorHost& host) noexcept;
  ~Downstream() override;

  // 0 or an errno; `id` is for the calls below.
  int listen(uint32_t key, const std::string& host, uint16_t port, uint32_t max_connections,
             uint32_t* id, uint16_t* bound);
  void stopAccepting(uint32_t id, bool draining) noexcept;
  void close(uint32_t id) noexcept;  // cuts its connections
  uint32_t connections(uint32_t id) const noexcept;
  // Requests without a complete answer.
  uint32_t active() const noexcept { return active_; }

  uint32_t take(std::span<abi::EventRecord> events, const char* data,
                uint32_t count) noexcept override;
  void turns() noexcept override;

  // For listeners
  Reactor& reactor() noexcept { return host_.reactor(); }
  void welcome(PlainListener& listener, int fd, std::span<const uint8_t> peer, Now now) noexcept;
  void rest(PlainListener& listener, Now now) noexcept;
  uint32_t openClients() const noexcept { return open_clients_; }

 private:
  static constexpr size_t kReadBytes = 64 * 1024;
  // Of an exchange. They are fewer than connections: what the engine keeps for each is kilobytes.
  struct Slot {
    Client* client = nullptr;
    uint32_t generation = 0;
  };
  // Where our handles begin: JS, which counts its own from 0, never has as many requests at once in
  // one worker as long as it has fewer than this many connections.
  static constexpr uint32_t kFirstSlot = 1u << 16;
  static constexpr uint32_t kSlotBits = abi::limits::kExchangeSlotBits;
  // Heads and bodies up to this are copied into one piece: that costs less than a send of two.
  static constexpr size_t kCopied = 8 * 1024;
  // How long a client that was refused is still listened to.
  static constexpr uint64_t kRefusedMs = 2'000;

  // downstream.cc: connections, timers, turns
  void watch(Client& client, bool in, bool out) noexcept;
  void closeClient(Client& client) noexcept;
  void lose(Client& client, Now now) noexcept;
  void onTimer(Client& client, Now now) noexcept;
  uint64_t dueOf(const Client& client) const noexcept;
  void servePending(Now now) noexcept;

  // downstream_read.cc: requests
  void onReady(Client& client, uint32_t events, Now now) noexcept;
  void receive(Client& client, Now now) noexcept;
  size_t consume(Client& client, char* bytes, size_t n, Now now) noexcept;
  size_t readHead(Client& client, char* bytes, size_t n, Now now) noexcept;
  size_t readBody(Client& client, char* bytes, size_t n, Now now) noexcept;
  void refuse(Client& client, uint32_t status, std::string_view sentence, Now now) noexcept;
  // An exchange for a request of the client, and the end of it for us.
  void enter(Client& client) noexcept;
  void leave(Client& client) noexcept;

  // downstream_answer.cc: answers
  void answer(Client& client, const abi::EventRecord& event, const char* data, Now now) noexcept;
  void complete(Client& client, std::string_view head, std::string_view body, uint32_t flags,
                Now now) noexcept;
  void begin(Client& client, std::string_view head, std::string_view body, uint32_t flags,
             uint64_t length, Now now) noexcept;
  void piece(Client& client, std::string_view body, bool last, Now now) noexcept;
  void end(Client& client, Now now) noexcept;
  void finishOutput(Client& client, Now now) noexcept;
  bool send(Client& client, const iovec* pieces, int count, Now now) noexcept;
  void drain(Client& client, Now now) noexcept;
  std::string_view dateLine() noexcept;

  // libuv's own epoll set.
  struct Libuv : Guest {
    bool due = false;
  };

  api::ReactorHost& host_;
  Libuv libuv_;
  bool draining_ = false;
  std::vector<std::unique_ptr<PlainListener>> listeners_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<uint32_t> free_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> pending_;  // slots with a request that has been read, and may go on
  uint32_t open_clients_ = 0;
  uint32_t active_ = 0;
  TimerWheel wheel_;
  TimerNode rest_;
  HeadSplitter splitter_;
  std::unique_ptr<char[]> scratch_;  // what is read
  std::unique_ptr<char[]> output_;   // what is written
  int64_t date_s_ = 0;
  std::array<char, 40> date_{};
};

}  // namespace millrace::spike

#endif  // MILLRACE_BENCH_SPIKE_DOWNSTREAM_H_
