# Texte der API-Fehler. Jeder sagt, was falsch ist und was zu tun ist.
# Variablen: $field (Name im Protokoll), $permission, $what, $reference, $wait mit $unit.

wait = { $unit ->
    [seconds] { $wait ->
        [one] einer Sekunde
       *[other] { $wait } Sekunden
    }
    [minutes] { $wait } Minuten
   *[hours] { $wait } Stunden
}

errors-user-already-exists = Einen Benutzer mit dieser Id gibt es schon. Wählen Sie eine andere, oder lassen Sie sie weg, um eine neue zu bekommen.
errors-user-not-found = Diesen Benutzer gibt es hier nicht. Prüfen Sie Benutzer-Id und Organisation.
errors-user-already-inactive = Der Benutzer ist schon inaktiv. Es ist nichts mehr zu tun.
errors-user-not-inactive = Der Benutzer ist nicht inaktiv und lässt sich darum nicht aktivieren. Ist er gesperrt, entsperren Sie ihn.
errors-user-already-locked = Der Benutzer ist schon gesperrt. Es ist nichts mehr zu tun.
errors-user-not-locked = Der Benutzer ist nicht gesperrt und lässt sich darum nicht entsperren. Ist er inaktiv, aktivieren Sie ihn.

errors-user-phone-not-found = Der Benutzer hat keine Telefonnummer. Setzen Sie zuerst eine.
errors-user-email-not-found = Der Benutzer hat keine E-Mail-Adresse. Setzen Sie zuerst eine.
errors-user-phone-already-verified = Die Telefonnummer ist schon bestätigt. Es braucht keinen Code.
errors-user-email-already-verified = Die E-Mail-Adresse ist schon bestätigt. Es braucht keinen Code.
errors-user-phone-empty = { $field }: Die Telefonnummer ist leer. Geben Sie sie mit + und Landesvorwahl an, zum Beispiel +41791234567.
errors-user-phone-invalid = { $field }: Eine solche Telefonnummer kann es nicht geben. Geben Sie sie mit + und Landesvorwahl an, zum Beispiel +41791234567.
errors-user-phone-no-country-code = { $field }: Das Land fehlt. Beginnen Sie die Nummer mit + und der Landesvorwahl, zum Beispiel +41791234567.
errors-user-phone-refused = { $field }: An Mehrwert- und Sondernummern wird nichts gesendet. Nehmen Sie eine gewöhnliche Telefonnummer.
errors-user-email-empty = { $field }: Die E-Mail-Adresse ist leer. Geben Sie sie in der Form name@example.com an.
errors-user-email-invalid = { $field }: Das ist keine E-Mail-Adresse. Geben Sie sie in der Form name@example.com an, ohne Namen, Anführungszeichen und Leerzeichen.

errors-user-code-empty = Es wartet kein Code. Setzen Sie die Telefonnummer oder E-Mail-Adresse, um einen zu bekommen.
errors-user-code-invalid = Der Code stimmt nicht. Vergleichen Sie jedes Zeichen mit der neuesten Nachricht und geben Sie ihn nochmals ein.
errors-user-code-expired = Der Code ist abgelaufen. Fordern Sie einen neuen an.
errors-user-code-invalid-or-expired = Der Code stimmt nicht oder ist abgelaufen. Vergleichen Sie ihn mit der neuesten Nachricht, oder fordern Sie einen neuen an.
errors-user-code-spent = Der Code wurde zu oft falsch eingegeben und gilt nicht mehr. Fordern Sie einen neuen an.
errors-user-code-resting = Innerhalb eines Tages wurden zu viele falsche Codes eingegeben. Versuchen Sie es in { wait } wieder.

errors-user-mfa-otp-not-existing = Der Benutzer hat keinen solchen Einmalcode-Faktor. Prüfen Sie dessen Id, oder fügen Sie ihn hinzu.
errors-user-mfa-otp-already-ready = Dieser Einmalcode-Faktor ist schon eingerichtet. Entfernen Sie ihn zuerst, um ihn neu einzurichten.
errors-user-mfa-otp-already-verified = Dieser Einmalcode-Faktor ist schon bestätigt. Es braucht keinen Code.
errors-user-mfa-otp-sms-not-ready = Einmalcodes per SMS brauchen eine bestätigte Telefonnummer. Setzen und bestätigen Sie diese zuerst.
errors-user-mfa-otp-email-not-ready = Einmalcodes per E-Mail brauchen eine bestätigte E-Mail-Adresse. Setzen und bestätigen Sie diese zuerst.
errors-user-mfa-otp-too-many = Der Benutzer hat schon so viele Faktoren dieser Art wie erlaubt. Entfernen Sie einen, der nicht mehr gebraucht wird.

