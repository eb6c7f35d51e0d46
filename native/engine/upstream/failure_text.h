#ifndef MILLRACE_ENGINE_UPSTREAM_FAILURE_TEXT_H_
#define MILLRACE_ENGINE_UPSTREAM_FAILURE_TEXT_H_

#include <openssl/ssl.h>

#include <cstdint>
#include <string_view>

namespace millrace {

// Why no connection came about, as a line for the client. Static texts: nothing of the upstream's
// own words, and nothing that tells an outsider where the upstream is.
std::string_view describeConnectError(int error) noexcept;  // an errno value
// Whether it was this process or machine that was short of something, which says nothing of the
// endpoint.
bool isOwnShortage(int error) noexcept;
std::string_view describeTlsError(SSL* ssl) noexcept;  // of a failed handshake; may be null

// What the client is answered when an attempt failed with that flag (abi::response_flag) and no
// other follows: 504 when it ended by time, else 502.
uint32_t gatewayStatus(uint32_t flag) noexcept;

}  // namespace millrace

#endif  // MILLRACE_ENGINE_UPSTREAM_FAILURE_TEXT_H_
