/* Assertions that stay on in release builds: a broken invariant ends the process, bad input never does. */
#ifndef EDDY_BASE_ASSERT_H
#define EDDY_BASE_ASSERT_H

/* Prints the place and the broken condition on stderr and aborts. */
_Noreturn void eddy_assert_failed(const char *file, int line, const char *condition);

#define EDDY_ASSERT(condition) ((condition) ? (void)0 : eddy_assert_failed(__FILE__, __LINE__, #condition))

#endif
