#ifndef MILLRACE_ENGINE_UPSTREAM_TLS_CONTEXT_H_
#define MILLRACE_ENGINE_UPSTREAM_TLS_CONTEXT_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

namespace millrace {

// Client side TLS of a cluster. OpenSSL is the copy inside Node, whose symbols an addon may use.
// One context is shared by all workers: SSL_CTX is reference counted and safe to read from many
// threads once it is set up.
class TlsContext {
 public:
  struct Options {
    bool verify = true;
    std::string_view ca_pem;
    std::string_view cert_pem;  // client identity, or empty
    std::string_view key_pem;
  };

  // nullptr and a sentence in `*error` when the PEM texts are not usable.
  static std::shared_ptr<const TlsContext> make(const Options& options, std::string* error);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // A client connection over `fd`, named for SNI and verification (a DNS name or an IP address).
  // nullptr when OpenSSL is out of memory or the name is not acceptable.
  SSL* connect(int fd, std::string_view server_name) const noexcept;

 private:
  explicit TlsContext(SSL_CTX* context) noexcept : context_(context) {}
  SSL_CTX* const context_;
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_UPSTREAM_TLS_CONTEXT_H_
