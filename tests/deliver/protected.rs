//! Letters to servers that want TLS and a log-in, and to those that only pretend.

use parution::domain::Tally;
use parution::mail::mailer::Mailer;
use parution::mail::mailer::smtp::{Relay, Secret, Smtp};

use crate::Story;
use crate::support::server::{Do, Guard, Login, Server};
use crate::support::tls::{Identity, authority};

const LOGIN: Login = Login { mechanisms: "PLAIN", user: "lettre", secret: "geheim" };

/// A mailer that logs in as `lettre`, if at all, and trusts the tests' own authority, or does not.
fn mailer(scheme: &str, server: &Server, login: Option<&Login>, trusting: bool) -> Mailer {
    let user = login.map_or(String::new(), |login| format!("{}@", login.user));
    let mut relay = Relay::parse(&format!("{scheme}://{user}localhost:{}", server.port)).unwrap();
    if scheme == "smtp" {
        relay.tls = parution::mail::mailer::smtp::Tls::StartTls;
    }
    relay.password = login.map(|login| Secret::new(login.secret.to_owned()));
    relay.oauth = login.is_some_and(|login| login.mechanisms == "XOAUTH2");
    let authority = authority();
    let smtp = Smtp::new(vec![relay], "client.example.org".into(), trusting.then_some(authority.as_path()));
    Mailer::Smtp(smtp.unwrap())
}

/// Either way of having TLS.
fn guards(identity: Identity) -> [(&'static str, Guard); 2] {
    let implicit = Guard { implicit_tls: Some(identity), ..Guard::default() };
    let start_tls = Guard { start_tls: Some(identity), ..Guard::default() };
    [("smtps", implicit), ("smtp", start_tls)]
}

/// What a run towards a server that must not be trusted says; nothing was sent, nobody charged.
fn refused(mailer: &Mailer, server: &Server) -> String {
    let mut story = Story::with_many(20);
    let report = story.run(mailer);
    let reason = report.could_not_try().unwrap_or_else(|| panic!("{report}")).to_owned();
    assert_eq!(story.tally(), Tally { waiting: 20, ..Tally::default() }, "{reason}");
    assert_eq!(server.connections(), 1, "{reason}");
    assert!(!server.commands().iter().any(|line| line.starts_with("MAIL")), "{reason}");
    assert!(!reason.contains(LOGIN.secret), "{reason}");
    reason
}

#[test]
fn letters_travel_under_tls_when_the_authority_is_known() {
    for (scheme, guard) in guards(Identity::Good) {
        let server = Server::guarded(guard, |_, _, _| None);
        let mut story = Story::with_many(20);
        let report = story.run(&mailer(scheme, &server, None, true));
        assert_eq!((report.sent, server.taken().len()), (20, 20), "{scheme}: {report}");
        let said = server.commands_in_clear();
        assert!(
            said.iter().all(|line| line.starts_with("EHLO") || line == "STARTTLS"),
            "{scheme}: in the clear: {said:?}"
        );
        assert_eq!(said.is_empty(), scheme == "smtps");
    }
}

#[test]
fn a_certificate_that_proves_nothing_is_refused() {
    for (identity, trusting, words) in [
        (Identity::Good, false, "UnknownIssuer"),
        (Identity::OtherHost, true, "not valid for name"),
        (Identity::Expired, true, "expired"),
    ] {
        for (scheme, guard) in guards(identity) {
            let server = Server::guarded(Guard { login: Some(LOGIN), ..guard }, |_, _, _| None);
            let reason = refused(&mailer(scheme, &server, Some(&LOGIN), trusting), &server);
            assert!(reason.contains(words), "{scheme} {identity:?}: {reason}");
            assert!(!server.commands().iter().any(|line| line.starts_with("AUTH")), "{scheme} {identity:?}");
        }
    }
}

#[test]
fn where_starttls_was_taken_out_nothing_is_said() {
    let server = Server::guarded(Guard { login: Some(LOGIN), ..Guard::default() }, |_, _, _| None);
    let reason = refused(&mailer("smtp", &server, Some(&LOGIN), true), &server);
    assert!(reason.contains("does not offer STARTTLS"), "{reason}");
    assert_eq!(server.commands().len(), 1, "EHLO and nothing else: {:?}", server.commands());
}

#[test]
fn a_server_that_offers_starttls_and_refuses_it_gets_nothing() {
    let [_, (_, guard)] = guards(Identity::Good);
    let server =
        Server::guarded(guard, |stage, _, _| (stage == "STARTTLS").then_some(Do::Say("502 5.5.1 not now")));
    let reason = refused(&mailer("smtp", &server, None, true), &server);
    assert!(reason.contains("502 5.5.1 not now"), "{reason}");
}

#[test]
fn what_is_put_in_between_before_tls_is_never_believed() {
    let [_, (_, guard)] = guards(Identity::Good);
    let guard = Guard { login: Some(LOGIN), ..guard };
    let server = Server::guarded(guard, |stage, _, _| {
        (stage == "STARTTLS").then_some(Do::Say("220 2.0.0 go on\r\n250 AUTH PLAIN"))
    });
    let reason = refused(&mailer("smtp", &server, Some(&LOGIN), true), &server);
    assert!(reason.contains("said something in the clear after STARTTLS"), "{reason}");
}

#[test]
fn each_way_to_log_in_works_and_no_password_is_said_before_tls() {
    for mechanisms in ["PLAIN", "LOGIN", "CRAM-MD5 LOGIN PLAIN", "XOAUTH2"] {
        let login = Login { mechanisms, ..LOGIN };
        for (scheme, guard) in guards(Identity::Good) {
            let server = Server::guarded(Guard { login: Some(login), ..guard }, |_, _, _| None);
            let mut story = Story::with_many(20);
            let report = story.run(&mailer(scheme, &server, Some(&login), true));
            assert_eq!(report.sent, 20, "{mechanisms}, {scheme}: {report}");
            assert!(!server.commands_in_clear().iter().any(|line| line.starts_with("AUTH")));
        }
    }
}

#[test]
fn a_wrong_password_is_tried_once_and_not_repeated_to_anyone() {
    for mechanisms in ["PLAIN", "LOGIN", "XOAUTH2"] {
        let login = Login { mechanisms, ..LOGIN };
        let wrong = Login { secret: "something else", ..login };
        let [(scheme, guard), _] = guards(Identity::Good);
        let server = Server::guarded(Guard { login: Some(wrong), ..guard }, |_, _, _| None);
        let reason = refused(&mailer(scheme, &server, Some(&login), true), &server);
        assert!(reason.contains("535 5.7.8 wrong"), "{mechanisms}: {reason}");
    }
}

#[test]
fn a_server_that_knows_no_common_way_to_log_in_is_named() {
    let login = Login { mechanisms: "CRAM-MD5 SCRAM-SHA-256", ..LOGIN };
    let [(scheme, guard), _] = guards(Identity::Good);
    let server = Server::guarded(Guard { login: Some(login), ..guard }, |_, _, _| None);
    let reason = refused(&mailer(scheme, &server, Some(&login), true), &server);
    assert!(reason.contains("offers no way to log in"), "{reason}");
}
