// GnuTLS for a libmicrohttpd that is linked into the program: a wheel needs libc alone, so what the server calls of it
// are jumps through a table here, which is filled when TLS is wanted. Plain HTTP calls only the two functions at its
// start and end.
#include "agent/tls.h"

#include <dlfcn.h>

#define FUNCTIONS(X)                           \
	X(alpn_set_protocols)                  \
	X(bye)                                 \
	X(certificate_allocate_credentials)    \
	X(certificate_free_credentials)        \
	X(certificate_server_set_request)      \
	X(certificate_set_dh_params)           \
	X(certificate_set_retrieve_function2)  \
	X(certificate_set_retrieve_function3)  \
	X(certificate_set_x509_key_mem)        \
	X(certificate_set_x509_key_mem2)       \
	X(certificate_set_x509_trust_mem)      \
	X(check_version)                       \
	X(cipher_get)                          \
	X(credentials_set)                     \
	X(deinit)                              \
	X(dh_params_deinit)                    \
	X(dh_params_import_pkcs3)              \
	X(dh_params_init)                      \
	X(handshake)                           \
	X(init)                                \
	X(priority_deinit)                     \
	X(priority_init)                       \
	X(priority_set)                        \
	X(protocol_get_version)                \
	X(psk_allocate_server_credentials)     \
	X(psk_free_server_credentials)         \
	X(psk_set_server_credentials_function) \
	X(record_check_pending)                \
	X(record_get_direction)                \
	X(record_recv)                         \
	X(record_send)                         \
	X(session_get_ptr)                     \
	X(session_set_ptr)                     \
	X(strerror)                            \
	X(transport_set_int2)

#if defined(__x86_64__)
#define JUMP(name) "jmp *ff_late_" #name "(%rip)\n"
#elif defined(__aarch64__)
#define JUMP(name) "adrp x16, ff_late_" #name "\nldr x16, [x16, #:lo12:ff_late_" #name "]\nbr x16\n"
#else
#error "write the jump of this architecture"
#endif

#define SLOT(name) __attribute__((visibility("hidden"), used)) void *ff_late_##name;
#define CODE(name)                                                                              \
	__asm__(".text\n.globl gnutls_" #name "\n.hidden gnutls_" #name "\n.type gnutls_" #name \
		", %function\ngnutls_" #name ":\n" JUMP(name));
FUNCTIONS(SLOT)
FUNCTIONS(CODE)

int gnutls_global_init(void);
int gnutls_global_init(void)
{
	return 0; // the library does so by itself when it is opened
}

void gnutls_global_deinit(void);
void gnutls_global_deinit(void)
{
}

// It is data there. Only keys that two sides share need it, and we have none.
extern void *(*gnutls_malloc)(size_t n);
void *(*gnutls_malloc)(size_t n) = malloc;

struct ff_error *ff_tls_bind(void)
{
	static const struct {
		const char *name;
		void **slot;
	} rows[] = {
#define ROW(name) {"gnutls_" #name, &ff_late_##name},
		FUNCTIONS(ROW)
#undef ROW
	};
#ifdef FF_ALONE
	void *handle = NULL; // a library of this machine does not fit a libc of our own
#else
	void *handle = dlopen("libgnutls.so.30", RTLD_NOW | RTLD_LOCAL);
#endif
	if (!handle)
		return ff_error_create(FF_EABSENT, "libgnutls.so.30 cannot be opened");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*rows[i].slot = dlsym(handle, rows[i].name);
		if (!*rows[i].slot)
			return ff_error_create(FF_EABSENT, "libgnutls.so.30 has no %s", rows[i].name);
	}
	return NULL;
}
