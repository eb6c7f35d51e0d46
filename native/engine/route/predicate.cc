#include "engine/route/predicate.h"

#include <cstddef>

#include "engine/route/dfa.h"

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

int hexDigit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Reads one character of a query at `*i` and moves past it.
char decodeAt(std::string_view text, std::size_t* i) noexcept {
  const char c = text[(*i)++];
  if (c == '+') return ' ';
  if (c != '%' || text.size() - *i < 2) return c;
  const int high = hexDigit(text[*i]);
  const int low = hexDigit(text[*i + 1]);
  if (high < 0 || low < 0) return c;
  *i += 2;
  return static_cast<char>(high * 16 + low);
}

bool decodesTo(std::string_view text, std::string_view wanted) noexcept {
  std::size_t i = 0;
  for (const char c : wanted) {
    if (i == text.size() || decodeAt(text, &i) != c) return false;
  }
  return i == text.size();
}

bool isDecoded(std::string_view text) noexcept {
  return text.find_first_of("%+") == std::string_view::npos;
}

bool escapedValueHolds(const Image& image, const abi::PredicateRecord& predicate,
                       std::string_view value) noexcept {
  char decoded[kMaxQueryBytes];
  if (value.size() > sizeof(decoded)) return false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < value.size();) decoded[length++] = decodeAt(value, &i);
  return valueHolds(image, predicate, {decoded, length});
}

bool queryHolds(const Image& image, const abi::PredicateRecord& predicate,
                std::string_view query) noexcept {
  const std::string_view name = image.str(predicate.name_offset, predicate.name_length);
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const std::size_t equals = pair.find('=');
    if (!decodesTo(pair.substr(0, equals), name)) continue;
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    const bool holds = isDecoded(value) ? valueHolds(image, predicate, value)
                                        : escapedValueHolds(image, predicate, value);
    if (holds) return true;
  }
  return false;
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
