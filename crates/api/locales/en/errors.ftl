# Texts of API errors. Each says what is wrong and what to do about it.
# Variables: $field (name on the wire), $permission, $what, $reference, $wait with $unit.

wait = { $unit ->
    [seconds] { $wait ->
        [one] one second
       *[other] { $wait } seconds
    }
    [minutes] { $wait } minutes
   *[hours] { $wait } hours
}

errors-user-already-exists = A user with this id exists already. Choose another id, or leave it out to get a new one.
errors-user-not-found = There is no such user here. Check the user id and the organization.
errors-user-already-inactive = The user is inactive already. Nothing is left to do.
errors-user-not-inactive = The user is not inactive, so it cannot be activated. If it is locked, unlock it instead.
errors-user-already-locked = The user is locked already. Nothing is left to do.
errors-user-not-locked = The user is not locked, so it cannot be unlocked. If it is inactive, activate it instead.

errors-user-phone-not-found = The user has no phone number. Set one first.
errors-user-email-not-found = The user has no e-mail address. Set one first.
errors-user-phone-already-verified = The phone number is verified already. No code is needed.
errors-user-email-already-verified = The e-mail address is verified already. No code is needed.
errors-user-phone-empty = { $field }: the phone number is empty. Give it with + and the country code, such as +41791234567.
errors-user-phone-invalid = { $field }: no such phone number can exist. Give it with + and the country code, such as +41791234567.
errors-user-phone-no-country-code = { $field }: the country is missing. Start the number with + and the country code, such as +41791234567.
errors-user-phone-refused = { $field }: nothing is sent to premium-rate or special numbers. Use an ordinary phone number.
errors-user-email-empty = { $field }: the e-mail address is empty. Give it in the form name@example.com.
errors-user-email-invalid = { $field }: this is no e-mail address. Give it in the form name@example.com, without names, quotes or spaces.

errors-user-code-empty = No code is waiting. Set the phone number or e-mail address to get one.
errors-user-code-invalid = The code is not right. Compare every character with the newest message and enter it again.
errors-user-code-expired = The code has expired. Request a new one.
errors-user-code-invalid-or-expired = The code is not right or has expired. Compare it with the newest message, or request a new one.
errors-user-code-spent = The code was entered wrongly too often and no longer works. Request a new one.
errors-user-code-resting = Too many wrong codes were entered within a day. Try again in { wait }.

errors-user-mfa-otp-not-existing = The user has no such one-time code factor. Check its id, or add it.
errors-user-mfa-otp-already-ready = This one-time code factor is set up already. Remove it first to set it up anew.
errors-user-mfa-otp-already-verified = This one-time code factor is verified already. No code is needed.
errors-user-mfa-otp-sms-not-ready = One-time codes by SMS need a verified phone number. Set and verify it first.
errors-user-mfa-otp-email-not-ready = One-time codes by e-mail need a verified e-mail address. Set and verify it first.
errors-user-mfa-otp-too-many = The user has as many factors of this kind as are allowed. Remove one that is no longer used.

errors-user-mfa-totp-not-existing = The user has no such authenticator app. Check its id, or start a new registration.
errors-user-mfa-totp-invalid-code = The code is not right. Enter the one that the app shows now, and check the clock of the device.
errors-user-mfa-registration-expired = The time for this registration is over. Start a new one.

