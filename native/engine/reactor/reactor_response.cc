// From an upstream connection to events for the client.
#include <sys/epoll.h>

#include <cstring>

#include "engine/http/downstream_head.h"
#include "engine/reactor/reactor.h"
#include "engine/upstream/failure_text.h"

namespace millrace {
namespace {

// Until when a connection may be idle by its "Keep-Alive: timeout": a second less, for the way of
// the next request. Milliseconds.
uint32_t idleLimitOf(uint32_t timeout_s) noexcept {
  constexpr uint32_t kMostSeconds = 1'000'000;
  return timeout_s > kMostSeconds ? ResponseHead::kUnsaid : (timeout_s - 1) * 1000;
}

}  // namespace

void Reactor::onEvent(Connection& connection, uint32_t events, Now now) noexcept {
  switch (connection.state) {
    case Connection::State::kConnecting:
      onConnected(connection, events, now);
      return;
    case Connection::State::kHandshaking:
      onHandshake(connection, connection.handshake(epoll_fd_), now);
      return;
    case Connection::State::kIdle:
      onIdle(connection, now);
      return;
    case Connection::State::kBusy:
      break;
    case Connection::State::kLingering:
      onLingering(connection);
      return;
    case Connection::State::kClosed:
      return;
  }
  if ((events & EPOLLOUT) != 0) onWritable(connection, now);
  if (connection.state != Connection::State::kBusy) return;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !connection.read_paused)
    onReadable(connection, now);
}

void Reactor::onConnected(Connection& connection, uint32_t events, Now now) noexcept {
  if (const int error = connection.connectError(); error != 0) {
    connectFailed(connection, abi::response_flag::kUf, describeConnectError(error), now);
    return;
  }
  Pool& pool = connection.pool;
  if (pool.tls != nullptr) {
    connection.ssl = pool.tls->connect(connection.fd, pool.server_name);
    connection.state = Connection::State::kHandshaking;
    if (pool.tls_timeout_ms != 0) {
      connection.deadline_ms = now.ms() + pool.tls_timeout_ms;
      wheel_.arm(connection, connection.deadline_ms);
    }
    onHandshake(connection,
                connection.ssl == nullptr ? IoStatus::kError : connection.handshake(epoll_fd_),
                now);
    return;
  }
  connection.deadline_ms = TimerWheel::kNever;
  connection.drain(epoll_fd_);  // nothing is queued: only ends the interest in writability
  recordConnect(connection, now);
  if (spokeFirst(connection, events)) {
    protocolError(connection, ResponseError::kEarly, now);
    return;
  }
  sendRequest(*connection.exchange, connection, now);
}

void Reactor::onHandshake(Connection& connection, IoStatus status, Now now) noexcept {
  if (status == IoStatus::kBlocked) return;
  if (status != IoStatus::kOk) {
    connectFailed(connection, abi::response_flag::kUtls, describeTlsError(connection.ssl), now);
    return;
  }
  connection.deadline_ms = TimerWheel::kNever;
  connection.drain(epoll_fd_);
  recordConnect(connection, now);
  if (spokeFirst(connection, 0)) {
    protocolError(connection, ResponseError::kEarly, now);
    return;
  }
  sendRequest(*connection.exchange, connection, now);
}

void Reactor::onWritable(Connection& connection, Now now) noexcept {
  if (!connection.drain(epoll_fd_)) connection.stopWriting(epoll_fd_);
  Exchange& exchange = *connection.exchange;
  exchange.activity_ms = now.ms();
  if (!connection.blocked() && exchange.client_paused) {
    ensureSpace(0);
    resumeClient(exchange, now);
  }
}

void Reactor::onReadable(Connection& connection, Now now) noexcept {
  if (data_used_ >= kFlushBytes) flush();
  ensureSpace(kSpacePerRead);
  if (connection.state != Connection::State::kBusy || connection.read_paused) return;
  // A head that came in parts is gathered in the connection; everything else is read where it is
  // delivered from.
  const bool gathered = !connection.in.empty();
  char* const into = gathered ? connection.in.reserve(kReadBytes) : sink_.data.data() + data_used_;
  const bool streams = connection.exchange->state == Exchange::State::kStreaming;
  const size_t most = streams ? connection.read_bytes : kReadBytes;
  const IoResult result = connection.read(into, most);
  switch (result.status) {
    case IoStatus::kBlocked:
      return;
    case IoStatus::kEof:
    case IoStatus::kError:
      onClosed(connection, result.status == IoStatus::kEof, now);
      return;
    case IoStatus::kOk:
      break;
  }
  if (result.bytes == most && streams && most < Connection::kMostRead) connection.read_bytes *= 2;
  connection.response_bytes = true;
  if (connection.first_byte_ns == 0) noteFirstByte(connection, true, now);
  connection.exchange->activity_ms = now.ms();
  connection.exchange->image->cluster_shards[connection.exchange->cluster]->counters.add(
      abi::cluster_stat::kBytesReceived, result.bytes);
  if (gathered) {
    connection.in.commit(result.bytes);
    consume(connection, connection.in.data(), connection.in.size(), false, now);
  } else {
    place(result.bytes);
    consume(connection, into, result.bytes, true, now);
  }
  if (connection.state == Connection::State::kBusy && !connection.read_paused &&
      connection.hasPendingInput() && !connection.queued_again) {
    connection.queued_again = true;
    again_.push_back(&connection);
  }
}

