/* SPDX-License-Identifier: Apache-2.0 */
/* method: the table of methods. Owner: nobody, it is constant. Holds no code of a method. */
#include "trainer/method/method.h"

const struct method *const methods[METHODS] = {
    [METHOD_SIMSIAM] = &method_simsiam,
};
const char *const method_names[METHODS + 1] = {
    [METHOD_SIMSIAM] = "simsiam",
};
