//! New DKIM keys: private files that only their owner can read, and the records to publish.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::{Ending, Fault};
use crate::mail::keygen::{self, NewKey};

/// Makes an RSA and an Ed25519 key for a domain, with selectors that begin with `name`, writes the
/// private halves into `folder` and says what to publish and what to configure.
///
/// # Errors
/// When a key of that name is there already: replacing one that is published would break every
/// letter signed with it.
pub fn keygen(domain: &str, name: &str, folder: &Path, out: &mut dyn Write) -> Result<Ending, Fault> {
    let label = |text: &str| {
        !text.is_empty() && text.len() <= 50 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if !label(name) {
        return Err(Fault(format!("`{}` is no selector: letters, digits and hyphens", name.escape_debug())));
    }
    if !domain.contains('.') || !domain.split('.').all(label) {
        return Err(Fault(format!("`{}` is no domain", domain.escape_debug())));
    }
    let keys = [keygen::rsa(&format!("{name}-rsa"))?, keygen::ed25519(&format!("{name}-ed25519"))?];
    fs::create_dir_all(folder).map_err(|error| Fault(format!("{}: {error}", folder.display())))?;
    for key in &keys {
        write_private(&folder.join(format!("{}.pem", key.selector)), key)?;
    }
    writeln!(out, "Publish these records in the zone of {domain}:\n")?;
    for key in &keys {
        writeln!(out, "{}\n", key.zone_record(domain))?;
    }
    writeln!(
        out,
        "Then, once they answer (dig TXT {}._domainkey.{domain}), in parution.yml:\n",
        keys[0].selector
    )?;
    // Settings look for files beside parution.yml, wherever the keys were made.
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    writeln!(out, "dkim:\n  domain: {domain}\n  keys:")?;
    for key in &keys {
        writeln!(out, "    {}: {}", key.selector, folder.join(format!("{}.pem", key.selector)).display())?;
    }
    Ok(Ending::Done)
}

fn write_private(path: &Path, key: &NewKey) -> Result<(), Fault> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(key.private_pem.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Fault(format!("{}: there is a key already; name a new one with --selector", path.display()))
        }
        _ => Fault(format!("{}: {error}", path.display())),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::keygen;
    use crate::mail::sign::Signer;

    #[test]
    fn new_keys_sign_are_private_and_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut said = Vec::new();
        keygen("example.org", "p1", folder.path(), &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert!(said.contains("p1-rsa._domainkey.example.org. IN TXT ( \"v=DKIM1; k=rsa; p="), "{said}");
        assert!(
            said.contains("p1-ed25519._domainkey.example.org. IN TXT ( \"v=DKIM1; k=ed25519; p="),
            "{said}"
        );
        let keys: Vec<_> = ["p1-rsa", "p1-ed25519"]
            .map(|selector| {
                let path = folder.path().join(format!("{selector}.pem"));
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
                (selector.to_owned(), fs::read_to_string(path).unwrap())
            })
            .into();
        assert!(!said.contains("PRIVATE KEY"));
        Signer::new("example.org", &keys).unwrap();
        let again = keygen("example.org", "p1", folder.path(), &mut Vec::new());
        assert!(again.unwrap_err().to_string().contains("there is a key already"));
        assert!(keygen("example.org", "../p", folder.path(), &mut Vec::new()).is_err());
    }
}
