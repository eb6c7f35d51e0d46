#ifndef MILLRACE_ENGINE_HTTP_UPSTREAM_HEAD_H_
#define MILLRACE_ENGINE_HTTP_UPSTREAM_HEAD_H_

#include <string_view>

#include "base/rng.h"
#include "engine/http/request_head.h"
#include "engine/image/image.h"
#include "engine/net/buffer.h"
#include "engine/route/cidr.h"

namespace millrace {

// Where a request came from, and whether its peer's word is taken for what lies
// behind it.
struct Downstream {
  IpAddress peer;
  bool trusted = false;
  bool tls = false;
  bool can_upgrade = false;  // the listener can make a WebSocket of this request
};

// Where in the head that was written is what others want to know of it.
struct UpstreamHead {
  bool target_changed = false;  // it may be another one than was received
  size_t target_length = 0;     // it begins behind the method
  size_t request_id_at = 0;     // 0 = it has none
  size_t request_id_length = 0;
  size_t deadline_at = 0;  // kDeadlineWidth bytes; 0 = there is none, or an edit of the route
                           // stands for it
  size_t span_at = 0;      // id of the span in traceparent; 0 likewise
};

// What goes upstream of the trace of a request, in place of what came with it.
struct TraceFields {
  std::string_view parent;  // of traceparent
  std::string_view state;   // of tracestate; empty = there is none
  bool drop_b3 = false;     // B3 headers do not go on
};

// Writes the request head for the upstream: the normalised path, framing of our own making,
// end-to-end headers in their order, the route's edits, then X-Forwarded-* and the request id. From
// a peer that is not trusted, X-Forwarded-* and the request id are replaced; from a trusted one
// they are kept, and its address is appended to X-Forwarded-For. `upgrade_key`: key of a WebSocket
// handshake with the upstream, or empty. On a route that passes deadlines on, the client's own is
// dropped; `deadline`: ours follows, to be written by the caller. `trace`: null = headers of
// traces are headers like others.
UpstreamHead writeUpstreamHead(const Image& image, const abi::ListenerRecord& listener,
                               const abi::RouteRecord& route, const RequestHead& request,
                               std::string_view path, const Downstream& downstream, Rng& rng,
                               Buffer* out, std::string_view upgrade_key = {},
                               bool deadline = false, const TraceFields* trace = nullptr) noexcept;

// The path after the route's rewrite: the two parts are to be written one after
// the other.
struct RewrittenPath {
  std::string_view first;
  std::string_view second;
};
RewrittenPath rewritePath(const Image& image, const abi::RouteRecord& route, uint32_t rewrite,
                          uint32_t offset, uint32_t length, std::string_view path) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_UPSTREAM_HEAD_H_