errors-user-mfa-totp-not-existing = Der Benutzer hat keine solche Authenticator-App. Prüfen Sie deren Id, oder beginnen Sie eine neue Registrierung.
errors-user-mfa-totp-invalid-code = Der Code stimmt nicht. Geben Sie den ein, den die App jetzt zeigt, und prüfen Sie die Uhr des Geräts.
errors-user-mfa-registration-expired = Die Zeit für diese Registrierung ist um. Beginnen Sie eine neue.

errors-user-webauthn-not-found = Der Benutzer hat keinen solchen Passkey oder Sicherheitsschlüssel. Prüfen Sie dessen Id, oder beginnen Sie eine neue Registrierung.
errors-user-webauthn-already-verified = Dieser Passkey oder Sicherheitsschlüssel ist schon registriert. Beginnen Sie für einen weiteren eine neue Registrierung.
errors-user-webauthn-already-exists = Dieser Passkey oder Sicherheitsschlüssel ist schon registriert. Verwenden Sie einen anderen.
errors-user-webauthn-domain-unknown = { $field } ist keine Domain dieses Servers. Nennen Sie den Host seiner externen URL, einen seiner öffentlichen Hosts oder eine Domain, unter der diese registriert sind.
errors-user-webauthn-malformed = { $field } fehlt oder ist nicht, was ein Browser antwortet. Senden Sie das JSON des Schlüssels, wie es ist, mit Binärwerten in base64url.
errors-user-webauthn-kind = { $field }: Das ist keine Registrierung eines öffentlichen Schlüssels. Senden Sie, was navigator.credentials.create geantwortet hat.
errors-user-webauthn-challenge = { $field }: Der Browser hat eine andere Aufgabe beantwortet. Verwenden Sie die Optionen dieser Registrierung, oder beginnen Sie eine neue.
errors-user-webauthn-origin = { $field }: Die Antwort kommt von einer Seite, die nicht zu diesem Server gehört. Registrieren Sie auf einer Seite seiner externen URL oder seiner öffentlichen Hosts.
errors-user-webauthn-domain = { $field }: Der Schlüssel wurde für eine andere Domain gemacht. Verwenden Sie die Optionen dieser Registrierung, wie sie sind.
errors-user-webauthn-presence = { $field }: Der Authenticator hat niemanden bemerkt. Berühren Sie ihn, wenn er darum bittet.
errors-user-webauthn-algorithm = { $field }: Der Schlüssel ist von einer Art, die nicht angeboten wurde. Verwenden Sie die Optionen dieser Registrierung, wie sie sind, oder einen anderen Authenticator.
errors-user-webauthn-attestation = { $field }: Was der Authenticator über sich sagt, hält der Prüfung nicht stand. Versuchen Sie es noch einmal, oder verwenden Sie einen anderen.
errors-user-webauthn-link-unknown = Dieser Registrierungslink wurde schon benutzt oder durch einen neueren ersetzt. Verwenden Sie den neuesten, oder verlangen Sie einen neuen.
errors-user-webauthn-link-no-email = Ein Registrierungslink wird nur an eine bestätigte E-Mail-Adresse gesendet. Setzen und bestätigen Sie diese zuerst, oder verlangen Sie den Code in der Antwort.
errors-factor-name-invalid = { $field } ist kein Name. Ein Name hat 1 bis 200 Zeichen, ist nicht leer und hat keine Steuerzeichen.

errors-user-username-already-exists = Dieser Benutzername ist vergeben. Wählen Sie einen anderen.
errors-user-username-not-found = Der Benutzer hat keinen solchen Benutzernamen. Prüfen Sie dessen Id.
errors-user-username-too-many = Der Benutzer hat so viele Benutzernamen, wie erlaubt sind. Entfernen Sie einen, der nicht mehr gebraucht wird.
errors-user-usernames-too-many = { $field } zählt mehr Benutzernamen auf, als ein Benutzer haben kann. Geben Sie höchstens 10 an.
errors-user-username-empty = { $field }: Der Benutzername ist leer. Geben Sie mindestens einen Buchstaben oder eine Ziffer an.
errors-user-username-too-long = { $field }: Der Benutzername ist zu lang. Geben Sie höchstens 200 Zeichen an.
errors-user-username-character = { $field }: Der Benutzername hat ein Zeichen, das nicht erlaubt ist. Verwenden Sie Buchstaben, Ziffern und sichtbare ASCII-Zeichen ohne Leerzeichen.
errors-user-username-of-organization = { $field }: Der Benutzername endet auf die Domain einer Organisation. Geben Sie den Teil vor dem @ als Namen der Organisation an, oder wählen Sie einen anderen.
errors-user-username-lookalike = { $field }: Der Benutzername mischt Schriften oder sieht aus wie ein anderer. Schreiben Sie ihn in einer Schrift.

