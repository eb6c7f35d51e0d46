// The one place where an exchange ends: a local answer, a cut connection, or the end of the
// upstream's answer.
#include <cstring>

#include "engine/http/downstream_head.h"
#include "engine/reactor/reactor.h"

namespace millrace {
namespace {

// Place of "no status" behind kResponses1xx, in all statistics.
constexpr uint32_t kStatusNone = 5;
static_assert(abi::cluster_stat::kResponsesNone == abi::cluster_stat::kResponses1xx + kStatusNone);
static_assert(abi::listener_stat::kResponsesNone ==
              abi::listener_stat::kResponses1xx + kStatusNone);

}  // namespace

// Ends the upstream side, and answers by ourselves at the next delivery. Never at once: the
// listener must not be answered from inside its own handler.
void Reactor::fail(Exchange& exchange, uint32_t status, uint32_t flag, std::string_view text,
                   Now now) noexcept {
  noteFailure(exchange, status, flag, text, now);
  failAttempt(exchange, flag);
  releaseEndpoint(exchange, now);
  exchange.state = Exchange::State::kFailed;
  exchange.status = status;
  exchange.flag = flag;
  exchange.local_body = exchange.detail = text;
  exchange.head.clear();
  exchange.body.clear();
  deferred_.push_back(exchange.handle);
}

// The answer had begun: all that is left is to make its end visibly wrong. `text`: for the log;
// empty when that has been told of it.
void Reactor::cut(Exchange& exchange, uint32_t flag, std::string_view text, Now now) noexcept {
  if (!text.empty()) noteFailure(exchange, 0, flag, text, now);
  if (!text.empty()) exchange.detail = text;
  failAttempt(exchange, flag);
  releaseEndpoint(exchange, now);
  exchange.state = Exchange::State::kCut;
  exchange.flag = flag;
  deferred_.push_back(exchange.handle);
}

void Reactor::emitLocal(Exchange& exchange, Now now) noexcept {
  const bool no_content = exchange.status == 204 || exchange.status == 304;
  const bool bodiless = exchange.head_request || no_content;
  const std::string_view body = bodiless ? std::string_view() : exchange.local_body;
  ensureSpace(exchange.head.size() + body.size() + 1024);
  if (exchange.state != Exchange::State::kFailed) return;  // delivery may have aborted it
  // Half a request may still be on its way; its rest must not be taken for the next one.
  exchange.close_downstream |= !exchange.request_complete;
  abi::EventRecord& event = emit(exchange, abi::event_kind::kComplete,
                                 abi::event_flag::kLast | abi::event_flag::kLocal |
                                     (bodiless ? abi::event_flag::kBodiless : 0) |
                                     closeFlags(exchange));
  event.status = static_cast<int32_t>(exchange.status);
  event.head_offset = static_cast<int32_t>(data_used_);
  if (exchange.head.empty()) {
    event.head_length =
        static_cast<int32_t>(writeLocalHead(exchange.status, exchange.local_body.size(), bodiless,
                                            {}, {sink_.data.data() + data_used_, 1024}));
    place(static_cast<size_t>(event.head_length));
  } else {
    std::memcpy(place(exchange.head.size()), exchange.head.data(), exchange.head.size());
    event.head_length = static_cast<int32_t>(exchange.head.size());
  }
  event.body_offset = static_cast<int32_t>(data_used_);
  event.body_length = static_cast<int32_t>(body.size());
  if (!body.empty()) std::memcpy(place(body.size()), body.data(), body.size());
  exchange.bytes_down += static_cast<uint64_t>(event.head_length) + body.size();
  exchange.body_sent_down += body.size();
  finish(exchange, exchange.status, exchange.flag, now);
}

void Reactor::abort(int32_t handle, Now now) noexcept {
  Exchange* exchange = find(handle);
  if (exchange == nullptr) return;
  const uint32_t flag =
      exchange->flag != abi::response_flag::kNone ? exchange->flag : abi::response_flag::kDc;
  if (exchange->state == Exchange::State::kWaiting ||
      exchange->state == Exchange::State::kConnecting) {
    observeAbandoned(*exchange, now);
  }
  if (exchange->state == Exchange::State::kStreaming) observeEnd(*exchange, now);
  failAttempt(*exchange, flag);
  releaseEndpoint(*exchange, now);
  finish(*exchange, 0, flag, now);
}

// Gives back whatever the exchange holds of an endpoint: place in the queue, connection, load.
void Reactor::releaseEndpoint(Exchange& exchange, Now now) noexcept {
  if (exchange.hedge != nullptr) {
    failAttempt(*exchange.hedge, attemptOf(exchange).flag);  // given up for the same reason
    dropHedge(*exchange.hedge, now);
  }
  if (exchange.state == Exchange::State::kHeld) release(exchange, now);
  if (exchange.state == Exchange::State::kQueued) {
    exchange.pool->dequeue(exchange);
    recordWait(exchange, now);
  }
  if (exchange.state == Exchange::State::kBackoff) noteBackoff(exchange, now);
  if (exchange.connection != nullptr) {
    // In the middle of something: not fit for another request.
    Connection& connection = *exchange.connection;
    exchange.connection = nullptr;
    closeConnection(connection);
  }
  if (exchange.endpoint_ticket != 0) dropEndpointTicket(exchange);
  if (exchange.counted) {
    endAttempt(exchange, now);
    exchange.counted = false;
    exchange.pool->releaseRequest();
    exchange.image->cluster_shards[exchange.cluster]->counters.subtract(abi::cluster_stat::kActive,
                                                                        1);
    if (exchange.counted_in_cluster) {
      exchange.counted_in_cluster = false;
      exchange.image->installed->clusters[exchange.cluster]->active.fetch_sub(
          1, std::memory_order_relaxed);
    }
    if (exchange.pool->request_cap != 0) offerPlace(exchange);
  }
}

void Reactor::finish(Exchange& exchange, uint32_t status, uint32_t flag, Now now) noexcept {
  using namespace abi;  // NOLINT: the statistics are a long list of names
  const uint32_t status_class = status >= 100 && status < 600 ? status / 100 - 1 : kStatusNone;
  const uint64_t duration_us = durationOf(exchange, now.ns);
  if (exchange.listener_shard != nullptr) {
    auto& counters = exchange.listener_shard->counters;
    counters.add(listener_stat::kResponses1xx + status_class, 1);
    counters.subtract(listener_stat::kActive, 1);
    counters.add(listener_stat::kBytesReceived, exchange.body_received);
    counters.add(listener_stat::kBytesSent, exchange.bytes_down);
    counters.add(listener_stat::kFlagnone + flag, 1);
    exchange.listener_shard->duration.record(duration_us);
    exchange.listener_shard = nullptr;
  }
  if (exchange.image != nullptr && exchange.cluster != kNone) {
    if (exchange.cluster_ticket != 0) tellBreaker(exchange, verdictOf(status, flag), now);
    ClusterShard& cluster = *exchange.image->cluster_shards[exchange.cluster];
    cluster.counters.add(cluster_stat::kResponses1xx + status_class, 1);
    cluster.durations.record(duration_us);
  }
  if (exchange.route != kNone) recordRoute(exchange, status, flag, now);
  process_.counters.add(process_stat::kFlagnone + flag, 1);
  process_.counters.add(process_stat::kDownstreamBytesReceived, exchange.body_received);
  process_.counters.add(process_stat::kDownstreamBytesSent, exchange.bytes_down);
  recordRequest(exchange, status, flag, now);
  if (exchange.retrying) leaveRetries(exchange);
  if (exchange.leg != nullptr) {
    process_.counters.subtract(process_stat::kWebSockets, 1);
    exchange.leg.reset();
  }
  givePlace(exchange);
  exchange.state = Exchange::State::kFree;
  exchange.handle = 0;
  exchange.pool = nullptr;
  exchange.hedge_at_ms = 0;
  exchange.head.clear();
  exchange.body.clear();
  exchange.response_lines.clear();
  exchange.local_body = {};
  WorkerImage* const image = exchange.image;
  exchange.image = nullptr;
  if (image != nullptr) {
    --image->exchanges;
    releaseImage(image);
  }
}

}  // namespace millrace
