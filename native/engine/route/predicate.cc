#include "engine/route/predicate.h"

#include <cstddef>

#include "engine/route/dfa.h"
#include "engine/route/query.h"

namespace millrace {

namespace {

// A query cannot be longer than the largest request head.
constexpr std::size_t kMaxQueryBytes = 65536;

bool valueHolds(const Image& image, const abi::PredicateRecord& predicate,
                std::string_view value) noexcept {
  namespace op = abi::predicate_operator;
  const std::string_view wanted = image.str(predicate.value_offset, predicate.value_length);
  switch (predicate.op) {
    case op::kPresent:
      return true;
    case op::kExact:
      return value == wanted;
    case op::kPrefix:
      return value.starts_with(wanted);
    case op::kSuffix:
      return value.ends_with(wanted);
    case op::kContains:
      return value.find(wanted) != std::string_view::npos;
    default:
      return dfaMatches(image, predicate.dfa, value);
  }
}

bool headerHolds(const Image& image, const abi::PredicateRecord& predicate,
                 const RequestView& request) noexcept {
  const std::string_view name = image.str(predicate.name_offset, predicate.name_length);
  for (const HeaderSlice& header : request.headers) {
    if (header.name == name && valueHolds(image, predicate, header.value)) return true;
  }
  return false;
}

bool isDecoded(std::string_view text) noexcept {
  return text.find_first_of("%+") == std::string_view::npos;
}

bool escapedValueHolds(const Image& image, const abi::PredicateRecord& predicate,
                       std::string_view value) noexcept {
  char decoded[kMaxQueryBytes];
  if (value.size() > sizeof(decoded)) return false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < value.size();) decoded[length++] = query::decodeAt(value, &i);
  return valueHolds(image, predicate, {decoded, length});
}

bool queryHolds(const Image& image, const abi::PredicateRecord& predicate,
                std::string_view text) noexcept {
  const std::string_view name = image.str(predicate.name_offset, predicate.name_length);
  return query::eachValue(text, name, [&](std::string_view value) {
    return isDecoded(value) ? valueHolds(image, predicate, value)
                            : escapedValueHolds(image, predicate, value);
  });
}

}  // namespace

bool predicateHolds(const Image& image, const abi::PredicateRecord& predicate,
                    const RequestView& request) noexcept {
  const bool holds = predicate.source == abi::predicate_source::kHeader
                         ? headerHolds(image, predicate, request)
                         : queryHolds(image, predicate, request.query);
  return holds != (predicate.negate != 0);
}

}  // namespace millrace
