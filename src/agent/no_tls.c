// Stands in for GnuTLS where libmicrohttpd is linked into the program (a wheel needs libc alone): the server speaks
// plain HTTP, and of GnuTLS it only calls these two, at its start and end. The linker gives every other function of it
// the address 0.
int gnutls_global_init(void);
int gnutls_global_init(void)
{
	return 0;
}

void gnutls_global_deinit(void);
void gnutls_global_deinit(void)
{
}
