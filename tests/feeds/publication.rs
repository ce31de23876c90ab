//! Files replaced whole or not at all.

use parution::publish::{Family, Publication};

#[test]
fn an_unchanged_file_is_not_touched_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("public");
    let stage = |files: &[(&str, &str)]| {
        let mut publication = Publication::into_folder(&root).unwrap();
        for (name, octets) in files {
            publication.stage(name, octets.as_bytes()).unwrap();
        }
        publication
    };
    let done = stage(&[("feed.xml", "one"), ("feeds/tags/a.xml", "two")]).commit().unwrap();
    assert_eq!(done.written, ["feed.xml", "feeds/tags/a.xml"]);
    let inode =
        |name: &str| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(root.join(name)).unwrap());
    let before = inode("feed.xml");
    let done = stage(&[("feed.xml", "one"), ("feeds/tags/a.xml", "2wo")]).commit().unwrap();
    assert_eq!((done.written.as_slice(), done.unchanged), (&["feeds/tags/a.xml".to_owned()][..], 1));
    assert_eq!(inode("feed.xml"), before);

    // A publication that is given up, and a process that was killed, leave the old octets.
    drop(stage(&[("feed.xml", "three")]));
    std::fs::write(root.join(".feed.xml.tmp-999999999"), "half").unwrap();
    stage(&[("feed.xml", "one")]).commit().unwrap();
    let mut left: Vec<_> = std::fs::read_dir(&root)
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["feed.xml", "feeds"]);
    assert_eq!(std::fs::read_to_string(root.join("feed.xml")).unwrap(), "one");
}

#[test]
fn only_our_own_old_files_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for (name, octets) in [
        ("feed.old.xml", "<generator>parution</generator>"),
        ("feed.theirs.xml", "<generator>another</generator>"),
        ("feed.kept.xml", "<generator>parution</generator>"),
        ("other.xml", "<generator>parution</generator>"),
    ] {
        std::fs::write(root.join(name), octets).unwrap();
    }
    let mut publication = Publication::into_folder(root).unwrap();
    publication.stage("feed.kept.xml", b"<generator>parution</generator>").unwrap();
    let family = Family { folder: String::new(), prefix: "feed.".to_owned(), suffix: ".xml".to_owned() };
    publication.retire(&[(family, "<generator>parution</generator>")]).unwrap();
    let done = publication.commit().unwrap();
    assert_eq!(done.removed, [root.join("feed.old.xml")]);
    assert!(root.join("feed.theirs.xml").exists() && root.join("other.xml").exists());
}

#[test]
fn a_refusing_disk_leaves_the_old_feed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("feed.xml"), "old").unwrap();
    // A folder stands where the second file should go: its rename must fail.
    std::fs::create_dir_all(root.join("atom.xml/inside")).unwrap();
    let mut publication = Publication::into_folder(root).unwrap();
    let error = publication
        .stage("feed.xml", b"new")
        .and_then(|()| publication.stage("atom.xml", b"new"))
        .expect_err("a folder is no feed");
    assert!(error.to_string().contains("atom.xml"), "{error}");
    drop(publication);
    assert_eq!(std::fs::read_to_string(root.join("feed.xml")).unwrap(), "old");
    assert_eq!(std::fs::read_dir(root).unwrap().count(), 2);
}
