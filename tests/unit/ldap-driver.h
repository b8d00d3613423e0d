/* SPDX-License-Identifier: Apache-2.0 */

#ifndef LDAP_DRIVER_H
#define LDAP_DRIVER_H 1

/* What the LDAP proxy's tests share. */

#include "proxy-driver.h"

#define LDAP_LETTERS "BUSMADNCXEO"      /* Of events, in logs. */

#define ALL 0x7ff                       /* All events. */

/* Messages, in the notation of ber-text.h. */
#define BIND "30(02(01) 60(02(03) 04() 80()))"
#define BIND_OK "30(02(01) 61(0a(00) 04() 04()))"
#define SASL(MECHANISM) \
    "30(02(01) 60(02(03) 04() a3(04('" MECHANISM "'))))"
#define SEARCH "30(02(02) 63(04() 0a(02) 0a(00) 02(00) 02(00) 01(00)" \
               "87('objectClass') 30()))"
#define STARTTLS "30(02(04) 77(80('1.3.6.1.4.1.1466.20037')))"

#endif /* ldap-driver.h */
