#ifndef MILLRACE_ENGINE_ROUTE_MATCHER_H_
#define MILLRACE_ENGINE_ROUTE_MATCHER_H_

#include <cstdint>

#include "engine/image/image.h"
#include "engine/route/request_view.h"

namespace millrace {

// The ROUTE index that serves a request, or kNone. `route_table` is an index of the image.
//
// Virtual host: the exact host, else the longest wildcard suffix, else "*"; no other one is tried
// afterwards. Inside it: the exact path, then the expressions in declared order, then the prefixes,
// longest first. A prefix covers whole segments: "/v1" matches "/v1" and "/v1/x" and not "/v10";
// one that ends in "/" matches what is below it. Routes of one path key are tried in declared
// order, and the first whose method and predicates hold wins; when none does, the next path key is
// tried.
//
// One hash probe per host suffix and per prefix length that both the path and the table have;
// linear in the length of the path whatever the request looks like.
uint32_t matchRoute(const Image& image, uint32_t route_table, const RequestView& request) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_MATCHER_H_
