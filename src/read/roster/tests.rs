use std::io::Cursor;

use super::{Broken, Column, Encoding, Hints, Listed, Roster, tidy};
use crate::domain::{Frequency, Standing};

/// People, and the lines left out with the reason.
type Read = (Vec<Listed>, Vec<(u64, String)>);

/// Reads a list whole.
fn read_with(text: &[u8], hints: &Hints) -> Result<Read, Broken> {
    let mut roster = Roster::open(Cursor::new(text), hints)?;
    let (mut people, mut left_out) = (Vec::new(), Vec::new());
    while let Some(row) = roster.next_row()? {
        match row.found {
            Ok(listed) => people.push(listed),
            Err(why) => left_out.push((row.line, why.0)),
        }
    }
    Ok((people, left_out))
}

fn read(text: &str) -> Read {
    read_with(text.as_bytes(), &Hints::default()).unwrap()
}

fn broken(text: &[u8]) -> Broken {
    read_with(text, &Hints::default()).unwrap_err()
}

fn addresses(people: &[Listed]) -> Vec<&str> {
    people.iter().map(|listed| listed.email.as_str()).collect()
}

#[test]
fn mailchimps_three_files_keep_who_left_and_who_bounces() {
    let (people, left_out) = read(
        "\"Email Address\",\"First Name\",\"Last Name\",MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,TAGS\n\
         a@example.org,Anne,Le Goff,2,\"2019-03-04 10:20:30\",192.0.2.7,\"2019-03-04 10:25:00\",192.0.2.7,\"\"\"vip\"\"\"\n",
    );
    assert!(left_out.is_empty());
    assert_eq!(people[0].name, "Anne Le Goff");
    assert_eq!(people[0].standing, Standing::Confirmed);
    assert_eq!(people[0].asked_at.unwrap().to_rfc3339(), "2019-03-04T10:20:30+00:00");
    assert_eq!(people[0].from, "192.0.2.7");
    assert!(people[0].topics.is_empty(), "Mailchimp's tags are not topics of the site");
    let (people, _) = read("Email Address,First Name,UNSUB_TIME\na@example.org,A,2024-01-02 03:04:05\n");
    assert_eq!(people[0].standing, Standing::Left);
    let (people, _) = read("Email Address,First Name,CLEAN_TIME\na@example.org,A,2024-01-02 03:04:05\n");
    assert_eq!(people[0].standing, Standing::Bouncing);
}

#[test]
fn brevo_in_french_with_semicolons() {
    let (people, _) = read(
        "CONTACT ID;EMAIL;PRENOM;NOM;EMAIL_BLACKLISTED;ADDED_TIME\n\
         1;a@example.org;Anaïs;Durand;No;2021-05-06\n2;b@example.org;Bob;;Yes;2021-05-06\n",
    );
    assert_eq!(people[0].name, "Anaïs Durand");
    assert_eq!(people[0].standing, Standing::Confirmed);
    assert_eq!(people[1].standing, Standing::Left);
}

#[test]
fn listmonk() {
    let (people, _) = read(
        "uuid,email,name,attributes,status,created_at,updated_at\n\
         u-1,a@example.org,A,\"{\"\"city\"\": \"\"Rennes\"\"}\",enabled,2024-02-03T04:05:06.789Z,\n\
         u-2,b@example.org,B,{},blocklisted,2024-02-03T04:05:06.789Z,\n",
    );
    assert_eq!(people[0].standing, Standing::Confirmed);
    assert_eq!(people[0].asked_at.unwrap().timestamp(), 1_706_933_106);
    assert_eq!(people[1].standing, Standing::Left);
}

#[test]
fn sympas_dump_and_its_plain_list() {
    let (people, left_out) = read(
        "date 1700000000\nemail a@example.org\ngecos Anne Le Goff\nreception mail\nvisibility noconceal\n\n\
         email b@example.org\nreception nomail\nsubscribed 1\n\nemail broken\nreception mail\n",
    );
    assert_eq!(addresses(&people), ["a@example.org", "b@example.org"]);
    assert_eq!(people[0].name, "Anne Le Goff");
    assert_eq!(people[0].asked_at.unwrap().timestamp(), 1_700_000_000);
    assert_eq!(people[1].standing, Standing::Left);
    assert_eq!(left_out[0].0, 11);
    let (people, left_out) = read("a@example.org Anne Le Goff\nb@example.org\nc@example.org d@example.org\n");
    assert_eq!(addresses(&people), ["a@example.org", "b@example.org"]);
    assert_eq!(people[0].name, "Anne Le Goff");
    assert_eq!(left_out[0].0, 3);
}

#[test]
fn our_own_export_comes_back() {
    let (people, _) = read(
        "email,name,language,topics,frequency,standing,asked_at,confirmed_at,origin,consent\n\
         a@example.org,'=A,fr,\"actualites, eau\",monthly,pending,2024-01-02T03:04:05Z,,form,x\n",
    );
    assert_eq!(people[0].name, "=A");
    assert_eq!(people[0].topics, ["actualites", "eau"]);
    assert_eq!(people[0].frequency, Frequency::Monthly);
    assert_eq!(people[0].standing, Standing::Pending);
    assert_eq!(people[0].language.as_ref().unwrap().tag(), "fr");
}

