#pragma once
/* Made with OpenSSL 3 and python3-cryptography; nothing of ours took part. */

#include <stdint.h>

/* RFC 6979 appendix A.2.5 */
static const char rfc6979_sec1[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49\n"
    "AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8\n"
    "maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
    "-----END EC PRIVATE KEY-----\n";
static const char rfc6979_pkcs8[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX\n"
    "Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth\n"
    "+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ\n"
    "-----END PRIVATE KEY-----\n";
static const char rfc6979_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7\n"
    "Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==\n"
    "-----END PUBLIC KEY-----\n";
static const char rfc6979_encrypted[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIH0MF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBAmu72BcDrjdt5J9Gsn\n"
    "+B6NAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQ1jfgcHpfUZJzzGle\n"
    "vSBB/gSBkOotkp7jpCu17QLZj/Wwp87hwIxO5L5E1zIMKr1FqhfgTh529cFT7qlp\n"
    "kVw/UtQ2iOnHI+dj0gPkNJaLrCfn5YPySovWPCe7+oViqU6HgJhVZ414LAGO4g0Q\n"
    "0SaXV+NlhqJJJbcpeTHmSG6N8qvszv7lQGElwpw8c8j712RjYs5+4VCibD3+T0O6\n"
    "BReEHKr6ug==\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char rfc6979_id[] = "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4";
static const char wrong_point[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49\n"
    "AwEHoUQDQgAER33+Ju0NVOcWShEW9zykJ0HBcCnsN7OeYWc2XRQsSsmagnzpUNNg\n"
    "iQ+ONXHRBeJ8GKD3JbpDwrRIXmfoUyIU/Q==\n"
    "-----END EC PRIVATE KEY-----\n";
static const char p384_private[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAAAAAAAAAAAAAAAAAA\n"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWhZANiAAQR3iSiwlHH\n"
    "d1c8rF6gJeRn8gjlHb/5j8VPZmHL5WWDsDeIL0ocopfmCrzbw4NthLyPppbHdED5\n"
    "LQ9YN+kKAOfFKEtEd1TV3uiMmGUztpAa6zF3aG0K6PszGEQUq+bBcTo=\n"
    "-----END PRIVATE KEY-----\n";
/* "the secret" for "default/web", sealed to rfc6979_public as decision 0005 says */
static const uint8_t sealed_vector[] = {
    0x01, 0x04, 0x08, 0x8b, 0xb9, 0xff, 0x22, 0xab, 0x29, 0x1a, 0x74, 0xc8, 0x6f, 0xc6, 0x77,
    0xba, 0x89, 0x7b, 0xaa, 0xde, 0xe3, 0x70, 0xcc, 0x61, 0x29, 0xb8, 0x2d, 0x17, 0x0b, 0xa3,
    0xfc, 0x26, 0x41, 0x5c, 0x44, 0x2d, 0xa9, 0xa7, 0x16, 0x06, 0x79, 0x56, 0xd9, 0x1e, 0xaa,
    0x02, 0xb9, 0x3a, 0xd4, 0x09, 0x49, 0x0e, 0x87, 0xcd, 0x5e, 0x75, 0x8e, 0xa6, 0xa3, 0x31,
    0xa1, 0xde, 0xb7, 0x5b, 0xa8, 0x46, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
    0x09, 0x0a, 0x0b, 0x23, 0x86, 0x99, 0x39, 0x5b, 0x7f, 0x9a, 0x07, 0x74, 0x51, 0x7d, 0x71,
    0x5a, 0x3f, 0x13, 0x68, 0x1d, 0x2d, 0x9d, 0xf4, 0x42, 0xbf, 0xc1, 0xb1, 0x85, 0x90,
};
/* "Example CA", 2020-01-01 to 2040-01-01 */
static const char ca_pem[] = "-----BEGIN CERTIFICATE-----\n"
                             "MIIBUDCB96ADAgECAgISNDAKBggqhkjOPQQDAjAnMRAwDgYDVQQKDAdFeGFtcGxl\n"
                             "MRMwEQYDVQQDDApFeGFtcGxlIENBMB4XDTIwMDEwMTAwMDAwMFoXDTQwMDEwMTAw\n"
                             "MDAwMFowJzEQMA4GA1UECgwHRXhhbXBsZTETMBEGA1UEAwwKRXhhbXBsZSBDQTBZ\n"
                             "MBMGByqGSM49AgEGCCqGSM49AwEHA0IABBAO/9vA5aOGBIsJMaOjvJlJ04dWcIGd\n"
                             "G/fENED6FuqP5zph3cEHfr9SPIFhkpdhaN32b7WsHAObgglQcyaQ3rqjEzARMA8G\n"
                             "A1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAOqkkQemy2mfCjfTuXY2\n"
                             "MYPFv4T5nrNzu9pLth49lv+nAiBiVOqKcxLViPvudgcKp6Iisn9jVOzHJFHs9OVW\n"
                             "UALsLg==\n"
                             "-----END CERTIFICATE-----\n";
/* CN admin, O system:masters and ops, serial 0badcafe, 2024-02-29T01:02:03Z to 2030-01-01, key
 * rfc6979 */
static const char leaf_pem[] = "-----BEGIN CERTIFICATE-----\n"
                               "MIIBTjCB9KADAgECAgQLrcr+MAoGCCqGSM49BAMCMCcxEDAOBgNVBAoMB0V4YW1w\n"
                               "bGUxEzARBgNVBAMMCkV4YW1wbGUgQ0EwHhcNMjQwMjI5MDEwMjAzWhcNMzAwMTAx\n"
                               "MDAwMDAwWjA3MRcwFQYDVQQKDA5zeXN0ZW06bWFzdGVyczEMMAoGA1UECgwDb3Bz\n"
                               "MQ4wDAYDVQQDDAVhZG1pbjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGD+1Lol\n"
                               "Wp0xyWHrdMY1bWjASbiSO2H6bOZpYi5g8p+2eQP+EAi4vJmkGunpVii8ZPLxsgwt\n"
                               "fp9Rd6PClNRGIpkwCgYIKoZIzj0EAwIDSQAwRgIhAONmb0qsPQMPjiwxUT6CoORy\n"
                               "eD2AF4TmiEjx2zkjVZF0AiEApwSugg9vgHi4F8F7H41FRRAOZcAS5k6XgZ+akISJ\n"
                               "xBM=\n"
                               "-----END CERTIFICATE-----\n";
/* two common names */
static const char two_names_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBNDCB3KADAgECAgEHMAoGCCqGSM49BAMCMCcxEDAOBgNVBAoMB0V4YW1wbGUx\n"
    "EzARBgNVBAMMCkV4YW1wbGUgQ0EwHhcNMjQwMjI5MDAwMDAwWhcNMzAwMTAxMDAw\n"
    "MDAwWjAiMQ4wDAYDVQQDDAVhZG1pbjEQMA4GA1UEAwwHbWFsbG9yeTBZMBMGByqG\n"
    "SM49AgEGCCqGSM49AwEHA0IABGD+1LolWp0xyWHrdMY1bWjASbiSO2H6bOZpYi5g\n"
    "8p+2eQP+EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpkwCgYIKoZIzj0EAwID\n"
    "RwAwRAIgDXGUaFWaexKP6psg2rjW/2ZK3TxzLWmBct7LHtUA4noCIHjxa3HurcmX\n"
    "jaU//A3Nse1xQJrxzdJOGRONdjHBf7WF\n"
    "-----END CERTIFICATE-----\n";
static const char csr_plain[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                                "MIHTMHsCAQAwGTEXMBUGA1UEAwwOcGktMDEuMGExYjJjM2QwWTATBgcqhkjOPQIB\n"
                                "BggqhkjOPQMBBwNCAARg/tS6JVqdMclh63TGNW1owEm4kjth+mzmaWIuYPKftnkD\n"
                                "/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZoAAwCgYIKoZIzj0EAwIDSAAw\n"
                                "RQIgekGGspwG6arIz5AXekllvJrqZe//5uQlGBNN3sYAT9ICIQChKdMGKrCrw0Np\n"
                                "d/ebdGLH7JgMcEitnyecirIKsJ/5eQ==\n"
                                "-----END CERTIFICATE REQUEST-----\n";
/* with a sealing key among other extensions */
static const char csr_sealing[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBgDCCASUCAQAwGTEXMBUGA1UEAwwOcGktMDEuMGExYjJjM2QwWTATBgcqhkjO\n"
    "PQIBBggqhkjOPQMBBwNCAARg/tS6JVqdMclh63TGNW1owEm4kjth+mzmaWIuYPKf\n"
    "tnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZoIGpMIGmBgkqhkiG9w0B\n"
    "CQ4xgZgwgZUwDAYDVR0TAQH/BAIwADAQBgNVHREECTAHggVwaS0wMTBzBhRpgeug\n"
    "nPyWuqKk86y8kqzwtPHYewRbMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAER33+\n"
    "Ju0NVOcWShEW9zykJ0HBcCnsN7OeYWc2XRQsSsmagnzpUNNgiQ+ONXHRBeJ8GKD3\n"
    "JbpDwrRIXmfoUyIU/TAKBggqhkjOPQQDAgNJADBGAiEA0Ub6XrHWBXaK40oF9vEw\n"
    "LagQHlJ01zCKWeXZNPU6adYCIQDRW3HpEaYMYksqEE3DpqgK7Qs9TozKdFI5ODZE\n"
    "rU9kXg==\n"
    "-----END CERTIFICATE REQUEST-----\n";
static const char sealing_id[] = "7e602b11bcc30b2d2ba5e1965c87e260d63be65b3e3e4573452a57090ea6f66f";
/* the identity key once more as the sealing key */
static const char csr_same_key[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBgDCCASUCAQAwGTEXMBUGA1UEAwwOcGktMDEuMGExYjJjM2QwWTATBgcqhkjO\n"
    "PQIBBggqhkjOPQMBBwNCAARg/tS6JVqdMclh63TGNW1owEm4kjth+mzmaWIuYPKf\n"
    "tnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZoIGpMIGmBgkqhkiG9w0B\n"
    "CQ4xgZgwgZUwDAYDVR0TAQH/BAIwADAQBgNVHREECTAHggVwaS0wMTBzBhRpgeug\n"
    "nPyWuqKk86y8kqzwtPHYewRbMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYP7U\n"
    "uiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8maQa6elWKLxk8vGy\n"
    "DC1+n1F3o8KU1EYimTAKBggqhkjOPQQDAgNJADBGAiEAr3Dr2p3tWNUXJrTLjq3V\n"
    "kmKoEz9YuqQF62jD3TyqNPoCIQDgvl5KbkMUC6qGZvJhCsHrLD20Ms7zX7CilPaY\n"
    "4vhF0A==\n"
    "-----END CERTIFICATE REQUEST-----\n";
/* the sealing key is no key */
static const char csr_bad_sealing[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBJTCBywIBADAZMRcwFQYDVQQDDA5waS0wMS4wYTFiMmMzZDBZMBMGByqGSM49\n"
    "AgEGCCqGSM49AwEHA0IABGD+1LolWp0xyWHrdMY1bWjASbiSO2H6bOZpYi5g8p+2\n"
    "eQP+EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpmgUDBOBgkqhkiG9w0BCQ4x\n"
    "QTA/MAwGA1UdEwEB/wQCMAAwEAYDVR0RBAkwB4IFcGktMDEwHQYUaYHroJz8lrqi\n"
    "pPOsvJKs8LTx2HsEBTADYWJjMAoGCCqGSM49BAMCA0kAMEYCIQCeHcVi4GqvLrKs\n"
    "ycAGAyiCp0LMMRFhjEytu5O6950AYgIhAI/KKwLfFM1qnfkz4bvLBvRz0tNe6063\n"
    "FGp4nNqDJfxS\n"
    "-----END CERTIFICATE REQUEST-----\n";
static const char csr_sha384[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBfzCCASUCAQAwGTEXMBUGA1UEAwwOcGktMDEuMGExYjJjM2QwWTATBgcqhkjO\n"
    "PQIBBggqhkjOPQMBBwNCAARg/tS6JVqdMclh63TGNW1owEm4kjth+mzmaWIuYPKf\n"
    "tnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZoIGpMIGmBgkqhkiG9w0B\n"
    "CQ4xgZgwgZUwDAYDVR0TAQH/BAIwADAQBgNVHREECTAHggVwaS0wMTBzBhRpgeug\n"
    "nPyWuqKk86y8kqzwtPHYewRbMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAER33+\n"
    "Ju0NVOcWShEW9zykJ0HBcCnsN7OeYWc2XRQsSsmagnzpUNNgiQ+ONXHRBeJ8GKD3\n"
    "JbpDwrRIXmfoUyIU/TAKBggqhkjOPQQDAwNIADBFAiEAnpumDylkdnGvlhcNweCX\n"
    "0Jnq5xuI7t/sWb9j0wFqDbQCIFNHlpHRSKUoCW+j65nszRPZH0UGKMLFMOOQ4ksi\n"
    "sLJu\n"
    "-----END CERTIFICATE REQUEST-----\n";
/* renamed after it was signed */
static const char csr_altered[] =
    "-----BEGIN CERTIFICATE REQUEST-----\n"
    "MIIBfzCCASUCAQAwGTEXMBUGA1UEAwwOcGktMDIuMGExYjJjM2QwWTATBgcqhkjO\n"
    "PQIBBggqhkjOPQMBBwNCAARg/tS6JVqdMclh63TGNW1owEm4kjth+mzmaWIuYPKf\n"
    "tnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZoIGpMIGmBgkqhkiG9w0B\n"
    "CQ4xgZgwgZUwDAYDVR0TAQH/BAIwADAQBgNVHREECTAHggVwaS0wMTBzBhRpgeug\n"
    "nPyWuqKk86y8kqzwtPHYewRbMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAER33+\n"
    "Ju0NVOcWShEW9zykJ0HBcCnsN7OeYWc2XRQsSsmagnzpUNNgiQ+ONXHRBeJ8GKD3\n"
    "JbpDwrRIXmfoUyIU/TAKBggqhkjOPQQDAgNIADBFAiAEQ8xeZiwhY/EoSnT8LBZt\n"
    "mqW/4KjlmYoTSE4xIYonCQIhAPhEciQPMvZg0vD1UwVe++IBIZr5FPrqUSAPuZFM\n"
    "tzsc\n"
    "-----END CERTIFICATE REQUEST-----\n";
