/* Tokens of clients: nothing but what we signed is ever taken. */
#include "services/web/gate/credentials/jwt.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct web web = {.jwt_key = "a key of the test that is known to nobody"};
    char *token = fuzz_text(data, size);
    struct jwt_claims claims;
    PROMISE(!jwt_read(&web, token, &claims));
    free(token);
    return 0;
}