void Reactor::consume(Connection& connection, char* bytes, size_t n, bool in_data_buffer,
                      Now now) noexcept {
  if (connection.head_done) {
    if (connection.exchange->state == Exchange::State::kUpgraded)
      readFrames(connection, bytes, n, now);
    else
      continueResponse(connection, bytes, n, now);
    return;
  }
  while (true) {
    ResponseError error;
    const size_t end = findHeadEnd({bytes, n}, &connection.scanned, &error);
    if (error != ResponseError::kNone) {
      protocolError(connection, error, now);
      return;
    }
    if (end == 0) {
      if (in_data_buffer) {
        connection.in.append(bytes, n);
      } else {
        connection.in.consume(static_cast<size_t>(bytes - connection.in.data()));
      }
      return;
    }
    ResponseHead& head = response_;
    error = parseResponseHead({bytes, end}, connection.exchange->head_request, &head);
    const bool upgraded =
        error == ResponseError::kUnexpectedUpgrade && connection.exchange->upgrade;
    if (error != ResponseError::kNone && !upgraded) {
      protocolError(connection, error, now);
      return;
    }
    if (!head.interim() || upgraded) {
      // "I waited for a request long enough": said of the idle connection, just before ours came.
      if (head.status == 408 && !head.persistent && connection.exchange->reused &&
          connection.exchange->request_complete && connection.interim == 0) {
        connection.exchange->reached = false;
        lose(connection, false, "upstream connection closed before an answer\n", now);
        return;
      }
      char* body = bytes + end;
      const size_t rest = n - end;
      if (!in_data_buffer) {
        body = place(rest);  // even when empty: the event tells where it is
        if (rest != 0) std::memcpy(body, bytes + end, rest);
      }
      if (upgraded)
        startWebSocket(connection, head, body, rest, now);
      else
        startResponse(connection, head, body, rest, now);
      return;
    }
    // 100 Continue and its like: the client was told already, or did not ask.
    if (++connection.interim > kMaxInterimResponses) {
      protocolError(connection, ResponseError::kTooManyInterim, now);
      return;
    }
    connection.interim_bytes += static_cast<uint32_t>(end);
    if (connection.interim_bytes > kMaxInterimBytes) {
      protocolError(connection, ResponseError::kInterimTooLarge, now);
      return;
    }
    bytes += end;
    n -= end;
    connection.scanned = 0;
    noteFirstByte(connection, n != 0, now);
    if (n == 0) {
      connection.in.clear();
      return;
    }
  }
}

void Reactor::startResponse(Connection& connection, ResponseHead& head, char* body, size_t n,
                            Now now) noexcept {
  if (connection.exchange->primary != nullptr || connection.exchange->hedge != nullptr) {
    if (!settleHedge(connection, head, now)) return;
  }
  Exchange& exchange = *connection.exchange;
  connection.head_done = true;
  connection.persistent = head.persistent && head.keep_alive_s > 1 && head.keep_alive_max != 0;
  connection.idle_limit_ms = idleLimitOf(head.keep_alive_s);
  connection.decoder.start(head.framing, head.content_length);
  const bool bodiless = head.framing == BodyFraming::kNone;
  if (n >= head.content_length) fetchRoutePages(exchange, head.content_length, now);
  const BodyDecoder::Result first = connection.decoder.feed(body, n);
  if (first.error != ResponseError::kNone && first.payload == 0) {
    protocolError(connection, first.error, now);
    return;
  }
  observeAnswer(exchange, &head, now);
  if (head.status >= 300 && exchange.retries_left != 0 &&
      retryAnswer(connection, head, first.done && first.consumed == n, now)) {
    return;
  }
  if (exchange.measures_head) recordHead(exchange, now);
  const abi::RouteRecord& route = exchange.image->image->routes()[exchange.route];
  const std::span<char> room(sink_.data.data() + data_used_, sink_.data.size() - data_used_);
  size_t head_length = writeDownstreamHead(*exchange.image->image, route, head, bodiless, room);
  if (head_length == 0) {
    protocolError(connection, ResponseError::kHeadTooLarge, now);
    return;
  }
  if (!exchange.response_lines.empty())
    head_length = appendLines(exchange.response_lines.view(), room, head_length);
  const int32_t head_offset = static_cast<int32_t>(place(head_length) - sink_.data.data());
  connection.in.clear();  // the views in `head` end here
  exchange.status = head.status;
  exchange.bytes_down += head_length + first.payload;
  exchange.body_sent_down += first.payload;
  const uint64_t first_byte_us = usBetween(exchange.sent_ns, connection.first_byte_ns);
  exchange.pool->cluster_shard->first_byte.record(first_byte_us);
  exchange.pool->shard.first_byte.record(first_byte_us);

  const bool chunked = !first.done && head.framing != BodyFraming::kLength;
  abi::EventRecord& event =
      emit(exchange, first.done ? abi::event_kind::kComplete : abi::event_kind::kHead,
           (bodiless ? abi::event_flag::kBodiless : 0) | (chunked ? abi::event_flag::kChunked : 0) |
               (first.done ? abi::event_flag::kLast : 0) |
               closeFlags(exchange));
  event.status = static_cast<int32_t>(head.status);
  event.head_offset = head_offset;
  event.head_length = static_cast<int32_t>(head_length);
  event.body_offset = static_cast<int32_t>(body - sink_.data.data());
  event.body_length = static_cast<int32_t>(first.payload);
  event.length_low = static_cast<int32_t>(static_cast<uint32_t>(head.content_length));
  event.length_high = static_cast<int32_t>(static_cast<uint32_t>(head.content_length >> 32));
  exchange.state = Exchange::State::kStreaming;
  attemptOf(exchange).bits |= abi::attempt_bit::kAnswered;
  endRetries(exchange, head.status);
  if (!first.done) {
    tellBreakerOfHead(exchange, now);
    observeStream(exchange, now);
  }
  if (first.done) {
    if (first.consumed != n)
      noteError(connection.pool, ResponseError::kExtraBytes, exchange.status, &exchange, now);
    finishResponse(exchange, connection, first.consumed == n, now);
  } else if (first.error != ResponseError::kNone) {
    protocolError(connection, first.error, now);
  }
}