errors-user-webauthn-not-found = The user has no such passkey or security key. Check its id, or start a new registration.
errors-user-webauthn-already-verified = This passkey or security key is registered already. Start a new registration for another one.
errors-user-webauthn-already-exists = This passkey or security key is registered already. Use another one.
errors-user-webauthn-domain-unknown = { $field } is no domain of this server. Name the host of its external URL, one of its public hosts, or a domain that they are registered under.
errors-user-webauthn-malformed = { $field } is missing or not what a browser answers. Send the JSON of the credential as it is, with binary values in base64url.
errors-user-webauthn-kind = { $field }: this is no registration of a public key. Send what navigator.credentials.create answered.
errors-user-webauthn-challenge = { $field }: the browser answered another challenge. Use the options of this registration, or start a new one.
errors-user-webauthn-origin = { $field }: the answer comes from a page that is not one of this server's. Register on a page of its external URL or public hosts.
errors-user-webauthn-domain = { $field }: the key was made for another domain. Use the options of this registration as they are.
errors-user-webauthn-presence = { $field }: the authenticator did not notice anybody. Touch it when it asks.
errors-user-webauthn-algorithm = { $field }: the key is of a kind that was not offered. Use the options of this registration as they are, or another authenticator.
errors-user-webauthn-attestation = { $field }: what the authenticator says about itself does not hold. Try again, or use another authenticator.
errors-user-webauthn-link-unknown = This registration link was used already or replaced by a newer one. Use the newest, or ask for another.
errors-user-webauthn-link-no-email = A registration link is sent to a verified e-mail address only. Set and verify it first, or ask for the code in the answer.
errors-factor-name-invalid = { $field } is no name. A name has 1 to 200 characters, is not blank, and has no control characters.

errors-user-username-already-exists = This username is taken. Choose another one.
errors-user-username-not-found = The user has no such username. Check its id.
errors-user-username-too-many = The user has as many usernames as are allowed. Remove one that is no longer used.
errors-user-usernames-too-many = { $field } lists more usernames than a user can have. Give at most 10.
errors-user-username-empty = { $field }: the username is empty. Give at least one letter or digit.
errors-user-username-too-long = { $field }: the username is too long. Give at most 200 characters.
errors-user-username-character = { $field }: the username has a character that is not allowed. Use letters, digits and visible ASCII signs, without blanks.
errors-user-username-of-organization = { $field }: the username ends in the domain of an organization. Give the part before the @ as a name of the organization, or choose another one.
errors-user-username-lookalike = { $field }: the username mixes scripts or looks like another name. Write it in one script.

errors-user-password-empty = { $field }: the password is empty. Give one, or a hash of it.
errors-user-password-complexity-min-length = { $field }: the password is too short. Give at least { $least } characters.
errors-user-password-too-long = { $field }: the password is too long. Give at most 1024 characters.
errors-user-password-complexity-has-lower = { $field }: the password has no lower-case letter. Add one.
errors-user-password-complexity-has-upper = { $field }: the password has no upper-case letter. Add one.
errors-user-password-complexity-has-number = { $field }: the password has no digit. Add one.
errors-user-password-complexity-has-symbol = { $field }: the password has nothing but letters and digits. Add a symbol or a space.
errors-user-password-common = { $field }: this password is among the first that somebody would guess. Choose one that is not common; several unrelated words are good.
errors-user-password-not-supported = { $field } is no hash that is understood. Give an encoded hash of argon2, bcrypt, scrypt, pbkdf2, sha2-crypt, md5-crypt, phpass or Firebase scrypt.
errors-user-password-hash-too-costly = { $field }: comparing with this hash would take too much memory or time. Have the user set a new password instead.
errors-user-password-not-set = The user has no password. Request a reset and use its code.
errors-user-password-invalid = The current password is not right. Enter it again, or request a reset.
errors-user-password-resting = Too many wrong passwords were entered within a day. Try again in { wait }, or request a reset.
errors-user-password-moved = The password was changed by somebody else at the same time. Try again.
errors-user-password-busy = Too many passwords are being checked at the moment. Try again in { wait }.
errors-user-password-code-not-found = No reset of the password is waiting. Request one to get a code.
errors-user-password-reset-no-phone = The code of a reset is sent to a verified phone number, and the user has none. Set and verify one, or have the code sent by e-mail.
errors-user-password-reset-no-email = The code of a reset is sent to a verified e-mail address, and the user has none. Set and verify one, or have the code sent by SMS.
errors-user-password-needless-proof = { $field }: a new user has nothing to prove a password with. Leave it out.
errors-user-password-proof-missing = You set your own password with your current one or with the code of a reset. Give one of them.
errors-user-password-proof-of-another = The current password is asked of its owner only. Leave it out to set the password of somebody else.
errors-user-password-own-hash = You cannot set your own password as a hash. Give it in the clear.

errors-user-pat-not-found = The user has no such personal access token. Check its id.
errors-user-pat-too-many = The user has as many personal access tokens as are allowed. Remove one that is no longer used.
errors-user-pat-expiry-past = The expiration date is not in the future. Choose a later one.

