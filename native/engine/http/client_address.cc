#include "engine/http/client_address.h"

namespace millrace {

IpAddress clientAddressOf(const RequestHead& request, const IpAddress& peer,
                          std::span<const abi::CidrRecord> trust) noexcept {
  IpAddress known = peer;
  if (!anyCidrContains(trust, peer)) return known;
  for (uint32_t i = request.field_count; i > 0; --i) {
    if (request.ids[i - 1] != HeaderId::kXForwardedFor) continue;
    if (!walkForwardedFor(request.fields[i - 1].value, trust, &known)) return known;
  }
  return known;
}

}  // namespace millrace