errors-user-password-empty = { $field }: Das Passwort ist leer. Geben Sie eines an oder einen Hash davon.
errors-user-password-complexity-min-length = { $field }: Das Passwort ist zu kurz. Geben Sie mindestens { $least } Zeichen an.
errors-user-password-too-long = { $field }: Das Passwort ist zu lang. Geben Sie höchstens 1024 Zeichen an.
errors-user-password-complexity-has-lower = { $field }: Im Passwort fehlt ein Kleinbuchstabe. Fügen Sie einen hinzu.
errors-user-password-complexity-has-upper = { $field }: Im Passwort fehlt ein Großbuchstabe. Fügen Sie einen hinzu.
errors-user-password-complexity-has-number = { $field }: Im Passwort fehlt eine Ziffer. Fügen Sie eine hinzu.
errors-user-password-complexity-has-symbol = { $field }: Das Passwort besteht nur aus Buchstaben und Ziffern. Fügen Sie ein Zeichen oder Leerzeichen hinzu.
errors-user-password-common = { $field }: Dieses Passwort gehört zu den ersten, die jemand erraten würde. Wählen Sie ein ungewöhnliches; mehrere Wörter ohne Zusammenhang sind gut.
errors-user-password-not-supported = { $field } ist kein Hash, der verstanden wird. Geben Sie einen codierten Hash von argon2, bcrypt, scrypt, pbkdf2, sha2-crypt, md5-crypt, phpass oder Firebase scrypt an.
errors-user-password-hash-too-costly = { $field }: Der Vergleich mit diesem Hash würde zu viel Speicher oder Zeit kosten. Lassen Sie die Person stattdessen ein neues Passwort setzen.
errors-user-password-not-set = Die Person hat kein Passwort. Fordern Sie eine Zurücksetzung an, und verwenden Sie deren Code.
errors-user-password-invalid = Das aktuelle Passwort stimmt nicht. Geben Sie es erneut ein, oder fordern Sie eine Zurücksetzung an.
errors-user-password-resting = Innerhalb eines Tages wurden zu viele falsche Passwörter eingegeben. Versuchen Sie es in { wait } wieder, oder fordern Sie eine Zurücksetzung an.
errors-user-password-moved = Das Passwort wurde zur gleichen Zeit von anderer Seite geändert. Versuchen Sie es noch einmal.
errors-user-password-busy = Im Moment werden zu viele Passwörter geprüft. Versuchen Sie es in { wait } wieder.
errors-user-password-code-not-found = Es wartet keine Zurücksetzung des Passworts. Fordern Sie eine an, um einen Code zu erhalten.
errors-user-password-reset-no-phone = Der Code einer Zurücksetzung geht an eine bestätigte Telefonnummer, und die Person hat keine. Setzen und bestätigen Sie eine, oder lassen Sie den Code per E-Mail senden.
errors-user-password-reset-no-email = Der Code einer Zurücksetzung geht an eine bestätigte E-Mail-Adresse, und die Person hat keine. Setzen und bestätigen Sie eine, oder lassen Sie den Code per SMS senden.
errors-user-password-needless-proof = { $field }: Wer neu ist, kann ein Passwort noch mit nichts belegen. Lassen Sie es weg.
errors-user-password-proof-missing = Ihr eigenes Passwort setzen Sie mit dem aktuellen oder mit dem Code einer Zurücksetzung. Geben Sie eines davon an.
errors-user-password-proof-of-another = Nach dem aktuellen Passwort wird nur gefragt, wem es gehört. Lassen Sie es weg, um das Passwort einer anderen Person zu setzen.
errors-user-password-own-hash = Ihr eigenes Passwort können Sie nicht als Hash setzen. Geben Sie es im Klartext an.

