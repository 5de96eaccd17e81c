// OpenSSL 3, and as functions and constants what it has only as macros.
#ifndef SLUICE_COPENSSL_H
#define SLUICE_COPENSSL_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static const uint64_t sluice_context_options =
    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
    SSL_OP_PRIORITIZE_CHACHA;

static const unsigned long sluice_name_flags = XN_FLAG_RFC2253;

// Buffers are given back while a session is idle, and every call ends after a
// record that is not application data, so that a caller can count these.
static inline void sluice_context_set_modes(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
}

static inline int sluice_context_set_minimum_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int sluice_context_set_groups(SSL_CTX *context, const char *groups) {
  return (int)SSL_CTX_set1_groups_list(context, groups);
}

static inline void sluice_context_set_session_cache_off(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline void sluice_context_set_certificate_list_limit(SSL_CTX *context, long bytes) {
  SSL_CTX_set_max_cert_list(context, bytes);
}

static inline int sluice_context_add_chain(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline void sluice_context_set_server_name_callback(
    SSL_CTX *context, int (*callback)(SSL *, int *, void *), void *argument) {
  SSL_CTX_set_tlsext_servername_callback(context, callback);
  SSL_CTX_set_tlsext_servername_arg(context, argument);
}

static inline void sluice_session_set_message_argument(SSL *session, void *argument) {
  SSL_set_msg_callback_arg(session, argument);
}

static inline int sluice_session_set_server_name(SSL *session, const char *name) {
  return (int)SSL_set_tlsext_host_name(session, name);
}

static inline int sluice_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int sluice_error_library(unsigned long code) { return ERR_GET_LIB(code); }

// The text that was written to a memory BIO, valid while that lives.
static inline long sluice_memory_text(BIO *bio, char **text) {
  return BIO_get_mem_data(bio, text);
}

// The dNSNames of a certificate, as (start, length) pairs for `each`. How many
// there are; -1 when the certificate has no subject alternative names at all.
static inline int sluice_certificate_each_dns_name(
    X509 *certificate, void *argument,
    void (*each)(void *argument, const unsigned char *start, int length)) {
  GENERAL_NAMES *names =
      (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  int found = 0;
  if (names == NULL) return -1;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_DNS) continue;
    each(argument, ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
    found++;
  }
  GENERAL_NAMES_free(names);
  return found;
}

// Adds the subject of a certificate to the authorities that clients are told.
static inline int sluice_context_add_authority(SSL_CTX *context, X509 *certificate) {
  return SSL_CTX_add_client_CA(context, certificate);
}

// Prepares the ciphers of a session ticket: AES-256-CBC and HMAC-SHA-256, keys
// of 32 bytes each, one after the other. 1 on success.
static inline int sluice_ticket_prepare(
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const unsigned char *keys,
    const unsigned char *iv, int encrypts) {
  OSSL_PARAM parameters[3] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(keys + 32), 32),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
      OSSL_PARAM_construct_end(),
  };
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys, iv, encrypts) == 1 &&
         EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

#endif
