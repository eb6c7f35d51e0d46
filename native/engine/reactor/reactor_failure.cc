// What becomes of an exchange whose upstream connection could not be made, broke, or said what it
// must not: another attempt where nobody can have acted on the request twice, else an answer of our
// own, or a cut when the upstream's had begun.
#include "engine/reactor/reactor.h"
#include "engine/upstream/failure_text.h"

namespace millrace {

void Reactor::connectFailed(Connection& connection, uint32_t flag, std::string_view text,
                            Now now) noexcept {
  observeFailure(*connection.exchange, Failure::kConnect, now);
  goOnWithout(*connection.exchange, flag, text, now);
}

// The endpoint has not heard of it. It is blamed only for what is not our own shortage: a proxy
// without file descriptors must not eject everything it knows.
void Reactor::connectNotBegun(Connection& connection, int error, Now now) noexcept {
  if (isOwnShortage(error))
    tellBreaker(*connection.exchange, Verdict::kNone, now);
  else
    observeFailure(*connection.exchange, Failure::kConnect, now);
  goOnWithout(*connection.exchange, abi::response_flag::kUf, describeConnectError(error), now);
}

// No request byte has left: another endpoint may be tried, whatever the method.
void Reactor::goOnWithout(Exchange& exchange, uint32_t flag, std::string_view text,
                          Now now) noexcept {
  exchange.image->cluster_shards[exchange.cluster]->counters.add(
      abi::cluster_stat::kConnectFailures, 1);
  failAttempt(exchange, flag);
  if (exchange.primary != nullptr) return dropHedge(exchange, now);
  if (adoptHedge(exchange, false, now)) return;
  exchange.detail = text;
  if (!retry(exchange, abi::retry_on::kConnectFailure, flag, text, now) &&
      !fallBack(exchange, flag, now))
    fail(exchange, gatewayStatus(flag), flag, text, now);
}

// Neither made nor refused in time.
void Reactor::connectTimedOut(Connection& connection, Now now) noexcept {
  auto& counters = connection.pool.cluster_shard->counters;
  if (connection.state == Connection::State::kHandshaking) {
    counters.add(abi::cluster_stat::kTlsTimeouts, 1);
    connectFailed(connection, abi::response_flag::kUtt, "upstream TLS handshake timed out\n", now);
  } else {
    counters.add(abi::cluster_stat::kConnectTimeouts, 1);
    connectFailed(connection, abi::response_flag::kUct, "upstream connection failed: timed out\n",
                  now);
  }
}

// The upstream closed (orderly: FIN) or broke the connection.
void Reactor::onClosed(Connection& connection, bool orderly, Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  if (exchange.state == Exchange::State::kUpgraded) {
    endWebSocket(exchange, abi::websocket_close::kBadGateway, "upstream connection closed",
                 abi::response_flag::kUc, now);
    return;
  }
  if (connection.head_done) {
    if (orderly && connection.decoder.finish() == ResponseError::kNone &&
        !connection.decoder.done()) {
      // Framed by the end of the connection, and this is it.
      connection.persistent = false;
      emit(exchange, abi::event_kind::kBody, abi::event_flag::kLast);
      finishResponse(exchange, connection, false, now);
    } else {
      noteError(connection.pool, ResponseError::kTruncated, 0, &exchange, now);
      observeFailure(exchange, Failure::kReset, now);
      exchange.detail = describe(ResponseError::kTruncated);
      cut(exchange, abi::response_flag::kUc, {}, now);
    }
    return;
  }
  if (connection.response_bytes) {
    lose(connection, true, "upstream connection closed in the middle of the answer's head\n", now);
    return;
  }
  lose(connection, false,
       orderly ? "upstream connection closed before an answer\n"
               : "upstream connection reset before an answer\n",
       now);
}

// The connection is gone, or as good as gone, and no answer has come. `begun`: a part of its head.
void Reactor::lose(Connection& connection, bool begun, std::string_view text, Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  if (!exchange.reused || begun) observeFailure(exchange, Failure::kReset, now);
  failAttempt(exchange, abi::response_flag::kUc);
  if (exchange.primary != nullptr) return dropHedge(exchange, now);
  if (adoptHedge(exchange, false, now)) return;
  if ((!begun && replaceStale(exchange, now)) ||
      retry(exchange, abi::retry_on::kReset, abi::response_flag::kUc, text, now)) {
    return;
  }
  fail(exchange, 502, abi::response_flag::kUc, text, now);
}

void Reactor::protocolError(Connection& connection, ResponseError error, Now now) noexcept {
  Exchange& exchange = *connection.exchange;
  const bool begun = exchange.state == Exchange::State::kStreaming;
  noteError(connection.pool, error, begun ? 0 : 502, &exchange, now);
  failAttempt(exchange, abi::response_flag::kUpe);
  if (begun) {
    observeFailure(exchange, Failure::kProtocol, now);
    exchange.detail = describe(error);
    cut(exchange, abi::response_flag::kUpe, {}, now);
  } else {
    observeFailure(exchange, Failure::kProtocol, now);
    if (exchange.primary != nullptr) return dropHedge(exchange, now);
    if (adoptHedge(exchange, false, now)) return;
    fail(exchange, 502, abi::response_flag::kUpe, describeForClient(error), now);
  }
}

}  // namespace millrace