errors-user-invalid-url-template = { $field }: only names in double braces are understood in a url template, such as {"{{"}.Code{"}}"}.
errors-user-invalid-url-template-name = { $field }: the url template asks for a value that is not offered. Use UserID, OrgID or Code.
errors-user-invalid-url-template-name-factor = { $field }: the url template asks for a value that is not offered. Use UserID, OrgID, Code or FactorID.
errors-user-invalid-url-template-name-link = { $field }: the url template asks for a value that is not offered. Use UserID, OrgID, CodeID or Code.
errors-user-invalid-url-template-host = { $field }: the url template must give a full http or https URL on the host of this server or on one that is trusted by its configuration.
errors-field-missing = { $field } is missing. Fill it in.
errors-id-invalid = { $field } is no id. An id has 1 to 200 characters and no control characters.
errors-query-limit-exceeded = { $field }: more rows are asked for than are given at once. Ask for fewer and read on with the next page.
errors-query-filter-invalid = { $field } holds no filter that is understood. Fill in exactly one.
errors-query-too-many-nesting-levels = { $field } nest deeper than 20 levels. Write the search flatter.
errors-query-too-many-filters = { $field } hold more than 500 filters. Ask in several searches.
errors-feature-unknown = { $field } cannot be switched here. Leave it out; user_schema can be set.
errors-feature-missing = No feature is given. Set user_schema to true or false.
errors-user-schema-not-enabled = The v3alpha API of users and user schemas is switched off for this instance. An administrator switches it on by setting the feature user_schema (PUT /v2/features/instance).
errors-user-schema-not-exists = There is no such user schema. Check its id, or leave it out to use the built-in one.
errors-user-schema-inactive = The user schema takes no new users. Reactivate it, or choose another one.
errors-user-schema-already-exists = There is a user schema of this id already. Leave the id out to get a new one.
errors-user-schema-not-found = There is no such user schema. Check its id.
errors-user-schema-not-active = The user schema is not active. Reactivate it first.
errors-user-schema-not-inactive = The user schema is not inactive. There is nothing to reactivate.
errors-user-schema-in-use = Users follow this schema. Remove them or give them another schema first; deactivating it ends taking new ones.
errors-user-schema-type-already-exists = Another user schema has this type. Types are unique without regard to case; choose another one.
errors-user-schema-type-invalid = { $field } must have 1 to 200 characters, not all blank, and no control characters.
errors-user-schema-authenticator-invalid = { $field } lists an authenticator that there is not. Use the names of the API.
errors-user-schema-permission-invalid = The schema is not sound at { $pointer }: a permission is an object with owner, self or both, each r, w or rw.
errors-user-schema-schema-invalid = At { $pointer } the schema is no JSON Schema of draft 2020-12.
errors-user-schema-dialect = At { $pointer } the schema names another language. Only JSON Schema draft 2020-12 and urn:zitadel:schema:v1 are understood.
errors-user-schema-reference = At { $pointer } the schema refers to something that is not a schema inside the same document. Use references such as #/$defs/name.
errors-user-schema-endless = At { $pointer } the schema refers to itself for the same value, so that checking it would not end.
errors-user-schema-keyword = The keyword at { $pointer } is not taken. Refer to schemas by a pointer such as #/$defs/name instead.
errors-user-schema-pattern = The pattern at { $pointer } is not taken. It must be a regular expression without look-around and back references, and of moderate size.
errors-user-schema-too-large = At { $pointer } the schema is too large. It may have 64 KiB, 32 levels and 1000 schemas.
errors-user-data-too-long = { $field } may have 64 KiB as JSON text at most. Leave out what is not needed.
errors-user-schema-data-invalid = The data do not fit the user schema at { $pointer }, by the rule { $rule }.
errors-user-schema-authenticator-not-possible = Users of this schema may not have { $what }. Add it to the possible authenticators of the schema.

