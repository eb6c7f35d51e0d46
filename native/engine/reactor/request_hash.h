#ifndef MILLRACE_ENGINE_REACTOR_REQUEST_HASH_H_
#define MILLRACE_ENGINE_REACTOR_REQUEST_HASH_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/rng.h"
#include "engine/http/request_head.h"
#include "engine/http/upstream_head.h"
#include "engine/image/image.h"
#include "engine/net/buffer.h"

namespace millrace {

// What a hashing balancer goes by. `present` is false when the request has none of the sources: the
// endpoint is then drawn by weight.
struct RequestHash {
  bool present = false;
  uint64_t value = 0;
};

// Hashes the `hashOn` sources of a balancer. Sources that are present are combined in order; a
// terminal one ends the list (Envoy's hash_policy). For a missing cookie that has a ttl, a random
// value is made up, and the Set-Cookie line that gives it to the client ("name: value\r\n") is
// appended to `response_lines`: the next request then comes back to the same endpoint. The value
// says nothing of the endpoint, so that a client learns nothing by it.
RequestHash hashRequest(const Image& image, const abi::ListenerRecord& listener,
                        const abi::BalancerRecord& balancer, const RequestHead& request,
                        std::string_view path, const Downstream& downstream, Rng& rng,
                        Buffer* response_lines) noexcept;

// What one source of that list has to say: a view into the request, or into `address_bytes`. A
// cookie that is missing is made up by `hashRequest` only.
using AddressBytes = std::array<char, sizeof(IpAddress::words)>;
std::optional<std::string_view> hashSourceValue(const Image& image,
                                                const abi::ListenerRecord& listener,
                                                const abi::HashSourceRecord& source,
                                                const RequestHead& request, std::string_view path,
                                                const Downstream& downstream,
                                                AddressBytes& address_bytes) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_REACTOR_REQUEST_HASH_H_
