// Stands in for OpenSSL, which lives inside Node and cannot be linked here. "TLS" of these tests is
// a handshake of one byte each way ("C" from the client, "S" from the server), plain bytes to the
// server, and records of a length byte and that many bytes to the client: enough to drive every
// state of a connection. Verification, names and real records are tested through Node.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "engine/upstream/tls_context.h"

struct ssl_st {
  int fd;
  bool asked = false;
  bool finished = false;
  int error = SSL_ERROR_NONE;
  std::string raw = {};    // read from the socket, as records
  std::string plain = {};  // of whole records
};

long SSL_get_verify_result(const SSL*) { return 0; }

namespace {

int failed(SSL* ssl, ssize_t result) {
  ssl->error = result == 0                               ? SSL_ERROR_ZERO_RETURN
               : errno == EAGAIN || errno == EWOULDBLOCK ? SSL_ERROR_WANT_READ
                                                         : SSL_ERROR_SYSCALL;
  return -1;
}

// Reads ahead, as the engine asks OpenSSL to.
ssize_t fill(SSL* ssl) {
  char bytes[200];
  const ssize_t got = ::recv(ssl->fd, bytes, sizeof bytes, 0);
  if (got > 0) ssl->raw.append(bytes, static_cast<std::size_t>(got));
  while (!ssl->raw.empty() && ssl->raw.size() > static_cast<uint8_t>(ssl->raw[0])) {
    const std::size_t length = static_cast<uint8_t>(ssl->raw[0]);
    ssl->plain.append(ssl->raw, 1, length);
    ssl->raw.erase(0, 1 + length);
  }
  return got;
}

}  // namespace

extern "C" {

int SSL_get_error(const SSL* ssl, int) { return ssl->error; }
void ERR_clear_error() {}
int SSL_is_init_finished(const SSL* ssl) { return ssl->finished ? 1 : 0; }
int SSL_shutdown(SSL*) { return 1; }
int SSL_get_shutdown(const SSL*) { return 0; }  // the fake stream ends with its socket
void SSL_free(SSL* ssl) { delete ssl; }
int SSL_has_pending(const SSL* ssl) { return ssl->raw.empty() && ssl->plain.empty() ? 0 : 1; }

int SSL_do_handshake(SSL* ssl) {
  if (!ssl->asked && ::send(ssl->fd, "C", 1, MSG_NOSIGNAL) != 1) return failed(ssl, -1);
  ssl->asked = true;
  char answer = 0;
  const ssize_t got = ::recv(ssl->fd, &answer, 1, 0);
  if (got != 1) return failed(ssl, got);
  if (answer != 'S') {
    ssl->error = SSL_ERROR_SSL;
    return -1;
  }
  ssl->finished = true;
  return 1;
}

int SSL_read(SSL* ssl, void* into, int n) {
  if (ssl->plain.empty()) {
    const ssize_t got = fill(ssl);
    if (ssl->plain.empty()) {
      if (got > 0) errno = EAGAIN;
      return failed(ssl, got > 0 ? -1 : got);
    }
  }
  const std::size_t take = std::min(ssl->plain.size(), static_cast<std::size_t>(n));
  std::copy_n(ssl->plain.begin(), take, static_cast<char*>(into));
  ssl->plain.erase(0, take);
  return static_cast<int>(take);
}

int SSL_write(SSL* ssl, const void* from, int n) {
  const ssize_t sent = ::send(ssl->fd, from, static_cast<std::size_t>(n), MSG_NOSIGNAL);
  return sent > 0 ? static_cast<int>(sent) : failed(ssl, -1);
}

}  // extern "C"

namespace millrace {

std::shared_ptr<const TlsContext> TlsContext::make(const Options&, std::string*) {
  return std::shared_ptr<const TlsContext>(new TlsContext(nullptr));
}
TlsContext::~TlsContext() = default;
SSL* TlsContext::connect(int fd, std::string_view) const noexcept { return new ssl_st{fd}; }

}  // namespace millrace
