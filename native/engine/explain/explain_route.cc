// What the route makes of the request: a refusal, an answer of our own, or a head for an upstream.
#include <algorithm>

#include "engine/explain/explainer.h"
#include "engine/http/deadline_field.h"
#include "engine/http/downstream_head.h"
#include "engine/websocket/handshake.h"
#include "engine/websocket/upgrade.h"

namespace millrace {

void Explainer::route(uint32_t index) {
  const abi::RouteRecord& route = image_.routes()[index];
  json_.field("bodyTooLarge", request_.content_length > maxBodyOf(route));
  limits("routeLimits", image_.indexes().subspan(route.limit_start, route.limit_count),
         image_.str(route.name_offset, route.name_length));
  upgrade(route);
  if (route.action == abi::action::kRedirect) return redirect(route);
  if (route.action == abi::action::kRespond) return;
  upstreamHead(route);
  hedging(index, route);
  targets(route);
}

void Explainer::upgrade(const abi::RouteRecord& route) {
  if (!request_.has_upgrade) return;
  RequestError error = RequestError::kNone;
  if (route.web_socket_max_message != 0) {
    switch (readUpgradeRequest(request_)) {
      case UpgradeRequest::kNone:
        break;
      case UpgradeRequest::kWebSocket:
        upgrades_ = true;
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
  }
  json_.key("upgrade").beginObject().field("proxied", upgrades_);
  if (error != RequestError::kNone) {
    const std::string_view sentence = describe(error);
    json_.field("reason", static_cast<uint32_t>(error)).field("status", statusOf(error));
    json_.field("text", sentence.substr(0, sentence.size() - 1));
  }
  json_.endObject();
}

void Explainer::upstreamHead(const abi::RouteRecord& route) {
  // As Reactor::attemptEnds has it for a request that came whole.
  const bool deadlines = route.deadline_offset != abi::kNone;
  uint64_t left_ms = UINT64_MAX;
  bool expired = false;
  if (deadlines) {
    json_.key("deadline").beginObject();
    const uint32_t asked_ms =
        readDeadline(request_, image_.str(route.deadline_offset, route.deadline_length));
    json_.index("asked", asked_ms);
    json_.field("believed", asked_ms != abi::kNone && downstream_.trusted);
    if (downstream_.trusted && asked_ms != abi::kNone) left_ms = asked_ms;
    expired = left_ms == 0;
    for (const uint32_t bound :
         {route.timeout_ms, route.per_try_timeout_ms, route.max_duration_ms}) {
      if (bound != 0) left_ms = std::min<uint64_t>(left_ms, bound);
    }
    json_.field("expired", expired);
    json_.key("sentMs");
    if (left_ms == UINT64_MAX)
      json_.null();
    else
      json_.number(std::clamp<uint64_t>(left_ms, 1, kMostDeadlineMs));
    json_.endObject();
  }
  char key[24];
  if (upgrades_) makeKey(rng_, key);
  Buffer head;
  const UpstreamHead written =
      writeUpstreamHead(image_, listener(), route, request_, path_, downstream_, rng_, &head,
                        upgrades_ ? std::string_view(key, sizeof key) : std::string_view(),
                        deadlines && left_ms != UINT64_MAX);
  if (written.deadline_at != 0) {
    writeDeadline(head.data() + written.deadline_at,
                  static_cast<uint32_t>(std::clamp<uint64_t>(left_ms, 1, kMostDeadlineMs)));
  }
  json_.field("head", head.view());
}

void Explainer::redirect(const abi::RouteRecord& route) {
  std::vector<char> room(256 * 1024);
  const size_t length =
      writeRedirectHead(image_, route, image_.redirects()[route.action_start], request_, path_,
                        downstream_.tls, request_.isHead(), room);
  json_.field("answer", std::string_view(room.data(), length));
}

void Explainer::hedging(uint32_t index, const abi::RouteRecord& route) {
  if (route.hedge == abi::kNone) return;
  const abi::HedgeRecord& row = image_.hedges()[route.hedge];
  json_.key("hedge").beginObject();
  json_.field("applies", request_.isIdempotent() && !request_.hasBody() && !upgrades_);
  uint32_t delay_us = abi::kNone;
  if (row.quantile_millis == 0)
    delay_us = row.min_delay_ms * 1000;
  else if (const RouteState* const state = installed_.routes->find(index); state != nullptr)
    delay_us = state->hedge_delay_us.load(std::memory_order_relaxed);
  json_.index("delayUs", delay_us).endObject();
}

void Explainer::targets(const abi::RouteRecord& route) {
  json_.key("targets").beginArray();
  if (route.action == abi::action::kCluster) {
    json_.beginObject().field("weight", 1u);
    chain(route.action_start, route.subset);
    json_.endObject();
  } else {
    uint32_t before = 0;
    for (const abi::WeightRecord& row :
         image_.weights().subspan(route.action_start, route.action_count)) {
      json_.beginObject().field("weight", row.cumulative - before);
      before = row.cumulative;
      chain(row.cluster, row.subset);
      json_.endObject();
    }
  }
  json_.endArray();
}

}  // namespace millrace
