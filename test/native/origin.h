#ifndef MILLRACE_TEST_NATIVE_ORIGIN_H_
#define MILLRACE_TEST_NATIVE_ORIGIN_H_

#include <poll.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

// An upstream on a free loopback port that does what it is told, on the thread of the test.
class Origin {
 public:
  struct Peer {
    int fd = -1;
    std::string in;      // what came and was not taken yet
    bool ended = false;  // the proxy closed its side
  };

  Origin();
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  uint16_t port() const { return port_; }
  // Connections in the order in which they were accepted; closed ones stay.
  std::size_t count() const { return peers_.size(); }
  Peer& peer(std::size_t i) { return peers_.at(i); }
  // What came on a connection since the last call.
  std::string take(std::size_t i);
  // A whole request head has come.
  bool asked(std::size_t i) const;

  void send(std::size_t i, std::string_view bytes);
  void close(std::size_t i);
  void reset(std::size_t i);  // RST instead of FIN
  void refuse();              // nobody listens any more
  // Connections are made and bytes come, but are left alone.
  bool reading = true;

  // Accepts and reads what there is.
  void step();
  void addTo(std::vector<pollfd>& watched) const;

 private:
  int listener_ = -1;
  uint16_t port_ = 0;
  std::vector<Peer> peers_;
};

// A port whose connections are neither made nor refused: its queue is full.
class DeafPort {
 public:
  DeafPort();
  ~DeafPort();
  uint16_t port() const { return port_; }

 private:
  std::vector<int> fds_;
  uint16_t port_ = 0;
};

}  // namespace millrace::test

#endif  // MILLRACE_TEST_NATIVE_ORIGIN_H_
