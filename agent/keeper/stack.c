#include "agent/keeper/stack.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define RED_ZONE 128 /* bytes below the frame that a function may use all the same (x86-64 ABI) */
#define DEPTH ((uintptr_t)96 * 1024)

void stack_trim(void)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - RED_ZONE - page) & ~(page - 1);
    /* What is not mapped of it is passed over. */
    (void)madvise((void *)(end - DEPTH), DEPTH, MADV_DONTNEED);
}
