// Methods that end here: those that are refused, and those that have come as far as they may.
#include "engine/http/downstream_head.h"
#include "engine/reactor/reactor.h"
#include "engine/route/matcher.h"

namespace millrace {
namespace {

// The methods that some route takes for this host, path and headers, as Allow lists them (RFC 9110
// section 10.2.1). A route for any method stands for the usual ones: what its upstream knows beyond
// them is not known here.
std::string_view allowedMethods(const Image& image, uint32_t route_table,
                                const RequestHead& request, std::string_view path, bool allow_trace,
                                std::span<char> out) noexcept {
  constexpr uint32_t kUsual = 1u << abi::method::kGet | 1u << abi::method::kHead |
                              1u << abi::method::kPost | 1u << abi::method::kPut |
                              1u << abi::method::kDelete | 1u << abi::method::kPatch |
                              1u << abi::method::kOptions;
  size_t used = 0;
  for (uint32_t bit = 0; bit < abi::method::kCount; ++bit) {
    const bool trace = bit == abi::method::kTrace;
    if (trace && !allow_trace) continue;
    const std::string_view name = abi::kMethodNames[bit];
    const uint32_t route = matchRoute(image, route_table,
                                      {name,
                                       bit,
                                       request.host,
                                       path,
                                       request.query,
                                       {request.fields.data(), request.field_count}});
    if (route == abi::kNone) continue;
    if (image.routes()[route].methods == 0 && !trace && (kUsual >> bit & 1) == 0) continue;
    if (used != 0) used += std::string_view(", ").copy(out.data() + used, 2);
    used += name.copy(out.data() + used, name.size());
  }
  return {out.data(), used};
}

constexpr size_t kAllowBytes = 256;
static_assert([] {
  size_t all = 0;
  for (const char* name : abi::kMethodNames) all += std::string_view(name).size() + 2;
  return all <= kAllowBytes;
}());

}  // namespace

// 405, with the methods that are taken instead.
void Reactor::refuseMethod(Exchange& exchange, const RequestHead& request,
                           const abi::ListenerRecord& listener, bool allow_trace,
                           std::string_view path, const IpAddress& peer, Now now) noexcept {
  refuseRequest(exchange, RequestError::kMethodRefused, request, listener, peer, now);
  char room[kAllowBytes];
  const std::string_view allow = allowedMethods(*exchange.image->image, listener.route_table,
                                                request, path, allow_trace, room);
  exchange.head.append(
      local_buffer_.data(),
      writeLocalHead(exchange.status, exchange.local_body.size(), false, allow, local_buffer_));
}

// OPTIONS or TRACE with Max-Forwards: 0 (RFC 9110 section 7.6.2): the answer is ours. That of TRACE
// is the request as it came, without credentials.
void Reactor::answerAsLastHop(Exchange& exchange, const RequestHead& request,
                              const abi::ListenerRecord& listener, const RequestRules& rules,
                              std::string_view path) noexcept {
  exchange.head.clear();
  exchange.body.clear();
  size_t length = 0;
  if (request.method_bit == abi::method::kTrace) {
    exchange.status = 200;
    const auto line = [&exchange](std::string_view a, std::string_view b, std::string_view c) {
      exchange.body.append(a);
      exchange.body.append(b);
      exchange.body.append(c);
      exchange.body.append("\r\n");
    };
    line("TRACE ", request.target, " HTTP/1.1");
    for (uint32_t i = 0; i < request.field_count; ++i) {
      const auto [name, value] = request.fields[i];
      if (request.ids[i] == HeaderId::kAuthorization || name == "cookie") continue;
      line(name, ": ", value);
    }
    exchange.local_body = exchange.body.view();
    length =
        writeLocalHead(200, exchange.local_body.size(), false, {}, local_buffer_, "message/http");
  } else {
    exchange.status = 204;
    exchange.local_body = {};
    char room[kAllowBytes];
    const std::string_view allow = allowedMethods(*exchange.image->image, listener.route_table,
                                                  request, path, rules.allow_trace, room);
    length = writeLocalHead(204, 0, true, allow, local_buffer_, {});
  }
  exchange.head.append(local_buffer_.data(), length);
  exchange.state = Exchange::State::kFailed;
  exchange.flag = abi::response_flag::kDi;
  deferred_.push_back(exchange.handle);
}

}  // namespace millrace