errors-user-pat-not-found = Der Benutzer hat kein solches persönliches Zugriffstoken. Prüfen Sie dessen Id.
errors-user-pat-too-many = Der Benutzer hat schon so viele persönliche Zugriffstokens wie erlaubt. Entfernen Sie eines, das nicht mehr gebraucht wird.
errors-user-pat-expiry-past = Das Ablaufdatum liegt nicht in der Zukunft. Wählen Sie ein späteres.

errors-user-invalid-url-template = { $field }: In einer URL-Vorlage werden nur Namen in doppelten Klammern verstanden, zum Beispiel {"{{"}.Code{"}}"}.
errors-user-invalid-url-template-name = { $field }: Die URL-Vorlage verlangt einen Wert, der nicht angeboten wird. Es gibt UserID, OrgID und Code.
errors-user-invalid-url-template-name-factor = { $field }: Die URL-Vorlage verlangt einen Wert, der nicht angeboten wird. Es gibt UserID, OrgID, Code und FactorID.
errors-user-invalid-url-template-name-link = { $field }: Die URL-Vorlage verlangt einen Wert, der nicht angeboten wird. Es gibt UserID, OrgID, CodeID und Code.
errors-user-invalid-url-template-host = { $field }: Die URL-Vorlage muss eine vollständige http- oder https-URL auf dem Host dieses Servers oder auf einem ergeben, dem seine Konfiguration vertraut.
errors-field-missing = { $field } fehlt. Füllen Sie es aus.
errors-id-invalid = { $field } ist keine Id. Eine Id hat 1 bis 200 Zeichen und keine Steuerzeichen.
errors-query-limit-exceeded = { $field }: Es werden mehr Zeilen verlangt, als auf einmal gegeben werden. Verlangen Sie weniger, und lesen Sie mit der nächsten Seite weiter.
errors-query-filter-invalid = { $field } enthält keinen Filter, der verstanden wird. Füllen Sie genau einen aus.
errors-query-too-many-nesting-levels = { $field } sind tiefer als 20 Ebenen verschachtelt. Schreiben Sie die Suche flacher.
errors-query-too-many-filters = { $field } enthalten mehr als 500 Filter. Fragen Sie in mehreren Suchen.
errors-feature-unknown = { $field } lässt sich hier nicht schalten. Lassen Sie es weg; setzen lässt sich user_schema.
errors-feature-missing = Es ist keine Funktion angegeben. Setzen Sie user_schema auf true oder false.
errors-user-schema-not-enabled = Die API v3alpha für Benutzer und Benutzerschemas ist für diese Instanz ausgeschaltet. Ein Administrator schaltet sie ein, indem er die Funktion user_schema setzt (PUT /v2/features/instance).
errors-user-schema-not-exists = Dieses Benutzerschema gibt es nicht. Prüfen Sie seine Id, oder lassen Sie sie weg, um das eingebaute zu verwenden.
errors-user-schema-inactive = Das Benutzerschema nimmt keine neuen Benutzer auf. Reaktivieren Sie es oder wählen Sie ein anderes.
errors-user-schema-already-exists = Ein Benutzerschema mit dieser Kennung gibt es schon. Lassen Sie die Kennung weg, um eine neue zu erhalten.
errors-user-schema-not-found = Dieses Benutzerschema gibt es nicht. Prüfen Sie seine Kennung.
errors-user-schema-not-active = Das Benutzerschema ist nicht aktiv. Reaktivieren Sie es zuerst.
errors-user-schema-not-inactive = Das Benutzerschema ist nicht inaktiv. Es gibt nichts zu reaktivieren.
errors-user-schema-in-use = Benutzer folgen diesem Schema. Entfernen Sie sie oder geben Sie ihnen zuerst ein anderes; deaktiviert nimmt es keine neuen mehr auf.
errors-user-schema-type-already-exists = Ein anderes Benutzerschema hat diesen Typ. Groß- und Kleinschreibung zählt dabei nicht; wählen Sie einen anderen.
errors-user-schema-type-invalid = { $field } muss 1 bis 200 Zeichen haben, nicht nur Leerzeichen und keine Steuerzeichen.
errors-user-schema-authenticator-invalid = { $field } nennt einen Faktor, den es nicht gibt. Verwenden Sie die Namen der API.
errors-user-schema-permission-invalid = Das Schema ist bei { $pointer } nicht in Ordnung: Eine Berechtigung ist ein Objekt mit owner, self oder beidem, jeweils r, w oder rw.
errors-user-schema-schema-invalid = Bei { $pointer } ist das Schema kein JSON Schema nach Entwurf 2020-12.
errors-user-schema-dialect = Bei { $pointer } nennt das Schema eine andere Sprache. Nur JSON Schema nach Entwurf 2020-12 und urn:zitadel:schema:v1 werden verstanden.
errors-user-schema-reference = Bei { $pointer } verweist das Schema auf etwas, das kein Schema desselben Dokuments ist. Verwenden Sie Verweise wie #/$defs/name.
errors-user-schema-endless = Bei { $pointer } verweist das Schema für denselben Wert auf sich selbst, so dass die Prüfung nie endete.
errors-user-schema-keyword = Das Schlüsselwort bei { $pointer } wird nicht angenommen. Verweisen Sie auf Schemas stattdessen mit einem Zeiger wie #/$defs/name.
errors-user-schema-pattern = Das Muster bei { $pointer } wird nicht angenommen. Es muss ein regulärer Ausdruck ohne Vorausschau und Rückverweise sein, und von mäßiger Größe.
errors-user-schema-too-large = Bei { $pointer } ist das Schema zu groß. Es darf 64 KiB, 32 Ebenen und 1000 Schemas haben.
errors-user-data-too-long = { $field } darf als JSON-Text höchstens 64 KiB haben. Lassen Sie weg, was nicht gebraucht wird.
errors-user-schema-data-invalid = Die Daten passen bei { $pointer } nicht zum Benutzerschema, nach der Regel { $rule }.
errors-user-schema-authenticator-not-possible = Benutzer dieses Schemas dürfen { $what } nicht haben. Nehmen Sie es in die möglichen Faktoren des Schemas auf.