errors-idp-already-exists = An identity provider of this id exists already.
errors-idp-not-found = There is no such identity provider here that speaks this. Check its id and its type.
errors-idp-blank = { $field } is empty or has control characters. Fill it in.
errors-idp-url = { $field } must be a full http or https URL without a user and without a fragment.
errors-idp-issuer = { $field } must be a full http or https URL without a user, a query and a fragment.
errors-idp-ldap-server = { $field } must be URLs such as ldaps://ldap.example.com:636, with nothing behind the port.
errors-idp-scope = { $field } must be scopes: visible ASCII characters without blanks, quotes and backslashes each.
errors-idp-attribute = { $field } must be names of a directory: letters, digits, dashes and dots, such as uid. The attribute of the id is needed.
errors-idp-timeout = { $field } must be between a millisecond and a minute, or left out.
errors-idp-certificate = { $field } must be certificates in PEM, without keys.

errors-user-idp-link-already-exists = This account at the identity provider is linked to a user already. Remove that link first.
errors-user-idp-link-not-found = The user has no account at this identity provider. Check the id of the provider.
errors-user-external-invalid = { $field } must have a user id and a user name of 1 to 200 characters without control characters.
errors-permission-denied-link-to-self = You cannot declare an account elsewhere your own. Somebody with the permission user.credential.write can link it.

errors-intent-already-exists = An intent of this id exists already. Begin another one.
errors-intent-invalid-token = The token does not belong to an intent that has an outcome. Use both as the success URL got them.
errors-intent-not-succeeded = The outcome of this intent was asked for already. Begin another one.
errors-intent-expired = The outcome of this intent was not asked for in time. Begin another one.
errors-intent-content = { $field } does not go with the identity provider: URLs are for providers with a page of their own, credentials for directories.
errors-intent-return-url = { $field } must be a full http or https URL on the host of this server or on one that is trusted by its configuration.
errors-idp-unreachable = The identity provider could not be reached or answered nothing that is understood. Check its settings, and whether private addresses or connections without TLS have to be allowed.
errors-idp-untrusted = What the identity provider says of itself does not hold. Check its issuer.

errors-idp-resting = Too many wrong passwords were entered for this name within a day. Try again in { wait }.
errors-idp-credentials = The directory does not know this name with this password. Check both.
errors-idp-refused = The identity provider refused this server. Check the name and the secret that it has there.
errors-idp-nameless = The identity provider did not say who it is. Check the attribute that holds the id.

errors-notification-channels-no-sms = No SMS can be sent: no provider is configured. Ask for the code in the answer, or configure a provider.
errors-notification-channels-no-email = No e-mail can be sent: no provider is configured. Ask for the code in the answer, or configure a provider.
errors-notification-send-limit = Too many messages were sent. Try again in { wait }; a code sent before may still be valid.
errors-inbox-cursor-invalid = { $field } names no place in the inbox. Send the id of a message or the token of the page before, as they were answered.
errors-inbox-message-not-found = There is no such message in the inbox. It may have been removed.

errors-membership-not-found = You have no role anywhere. Ask an administrator for one.
errors-permission-denied = You are not allowed to do this here. A role with the permission { $permission } is needed.
errors-permission-denied-to-self = You cannot declare your own phone number or e-mail address verified, nor have its code returned. Have the code sent.
errors-permission-denied-own-code = You cannot have a code returned that gives you a new password or passkey of your own. Have it sent.
errors-permission-denied-over-stronger = This user may do more than you, so you cannot change how they sign in, or where their codes go. Ask somebody who may do as much as they.
errors-org-not-found = There is no such organization here. Check its id or domain.
errors-instance-already-exists = There is an instance of this id already.
errors-instance-not-found = No instance answers for this host. Check the address of the server.
errors-auth-header-invalid = The authorization header is not understood. Send "Bearer", one space, and the token.
errors-token-invalid = The token cannot be used. It may be mistyped, expired or revoked, or its user inactive. Get a new one.

errors-overloaded = The server has more to do than it can take. Try again in a second.
errors-contention = The same thing was changed by others at the same time. Try again.
errors-unavailable = The server is stopping. Try again in a moment.
errors-database-unavailable = The database does not answer. Try again in a moment; what you sent may or may not have been done.
errors-store-full = The server has no room left to keep what you sent. Nothing was changed; try again in a moment.
errors-internal = Something failed by our fault. The operator finds the cause in the log under { $reference }.
