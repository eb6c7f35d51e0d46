// What the request is, and the search for its route.
#include "engine/explain/explainer.h"
#include "engine/explain/match_trace.h"
#include "engine/http/client_address.h"
#include "engine/route/match_walk.h"
#include "engine/route/query.h"

namespace millrace {
namespace {

// Of a predicate's name, shown with it: this many values, and bytes of each.
constexpr uint32_t kMostValues = 8;
constexpr std::size_t kMostValueBytes = 256;

std::string_view ipText(const IpAddress& address, char (&room)[kIpTextBytes]) {
  return {room, formatIp(address, room)};
}

// Values that a failed predicate met. Query values as they came: percent-encoded.
void writeActual(JsonWriter& json, const Image& image, const abi::PredicateRecord& predicate,
                 const RequestHead& request) {
  const std::string_view name = image.str(predicate.name_offset, predicate.name_length);
  uint32_t count = 0;
  const auto write = [&](std::string_view value) {
    if (count++ < kMostValues) json.text(value.substr(0, kMostValueBytes));
    return false;
  };
  json.key("actual").beginArray();
  if (predicate.source == abi::predicate_source::kHeader) {
    for (uint32_t i = 0; i < request.field_count; ++i) {
      if (request.fields[i].name == name) write(request.fields[i].value);
    }
  } else {
    query::eachValue(request.query, name, write);
  }
  json.endArray();
}

void writeSteps(JsonWriter& json, const Image& image, const RequestHead& request,
                std::string_view name, std::span<const MatchTrace::Step> steps) {
  json.key(name).beginArray();
  for (const MatchTrace::Step& step : steps) {
    json.beginObject().field("route", step.route);
    if (step.failed == kMethodFailed) {
      json.field("failed", "method");
    } else if (step.failed != abi::kNone) {
      json.field("failed", step.failed);
      writeActual(json, image,
                  image.predicates()[image.routes()[step.route].predicate_start + step.failed],
                  request);
    }
    json.endObject();
  }
  json.endArray();
}

}  // namespace

std::string explainRequest(const InstalledImage& installed, const ExplainRequest& request,
                           const ExplainContext& context) {
  return Explainer(installed, request, context).run();
}

Explainer::Explainer(const InstalledImage& installed, const ExplainRequest& asked,
                     const ExplainContext& context)
    : installed_(installed),
      image_(*installed.image),
      asked_(asked),
      context_(context),
      rng_(context.seed),
      rules_(rulesOf(image_, listener())) {}

std::string Explainer::run() {
  json_.beginObject().field("version", installed_.version);
  if (readRequest()) {
    limits("listenerLimits",
           image_.indexes().subspan(listener().limit_start, listener().limit_count), {});
    if (!request_.isLastHop()) {
      if (const uint32_t index = match(); index != abi::kNone) route(index);
    }
  }
  return json_.endObject().take();
}

bool Explainer::readRequest() {
  RequestError error = parseRequestHead(asked_.head, rules_, &request_);
  NormalisedPath path{};
  if (error == RequestError::kNone || error == RequestError::kMethodRefused) {
    // Backslashes that are kept take three bytes each.
    path_buffer_.resize(3 * request_.raw_path.size() + 1);
    path = normalisePath(request_.raw_path, rules_.path, path_buffer_);
    if (path.status == PathStatus::kRefused) error = RequestError::kPath;
  }
  path_ = path.path;
  downstream_.peer = ipFromBytes(asked_.peer);
  downstream_.trusted =
      listener().trust_count != 0 && anyCidrContains(image_.trust(listener()), downstream_.peer);
  downstream_.tls = (listener().flags & abi::listener_flag::kTls) != 0;
  downstream_.can_upgrade = true;

  json_.key("request").beginObject().field("method", request_.method);
  if (error != RequestError::kNone) {
    const std::string_view sentence = describe(error);
    json_.key("error").beginObject().field("reason", static_cast<uint32_t>(error));
    json_.field("status", statusOf(error)).field("text", sentence.substr(0, sentence.size() - 1));
    json_.endObject().endObject();
    return false;
  }
  char ip[kIpTextBytes];
  json_.field("authority", request_.authority).field("host", request_.host);
  json_.field("rawPath", request_.raw_path).field("path", path_);
  json_.key("query");
  if (request_.has_query)
    json_.text(request_.query);
  else
    json_.null();
  json_.field("peer", ipText(downstream_.peer, ip)).field("trusted", downstream_.trusted);
  const IpAddress client = clientAddressOf(request_, downstream_.peer, image_.trust(listener()));
  json_.field("client", ipText(client, ip)).field("chunked", request_.chunked);
  if (request_.has_content_length) json_.field("contentLength", request_.content_length);
  json_.field("idempotent", request_.isIdempotent());
  json_.field("lastHop", request_.isLastHop()).endObject();
  return true;
}

uint32_t Explainer::match() {
  const RequestView view{request_.method, request_.method_bit,
                         request_.host,   path_,
                         request_.query,  {request_.fields.data(), request_.field_count}};
  const MatchTrace trace = traceMatch(image_, listener().route_table, view);
  json_.key("match").beginObject().index("vhost", trace.vhost).index("route", trace.route);
  json_.key("probes").beginArray();
  for (const MatchTrace::Probe& probe : trace.probes) {
    json_.beginObject().field("key", probe.any ? std::string_view("*") : probe.key);
    json_.index("vhost", probe.vhost).endObject();
  }
  json_.endArray();
  writeSteps(json_, image_, request_, "tried", trace.tried);
  writeSteps(json_, image_, request_, "unreached", trace.unreached);
  json_.field("unreachedMore", static_cast<uint64_t>(trace.unreached_more)).endObject();
  return trace.route;
}

}  // namespace millrace
