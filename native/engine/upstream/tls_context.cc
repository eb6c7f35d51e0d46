#include "engine/upstream/tls_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace millrace {
namespace {

struct Free {
  void operator()(BIO* p) const noexcept { BIO_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(SSL_CTX* p) const noexcept { SSL_CTX_free(p); }
  void operator()(SSL* p) const noexcept { SSL_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Owned<BIO> reader(std::string_view pem) {
  return Owned<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

size_t addRoots(X509_STORE* store, std::string_view pem) {
  const Owned<BIO> bio = reader(pem);
  size_t added = 0;
  while (bio != nullptr) {
    const Owned<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    if (X509_STORE_add_cert(store, certificate.get()) == 1) ++added;
  }
  ERR_clear_error();  // the end of the text is reported as an error
  return added;
}

bool addIdentity(SSL_CTX* context, std::string_view cert_pem, std::string_view key_pem) {
  const Owned<BIO> cert_bio = reader(cert_pem);
  const Owned<BIO> key_bio = reader(key_pem);
  if (cert_bio == nullptr || key_bio == nullptr) return false;
  const Owned<X509> leaf(PEM_read_bio_X509(cert_bio.get(), nullptr, nullptr, nullptr));
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
  if (leaf == nullptr || key == nullptr) return false;
  if (SSL_CTX_use_certificate(context, leaf.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return false;
  while (X509* link = PEM_read_bio_X509(cert_bio.get(), nullptr, nullptr, nullptr)) {
    if (SSL_CTX_add0_chain_cert(context, link) != 1) {
      X509_free(link);
      return false;
    }
  }
  ERR_clear_error();
  return SSL_CTX_check_private_key(context) == 1;
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::make(const Options& options, std::string* error) {
  Owned<SSL_CTX> context(SSL_CTX_new(TLS_client_method()));
  if (context == nullptr) {
    *error = "upstream TLS: out of memory";
    return nullptr;
  }
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Whole records are read at once, and a write that is repeated may come from another place.
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  if (options.verify) {
    if (addRoots(SSL_CTX_get_cert_store(context.get()), options.ca_pem) == 0) {
      *error = "upstream TLS: no usable CA certificate";
      return nullptr;
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!options.cert_pem.empty() && !addIdentity(context.get(), options.cert_pem, options.key_pem)) {
    ERR_clear_error();
    *error = "upstream TLS: client certificate and key are not usable together";
    return nullptr;
  }
  return std::shared_ptr<const TlsContext>(new TlsContext(context.release()));
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

SSL* TlsContext::connect(int fd, std::string_view server_name) const noexcept {
  // Without a name nothing could be verified; a chain alone proves nothing.
  if (server_name.empty() && SSL_CTX_get_verify_mode(context_) != SSL_VERIFY_NONE) return nullptr;
  Owned<SSL> ssl(SSL_new(context_));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return nullptr;
  if (!server_name.empty()) {
    const std::string name(server_name);
    unsigned char address[16];
    if (inet_pton(AF_INET, name.c_str(), address) == 1 ||
        inet_pton(AF_INET6, name.c_str(), address) == 1) {
      if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str()) != 1)
        return nullptr;
    } else {
      if (SSL_set_tlsext_host_name(ssl.get(), name.c_str()) != 1 ||
          SSL_set1_host(ssl.get(), name.c_str()) != 1)
        return nullptr;
    }
  }
  SSL_set_connect_state(ssl.get());
  return ssl.release();
}

}  // namespace millrace