errors-idp-already-exists = Einen Identitätsanbieter mit dieser Id gibt es schon.
errors-idp-not-found = Diesen Identitätsanbieter gibt es hier nicht, oder er spricht etwas anderes. Prüfen Sie Id und Art.
errors-idp-blank = { $field } ist leer oder enthält Steuerzeichen. Füllen Sie es aus.
errors-idp-url = { $field } muss eine vollständige http- oder https-URL ohne Benutzer und ohne Fragment sein.
errors-idp-issuer = { $field } muss eine vollständige http- oder https-URL ohne Benutzer, Abfrage und Fragment sein.
errors-idp-ldap-server = { $field } müssen URLs wie ldaps://ldap.example.com:636 sein, mit nichts hinter dem Port.
errors-idp-scope = { $field } müssen Scopes sein: je sichtbare ASCII-Zeichen ohne Leerzeichen, Anführungszeichen und Backslash.
errors-idp-attribute = { $field } müssen Namen eines Verzeichnisses sein: Buchstaben, Ziffern, Bindestriche und Punkte, wie uid. Das Attribut der Id ist nötig.
errors-idp-timeout = { $field } muss zwischen einer Millisekunde und einer Minute liegen oder fehlen.
errors-idp-certificate = { $field } müssen Zertifikate in PEM sein, ohne Schlüssel.

errors-user-idp-link-already-exists = Dieses Konto beim Identitätsanbieter ist schon mit einem Benutzer verknüpft. Lösen Sie zuerst jene Verknüpfung.
errors-user-idp-link-not-found = Der Benutzer hat kein Konto bei diesem Identitätsanbieter. Prüfen Sie die Id des Anbieters.
errors-user-external-invalid = { $field } muss eine Benutzer-Id und einen Benutzernamen von 1 bis 200 Zeichen ohne Steuerzeichen haben.
errors-permission-denied-link-to-self = Sie können ein Konto anderswo nicht selbst zu Ihrem erklären. Wer das Recht user.credential.write hat, kann es verknüpfen.

errors-intent-already-exists = Einen Vorgang dieser Id gibt es schon. Beginnen Sie einen anderen.
errors-intent-invalid-token = Das Token gehört zu keinem Vorgang mit einem Ergebnis. Verwenden Sie beide so, wie die Erfolgs-URL sie bekam.
errors-intent-not-succeeded = Das Ergebnis dieses Vorgangs wurde schon abgefragt. Beginnen Sie einen anderen.
errors-intent-expired = Das Ergebnis dieses Vorgangs wurde nicht rechtzeitig abgefragt. Beginnen Sie einen anderen.
errors-intent-content = { $field } passt nicht zum Identitätsanbieter: URLs sind für Anbieter mit eigener Seite, Zugangsdaten für Verzeichnisse.
errors-intent-return-url = { $field } muss eine vollständige http- oder https-URL auf dem Host dieses Servers oder einem sein, dem seine Konfiguration vertraut.
errors-idp-unreachable = Der Identitätsanbieter war nicht erreichbar oder antwortete unverständlich. Prüfen Sie seine Einstellungen, und ob private Adressen oder Verbindungen ohne TLS erlaubt sein müssen.
errors-idp-untrusted = Was der Identitätsanbieter über sich sagt, stimmt nicht. Prüfen Sie seinen Aussteller.

