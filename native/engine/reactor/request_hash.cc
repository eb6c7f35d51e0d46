#include "engine/reactor/request_hash.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>

#include "engine/balancer/key_hash.h"
#include "engine/http/client_address.h"
#include "engine/http/cookie.h"
#include "engine/route/query.h"

namespace millrace {
namespace {

constexpr size_t kCookieValueBytes = 16;

std::array<char, kCookieValueBytes> randomCookie(Rng& rng) noexcept {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::array<char, kCookieValueBytes> text;
  uint64_t bits = rng.next();
  for (char& c : text) {
    c = kDigits[bits & 15];
    bits >>= 4;
  }
  return text;
}

void writeSetCookie(const Image& image, const abi::HashSourceRecord& source, std::string_view value,
                    bool tls, Buffer* out) noexcept {
  out->append("set-cookie: ");
  out->append(image.str(source.name_offset, source.name_length));
  out->append("=");
  out->append(value);
  out->append("; Path=");
  out->append(image.str(source.path_offset, source.path_length));
  if (source.ttl_seconds != 0) {
    char digits[12];
    const char* end = std::to_chars(digits, digits + sizeof digits, source.ttl_seconds).ptr;
    out->append("; Max-Age=");
    out->append(digits, static_cast<size_t>(end - digits));
  }
  out->append(tls ? "; HttpOnly; SameSite=Lax; Secure\r\n" : "; HttpOnly; SameSite=Lax\r\n");
}

std::optional<std::string_view> headerValue(const RequestHead& request,
                                            std::string_view name) noexcept {
  for (uint32_t i = 0; i < request.field_count; ++i) {
    if (request.fields[i].name == name) return request.fields[i].value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> hashSourceValue(const Image& image,
                                                const abi::ListenerRecord& listener,
                                                const abi::HashSourceRecord& source,
                                                const RequestHead& request, std::string_view path,
                                                const Downstream& downstream,
                                                AddressBytes& address_bytes) noexcept {
  const std::string_view name = image.str(source.name_offset, source.name_length);
  switch (source.kind) {
    case abi::hash_source_kind::kHeader:
      return headerValue(request, name);
    case abi::hash_source_kind::kCookie:
      return cookieValue({request.fields.data(), request.field_count}, name);
    case abi::hash_source_kind::kClientIp: {
      const IpAddress client = clientAddressOf(request, downstream.peer, image.trust(listener));
      if (!client.valid()) return std::nullopt;
      std::memcpy(address_bytes.data(), client.words, address_bytes.size());
      return std::string_view(address_bytes.data(),
                              client.family == abi::family::kIpv4 ? 4 : address_bytes.size());
    }
    case abi::hash_source_kind::kPath:
      return path;
    default:
      return query::firstValue(request.query, name);
  }
}

RequestHash hashRequest(const Image& image, const abi::ListenerRecord& listener,
                        const abi::BalancerRecord& balancer, const RequestHead& request,
                        std::string_view path, const Downstream& downstream, Rng& rng,
                        Buffer* response_lines) noexcept {
  RequestHash hash;
  const auto sources = image.hashSources().subspan(balancer.hash_start, balancer.hash_count);
  for (const abi::HashSourceRecord& source : sources) {
    AddressBytes address_bytes;
    std::array<char, kCookieValueBytes> made_up;
    std::optional<std::string_view> value =
        hashSourceValue(image, listener, source, request, path, downstream, address_bytes);
    if (!value.has_value() && source.kind == abi::hash_source_kind::kCookie &&
        source.ttl_seconds != abi::kNone) {
      made_up = randomCookie(rng);
      value = std::string_view(made_up.data(), made_up.size());
      writeSetCookie(image, source, *value, downstream.tls, response_lines);
    }
    if (value.has_value()) {
      hash.value = combineHash(hash.value, hashSource(*value));
      hash.present = true;
    }
    if (hash.present && (source.flags & abi::hash_source_flag::kTerminal) != 0) break;
  }
  return hash;
}

}  // namespace millrace
