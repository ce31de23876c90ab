//! The pages and letters of the service in French.

use super::pages::{LetterWords, PageWords};

pub const PAGES: PageWords = PageWords {
    language: "fr",
    language_name: "Français",
    skip_to_content: "Aller au contenu",
    about_this_service: "À propos de ce service",
    to_the_site: "Le site",
    archive: "Les lettres précédentes",
    privacy: "Vos données personnelles",
    accessibility: "Accessibilité",
    contact: "Contact",
    error_prefix: "Erreur\u{a0}: ",

    subscribe_title: |list| format!("S’abonner à «\u{a0}{list}\u{a0}»"),
    subscribe_lead: "Les nouveaux articles, par courriel. Nous ne mesurons ni les ouvertures ni les clics.",
    email_label: "Votre adresse électronique",
    email_hint: "Par exemple\u{a0}: nom@example.org",
    email_wrong: "Saisissez une seule adresse, de la forme nom@example.org.",
    topics_legend: "Thèmes",
    topics_hint: "Ne cochez rien pour tout recevoir.",
    language_legend: "Langue des lettres",
    frequency_legend: "Fréquence",
    every_digest: "Chaque lettre",
    once_a_month: "Une lettre par mois, avec tout",
    leave_empty: "Laissez ce champ vide",
    consent: |list| {
        format!(
            "En m’abonnant, j’accepte de recevoir «\u{a0}{list}\u{a0}» par courriel. Mon adresse ne sert qu’à cela, \
             et je peux me désabonner à tout moment par un lien présent dans chaque lettre."
        )
    },
    consent_version: "fr-1",
    subscribe_button: "S’abonner",

    look_in_mailbox_title: "Consultez votre messagerie",
    look_in_mailbox: &[
        "Nous venons d’écrire à l’adresse indiquée. Ouvrez le lien de ce message dans les 48\u{a0}heures pour \
         confirmer.",
        "Rien après dix minutes\u{a0}? Regardez dans les courriers indésirables, puis réessayez dans une heure.",
    ],
    confirm_title: "Confirmer votre abonnement",
    confirm_lead: |list| format!("Encore un clic, et vous recevrez «\u{a0}{list}\u{a0}»."),
    confirm_button: "Confirmer mon abonnement",
    confirmed_title: "Votre abonnement est confirmé",
    confirmed: |list| {
        format!("Vous recevrez «\u{a0}{list}\u{a0}» à partir de la prochaine lettre. Bienvenue\u{a0}!")
    },
    link_expired_title: "Ce lien n’est plus valable",
    link_expired: "Un lien sert une seule fois, pendant 48\u{a0}heures. Si vous avez déjà confirmé, tout va bien\u{a0}; \
                   sinon, abonnez-vous de nouveau pour en recevoir un autre.",
    subscribe_again: "S’abonner de nouveau",

    leave_title: "Se désabonner",
    leave_lead: |list| format!("Vous ne recevrez plus «\u{a0}{list}\u{a0}»."),
    leave_button: "Me désabonner",
    left_title: "Votre désabonnement est fait",
    left: |list| {
        format!(
            "Vous ne recevrez plus «\u{a0}{list}\u{a0}». Une lettre déjà partie peut encore vous parvenir."
        )
    },
    left_truncated: "Si des lettres continuent d’arriver, le lien suivi était peut-être tronqué\u{a0}: écrivez-nous, \
                     nous ferons le nécessaire.",
    other_choices: "Autres choix",

    preferences_title: "Vos préférences",
    preferences_lead: |address| format!("Pour l’adresse {address}."),
    preferences_button: "Enregistrer",
    preferences_saved_title: "Vos préférences sont enregistrées",
    preferences_saved: "Elles valent à partir de la prochaine lettre.",
    to_preferences: "Choisir thèmes, langue et fréquence",

    data_title: "Vos données",
    data_lead: "Nous pouvons envoyer à votre adresse tout ce que nous conservons sur vous.",
    data_button: "M’envoyer mes données",
    data_sent_title: "Consultez votre messagerie",
    data_sent: "Ce que nous conservons sur vous est en route vers votre adresse.",
    forget_title: "Être oublié",
    forget_lead: "Nous effaçons tout ce que nous conservons sur vous. Pour qu’aucune liste importée ne puisse vous \
                  réinscrire, nous gardons une empreinte de votre adresse, qui ne permet pas de la lire.",
    forget_button: "Effacer mes données",
    forget_asked_title: "Consultez votre messagerie",
    forget_asked: "Nous venons d’écrire à votre adresse. Ouvrez le lien de ce message dans les 48\u{a0}heures, et vos \
                   données seront effacées.",
    erase_title: "Effacer vos données",
    erase_lead: "C’est irréversible. Vous ne recevrez plus rien de nous.",
    erase_button: "Effacer définitivement mes données",
    erased_title: "Vos données sont effacées",
    erased: "Nous ne vous connaissons plus. Vous pouvez vous abonner de nouveau quand vous voulez.",

    archive_title: |list| format!("«\u{a0}{list}\u{a0}»\u{a0}: les lettres précédentes"),
    archive_empty: "Il n’y a pas encore de lettre.",
    archive_feed: "Suivre par un flux Atom",

    not_found_title: "Page introuvable",
    not_found: "Il n’y a rien à cette adresse, ou le lien a été tronqué.",
    too_many_title: "Trop de demandes",
    too_many: "Patientez un peu, puis réessayez.",
    bad_request_title: "Demande incompréhensible",
    bad_request: "Revenez en arrière, vérifiez votre saisie et réessayez.",
    unavailable_title: "Momentanément indisponible",
    unavailable: "Réessayez dans quelques minutes.",

    letters: LetterWords {
        confirm_subject: |list| format!("Confirmez votre abonnement à «\u{a0}{list}\u{a0}»"),
        confirm_lead: |list| {
            format!(
                "Quelqu’un, sans doute vous, a demandé que «\u{a0}{list}\u{a0}» soit envoyée à cette adresse. \
                 Est-ce exact\u{a0}?"
            )
        },
        confirm_button: "Oui, m’abonner",
        confirm_ignore: "Le lien sert une seule fois, pendant 48\u{a0}heures. Si vous n’avez rien demandé, ne faites \
                         rien\u{a0}: vous n’entendrez plus parler de nous.",
        welcome_subject: |list| format!("Bienvenue à «\u{a0}{list}\u{a0}»"),
        welcome_lead: |list| {
            format!(
                "Votre abonnement à «\u{a0}{list}\u{a0}» est confirmé. La prochaine lettre sera aussi pour vous."
            )
        },
        welcome_preferences: "Choisir thèmes, langue et fréquence",
        welcome_leave: "Se désabonner",
        already_subject: |list| format!("Vous recevez déjà «\u{a0}{list}\u{a0}»"),
        already_lead: |list| {
            format!(
                "Quelqu’un, sans doute vous, a demandé que «\u{a0}{list}\u{a0}» soit envoyée à cette adresse. \
                 C’est déjà le cas."
            )
        },
        already_ignore: "Il n’y a rien à faire. Ces liens ne sont que pour vous\u{a0}:",
        data_subject: |list| format!("Vos données auprès de «\u{a0}{list}\u{a0}»"),
        data_lead: |list| format!("Voici tout ce que «\u{a0}{list}\u{a0}» conserve sur vous."),
        forget_subject: |list| format!("Effacer vos données auprès de «\u{a0}{list}\u{a0}»"),
        forget_lead: |list| {
            format!(
                "Quelqu’un, sans doute vous, a demandé que «\u{a0}{list}\u{a0}» efface tout ce qu’elle conserve sur \
                 cette adresse."
            )
        },
        forget_button: "Oui, effacer mes données",
        forget_ignore: "Le lien sert une seule fois, pendant 48\u{a0}heures. Si vous n’avez rien demandé, ne faites \
                        rien\u{a0}: rien ne changera.",
    },
};
