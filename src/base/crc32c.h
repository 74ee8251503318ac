/* CRC-32C (Castagnoli, RFC 3720 appendix B.4). Table-driven, SSE4.2 where the CPU has it (same result). */
#ifndef EDDY_BASE_CRC32C_H
#define EDDY_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to start) over the bytes. "123456789" gives 0xE3069283. */
uint32_t eddy_crc32c(uint32_t crc, const void *bytes, size_t size);
/* The same without SSE4.2, so that a test can compare. */
uint32_t eddy_crc32c_table(uint32_t crc, const void *bytes, size_t size);

#endif