void Reactor::continueResponse(Connection& connection, char* body, size_t n, Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  const BodyDecoder::Result result = connection.decoder.feed(body, n);
  exchange.bytes_down += result.payload;
  exchange.body_sent_down += result.payload;
  if (result.payload != 0 || result.done) {
    abi::EventRecord& event =
        emit(exchange, abi::event_kind::kBody, result.done ? abi::event_flag::kLast : 0);
    event.body_offset = static_cast<int32_t>(body - sink_.data.data());
    event.body_length = static_cast<int32_t>(result.payload);
  }
  if (result.error != ResponseError::kNone) {
    protocolError(connection, result.error, now);
  } else if (result.done) {
    if (result.consumed != n)
      noteError(connection.pool, ResponseError::kExtraBytes, exchange.status, &exchange, now);
    finishResponse(exchange, connection, result.consumed == n, now);
  }
}

// The answer is complete. `clean`: nothing came after it.
void Reactor::finishResponse(Exchange& exchange, Connection& connection, bool clean,
                             Now now) noexcept {
  Pool& pool = connection.pool;
  observeEnd(exchange, now);
  keepConnection(exchange, connection, clean, now);
  releaseEndpoint(exchange, now);  // closes the connection if it is still attached
  // Without requests that wait, `finish` may free the pool.
  const bool waiting = pool.waiting_count != 0;
  const bool others = pool.cluster_cap != 0 && pool.clusterWaits();
  const std::shared_ptr<ClusterState> capped = others ? pool.cluster : nullptr;
  finish(exchange, exchange.status, exchange.flag, now);
  if (capped != nullptr)
    serveCluster(*capped, now);
  else if (waiting)
    serveWaiting(pool, now);
}

// A whole answer has been read: the connection may serve another request, if nothing speaks against
// it. Else it stays attached.
void Reactor::keepConnection(Exchange& exchange, Connection& connection, bool clean,
                             Now now) noexcept {
  Pool& pool = connection.pool;
  const uint64_t upstream_us = usBetween(exchange.sent_ns, now.ns);
  pool.cluster_shard->upstream.record(upstream_us);
  pool.shard.upstream.record(upstream_us);
  const bool reusable =
      clean && connection.persistent && exchange.request_complete && connection.out.empty() &&
      !connection.write_broken && pool.current && pool.idle_ms != 0 &&
      (pool.max_requests == 0 || connection.served < pool.max_requests) &&
      !connection.hasPendingInput() && (pool.waiting_count != 0 || !pool.othersWait()) &&
      !givesUpConnection(pool, now);
  if (reusable) {
    exchange.connection = nullptr;
    connection.exchange = nullptr;
    connection.resumeReading(epoll_fd_);
    pool.putIdle(connection, now.ms());
    armIdle(connection, now);
  }
}

// ---- back-pressure from downstream

void Reactor::pause(int32_t handle) noexcept {
  if (Exchange* exchange = find(handle); exchange != nullptr && exchange->connection != nullptr)
    exchange->connection->pauseReading(epoll_fd_);
}

void Reactor::resume(int32_t handle, Now now) noexcept {
  Exchange* exchange = find(handle);
  if (exchange == nullptr || exchange->connection == nullptr) return;
  exchange->activity_ms = now.ms();
  Connection& connection = *exchange->connection;
  connection.resumeReading(epoll_fd_);
  if (connection.hasPendingInput() && !connection.queued_again) {
    connection.queued_again = true;
    again_.push_back(&connection);
  }
}

}  // namespace millrace
