/* certificates.k8s.io/v1 CertificateSigningRequest. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/user_info.h"
#include "common/schema/cell.h"

/* "example.com/signer": a domain of at least two labels, and a path. */
static const char *format_signer(const char *s)
{
    static const char says[] =
        "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    char domain[256];
    size_t len = strcspn(s, "/");
    if (str_eq(s, "kubernetes.io/legacy-unknown"))
        return "the legacy signerName is not allowed via this API version";
    if (!s[len] || len >= sizeof(domain))
        return says;
    memcpy(domain, s, len);
    domain[len] = '\0';
    const char *wrong = format_dns1123_subdomain(domain);
    if (wrong)
        return wrong;
    if (!strchr(domain, '.'))
        return "should be a domain with at least two segments separated by dots";
    return format_dns1123_subdomain(s + len + 1);
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    static const char head[] = "-----BEGIN CERTIFICATE REQUEST-----";
    const struct value *request = value_get(spec, "request");
    const char *text = value_str(request);
    autofree uint8_t *pem = NULL;
    size_t len;
    if (!str_empty(text) && base64_decode(text, strlen(text), &pem, &len) == 0 &&
        !memmem(pem, len, head, strlen(head)))
        schema_mistake(walk, request, "request", CAUSE_INVALID,
                       "PEM block type must be CERTIFICATE REQUEST");
    user_info_check(spec, walk);
}

static bool has_condition(const struct value *status, const char *type)
{
    const struct value *conditions = value_get(status, "conditions");
    for (size_t i = 0; i < value_len(conditions); i++)
        if (str_eq(value_get_str(value_at(conditions, i), "type"), type))
            return true;
    return false;
}

static void check_status(const struct value *status, struct schema_walk *walk)
{
    if (has_condition(status, "Approved") && has_condition(status, "Denied"))
        schema_mistake(walk, value_get(status, "conditions"), "conditions", CAUSE_INVALID,
                       "Approved and Denied conditions are mutually exclusive");
}

static void check_condition(const struct value *condition, struct schema_walk *walk)
{
    static const char *const verdicts[] = {"Approved", "Denied", "Failed"};
    const struct value *status = value_get(condition, "status");
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
        if (str_eq(value_get_str(condition, "type"), verdicts[i]) && value_str(status) &&
            !str_eq(value_str(status), "True"))
            schema_mistake(walk, status, "status", CAUSE_NOT_SUPPORTED,
                           "\"%.64s\": must be True for %s", value_str(status), verdicts[i]);
}

static const struct schema_type type_csr_spec = {
    .name = "CertificateSigningRequestSpec",
    DOC("What certificate is asked for."),
    .check = check_spec,
    FIELDS(F(1, "request", BYTES, REQUIRED, DOC("The request itself, PEM (of PKCS #10).")),
           F(7, "signerName", STRING, REQUIRED, FORMAT(format_signer),
             DOC("Who is to sign: a domain and a path.")),
           F(8, "expirationSeconds", INT32, RANGE(600, INT32_MAX),
             DOC("How long the certificate shall hold; its signer may choose otherwise.")),
           F(5, "usages", LIST(STRING), .flags = SCHEMA_REQUIRED | SCHEMA_UNIQUE,
             ONE_OF("signing", "digital signature", "content commitment", "key encipherment",
                    "key agreement", "data encipherment", "cert sign", "crl sign", "encipher only",
                    "decipher only", "any", "server auth", "client auth", "code signing",
                    "email protection", "s/mime", "ipsec end system", "ipsec tunnel", "ipsec user",
                    "timestamping", "ocsp signing", "microsoft sgc", "netscape sgc"),
             DOC("What its key may be used for: \"client auth\", \"digital signature\".")),
           F(2, "username", STRING, DOC("Who asks.")), F(3, "uid", STRING, DOC("Its uid.")),
           F(4, "groups", LIST(STRING), DOC("Its groups.")),
           F(6, "extra", MAP(ANY), DOC("What else is known of it: lists of strings."))),
};

static const struct schema_type type_csr_condition = {
    .name = "CertificateSigningRequestCondition",
    DOC("A verdict on a request."),
    .check = check_condition,
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("Approved, Denied or Failed.")),
           F(6, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"), DOC("True.")),
           F(2, "reason", STRING, DOC("Why, in one word, for programs.")),
           F(3, "message", STRING, DOC("Why, for people.")),
           F(4, "lastUpdateTime", TIME, DOC("When it was last written.")),
           F(5, "lastTransitionTime", TIME, DOC("When status last changed."))),
};

static const struct schema_type type_csr_status = {
    .name = "CertificateSigningRequestStatus",
    DOC("What has become of a request."),
    .check = check_status,
    FIELDS(F(1, "conditions", LIST(OBJECT(type_csr_condition)), DISTINCT_BY("type"),
             DOC("The verdicts.")),
           F(2, "certificate", BYTES, DOC("The certificate, PEM."))),
};

static const struct schema_type type_csr = {
    .name = "CertificateSigningRequest",
    DOC("Asks for a certificate, which someone approves and someone signs."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_csr_spec), .flags = SCHEMA_REQUIRED | SCHEMA_IMMUTABLE,
             DOC("What is asked for.")),
           F(3, "status", OBJECT(type_csr_status), DOC("What has become of it."))),
};

CELL(cell_duration_asked)
{
    (void)now_wall_ns;
    const struct value *seconds = value_path(object, "spec", "expirationSeconds", NULL);
    if (value_type(seconds) == VALUE_INT)
        cell_duration(value_int(seconds, 0), ret);
    else
        buf_addstr(ret, "<none>");
}

CELL(cell_condition)
{
    (void)now_wall_ns;
    const struct value *status = value_get(object, "status");
    buf_addstr(ret, has_condition(status, "Denied")     ? "Denied"
                    : has_condition(status, "Approved") ? "Approved"
                                                        : "Pending");
    if (has_condition(status, "Failed"))
        buf_addstr(ret, ",Failed");
    if (!str_empty(value_get_str(status, "certificate")))
        buf_addstr(ret, ",Issued");
}

const struct schema_kind kind_certificate_signing_request = {
    .group = "certificates.k8s.io",
    .version = "v1",
    .kind = "CertificateSigningRequest",
    .plural = "certificatesigningrequests",
    .singular = "certificatesigningrequest",
    .short_names = NAMES("csr"),
    .flags = SCHEMA_KIND_STATUS,
    .type = &type_csr,
    .name = format_path_segment,
    PROTO("k8s.io.api.certificates.v1.CertificateSigningRequest"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"SignerName", "string", .path = "spec.signerName"},
            {"Requestor", "string", .path = "spec.username", .none = ""},
            {"RequestedDuration", "string", .cell = cell_duration_asked},
            {"Condition", "string", .cell = cell_condition}),
    SELECTABLE({"spec.signerName"}),
};
