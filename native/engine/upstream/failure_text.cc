#include "engine/upstream/failure_text.h"

#include <openssl/x509_vfy.h>

#include <cerrno>

#include "abi.h"

namespace millrace {

std::string_view describeConnectError(int error) noexcept {
  switch (error) {
    case ECONNREFUSED:
      return "upstream connection failed: refused\n";
    case ECONNRESET:
    case EPIPE:
      return "upstream connection failed: reset\n";
    case ETIMEDOUT:
      return "upstream connection failed: timed out\n";
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      return "upstream connection failed: unreachable\n";
    case ENOENT:
      return "upstream connection failed: no such socket\n";
    case EACCES:
    case EPERM:
      return "upstream connection failed: not permitted\n";
    case EADDRNOTAVAIL:
      return "upstream connection failed: no local port left\n";
    case EMFILE:
    case ENFILE:
      return "upstream connection failed: no file descriptor left\n";
    case ENOMEM:
    case ENOBUFS:
      return "upstream connection failed: out of memory\n";
    case EAGAIN:  // of a unix socket
      return "upstream connection failed: its queue is full\n";
    default:
      return "upstream connection failed\n";
  }
}

bool isOwnShortage(int error) noexcept {
  switch (error) {
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return true;
    default:
      return false;
  }
}

std::string_view describeTlsError(SSL* ssl) noexcept {
  switch (ssl == nullptr ? X509_V_OK : SSL_get_verify_result(ssl)) {
    case X509_V_OK:
      return "upstream TLS handshake failed\n";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "upstream certificate refused: expired\n";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "upstream certificate refused: not valid yet\n";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "upstream certificate refused: for another name\n";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "upstream certificate refused: self-signed\n";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "upstream certificate refused: unknown issuer\n";
    default:
      return "upstream certificate refused\n";
  }
}

uint32_t gatewayStatus(uint32_t flag) noexcept {
  namespace f = abi::response_flag;
  return flag == f::kUct || flag == f::kUtt || flag == f::kUpt || flag == f::kUt ? 504 : 502;
}

}  // namespace millrace
