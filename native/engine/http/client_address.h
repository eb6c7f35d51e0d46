#ifndef MILLRACE_ENGINE_HTTP_CLIENT_ADDRESS_H_
#define MILLRACE_ENGINE_HTTP_CLIENT_ADDRESS_H_

#include <span>

#include "engine/http/request_head.h"
#include "engine/route/cidr.h"

namespace millrace {

// The address of the client of a request: `peer`, or what the trusted proxies say in all
// X-Forwarded-For lines of the head (clientAddress in cidr.h has the rules). Pure.
IpAddress clientAddressOf(const RequestHead& request, const IpAddress& peer,
                          std::span<const abi::CidrRecord> trust) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_HTTP_CLIENT_ADDRESS_H_
