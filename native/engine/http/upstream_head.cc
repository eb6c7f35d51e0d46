#include "engine/http/upstream_head.h"

#include <charconv>
#include <span>

#include "engine/http/deadline_field.h"
#include "engine/trace/trace_context.h"
#include "engine/websocket/upgrade.h"

namespace millrace {
namespace {

std::span<const abi::EditRecord> requestEdits(const Image& image,
                                              const abi::RouteRecord& route) noexcept {
  return image.edits().subspan(route.request_edit_start, route.request_edit_count);
}

// The route sets or removes this field: the client's own is dropped.
// `as_variable`: also the one whose name differs in "_" and "-" only.
bool isReplaced(const Image& image, std::span<const abi::EditRecord> edits, std::string_view name,
                bool as_variable) noexcept {
  for (const abi::EditRecord& edit : edits) {
    if (edit.op == abi::edit_operator::kAdd && !as_variable) continue;
    const std::string_view edited = image.str(edit.name_offset, edit.name_length);
    if (edit.op != abi::edit_operator::kAdd && chars::equalsIgnoreCase(edited, name)) return true;
    if (as_variable && edited != name && chars::equalsAsVariable(edited, name)) return true;
  }
  return false;
}

// By its name, or by one that some upstreams take for the same.
bool isDeadline(std::string_view name, std::string_view deadline, bool as_variable) noexcept {
  return name == deadline || (as_variable && chars::equalsAsVariable(deadline, name));
}

void writeField(Buffer* out, std::string_view name, std::string_view value) noexcept {
  char* at = out->reserve(name.size() + value.size() + 4);
  char* const start = at;
  std::memcpy(at, name.data(), name.size());
  at += name.size();
  *at++ = ':';
  *at++ = ' ';
  std::memcpy(at, value.data(), value.size());
  at += value.size();
  *at++ = '\r';
  *at++ = '\n';
  out->commit(static_cast<size_t>(at - start));
}

void writeNumber(Buffer* out, std::string_view name, uint64_t number) noexcept {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  writeField(out, name, {digits, static_cast<size_t>(end - digits)});
}

constexpr size_t kRequestIdBytes = 32;

void writeRequestId(Buffer* out, Rng& rng) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  char id[kRequestIdBytes];
  uint64_t bits = 0;
  for (size_t i = 0; i < kRequestIdBytes; ++i) {
    if (i % 16 == 0) bits = rng.next();
    id[i] = kDigits[bits & 15];
    bits >>= 4;
  }
  writeField(out, "x-request-id", {id, sizeof id});
}

// Everything that X-Forwarded-For said, oldest first, and then the peer.
void writeForwardedFor(const RequestHead& request, const Downstream& downstream,
                       Buffer* out) noexcept {
  char text[kIpTextBytes];
  const std::string_view peer(text, formatIp(downstream.peer, text));
  if (!downstream.trusted) {
    if (!peer.empty()) writeField(out, "x-forwarded-for", peer);
    return;
  }
  out->append("x-forwarded-for: ");
  bool any = false;
  for (uint32_t i = 0; i < request.field_count; ++i) {
    if (request.ids[i] != HeaderId::kXForwardedFor || request.fields[i].value.empty()) continue;
    if (any) out->append(", ");
    out->append(request.fields[i].value);
    any = true;
  }
  if (any && !peer.empty()) out->append(", ");
  out->append(peer);
  out->append("\r\n");
}

}  // namespace

RewrittenPath rewritePath(const Image& image, const abi::RouteRecord& route, uint32_t rewrite,
                          uint32_t offset, uint32_t length, std::string_view path) noexcept {
  if (rewrite == abi::rewrite::kNone) return {path, {}};
  const std::string_view replacement = image.str(offset, length);
  if (rewrite == abi::rewrite::kPath) return {replacement, {}};
  std::string_view rest = path.substr(std::min<size_t>(route.path_length, path.size()));
  // "/v1" -> "/" on "/v1/x" must give "/x", and "/v1" -> "/api" on "/v1" must
  // give "/api".
  std::string_view head = replacement;
  if (!head.empty() && head.back() == '/' && !rest.empty() && rest.front() == '/')
    head.remove_suffix(1);
  if (!head.empty() && head.back() != '/' && !rest.empty() && rest.front() != '/') {
    // A prefix that ended in "/" left a rest without one ("/v1/" -> "/api" on
    // "/v1/x").
    rest = path.substr(route.path_length - 1);
  }
  if (head.empty() && rest.empty()) return {"/", {}};
  return {head, rest};
}

