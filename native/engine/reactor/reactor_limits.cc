// Rate limits: of the listener before a request is matched, of virtual host and route after that.
#include "engine/http/client_address.h"
#include "engine/rate/gate.h"
#include "engine/reactor/reactor.h"

namespace millrace {

bool Reactor::admitToListener(Exchange& exchange, const RequestHead& request,
                              const abi::ListenerRecord& listener, const Downstream& downstream,
                              std::string_view path, Now now) noexcept {
  shown_ = {};
  if (listener.limit_count == 0) return true;
  return admit(exchange, request, listener, downstream, path, {},
               image_->image->indexes().subspan(listener.limit_start, listener.limit_count), now);
}

bool Reactor::admitToRoute(Exchange& exchange, const RequestHead& request,
                           const abi::ListenerRecord& listener, const Downstream& downstream,
                           std::string_view path, Now now) noexcept {
  const Image& image = *image_->image;
  const abi::RouteRecord& route = image.routes()[exchange.route];
  if (route.limit_count != 0 &&
      !admit(exchange, request, listener, downstream, path,
             image.str(route.name_offset, route.name_length),
             image.indexes().subspan(route.limit_start, route.limit_count), now)) {
    return false;
  }
  if (shown_.limit_row != abi::kNone) {
    char lines[kMaxRefusalHeadBytes];
    exchange.response_lines.append(lines, writeRateLimitHeaders(image, shown_, lines));
  }
  return true;
}

bool Reactor::admit(Exchange& exchange, const RequestHead& request,
                    const abi::ListenerRecord& listener, const Downstream& downstream,
                    std::string_view path, std::string_view route, std::span<const uint32_t> rows,
                    Now now) noexcept {
  const InstalledImage& installed = *image_->installed;
  const Image& image = *installed.image;
  GateRequest asked;
  asked.fields = {request.fields.data(), request.field_count};
  asked.host = request.host;
  asked.path = path;
  asked.route = route;
  asked.client = clientAddressOf(request, downstream.peer, image.trust(listener));
  const Gate gate{image, *installed.rates.table, installed.rates.rules, image_->rate_shards,
                  Engine::instance().rateKey()};
  const GateResult result = checkLimits(gate, rows, asked, now.ns);
  if (!result.allowed) {
    refuse(exchange, result);
    return false;
  }
  shown_ = shown_.limit_row == abi::kNone   ? result
           : result.limit_row == abi::kNone ? shown_
                                            : tighter(shown_, result);
  return true;
}

void Reactor::refuse(Exchange& exchange, const GateResult& result) noexcept {
  const Image& image = *image_->image;
  char head[kMaxRefusalHeadBytes];
  const size_t length = writeRefusalHead(image, result, exchange.head_request, head);
  exchange.head.clear();
  exchange.head.append(head, length);
  exchange.status = image.rateLimits()[result.limit_row].status;
  exchange.local_body = refusalBody(image, result);
  const abi::RateLimitRecord& limit = image.rateLimits()[result.limit_row];
  exchange.detail = image.str(limit.name_offset, limit.name_length);
  exchange.state = Exchange::State::kFailed;
  exchange.flag = abi::response_flag::kRl;
  deferred_.push_back(exchange.handle);
}

}  // namespace millrace
