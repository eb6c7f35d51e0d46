// WebSocket: an exchange whose upstream answered 101 goes on as messages both ways. The client's
// side is the listener's; here are the handshake with the upstream and its frames (RFC 6455).
#include <cstring>

#include "engine/http/downstream_head.h"
#include "engine/reactor/reactor.h"
#include "engine/websocket/frame_writer.h"
#include "engine/websocket/handshake.h"
#include "engine/websocket/upgrade.h"

namespace millrace {
namespace {

// Most that waits for an upstream which takes no more, beyond one message: the listener stops
// reading its client long before, unless it cannot.
constexpr size_t kMaxQueuedBytes = 8 * 1024 * 1024;
// How long a connection is read after our close frame, so that the frame is not lost in a reset.
constexpr uint64_t kLingerMs = 2000;
// Room for a control frame's payload, and for the head of a 101.
constexpr size_t kControlBytes = 256;

constexpr std::string_view kVersionHead =
    "426 Upgrade Required\r\nsec-websocket-version: 13\r\nupgrade: websocket\r\n"
    "connection: Upgrade\r\ncontent-type: text/plain; charset=utf-8";

}  // namespace

// Whether the request goes on; one that is no handshake goes on as what it is.
bool Reactor::admitUpgrade(Exchange& exchange, const RequestHead& request,
                           const abi::ListenerRecord& listener, const Downstream& downstream,
                           Now now) noexcept {
  RequestError error = RequestError::kNone;
  switch (readUpgradeRequest(request)) {
    case UpgradeRequest::kNone:
      return true;
    case UpgradeRequest::kWebSocket:
      break;
    case UpgradeRequest::kBadVersion:
      error = RequestError::kWebSocketVersion;
      break;
    case UpgradeRequest::kBadKey:
      error = RequestError::kWebSocketKey;
      break;
    case UpgradeRequest::kHasBody:
      error = RequestError::kWebSocketBody;
      break;
  }
  if (error != RequestError::kNone) {
    refuseRequest(exchange, error, request, listener, downstream.peer, now);
    if (error == RequestError::kWebSocketVersion) exchange.head.append(kVersionHead);
    return false;
  }
  if (!downstream.can_upgrade) {
    // The connection was opened before the configuration had this route.
    exchange.close_downstream = true;
    fail(exchange, 503, abi::response_flag::kNc,
         "this connection cannot be upgraded: open a new one\n", now);
    return false;
  }
  exchange.upgrade = true;
  return true;
}

void Reactor::startWebSocket(Connection& connection, ResponseHead& head, char* rest, size_t n,
                             Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  std::string_view protocol;
  const ResponseError error = checkUpgradeAnswer(exchange.head.view(), head, &protocol);
  if (error != ResponseError::kNone) {
    protocolError(connection, error, now);
    return;
  }
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  const std::span<char> room(sink_.data.data() + data_used_, sink_.data.size() - data_used_);
  size_t length = writeDownstreamHead(*exchange.image->image, route, head, false, room);
  if (length == 0) {
    protocolError(connection, ResponseError::kHeadTooLarge, now);
    return;
  }
  if (!exchange.response_lines.empty())
    length = appendLines(exchange.response_lines.view(), room, length);
  const size_t at = data_used_;
  place(length);
  // Lines only: the listener writes the status line, and whatever the handshake needs.
  const size_t line_end = std::string_view(room.data(), length).find("\r\n");
  const size_t status = line_end == std::string_view::npos ? length : line_end + 2;
  char* const chosen = place(protocol.size());
  if (!protocol.empty()) std::memcpy(chosen, protocol.data(), protocol.size());
  observeAnswer(exchange, &head, now);
  tellBreaker(exchange, Verdict::kGood, now);
  connection.in.clear();  // the views in `head` end here
  connection.head_done = true;
  exchange.state = Exchange::State::kUpgraded;
  exchange.status = 101;
  attemptOf(exchange).bits |= abi::attempt_bit::kAnswered;
  observeEnd(exchange, now);
  endRetries(exchange, 101);
  exchange.bytes_down += length;
  exchange.activity_ms = now.ms();
  exchange.leg = std::make_unique<WebSocketLeg>();
  exchange.leg->reader.start(route.web_socket_max_message);
  exchange.leg->max_message = route.web_socket_max_message;
  exchange.leg->handshake_us = usBetween(exchange.started_ns, now.ns);
  process_.counters.add(abi::process_stat::kWebSockets, 1);
  process_.counters.add(abi::process_stat::kWebSocketsTotal, 1);
  armExchange(exchange);

  abi::EventRecord& event = emit(exchange, abi::event_kind::kUpgraded, 0);
  event.status = 101;
  event.head_offset = static_cast<int32_t>(at + status);
  event.head_length = static_cast<int32_t>(length - status);
  event.body_offset = static_cast<int32_t>(chosen - sink_.data.data());
  event.body_length = static_cast<int32_t>(protocol.size());
  if (n != 0) readFrames(connection, rest, n, now);
}

// `bytes` lie in the data buffer, so pieces are reported where they are.
void Reactor::readFrames(Connection& connection, char* bytes, size_t n, Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  const int32_t handle = exchange.handle;
  FrameReader& reader = exchange.leg->reader;
  char* at = bytes;
  char* const end = bytes + n;
  FrameReader::Piece piece;
  while (true) {
    // Thousands of small frames fit into one read: deliver in between, but keep what is unread.
    if (sink_.events.size() - event_count_ < 2 || sink_.data.size() - data_used_ < kControlBytes) {
      flush();
      data_used_ = static_cast<size_t>(end - sink_.data.data());
      if (exchange.handle != handle || connection.exchange != &exchange) return;
    }
    const FrameReader::Result result = reader.next(&at, end, &piece);
    if (result == FrameReader::Result::kMore) return;
    if (result == FrameReader::Result::kError) {
      const uint16_t code = closeCodeOf(reader.error());
      noteError(connection.pool, ResponseError::kWebSocketFrame, 0, &exchange, now);
      sendCloseFrame(connection, code, {}, now);
      endWebSocket(exchange,
                   code == abi::websocket_close::kTooBig ? abi::websocket_close::kTooBig
                                                         : abi::websocket_close::kBadGateway,
                   describe(reader.error()), abi::response_flag::kUpe, now);
      return;
    }
    if (piece.opcode == abi::websocket_opcode::kClose) {
      sendCloseFrame(connection, piece.close_code, {}, now);
      endWebSocket(exchange, piece.close_code, {piece.data, piece.size}, abi::response_flag::kNone,
                   now);
      return;
    }
    char* data = piece.data;
    if (data < sink_.data.data() || data >= sink_.data.data() + sink_.data.size()) {
      data = place(piece.size);  // gathered by the reader
      if (piece.size != 0) std::memcpy(data, piece.data, piece.size);
    }
    exchange.bytes_down += piece.size;
    exchange.body_sent_down += piece.size;
    if (piece.end) process_.counters.add(abi::process_stat::kWebSocketMessagesSent, 1);
    abi::EventRecord& event =
        emit(exchange, abi::event_kind::kMessage, piece.end ? abi::event_flag::kMessageEnd : 0);
    event.status = piece.opcode;
    event.body_offset = static_cast<int32_t>(data - sink_.data.data());
    event.body_length = static_cast<int32_t>(piece.size);
  }
}

uint32_t Reactor::sendMessage(int32_t handle, uint32_t opcode, std::span<char> payload,
                              Now now) noexcept {
  Exchange* const found = find(handle);
  if (found == nullptr || found->state != Exchange::State::kUpgraded) return abi::send::kOk;
  Exchange& exchange = *found;
  Connection& connection = *exchange.connection;
  const bool control =
      opcode == abi::websocket_opcode::kPing || opcode == abi::websocket_opcode::kPong;
  exchange.activity_ms = now.ms();
  exchange.body_received += payload.size();
  if (payload.size() > (control ? 125 : exchange.leg->max_message)) {
    sendCloseFrame(connection, abi::websocket_close::kTooBig, {}, now);
    endWebSocket(exchange, abi::websocket_close::kTooBig, "message too big",
                 abi::response_flag::kBl, now);
    return abi::send::kTooLarge;
  }
  process_.counters.add(abi::process_stat::kWebSocketMessagesReceived, 1);
  if (!writeFrame(connection, opcode, payload)) {
    // The upstream is gone; what it sent before is read first, then its end is noticed.
    connection.stopWriting(epoll_fd_);
    return abi::send::kOk;
  }
  if (connection.out.size() > kMaxQueuedBytes + exchange.leg->max_message) {
    endWebSocket(exchange, abi::websocket_close::kTryAgainLater, "upstream takes no more messages",
                 abi::response_flag::kUo, now);
    return abi::send::kTooLarge;
  }
  exchange.client_paused = connection.blocked();
  return exchange.client_paused ? abi::send::kPause : abi::send::kOk;
}

// The client's side is over; see abi::event_kind::closed for what follows.
void Reactor::sendClose(int32_t handle, uint32_t code, std::string_view reason, Now now) noexcept {
  Exchange* const found = find(handle);
  if (found == nullptr || found->state != Exchange::State::kUpgraded) return;
  Exchange& exchange = *found;
  const bool cut = code == abi::websocket_close::kAbnormal;
  if (!cut) sendCloseFrame(*exchange.connection, code, reason, now);
  endWebSocket(exchange, code, {}, cut ? abi::response_flag::kDc : abi::response_flag::kNone, now);
}

bool Reactor::writeFrame(Connection& connection, uint32_t opcode,
                         std::span<char> payload) noexcept {
  const uint32_t mask = masks_.next();
  char head[kMaxFrameHead];
  const size_t head_bytes =
      writeFrameHead(static_cast<uint8_t>(opcode), payload.size(), mask, head);
  maskInPlace(payload.data(), payload.size(), mask);
  const iovec pieces[2] = {{head, head_bytes}, {payload.data(), payload.size()}};
  connection.pool.cluster_shard->counters.add(abi::cluster_stat::kBytesSent,
                                              head_bytes + payload.size());
  return connection.write(pieces, payload.empty() ? 1 : 2, epoll_fd_);
}

// Starts lingering: the connection belongs to no exchange any more, and ends soon by itself.
void Reactor::sendCloseFrame(Connection& connection, uint32_t code, std::string_view reason,
                             Now now) noexcept {
  char frame[kMaxFrameHead + 125];
  const size_t size = writeClose(static_cast<uint16_t>(code), reason, masks_.next(), frame);
  const iovec piece{frame, size};
  if (!connection.write(&piece, 1, epoll_fd_)) return;  // then `endWebSocket` closes it
  connection.exchange->connection = nullptr;
  connection.exchange = nullptr;
  connection.resumeReading(epoll_fd_);
  connection.state = Connection::State::kLingering;
  connection.previous = nullptr;
  connection.next = lingering_;
  if (lingering_ != nullptr) lingering_->previous = &connection;
  lingering_ = &connection;
  connection.deadline_ms = now.ms() + kLingerMs;
  wheel_.arm(connection, connection.deadline_ms);
}

// The client is told at the next delivery, behind the messages that came before.
void Reactor::endWebSocket(Exchange& exchange, uint32_t code, std::string_view reason,
                           uint32_t flag, Now now) noexcept {
  noteFailure(exchange, 0, flag, reason, now);
  failAttempt(exchange, flag);
  // Without a flag it is the upstream's own word, and not static.
  if (flag != abi::response_flag::kNone) exchange.detail = reason;
  exchange.leg->close_code = static_cast<uint16_t>(code);
  exchange.body.clear();
  exchange.body.append(reason);
  exchange.flag = flag;
  exchange.state = Exchange::State::kClosed;
  releaseEndpoint(exchange, now);
  deferred_.push_back(exchange.handle);
}

void Reactor::emitClosed(Exchange& exchange, Now now) noexcept {
  ensureSpace(kControlBytes);
  if (exchange.state != Exchange::State::kClosed) return;  // delivery may have aborted it
  abi::EventRecord& event = emit(exchange, abi::event_kind::kClosed, abi::event_flag::kLast);
  event.status = exchange.leg->close_code;
  const std::string_view reason = exchange.body.view().substr(0, kControlBytes / 2);
  event.body_offset = static_cast<int32_t>(data_used_);
  event.body_length = static_cast<int32_t>(reason.size());
  if (!reason.empty()) std::memcpy(place(reason.size()), reason.data(), reason.size());
  finish(exchange, exchange.status, exchange.flag, now);
}

// Our close frame was sent: whatever comes is dropped, until the upstream closes or time is up.
void Reactor::onLingering(Connection& connection) noexcept {
  if (connection.blocked() && !connection.drain(epoll_fd_)) {
    closeConnection(connection);
    return;
  }
  char scrap[4096];
  for (int i = 0; i < 16; ++i) {
    const IoResult result = connection.read(scrap, sizeof scrap);
    if (result.status == IoStatus::kBlocked) return;
    if (result.status != IoStatus::kOk) {
      closeConnection(connection);
      return;
    }
  }
}

}  // namespace millrace