UpstreamHead writeUpstreamHead(const Image& image, const abi::ListenerRecord& listener,
                               const abi::RouteRecord& route, const RequestHead& request,
                               std::string_view path, const Downstream& downstream, Rng& rng,
                               Buffer* out, std::string_view upgrade_key, bool deadline,
                               const TraceFields* fields) noexcept {
  const RewrittenPath target =
      rewritePath(image, route, route.rewrite, route.rewrite_offset, route.rewrite_length, path);
  UpstreamHead written;
  out->append(request.method);
  out->append(" ");
  const size_t target_at = out->size();
  out->append(target.first);
  out->append(target.second);
  if (request.has_query) {
    out->append("?");
    out->append(request.query);
  }
  written.target_length = out->size() - target_at;
  written.target_changed = target.first.data() != request.raw_path.data() ||
                           !target.second.empty() || written.target_length != request.target.size();
  out->append(" HTTP/1.1\r\n");
  writeField(out, "host",
             route.host_offset == abi::kNone ? request.authority
                                             : image.str(route.host_offset, route.host_length));

  const std::span<const abi::EditRecord> edits = requestEdits(image, route);
  const bool forwarded = (listener.flags & abi::listener_flag::kForwardedHeaders) != 0;
  const bool request_id = (listener.flags & abi::listener_flag::kRequestId) != 0;
  const bool trace = request.method_bit == abi::method::kTrace;
  const std::string_view deadline_name = image.str(route.deadline_offset, route.deadline_length);
  // The last field is the request id.
  const auto noteId = [&](std::string_view value) noexcept {
    written.request_id_at = out->size() - 2 - value.size();
    written.request_id_length = value.size();
  };
  bool has_proto = false;
  bool has_host = false;
  bool has_id = false;
  for (uint32_t i = 0; i < request.field_count; ++i) {
    const HeaderSlice& field = request.fields[i];
    const HeaderId id = request.ids[i];
    switch (id) {
      case HeaderId::kOther:
        if (trace && field.name == "cookie") continue;
        break;
      case HeaderId::kHost:
      case HeaderId::kContentLength:
      case HeaderId::kExpect:
      case HeaderId::kXMillraceAttempt:  // ours alone, on attempts after the first
        continue;
      case HeaderId::kAuthorization:
        // The answer to TRACE repeats the request: it is no place for credentials
        // (RFC 9110 section 9.3.8).
        if (trace) continue;
        break;
      case HeaderId::kMaxForwards:
        if (request.max_forwards != abi::kNone) continue;  // written below, one less
        break;
      case HeaderId::kTraceparent:
      case HeaderId::kTracestate:
        if (fields != nullptr) continue;
        break;
      case HeaderId::kB3:
      case HeaderId::kXB3Flags:
      case HeaderId::kXB3ParentSpanId:
      case HeaderId::kXB3Sampled:
      case HeaderId::kXB3SpanId:
      case HeaderId::kXB3TraceId:
        if (fields != nullptr && fields->drop_b3) continue;
        break;
      case HeaderId::kXForwardedFor:
        if (forwarded) continue;
        break;
      case HeaderId::kXForwardedProto:
        if (forwarded && (!downstream.trusted || has_proto)) continue;
        has_proto = true;
        break;
      case HeaderId::kXForwardedHost:
        if (forwarded && (!downstream.trusted || has_host)) continue;
        has_host = true;
        break;
      case HeaderId::kXRequestId:
        if (request_id && (!downstream.trusted || has_id || field.value.empty())) continue;
        has_id = true;
        break;
      default:
        if (isHopByHop(id) || (!upgrade_key.empty() && isWebSocketHop(id))) continue;
        break;
    }
    if (!deadline_name.empty() && isDeadline(field.name, deadline_name, request.has_underscores))
      continue;
    if (!edits.empty() && isReplaced(image, edits, field.name, request.has_underscores)) continue;
    writeField(out, field.name, field.value);
    if (id == HeaderId::kXRequestId) noteId(field.value);
  }

  const auto replaced = [&](std::string_view name) noexcept {
    return !edits.empty() && isReplaced(image, edits, name, false);
  };
  if (forwarded) {
    if (!replaced("x-forwarded-for")) writeForwardedFor(request, downstream, out);
    if (!has_proto && !replaced("x-forwarded-proto"))
      writeField(out, "x-forwarded-proto", downstream.tls ? "https" : "http");
    if (!has_host && !replaced("x-forwarded-host"))
      writeField(out, "x-forwarded-host", request.authority);
  }
  if (request_id && !has_id && !replaced("x-request-id")) {
    writeRequestId(out, rng);
    written.request_id_at = out->size() - 2 - kRequestIdBytes;
    written.request_id_length = kRequestIdBytes;
  }
  if (fields != nullptr && !replaced("traceparent")) {
    writeField(out, "traceparent", fields->parent);
    written.span_at = out->size() - 2 - fields->parent.size() + kTraceparentSpanAt;
    if (!fields->state.empty() && !replaced("tracestate"))
      writeField(out, "tracestate", fields->state);
  }
  for (const abi::EditRecord& edit : edits) {
    if (edit.op == abi::edit_operator::kRemove) continue;
    const std::string_view name = image.str(edit.name_offset, edit.name_length);
    const std::string_view value = image.str(edit.value_offset, edit.value_length);
    writeField(out, name, value);
    if (name == "x-request-id") noteId(value);
  }
  if (deadline && !replaced(deadline_name)) {
    writeField(out, deadline_name, std::string_view("        ", kDeadlineWidth));
    written.deadline_at = out->size() - 2 - kDeadlineWidth;
  }
  if (!upgrade_key.empty()) {
    out->append(kUpgradeLines);
    out->append(upgrade_key);
    out->append("\r\n");
  }
  if (request.max_forwards != abi::kNone)
    writeNumber(out, "max-forwards", request.max_forwards - 1);
  if (request.chunked) {
    out->append("transfer-encoding: chunked\r\n");
  } else if (request.has_content_length) {
    writeNumber(out, "content-length", request.content_length);
  }
  out->append("\r\n");
  return written;
}

}  // namespace millrace
