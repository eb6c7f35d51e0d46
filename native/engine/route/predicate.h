#ifndef MILLRACE_ENGINE_ROUTE_PREDICATE_H_
#define MILLRACE_ENGINE_ROUTE_PREDICATE_H_

#include "engine/image/image.h"
#include "engine/route/request_view.h"

namespace millrace {

// Whether one header or query predicate holds. A name that occurs several times satisfies it with
// any of its values; `negate` turns the whole answer round, so "not" also holds when the name is
// absent. Query names and values are compared after percent-decoding, with "+" as a space; a broken
// escape stands for itself.
bool predicateHolds(const Image& image, const abi::PredicateRecord& predicate,
                    const RequestView& request) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_ROUTE_PREDICATE_H_
