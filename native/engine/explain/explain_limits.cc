// Rate limits: what they count the request by, and what is left. Nothing is taken.
#include "engine/explain/explainer.h"
#include "engine/http/client_address.h"
#include "engine/http/cookie.h"
#include "engine/rate/gate.h"

namespace millrace {
namespace {

// What one part of a key has to say; null where the request does not have it. Of a client the whole
// address: the configuration says which part of it counts.
void writePart(JsonWriter& json, const Image& image, const abi::RateKeyRecord& part,
               const GateRequest& asked) {
  namespace kind = abi::rate_key_kind;
  const std::string_view name = image.str(part.name_offset, part.name_length);
  switch (part.kind) {
    case kind::kClientIp: {
      char ip[kIpTextBytes];
      const std::size_t length = formatIp(asked.client, ip);
      if (length == 0)
        json.null();
      else
        json.text({ip, length});
      return;
    }
    case kind::kHeader: {
      // Every line counts.
      std::string lines;
      bool any = false;
      for (const HeaderSlice& field : asked.fields) {
        if (field.name != name) continue;
        if (any) lines += ", ";
        lines += field.value;
        any = true;
      }
      if (any)
        json.text(lines);
      else
        json.null();
      return;
    }
    case kind::kCookie:
      if (const auto value = cookieValue(asked.fields, name))
        json.text(*value);
      else
        json.null();
      return;
    case kind::kPath:
      json.text(asked.path);
      return;
    case kind::kRoute:
      json.text(asked.route);
      return;
    default:
      json.text(asked.host);
  }
}

}  // namespace

void Explainer::limits(std::string_view name, std::span<const uint32_t> rows,
                       std::string_view route) {
  if (rows.empty()) return;
  GateRequest asked;
  asked.fields = {request_.fields.data(), request_.field_count};
  asked.host = request_.host;
  asked.path = path_;
  asked.route = route;
  asked.client = clientAddressOf(request_, downstream_.peer, image_.trust(listener()));
  const Gate gate{image_, *installed_.rates.table, installed_.rates.rules, {}, context_.rate_key};
  std::vector<PeekedLimit> peeked;
  const GateResult result = peekLimits(gate, rows, asked, context_.now_ns, &peeked);

  json_.key(name).beginObject().field("allowed", result.allowed);
  if (!result.allowed) {
    json_.field("refusedBy", result.limit_row).field("retryAfterS", result.retry_after_s);
    json_.field("status", image_.rateLimits()[result.limit_row].status);
  }
  json_.key("limits").beginArray();
  for (const uint32_t row : rows) {
    json_.beginObject().field("row", row).key("key").beginArray();
    for (const abi::RateKeyRecord& part : image_.keys(image_.rateLimits()[row]))
      writePart(json_, image_, part, asked);
    json_.endArray();
    for (const PeekedLimit& limit : peeked) {
      if (limit.row != row) continue;
      json_.field("allowed", limit.allowed).field("left", limit.numbers.remaining);
      json_.field("resetMs", limit.numbers.reset_ms);
      json_.field("retryAfterMs", limit.numbers.retry_after_ms).field("shared", limit.unplaced);
    }
    json_.endObject();
  }
  json_.endArray().endObject();
}

}  // namespace millrace
