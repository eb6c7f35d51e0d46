// From records of the reactor to a client's socket.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "downstream.h"
#include "engine/net/socket_io.h"

namespace millrace::spike {
namespace {

ssize_t sendPieces(int fd, const iovec* pieces, int count) noexcept {
  if (count == 1) return sendBytes(fd, pieces[0].iov_base, pieces[0].iov_len);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = static_cast<size_t>(count);
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

// Appends to bytes that have room.
class Line {
 public:
  explicit Line(char* at) noexcept : begin_(at), at_(at) {}
  Line& text(std::string_view s) noexcept {
    std::memcpy(at_, s.data(), s.size());
    at_ += s.size();
    return *this;
  }
  Line& number(uint64_t n, int base = 10) noexcept {
    at_ = std::to_chars(at_, at_ + 20, n, base).ptr;
    return *this;
  }
  std::string_view view() const noexcept { return {begin_, static_cast<size_t>(at_ - begin_)}; }

 private:
  char* begin_;
  char* at_;
};

}  // namespace

// "\r\nDate: ...\r\n", made once a second.
std::string_view Downstream::dateLine() noexcept {
  timespec wall;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &wall);
  if (wall.tv_sec != date_s_) {
    date_s_ = wall.tv_sec;
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    tm utc;
    ::gmtime_r(&wall.tv_sec, &utc);
    std::snprintf(date_.data(), date_.size(), "\r\nDate: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                  kDays[utc.tm_wday % 7], utc.tm_mday % 100, kMonths[utc.tm_mon % 12],
                  (utc.tm_year + 1900) % 10000, utc.tm_hour % 100, utc.tm_min % 100,
                  utc.tm_sec % 100);
  }
  return {date_.data(), 39};
}

void Downstream::answer(Client& client, const abi::EventRecord& event, const char* data,
                        Now now) noexcept {
  const std::string_view body(data + event.body_offset, static_cast<size_t>(event.body_length));
  const auto head = [&] {
    return std::string_view(data + event.head_offset, static_cast<size_t>(event.head_length));
  };
  const auto flags = static_cast<uint32_t>(event.flags);
  switch (static_cast<uint32_t>(event.kind)) {
    case abi::event_kind::kComplete:
      complete(client, head(), body, flags, now);
      break;
    case abi::event_kind::kHead:
      begin(client, head(), body, flags,
            static_cast<uint64_t>(static_cast<uint32_t>(event.length_high)) << 32 |
                static_cast<uint32_t>(event.length_low),
            now);
      break;
    case abi::event_kind::kBody:
      piece(client, body, (flags & abi::event_flag::kLast) != 0, now);
      break;
    case abi::event_kind::kAbort:
      // What was promised does not come: the client sees that by the end of its connection.
      closeClient(client);
      break;
    case abi::event_kind::kResumeRequest:
      client.held_back = false;
      if (client.in.size() < kReadBytes) watch(client, true, client.waits_out);
      break;
    default:
      break;  // of WebSockets, which this listener does not ask for
  }
}

void Downstream::complete(Client& client, std::string_view head, std::string_view body,
                          uint32_t flags, Now now) noexcept {
  client.closes |=
      (flags & abi::event_flag::kClose) != 0 || draining_ || client.reads != Client::Reads::kHead;
  char* const room = output_.get();
  const bool copied = head.size() + body.size() <= kCopied;
  Line line(room);
  line.text("HTTP/1.1 ");
  iovec pieces[3];
  int count = 0;
  if (head.size() <= kCopied) {
    line.text(head);
  } else {
    pieces[count++] = {room, line.view().size()};
    pieces[count++] = {const_cast<char*>(head.data()), head.size()};
    line = Line(room + 16);
  }
  line.text(dateLine());
  if ((flags & abi::event_flag::kBodiless) == 0)
    line.text("Content-Length: ").number(body.size()).text("\r\n");
  if (client.closes) line.text("Connection: close\r\n");
  line.text("\r\n");
  if (copied) line.text(body);
  pieces[count++] = {const_cast<char*>(line.view().data()), line.view().size()};
  if (!copied && !body.empty()) pieces[count++] = {const_cast<char*>(body.data()), body.size()};
  if (send(client, pieces, count, now)) end(client, now);
}

void Downstream::begin(Client& client, std::string_view head, std::string_view body, uint32_t flags,
                       uint64_t length, Now now) noexcept {
  client.closes |=
      (flags & abi::event_flag::kClose) != 0 || draining_ || client.reads != Client::Reads::kHead;
  client.chunked_out = (flags & abi::event_flag::kChunked) != 0;
  client.upstream_held = false;
  client.begun = true;
  Line line(output_.get());
  line.text(dateLine());
  if (client.chunked_out)
    line.text("Transfer-Encoding: chunked\r\n");
  else
    line.text("Content-Length: ").number(length).text("\r\n");
  if (client.closes) line.text("Connection: close\r\n");
  line.text("\r\n");
  constexpr std::string_view kProtocol = "HTTP/1.1 ";
  char size[24];
  iovec pieces[6] = {{const_cast<char*>(kProtocol.data()), kProtocol.size()},
                     {const_cast<char*>(head.data()), head.size()},
                     {const_cast<char*>(line.view().data()), line.view().size()}};
  int count = 3;
  if (!body.empty()) {
    if (client.chunked_out) {
      const std::string_view framing = Line(size).number(body.size(), 16).text("\r\n").view();
      pieces[count++] = {size, framing.size()};
    }
    pieces[count++] = {const_cast<char*>(body.data()), body.size()};
    if (client.chunked_out) pieces[count++] = {const_cast<char*>("\r\n"), 2};
  }
  send(client, pieces, count, now);
}

void Downstream::piece(Client& client, std::string_view body, bool last, Now now) noexcept {
  char size[24];
  iovec pieces[3];
  int count = 0;
  if (!body.empty() && client.chunked_out) {
    const std::string_view framing = Line(size).number(body.size(), 16).text("\r\n").view();
    pieces[count++] = {size, framing.size()};
  }
  if (!body.empty()) pieces[count++] = {const_cast<char*>(body.data()), body.size()};
  if (client.chunked_out) {
    const std::string_view tail = body.empty() ? (last ? "0\r\n\r\n" : "")
                                  : last       ? "\r\n0\r\n\r\n"
                                               : "\r\n";
    if (!tail.empty()) pieces[count++] = {const_cast<char*>(tail.data()), tail.size()};
  }
  if (count != 0 && !send(client, pieces, count, now)) return;
  if (last) end(client, now);
}

// False: the client is gone.
bool Downstream::send(Client& client, const iovec* pieces, int count, Now now) noexcept {
  size_t sent = 0;
  if (client.out.empty()) {
    const ssize_t n = sendPieces(client.fd, pieces, count);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      lose(client, now);
      return false;
    }
    if (n > 0) sent = static_cast<size_t>(n);
    client.since_ms = now.ms();
  }
  for (int i = 0; i < count; ++i) {
    const size_t length = pieces[i].iov_len;
    if (sent >= length) {
      sent -= length;
      continue;
    }
    client.out.append(static_cast<const char*>(pieces[i].iov_base) + sent, length - sent);
    sent = 0;
  }
  if (!client.out.empty()) {
    watch(client, client.waits_in, true);
    if (!client.upstream_held && client.handle != 0) {
      client.upstream_held = true;
      reactor().pause(client.handle);
    }
  }
  return true;
}

