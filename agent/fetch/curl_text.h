#pragma once
/* What libcurl says of a failure, for people. Pure. */

/* Takes out of it how long that took (" after 3 ms"), in place: the same failure is the same text,
 * so that it counts as one event however often it comes, and a status does not change with it. */
void curl_text_timeless(char *text);
