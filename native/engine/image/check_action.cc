// Image checks of routes and of what they do.

#include "engine/image/image_check.h"
#include "engine/image/text_rules.h"

namespace millrace {

bool ImageCheck::route(const abi::RouteRecord& r) noexcept {
  constexpr uint32_t kMethodBits = (1u << abi::method::kCount) - 1;
  if (!isText(r.name_offset, r.name_length)) return fail("route name out of bounds");
  if ((r.methods & ~kMethodBits) != 0) return fail("unknown method bit");
  if (!isRange(abi::section::kPredicate, r.predicate_start, r.predicate_count)) {
    return fail("predicates out of bounds");
  }
  if (r.path_kind < abi::path_kind::kExact || r.path_kind > abi::path_kind::kRegex) {
    return fail("unknown kind of path");
  }
  if (!isText(r.path_offset, r.path_length)) return fail("path of a route out of bounds");
  if (!isRewrite(r.rewrite, r.rewrite_offset, r.rewrite_length)) return fail("bad rewrite");
  if (r.rewrite == abi::rewrite::kPrefix && r.path_kind != abi::path_kind::kPrefix) {
    return fail("prefix rewrite of a path that is no prefix");
  }
  if (!isOptionalText(r.host_offset, r.host_length)) return fail("host rewrite out of bounds");
  if (r.host_offset != abi::kNone && !text::isHostText(image_.str(r.host_offset, r.host_length))) {
    return fail("host rewrite is not a host");
  }
  if (!isRange(abi::section::kEdit, r.request_edit_start, r.request_edit_count) ||
      !isRange(abi::section::kEdit, r.response_edit_start, r.response_edit_count)) {
    return fail("header edits out of bounds");
  }
  if (!limitRows(r.limit_start, r.limit_count)) return false;
  if (r.web_socket_max_message > abi::limits::kMaxWebSocketMessage)
    return fail("largest WebSocket message out of range");
  if (r.web_socket_max_message != 0 && r.action != abi::action::kCluster &&
      r.action != abi::action::kWeightedClusters) {
    return fail("WebSocket route without an upstream");
  }
  if (r.sinks >> count(abi::section::kLog) != 0) return fail("unknown sink of a route");
  return failoverOf(r) && routeAction(r);
}

bool ImageCheck::routeAction(const abi::RouteRecord& r) noexcept {
  if (r.action == abi::action::kWeightedClusters) {
    if (r.action_count == 0 || !claim(abi::section::kWeight, r.action_start, r.action_count)) {
      return fail("weighted clusters out of bounds");
    }
    uint32_t sum = 0;
    for (const abi::WeightRecord& w : image_.weights().subspan(r.action_start, r.action_count)) {
      if (w.cumulative <= sum) return fail("cluster weights do not add up");
      sum = w.cumulative;
    }
    return true;
  }
  if (r.action_count != 1) return fail("action with more than one row");
  switch (r.action) {
    case abi::action::kCluster:
      if (r.action_start >= count(abi::section::kCluster))
        return fail("route to an unknown cluster");
      return isSubsetOf(r.subset, r.action_start) || fail("subset of another cluster");
    case abi::action::kRespond:
      return r.action_start < count(abi::section::kRespond) || fail("unknown direct response");
    case abi::action::kRedirect: {
      if (r.action_start >= count(abi::section::kRedirect)) return fail("unknown redirect");
      const bool cuts_prefix = image_.redirects()[r.action_start].rewrite == abi::rewrite::kPrefix;
      if (!cuts_prefix || r.path_kind == abi::path_kind::kPrefix) return true;
      return fail("prefix redirect of a path that is no prefix");
    }
    default:
      return fail("unknown action");
  }
}

bool ImageCheck::edit(const abi::EditRecord& r) noexcept {
  if (r.op < abi::edit_operator::kSet || r.op > abi::edit_operator::kRemove)
    return fail("unknown edit");
  if (!isText(r.name_offset, r.name_length) ||
      !text::isLowerToken(image_.str(r.name_offset, r.name_length))) {
    return fail("header name of an edit is not a token in lower case");
  }
  if (!isOptionalText(r.value_offset, r.value_length))
    return fail("value of an edit out of bounds");
  if (r.op != abi::edit_operator::kRemove && r.value_offset == abi::kNone)
    return fail("edit without a value");
  if (!text::isFieldValue(image_.str(r.value_offset, r.value_length))) {
    return fail("control character in a header value");
  }
  return true;
}

bool ImageCheck::weight(const abi::WeightRecord& r) noexcept {
  if (r.cluster >= count(abi::section::kCluster)) return fail("weight of an unknown cluster");
  return isSubsetOf(r.subset, r.cluster) || fail("subset of another cluster");
}

bool ImageCheck::redirect(const abi::RedirectRecord& r) noexcept {
  switch (r.status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      break;
    default:
      return fail("status is no redirect");
  }
  if (!isOptionalText(r.scheme_offset, r.scheme_length)) return fail("scheme out of bounds");
  if (r.scheme_offset != abi::kNone) {
    const std::string_view scheme = image_.str(r.scheme_offset, r.scheme_length);
    if (scheme != "http" && scheme != "https") return fail("scheme is neither http nor https");
  }
  if (!isOptionalText(r.host_offset, r.host_length)) return fail("redirect host out of bounds");
  if (r.host_offset != abi::kNone && !text::isHostText(image_.str(r.host_offset, r.host_length))) {
    return fail("redirect host is not a host");
  }
  if (r.port > 65535) return fail("redirect port out of range");
  if (!isRewrite(r.rewrite, r.rewrite_offset, r.rewrite_length)) return fail("bad redirect path");
  if (r.strip_query > 1) return fail("query flag is neither 0 nor 1");
  return true;
}

bool ImageCheck::respond(const abi::RespondRecord& r) noexcept {
  if (r.status < 200 || r.status > 599) return fail("status of a direct response out of range");
  if (!isOptionalText(r.body_offset, r.body_length)) return fail("body out of bounds");
  if (r.body_length != 0 && (r.status == 204 || r.status == 304))
    return fail("status allows no body");
  if (!isOptionalText(r.headers_offset, r.headers_length)) return fail("headers out of bounds");
  if (r.body_length > abi::limits::kMaxRespondBodyBytes ||
      r.headers_length > abi::limits::kMaxRespondHeadersBytes) {
    return fail("direct response too large");
  }
  if (!text::isFieldLines(image_.str(r.headers_offset, r.headers_length))) {
    return fail("headers of a direct response are no header lines");
  }
  return true;
}

}  // namespace millrace
