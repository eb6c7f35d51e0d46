// The body of a request, on its way from the client to an upstream.
#include <sys/uio.h>

#include <charconv>

#include "engine/reactor/reactor.h"

namespace millrace {
namespace {

// A request body that waits for its connection: the client is paused above this.
constexpr size_t kMaxBufferedBody = 64 * 1024;

}  // namespace

// The upstream takes more of a request that was held back.
void Reactor::resumeClient(Exchange& exchange, Now now) noexcept {
  if (!exchange.client_paused || exchange.connection == nullptr || exchange.connection->blocked())
    return;
  if (exchange.connection->state != Connection::State::kBusy) return;
  exchange.pauseClient(false, now.ms());
  armExchange(exchange);  // its time runs again
  emit(exchange, abi::event_kind::kResumeRequest, 0);
}

// A socket that refuses the first write has taken nothing of it; of TLS nothing is known.
void Reactor::headRefused(Exchange& exchange, Connection& connection, Now now) noexcept {
  exchange.reached = connection.ssl != nullptr;
  onClosed(connection, false, now);
}

// Heads whose bodies have not begun within the turn.
void Reactor::sendHeldHeads(Now now) noexcept {
  // None is added meanwhile: what is sent again is not of this turn.
  for (const int32_t handle : held_) {
    Exchange* const exchange = find(handle);
    if (exchange == nullptr || exchange->connection == nullptr || !exchange->connection->head_held)
      continue;
    Connection& connection = *exchange->connection;
    if (!connection.drain(epoll_fd_)) headRefused(*exchange, connection, now);
  }
  held_.clear();
}

// The first piece of a body could not be sent with the head: it is for the next attempt, if there
// is one.
uint32_t Reactor::goOnWithBody(Exchange& exchange, std::string_view piece, bool last,
                               Now now) noexcept {
  if (!exchange.keep_body) exchange.body.append(piece);  // else it is there
  exchange.body_sent = false;
  headRefused(exchange, *exchange.connection, now);
  if (exchange.state == Exchange::State::kFailed || exchange.state == Exchange::State::kCut)
    return abi::send::kOk;
  const bool full = exchange.connection != nullptr && exchange.state == Exchange::State::kWaiting
                        ? exchange.connection->blocked()
                        : exchange.body.size() >= kMaxBufferedBody;
  exchange.pauseClient(!last && full, now.ms());
  return exchange.client_paused ? abi::send::kPause : abi::send::kOk;
}

// Body bytes with the framing that the upstream was promised.
bool Reactor::writeBody(Exchange& exchange, Connection& connection, std::string_view piece,
                        bool last) noexcept {
  exchange.image->cluster_shards[exchange.cluster]->counters.add(abi::cluster_stat::kBytesSent,
                                                                 piece.size());
  exchange.body_sent = true;
  if (!exchange.chunked_request) {
    const iovec one{const_cast<char*>(piece.data()), piece.size()};
    return piece.empty() || connection.write(&one, 1, epoll_fd_);
  }
  char size[20];
  char* end = std::to_chars(size, size + 16, piece.size(), 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  iovec pieces[3];
  int count = 0;
  if (!piece.empty()) {
    pieces[count++] = {size, static_cast<size_t>(end - size)};
    pieces[count++] = {const_cast<char*>(piece.data()), piece.size()};
  }
  const std::string_view tail = piece.empty() ? "0\r\n\r\n" : last ? "\r\n0\r\n\r\n" : "\r\n";
  if (!piece.empty() || last) pieces[count++] = {const_cast<char*>(tail.data()), tail.size()};
  return count == 0 || connection.write(pieces, count, epoll_fd_);
}

uint32_t Reactor::sendBody(int32_t handle, std::string_view piece, bool last, Now now) noexcept {
  Exchange* found = find(handle);
  if (found == nullptr || found->request_complete) return abi::send::kOk;
  Exchange& exchange = *found;
  exchange.activity_ms = now.ms();
  exchange.body_received += piece.size();
  if (last) {
    exchange.request_complete = true;
    exchange.complete_ms = now.ms();
  }
  switch (exchange.state) {
    case Exchange::State::kFailed:
    case Exchange::State::kCut:
      return abi::send::kOk;  // answered already, or about to be
    default:
      break;
  }
  if (exchange.body_received > maxBodyOf(exchange.image->image->routes()[exchange.route])) {
    exchange.close_downstream = true;
    if (exchange.state == Exchange::State::kStreaming)
      cut(exchange, abi::response_flag::kBl, "request body too large\n", now);
    else
      fail(exchange, 413, abi::response_flag::kBl, "request body too large\n", now);
    return abi::send::kTooLarge;
  }
  armExchange(exchange);
  if (exchange.state == Exchange::State::kHeld || exchange.state == Exchange::State::kQueued ||
      exchange.state == Exchange::State::kConnecting ||
      exchange.state == Exchange::State::kBackoff) {
    exchange.body.append(piece);
    exchange.pauseClient(!last && exchange.body.size() >= kMaxBufferedBody, now.ms());
    return exchange.client_paused ? abi::send::kPause : abi::send::kOk;
  }
  if (exchange.keep_body) keepBody(exchange, piece);
  Connection& connection = *exchange.connection;
  if (connection.head_held) {
    if (!writeBody(exchange, connection, piece, last))
      return goOnWithBody(exchange, piece, last, now);
    exchange.pauseClient(!last && connection.blocked(), now.ms());
    return exchange.client_paused ? abi::send::kPause : abi::send::kOk;
  }
  // An upstream may answer early and close: the answer lies behind what could not be sent.
  if (!writeBody(exchange, connection, piece, last)) connection.stopWriting(epoll_fd_);
  exchange.pauseClient(!last && connection.blocked(), now.ms());
  return exchange.client_paused ? abi::send::kPause : abi::send::kOk;
}

}  // namespace millrace
