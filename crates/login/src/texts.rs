//! What the page says, in each language.

use app::Language;

/// The sentences of the page.
pub(crate) struct Texts {
    pub tag: &'static str,
    pub title: &'static str,
    pub lead: &'static str,
    pub name_label: &'static str,
    pub name: &'static str,
    pub go: &'static str,
    pub again: &'static str,
    pub wait: &'static str,
    pub done: &'static str,
    pub canceled: &'static str,
    pub link: &'static str,
    pub taken: &'static str,
    pub full: &'static str,
    pub barred: &'static str,
    pub late: &'static str,
    pub answer: &'static str,
    pub failed: &'static str,
    pub unable: &'static str,
    pub no_script: &'static str,
}

/// The sentences in a language.
pub(crate) const fn texts(language: Language) -> &'static Texts {
    match language {
        Language::En => &ENGLISH,
        Language::De => &GERMAN,
    }
}

const ENGLISH: Texts = Texts {
    tag: "en",
    title: "Register a passkey",
    lead: "With a passkey you sign in with your fingerprint, your face, the PIN of this device or a security key, and without a password.",
    name_label: "Name of the passkey",
    name: "My passkey",
    go: "Register a passkey",
    again: "Try again",
    wait: "Follow the dialog of your browser…",
    done: "Your passkey is registered. You can close this page.",
    canceled: "Nothing was registered. Try again whenever you like within the next five minutes.",
    link: "This link does not work any more. It works once and for a limited time; ask for a new one.",
    taken: "This passkey is registered already. Use another device or security key.",
    full: "No further passkey can be registered here. Remove one that is no longer used, or ask your administrator.",
    barred: "Passkeys are not meant for this account. Ask your administrator.",
    late: "The time for this registration is over. Ask for a new link.",
    answer: "The answer of the authenticator was not accepted. Try again, or use another one.",
    failed: "That did not work just now. Try again in a moment.",
    unable: "This browser knows no passkeys, or the page was not opened by https. Open the link in another browser.",
    no_script: "Passkeys need JavaScript. Switch it on for this page and open the link again.",
};

const GERMAN: Texts = Texts {
    tag: "de",
    title: "Passkey registrieren",
    lead: "Mit einem Passkey melden Sie sich mit Fingerabdruck, Gesicht, der PIN dieses Geräts oder einem Sicherheitsschlüssel an, und ohne Passwort.",
    name_label: "Name des Passkeys",
    name: "Mein Passkey",
    go: "Passkey registrieren",
    again: "Noch einmal versuchen",
    wait: "Folgen Sie dem Dialog Ihres Browsers…",
    done: "Ihr Passkey ist registriert. Sie können diese Seite schließen.",
    canceled: "Es wurde nichts registriert. Sie können es in den nächsten fünf Minuten noch einmal versuchen.",
    link: "Dieser Link funktioniert nicht mehr. Er gilt einmal und für begrenzte Zeit; verlangen Sie einen neuen.",
    taken: "Dieser Passkey ist schon registriert. Verwenden Sie ein anderes Gerät oder einen anderen Sicherheitsschlüssel.",
    full: "Hier kann kein weiterer Passkey registriert werden. Entfernen Sie einen, der nicht mehr gebraucht wird, oder fragen Sie Ihren Administrator.",
    barred: "Für dieses Konto sind keine Passkeys vorgesehen. Fragen Sie Ihren Administrator.",
    late: "Die Zeit für diese Registrierung ist um. Verlangen Sie einen neuen Link.",
    answer: "Die Antwort des Authenticators wurde nicht angenommen. Versuchen Sie es noch einmal, oder verwenden Sie einen anderen.",
    failed: "Das ging gerade nicht. Versuchen Sie es gleich noch einmal.",
    unable: "Dieser Browser kennt keine Passkeys, oder die Seite wurde nicht mit https geöffnet. Öffnen Sie den Link in einem anderen Browser.",
    no_script: "Passkeys brauchen JavaScript. Schalten Sie es für diese Seite ein und öffnen Sie den Link noch einmal.",
};
