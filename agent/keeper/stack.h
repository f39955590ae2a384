#pragma once

/* Gives the pages of the stack below the caller's frame back to the kernel, as far as deep calls
 * before have come to use them. Cheap: one system call; what is needed again is there again,
 * zeroed. Of the first thread alone. */
void stack_trim(void);
