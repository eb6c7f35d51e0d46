// From a client's socket to requests of the reactor.
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "downstream.h"
#include "engine/http/downstream_head.h"
#include "engine/net/socket_io.h"

namespace millrace::spike {
namespace {

// Requests that a client sends before it has its answer are kept up to this, then it is not read.
constexpr size_t kMaxAhead = 64 * 1024;
// What is dropped of a client that was refused.
constexpr uint64_t kMaxDiscarded = 1024 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

// What epoll says is a hint, and may be of the connection that had this slot before.
void Downstream::onReady(Client& client, uint32_t events, Now now) noexcept {
  if ((events & EPOLLOUT) != 0 && client.waits_out) drain(client, now);
  if (client.open() && client.waits_in && (events & ~static_cast<uint32_t>(EPOLLOUT)) != 0)
    receive(client, now);
}

void Downstream::receive(Client& client, Now now) noexcept {
  // Reads where the engine reads from, unless a head came in parts or before its turn.
  const bool gathered = !client.in.empty();
  char* const into = gathered ? client.in.reserve(kReadBytes / 4) : scratch_.get();
  const ssize_t got = receiveBytes(client.fd, into, gathered ? kReadBytes / 4 : kReadBytes);
  if (got <= 0) {
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    lose(client, now);
    return;
  }
  const auto n = static_cast<size_t>(got);
  if (client.reads == Client::Reads::kRefuse) {
    client.discarded += n;
    if (client.discarded > kMaxDiscarded) lose(client, now);
    return;
  }
  // A head is timed from its first byte on.
  if (!gathered || client.handle != 0) client.since_ms = now.ms();
  if (gathered) {
    client.in.commit(n);
    const size_t used = consume(client, client.in.data(), client.in.size(), now);
    if (client.open() && client.reads == Client::Reads::kRefuse)
      client.in.clear();
    else if (client.open() && used != 0)
      client.in.consume(used);
  } else {
    const size_t used = consume(client, into, n, now);
    if (client.open() && used != n) client.in.append(into + used, n - used);
  }
  if (!client.open() || client.in.empty()) return;
  if (client.handle == 0) client.scanned = client.in.size();
  if (client.in.size() >= kMaxAhead && client.handle != 0) watch(client, false, client.waits_out);
}

// Takes whatever can be used of what has come; how much that was.
size_t Downstream::consume(Client& client, char* bytes, size_t n, Now now) noexcept {
  size_t used = 0;
  while (used < n && client.open()) {
    size_t taken = 0;
    if (client.reads == Client::Reads::kBody)
      taken = readBody(client, bytes + used, n - used, now);
    else if (client.reads == Client::Reads::kRefuse)
      taken = n - used;
    else if (client.handle == 0 && client.out.empty())
      taken = readHead(client, bytes + used, n - used, now);
    if (taken == 0) break;
    used += taken;
    client.scanned = 0;
  }
  return used;
}

// 0: there is no whole head.
size_t Downstream::readHead(Client& client, char* bytes, size_t n, Now now) noexcept {
  switch (splitter_.split(bytes, n, client.scanned)) {
    case HeadSplitter::Status::kDone:
      break;
    case HeadSplitter::Status::kIncomplete:
      return 0;
    case HeadSplitter::Status::kMalformed:
      refuse(client, 400, "malformed request\n", now);
      return n;
    case HeadSplitter::Status::kVersion:
      refuse(client, 505, "only HTTP/1.1 is spoken here\n", now);
      return n;
    case HeadSplitter::Status::kTooLarge:
      refuse(client, 431, "request head too large\n", now);
      return n;
  }
  enter(client);
  client.closes = client.begun = false;
  const uint32_t result = reactor().submit(client.handle, client.listener->key(), splitter_.flat(),
                                           client.peerBytes(), now);
  if (result == abi::submit::kAcceptedWithBody) {
    // The engine has found exactly one statement of its length.
    client.reads = Client::Reads::kBody;
    client.chunked_in = splitter_.chunked();
    client.body_left = splitter_.contentLength();
    if (client.chunked_in) client.decoder.start(BodyFraming::kChunked, 0);
    if (splitter_.expects() && n == splitter_.size()) {
      const iovec one{const_cast<char*>(kContinue.data()), kContinue.size()};
      send(client, &one, 1, now);
    }
  } else if (splitter_.chunked() || splitter_.contentLength() != 0) {
    // It was refused for what it is: where the next one would begin is not known.
    client.closes = true;
    client.reads = Client::Reads::kRefuse;
    return n;
  }
  return splitter_.size();
}

size_t Downstream::readBody(Client& client, char* bytes, size_t n, Now now) noexcept {
  size_t used;
  size_t payload;
  bool last;
  if (client.chunked_in) {
    const BodyDecoder::Result result = client.decoder.feed(bytes, n);
    if (result.error != ResponseError::kNone) {
      if (client.begun) {
        lose(client, now);
        return n;
      }
      const int32_t handle = client.handle;
      leave(client);
      reactor().abort(handle, now);
      refuse(client, 400, "malformed chunked body\n", now);
      return n;
    }
    used = result.consumed;
    payload = result.payload;
    last = result.done;
  } else {
    used = payload = static_cast<size_t>(std::min<uint64_t>(n, client.body_left));
    client.body_left -= payload;
    last = client.body_left == 0;
  }
  if (last) client.reads = Client::Reads::kHead;
  if (payload == 0 && !last) return used;
  const uint32_t result = reactor().sendBody(client.handle, {bytes, payload}, last, now);
  if (result == abi::send::kPause) {
    client.held_back = true;
    watch(client, false, client.waits_out);
  }
  return used;
}

// An answer of our own, to what is no request.
void Downstream::refuse(Client& client, uint32_t status, std::string_view sentence,
                        Now now) noexcept {
  char head[128];
  const std::span<char> room(head, sizeof head);
  const size_t length = writeLocalHead(status, sentence.size(), false, {}, room);
  // It does not matter any more what the answer before it left behind: `in` is dropped.
  client.reads = Client::Reads::kRefuse;
  complete(client, {head, length}, sentence, abi::event_flag::kClose | abi::event_flag::kLast, now);
}

}  // namespace millrace::spike
