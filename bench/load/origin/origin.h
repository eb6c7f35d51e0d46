#ifndef MILLRACE_BENCH_LOAD_ORIGIN_ORIGIN_H_
#define MILLRACE_BENCH_LOAD_ORIGIN_ORIGIN_H_

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "common/body_reader.h"
#include "engine/net/buffer.h"
#include "origin/answer.h"
#include "origin/request_reader.h"

namespace millrace::load {

// An HTTP/1.1 upstream that is never the bottleneck: one thread, one epoll, one recv and one send
// per request, no allocation. What it answers is in the request's target (answer.h). It speaks
// plain HTTP; requests that are pipelined are answered one after the other.
class Origin {
 public:
  // Answers wait for `delay_ns` where the request asks for no delay of its own.
  explicit Origin(uint64_t delay_ns = 0) : delay_ns_(delay_ns) {}
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  // Binds; port 0 takes a free one. Several processes may share a port. 0 on failure, with a
  // sentence in `*problem`.
  uint16_t listen(const std::string& address, uint16_t port, std::string* problem);
  // Serves until the process ends.
  void serve();

 private:
  enum class State : uint8_t { kFree, kHead, kBody, kWaiting, kWriting, kHanging, kClosing };

  struct Connection {
    int fd = -1;
    uint32_t index = 0;
    uint32_t generation = 0;
    State state = State::kFree;
    bool wants_write = false;
    bool head_method = false;
    bool closes = false;
    bool had_body = false;
    Answer answer;
    BodyReader body;    // of the request
    Buffer kept;        // bytes of a head that came in pieces, or of the next request
    Buffer out;         // built bytes of the answer that the socket did not take
    uint64_t left = 0;  // body bytes that were not even built yet
    uint64_t sent = 0;  // of the body
  };
  struct Timer {
    uint64_t due_ns;
    uint32_t index;
    uint32_t generation;
    bool operator<(const Timer& other) const noexcept { return due_ns > other.due_ns; }
  };

  void accept();
  void readable(Connection& c);
  // Takes requests out of `bytes` as long as it can; what is left is kept.
  void consume(Connection& c, const char* bytes, size_t n);
  void answerNow(Connection& c);
  void startAnswer(Connection& c);
  void writeMore(Connection& c);
  bool sendOut(Connection& c);
  void finishAnswer(Connection& c);
  void buildHead(Connection& c, std::string* head);
  void runTimers();
  void later(Connection& c, uint64_t delay_ns);
  void setInterest(Connection& c, bool write);
  void close(Connection& c, bool reset = false);
  void refreshDate();

  const uint64_t delay_ns_;
  int listener_ = -1;
  int epoll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<uint32_t> free_;
  std::priority_queue<Timer> timers_;
  RequestReader reader_;
  uint64_t answer_version_ = ~uint64_t{0};
  Answer answer_;
  std::string date_;
  std::string plain_;        // the whole answer to /
  std::string plain_close_;  // the same, on a connection that closes
  std::string scratch_;
  std::vector<char> buffer_;
  uint64_t date_due_ns_ = 0;
};

}  // namespace millrace::load

#endif  // MILLRACE_BENCH_LOAD_ORIGIN_ORIGIN_H_