#[test]
fn a_list_without_header_is_read_whole() {
    assert_eq!(addresses(&read("a@example.org\nb@example.org\n").0), ["a@example.org", "b@example.org"]);
    let (people, _) = read("a@example.org,Anne\r\nb@example.org,Bob\r\n");
    assert_eq!(people[1].name, "Bob");
    assert_eq!(people.len(), 2);
}

#[test]
fn a_column_can_be_named_by_hand() {
    let hints = Hints { columns: vec![(Column::Email, "Contact".to_owned())], ..Hints::default() };
    let (people, _) = read_with(b"id;contact\n1;a@example.org\n", &hints).unwrap();
    assert_eq!(addresses(&people), ["a@example.org"]);
    let hints = Hints { columns: vec![(Column::Email, "nowhere".to_owned())], ..Hints::default() };
    assert!(matches!(read_with(b"id;contact\n", &hints), Err(Broken::NoSuchColumn { .. })));
    assert!(matches!(broken(b"id;contact\n1;a@example.org\n"), Broken::NoAddresses(_)));
}

#[test]
fn unknown_means_not_mailed() {
    let (people, left_out) =
        read("email,status\na@example.org,maybe\nb@example.org,\nc@example.org,ACTIVE\n");
    assert_eq!(addresses(&people), ["c@example.org"]);
    assert_eq!(left_out.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn rows_that_cannot_be_used_are_named_and_the_others_go_on() {
    let (people, left_out) = read(
        "email,name,status\na@example.org\nb@example.org,B,active,extra,,\nc\0@example.org,C,active\n\
         \"d@example.org\nRCPT TO:<victim@example.org>\",D,active\ne@example.org,E,active\n",
    );
    assert_eq!(addresses(&people), ["e@example.org"]);
    assert_eq!(left_out.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn a_broken_structure_undoes_the_list() {
    assert!(matches!(broken(b""), Broken::Empty));
    assert!(matches!(broken(b"\xef\xbb\xbf\n \n"), Broken::Empty));
    let open = b"email,name\na@example.org,A\nb@example.org,\"B\nc@example.org,C\n";
    assert!(matches!(broken(open), Broken::OpenQuote(3)));
    // Two lost quotes look like one long field to a lenient reader, and b would vanish.
    let glued = b"email,name\na@example.org,\"A\nb@example.org,\"B\nc@example.org,C\n";
    assert!(matches!(broken(glued), Broken::AfterQuote(3)));
    assert!(matches!(broken(b"\xff\xfee\0m\0a\0i\0l\0\n\0"), Broken::NotUtf8("UTF-16")));
    assert!(matches!(broken(b"e\0m\0a\0i\0l\0\n\0a\0@\0"), Broken::NotUtf8("UTF-16")));
    let huge = [b"email,name\na@example.org,".as_slice(), &vec![b'x'; 3 << 20]].concat();
    assert!(matches!(broken(&huge), Broken::LongRow(2)));
}

#[test]
fn a_header_alone_is_an_empty_list_not_a_broken_one() {
    assert_eq!(read("email,name,status\n"), (vec![], vec![]));
}

#[test]
fn windows_1252_is_found_when_it_is_the_rule_and_left_out_when_it_is_damage() {
    let excel = b"email;nom\na@example.org;Jos\xe9\nb@example.org;Ren\xe9e\nc@example.org;L\x9cuilly\n";
    let (people, left_out) = read_with(excel, &Hints::default()).unwrap();
    assert!(left_out.is_empty());
    assert_eq!(people[2].name, "Lœuilly");
    let damaged = b"email;nom\na@example.org;Jos\xe9\nb@example.org;B\n";
    let (people, left_out) = read_with(damaged, &Hints::default()).unwrap();
    assert_eq!(addresses(&people), ["b@example.org"]);
    assert_eq!(left_out[0].0, 2);
    let named = Hints { encoding: Encoding::named("latin1"), ..Hints::default() };
    assert_eq!(read_with(damaged, &named).unwrap().0[0].name, "José");
    assert!(Encoding::named("utf-16").is_none(), "rows could not be told apart");
}

#[test]
fn every_way_to_end_a_line_ends_one() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("email,name{end}a@example.org,A{end}{end}b@example.org,\"B{end}b\"{end}broken,C");
        let (people, left_out) = read(&text);
        assert_eq!(addresses(&people), ["a@example.org", "b@example.org"], "{end:?}");
        assert_eq!(people[1].name, "B b");
        assert_eq!(left_out[0].0, 6, "{end:?}");
    }
}

#[test]
fn a_name_is_one_clean_line() {
    assert_eq!(tidy("A\r\nBcc: victim@example.org", 100), "A Bcc: victim@example.org");
    assert_eq!(tidy("\u{1b}[2JBob \u{202e}live", 100), "[2JBob live");
    assert_eq!(tidy(&"N".repeat(10_000), 100).len(), 100);
    assert_eq!(tidy("a bc", 2), "a");
    assert_eq!(tidy(" \u{200b} ", 5), "");
}

#[test]
fn a_list_with_its_own_tokens_has_them_ignored() {
    let (people, left_out) = read("email,name,status,token,id\na@example.org,A,active,known-token,1\n");
    assert!(left_out.is_empty());
    assert_eq!(people[0].name, "A");
}

#[test]
fn hints_only_make_it_stricter() {
    let hints = Hints { standing: Some(Standing::Left), ..Hints::default() };
    let (people, _) = read_with(b"email,status\na@example.org,active\n", &hints).unwrap();
    assert_eq!(people[0].standing, Standing::Left);
}