void Downstream::drain(Client& client, Now now) noexcept {
  while (!client.out.empty()) {
    const ssize_t n = sendBytes(client.fd, client.out.data(), client.out.size());
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      lose(client, now);
      return;
    }
    client.since_ms = now.ms();
    client.out.consume(static_cast<size_t>(n));
  }
  watch(client, client.waits_in, false);
  if (client.upstream_held) {
    client.upstream_held = false;
    if (client.handle != 0) reactor().resume(client.handle, now);
  }
  if (client.ending) {
    finishOutput(client, now);
  } else if (client.handle == 0 && !client.in.empty() && !client.pending) {
    client.pending = true;
    pending_.push_back(client.slot);
  }
}

// The answer is complete, with us if not with the client.
void Downstream::end(Client& client, Now now) noexcept {
  if (client.handle != 0) leave(client);
  client.upstream_held = false;
  if (client.closes) {
    client.ending = true;
    if (client.out.empty()) finishOutput(client, now);
    return;
  }
  if (client.in.empty()) return;
  if (!client.waits_in) watch(client, true, client.waits_out);
  // Not from here: a delivery must not lead to another one.
  if (!client.pending) {
    client.pending = true;
    pending_.push_back(client.slot);
  }
}

// The last byte of a connection has been written. If the client may still be sending, a reset would
// take its answer from it: then it is listened to for a while.
void Downstream::finishOutput(Client& client, Now now) noexcept {
  if (client.reads == Client::Reads::kHead && client.in.empty()) {
    closeClient(client);
    return;
  }
  client.reads = Client::Reads::kRefuse;
  client.in.clear();
  client.since_ms = now.ms();
  wheel_.arm(client, now.ms() + kRefusedMs);
  ::shutdown(client.fd, SHUT_WR);
  watch(client, true, false);
}

}  // namespace millrace::spike
