// For programs that are to run on an older glibc than they are built with (a wheel). glibc 2.29 gave these functions a
// new version, which differs in how errors reach errno; SQLite and Lua call them, and alone would make 2.29 the oldest
// glibc. The linker sends each call here (--wrap), and from here it goes to the first version.
//
//	$ objdump -T firstfix-tool | grep GLIBC_2.29     nothing
#ifdef __aarch64__
#define FIRST "GLIBC_2.17"
#else
#define FIRST "GLIBC_2.2.5"
#endif

#define OLD(name, parameters, arguments)                      \
	__asm__(".symver ff_old_" #name "," #name "@" FIRST); \
	double ff_old_##name parameters;                      \
	double __wrap_##name parameters;                      \
	double __wrap_##name parameters                       \
	{                                                     \
		return ff_old_##name arguments;               \
	}

OLD(exp, (double x), (x))
OLD(log, (double x), (x))
OLD(log2, (double x), (x))
OLD(pow, (double x, double y), (x, y))