errors-idp-resting = Für diesen Namen wurden innerhalb eines Tages zu viele falsche Passwörter eingegeben. Versuchen Sie es in { wait } wieder.
errors-idp-credentials = Das Verzeichnis kennt diesen Namen mit diesem Passwort nicht. Prüfen Sie beide.
errors-idp-refused = Der Identitätsanbieter wies diesen Server ab. Prüfen Sie Namen und Geheimnis, die er dort hat.
errors-idp-nameless = Der Identitätsanbieter sagte nicht, wer es ist. Prüfen Sie das Attribut mit der Id.

errors-notification-channels-no-sms = Es kann keine SMS gesendet werden: Kein Anbieter ist eingerichtet. Lassen Sie sich den Code in der Antwort geben, oder richten Sie einen Anbieter ein.
errors-notification-channels-no-email = Es kann keine E-Mail gesendet werden: Kein Anbieter ist eingerichtet. Lassen Sie sich den Code in der Antwort geben, oder richten Sie einen Anbieter ein.
errors-notification-send-limit = Es wurden zu viele Nachrichten gesendet. Versuchen Sie es in { wait } wieder; ein früher gesendeter Code gilt vielleicht noch.
errors-inbox-cursor-invalid = { $field } bezeichnet keine Stelle im Posteingang. Senden Sie die Id einer Nachricht oder das Token der vorigen Seite so, wie sie geantwortet wurden.
errors-inbox-message-not-found = Diese Nachricht gibt es im Posteingang nicht. Vielleicht wurde sie entfernt.

errors-membership-not-found = Sie haben nirgends eine Rolle. Bitten Sie eine Administratorin oder einen Administrator um eine.
errors-permission-denied = Das dürfen Sie hier nicht. Es braucht eine Rolle mit der Berechtigung { $permission }.
errors-permission-denied-to-self = Die eigene Telefonnummer oder E-Mail-Adresse können Sie weder selbst für bestätigt erklären noch sich deren Code geben lassen. Lassen Sie den Code senden.
errors-permission-denied-own-code = Einen Code, mit dem Sie selbst ein neues Passwort oder einen neuen Passkey bekommen, können Sie sich nicht geben lassen. Lassen Sie ihn senden.
errors-permission-denied-over-stronger = Diese Person darf mehr als Sie; wie sie sich anmeldet und wohin ihre Codes gehen, können Sie deshalb nicht ändern. Fragen Sie jemanden, der mindestens so viel darf.
errors-org-not-found = Diese Organisation gibt es hier nicht. Prüfen Sie Id oder Domain.
errors-instance-already-exists = Eine Instanz mit dieser Id gibt es schon.
errors-instance-not-found = Für diesen Host antwortet keine Instanz. Prüfen Sie die Adresse des Servers.
errors-auth-header-invalid = Der Header authorization wird nicht verstanden. Senden Sie „Bearer“, ein Leerzeichen und das Token.
errors-token-invalid = Das Token lässt sich nicht verwenden. Vielleicht ist es vertippt, abgelaufen oder widerrufen, oder sein Benutzer ist inaktiv. Besorgen Sie ein neues.

errors-overloaded = Der Server hat mehr zu tun, als er bewältigt. Versuchen Sie es in einer Sekunde wieder.
errors-contention = Dasselbe wurde gleichzeitig von anderen geändert. Versuchen Sie es nochmals.
errors-unavailable = Der Server hält gerade an. Versuchen Sie es gleich nochmals.
errors-database-unavailable = Die Datenbank antwortet nicht. Versuchen Sie es gleich nochmals; was Sie geschickt haben, kann geschehen sein oder nicht.
errors-store-full = Der Server hat keinen Platz mehr für das, was Sie geschickt haben. Es wurde nichts geändert; versuchen Sie es gleich nochmals.
errors-internal = Durch unseren Fehler ging etwas schief. Die Ursache steht im Protokoll des Betreibers unter { $reference }.
